"""The k-sparse code: the contract, which units are kept, ties, inference with more of them, steps, errors."""

import numpy as np
import pytest

from npae import Autoencoder, fit, gradcheck
from npae.layers import Dense, Layer, Sequential, TopK
from npae.losses import SquaredError
from npae.optim import Adam
from npae.train import DeadUnitWarning
from tests.contract import check_layer, inputs
from tests.devices import each_device, on


@each_device
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("k", "alpha"), [(1, 1), (3, 1), (3, 2.0), (9, 1)])
def test_contract(k, alpha, training, device):
    check_layer(lambda: TopK(k, alpha), (4, 9), device, training)


def largest(x, k):
    """x where it is among the k largest of its row, else 0, one number at a time."""
    y = np.zeros_like(x)
    for i, row in enumerate(x):
        for j in sorted(range(len(row)), key=lambda j: -row[j])[:k]:
            y[i, j] = row[j]
    return y


@each_device
@pytest.mark.parametrize("shape", [(5, 7), (3, 600), (300, 40)], ids=str)
@pytest.mark.parametrize("k", [1, 4, 7])
def test_the_k_largest_are_kept(k, shape, device):
    x = inputs(shape, 2)
    R = inputs(shape, 3)
    with on(device) as place:
        y, cache = TopK(k).forward(place.put(x), training=True)
        y, dx = place.get(y), place.get(TopK(k).backward(place.put(R), cache))
    np.testing.assert_array_equal(y, largest(x, k))
    np.testing.assert_array_equal(dx, np.where(largest(x, k) != 0, R, 0))
    assert ((y != 0).sum(axis=1) == k).all()


def test_the_largest_not_the_longest():
    """A strongly negative activation is not chosen; a negative one that is chosen keeps its sign."""
    y = TopK(2)(np.array([[-9.0, 1.0, -0.5, -2.0]]))
    np.testing.assert_array_equal(y, [[0, 1, -0.5, 0]])


@pytest.mark.parametrize(("alpha", "kept"), [(1.0, 4), (1.5, 6), (1.7, 6), (2.25, 9)])
def test_more_are_kept_in_inference(alpha, kept):
    x, layer = inputs((6, 10)), TopK(4, alpha)
    np.testing.assert_array_equal(layer(x), largest(x, kept))
    np.testing.assert_array_equal(layer.forward(x, training=True)[0], largest(x, 4))


@each_device
def test_units_that_tie_with_the_last_all_speak(device):
    x = np.array([[2.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 3.0, 2.0]])
    with on(device) as place:
        y, mask = TopK(2).forward(place.put(x), training=True)
        np.testing.assert_array_equal(place.get(y), [[2, 1, 1, 0], [0, 0, 0, 0], [0, 0, 3, 2]])
        np.testing.assert_array_equal(place.get(mask), [[1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 1, 1]])


def k_sparse(dtype=np.float64):
    return Autoencoder(Sequential(Dense(6, 12), TopK(3)), Dense(12, 6), SquaredError(), dtype=dtype)


@each_device
def test_the_gradient_of_a_k_sparse_autoencoder(device):
    with on(device) as place:
        assert gradcheck.check_model(k_sparse().to(place.name), place.put(inputs((5, 6)))) < 1e-6


def test_a_k_sparse_autoencoder_learns_and_its_codes_are_sparse():
    rng = np.random.default_rng(0)
    parts = rng.standard_normal((12, 6))
    x = np.stack([parts[rng.choice(12, 2, replace=False)].sum(axis=0) for _ in range(200)])
    model = k_sparse()
    with pytest.warns(DeadUnitWarning, match="of the 12 code units are dead.*Take a larger k than 3"):
        history = fit(model, x, epochs=60, batch_size=50, optimizer=Adam(0.02), progress="none")
    assert history["dead_units"][0] == 0 < history["dead_units"][-1] < 4
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    assert ((model.encode(x) != 0).sum(axis=1) <= 3).all()


def test_a_backward_without_the_mask_is_found():
    class Through(TopK):
        def backward(self, dy, mask, needs_dx=True):
            return dy

    del Layer.registry["Through"]
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(Through(2), inputs((4, 7)), training=True)


@pytest.mark.parametrize(("k", "alpha"), [(0, 1), (-3, 1), (2, 0.5), (2, float("nan"))])
def test_impossible_arguments(k, alpha):
    with pytest.raises(ValueError, match="(k|alpha) of TopK: expected .*1.*, got"):
        TopK(k, alpha)


@pytest.mark.parametrize(
    ("layer", "shape", "fix"),
    [
        (TopK(8), (2, 7), "Take a smaller k"),
        (TopK(4, 2.0), (2, 7), "Take a smaller k"),
        (TopK(2), (2, 3, 4), r"layers\.Flatten\(\)"),
        (TopK(2), (2, 1, 28, 28), r"layers\.Flatten\(\)"),
    ],
)
def test_impossible_inputs(layer, shape, fix):
    for training in (False, True):  # also while alpha is not in use yet: before training, not after
        with pytest.raises(
            ValueError, match=rf"expected x of shape \(batch, n\), with n at least .*, got \(2, .*{fix}"
        ):
            layer.forward(np.ones(shape), training)
