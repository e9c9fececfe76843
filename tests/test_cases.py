"""Ten cases of one's own data that users of other libraries reported (docs/cases.md): the right value or sentence."""

import numpy as np
import pytest
from numpy.lib import recfunctions

from npae import Classifier, DataWarning, convolutional_autoencoder, dense_autoencoder, fit, layers, load, save
from npae.anomaly import AnomalyDetector
from npae.train import Diverged

X = np.random.default_rng(0).normal(size=(60, 6))
QUICK = {"epochs": 1, "progress": "none"}


def network(d=6, **settings):
    return dense_autoencoder([d, 3], loss="mse", **settings)


def trained(x, **settings):
    model = network(x.shape[1])
    fit(model, x, **QUICK, **settings)
    return model


def detector(x):
    return AnomalyDetector(epochs=1, folds=0).fit(x)


def classifier():
    return Classifier(layers.Dense(6, 3), 3)


def test_records_are_refused_with_the_way_to_rows():
    records = np.zeros(60, [("flow", "f4"), ("heat", "f8")])
    records["flow"], records["heat"] = X[:, 0], X[:, 1]
    with pytest.raises(TypeError, match=r"got records .*recfunctions\.structured_to_unstructured\(data\)"):
        fit(network(2), records, **QUICK)
    rows = recfunctions.structured_to_unstructured(records)
    assert np.allclose(trained(rows).reconstruct(rows), trained(X[:, :2].astype("f4")).reconstruct(rows), atol=1e-5)


def test_lists_in_cells_are_refused_with_the_way_to_rows():
    cells = np.empty(60, object)
    cells[:] = X.tolist()
    with pytest.raises(TypeError, match=r"got a list of 6 in row 0\. .* then np\.array\(data\.tolist\(\)\)"):
        fit(network(), cells, **QUICK)
    assert np.array_equal(np.array(cells.tolist()), X)


def test_names_as_labels_are_refused_with_the_line_that_numbers_them():
    labels = np.array(["cat", "dog", "owl"] * 20)
    with pytest.raises(TypeError, match=r"got <U3: number the classes, names, y = np\.unique\(y, return_inverse"):
        fit(classifier(), (X, labels), **QUICK)
    names, y = np.unique(labels, return_inverse=True)
    model = classifier()
    fit(model, (3 * np.eye(6)[y], y), **QUICK | {"epochs": 200})
    assert names[model.predict(3 * np.eye(6)[:3])].tolist() == ["cat", "dog", "owl"]


def test_labels_from_1_are_refused_with_the_number_to_subtract():
    with pytest.raises(ValueError, match=r"labels from 0 to 2, got 1 to 3\. Count the classes from 0: y - 1\."):
        fit(classifier(), (X, 1 + np.arange(60) % 3), **QUICK)


def test_windows_are_taken_as_they_are_and_their_axes_may_not_be_exchanged(tmp_path):
    windows = np.lib.stride_tricks.sliding_window_view(X, 4, axis=0).transpose(0, 2, 1)  # read-only, overlapping
    model = network(24, image_shape=(4, 6))
    fit(model, windows, **QUICK)
    assert model.reconstruct(windows).shape == (57, 4, 6)
    exchanged = windows.transpose(0, 2, 1)
    save(tmp_path / "windows.npz", model)
    model = load(tmp_path / "windows.npz")
    for use in (model.encode, model.reconstruct, model.reconstruction_error):
        with pytest.raises(ValueError, match=r"shape \(4, 6\), .* got \(6, 4\)\. .* x\.transpose\(0, 2, 1\)"):
            use(exchanged)
    with pytest.raises(ValueError, match="their axes are in another order, so transpose them"):
        fit(network(24, image_shape=(4, 6)), exchanged, **QUICK)
    rows = windows.reshape(57, 24)  # the same numbers in the same order
    assert np.array_equal(model.encode(rows), model.encode(windows))


def test_images_of_another_format_may_enter_a_convolutional_network():
    model = convolutional_autoencoder([1, 4, 4], image_shape=(1, 8, 16))
    images = np.random.default_rng(1).integers(0, 256, (20, 1, 8, 16)).astype("uint8")
    fit(model, images, **QUICK)
    assert model.reconstruct(images.transpose(0, 1, 3, 2)).shape == (20, 1, 16, 8)


@pytest.mark.parametrize("use", [trained, detector])
def test_a_number_for_missing_values_is_named(use):
    x = 20 + X
    x[[3, 8, 20], 2] = -999
    with pytest.warns(DataWarning, match=r"column 2 is -999 in 3 of 60 rows, and from .* stands for missing values"):
        use(x)


def test_nines_among_other_numbers_are_not_taken_for_missing_values():
    x = np.random.default_rng(1).integers(0, 100, (60, 6)) + 0.0
    x[:5] = 99
    trained(x)  # any warning would be an error


def test_a_batch_of_one_row_that_cannot_be_normalised_is_refused_with_the_cure():
    x = np.tile(X, (3, 1))[:129]
    model = dense_autoencoder([6, 8, 3], loss="mse", batch_norm=True)
    with pytest.raises(ValueError, match="one value has no variance. Take a batch size that leaves no single row over"):
        fit(model, x, **QUICK)
    assert len(fit(model, x, batch_size=127, **QUICK).rows) == 1


def test_the_byte_order_of_floats_changes_no_bit():
    swapped = X.astype(">f4")
    a, b = trained(swapped), trained(X.astype("f4"))
    assert np.array_equal(a.theta.value, b.theta.value)
    assert np.array_equal(a.encode(swapped), b.encode(X.astype("f4")))


def test_small_differences_of_large_times_survive():
    start = 1_550_083_467_346_370.0  # microseconds; float32 has steps of 134 seconds here
    x = np.column_stack([100_000.0 * np.arange(60), X])
    late = x + np.array([start, 0, 0, 0, 0, 0, 0])
    assert np.allclose(detector(late).distances(late), detector(x).distances(x), rtol=1e-3)
    with pytest.warns(DataWarning, match="the values are large"), pytest.raises(Diverged, match="v of Adam.*1.55008e"):
        trained(late)


@pytest.mark.parametrize("use", [trained, detector])
def test_an_infinite_number_is_refused_with_its_row_and_column(use):
    flow, seconds = np.ones(60), np.ones(60)
    seconds[7] = 0
    with np.errstate(divide="ignore"):
        x = np.column_stack([X, flow / seconds])
    with pytest.raises(ValueError, match=r"row 7 contains NaN or Inf \(inf in column 6\)"):
        use(x)
