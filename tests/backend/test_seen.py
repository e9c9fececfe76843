"""What a model remembers of its training data, and what later calls compare with it."""

import json
import warnings

import numpy as np
import pytest

from npae import GAN, AdversarialAutoencoder, Classifier, DataWarning, dense_autoencoder, fit, layers, load, save
from npae.backend import Seen
from npae.models.adversarial.priors import GaussianPrior
from tests.backend.test_inputs import FakeFrame
from tests.devices import each_device, on

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (60, 6), np.uint8)
TABLE = RNG.normal(size=(60, 6))


class Frame(FakeFrame):
    """A frame with the columns of an array (n, d)."""

    def __init__(self, x, names):
        super().__init__(**dict(zip(names, x.T, strict=True)))
        self.shape = x.shape


def trained(data, loss=None, validation=None, **options):
    model = dense_autoencoder([6, 3], loss=loss or ("mse" if np.asarray(data).dtype.kind == "f" else "bce"))
    fit(model, data, epochs=1, batch_size=16, progress="none", validation=validation, **options)
    return model


def warned(call, *words):
    """Assert that call() gives one DataWarning that contains all `words`, in the name of this file."""
    with pytest.warns(DataWarning) as caught:
        call()
    assert len(caught) == 1 and caught[0].filename == __file__
    for word in words:
        assert word in str(caught[0].message), str(caught[0].message)


def silent(call):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call()


# ---------------------------------------------------------------------- uint8 that are not pixels


@pytest.mark.parametrize("data", [np.eye(6, dtype=np.uint8)[RNG.integers(0, 6, 60)], (PIXELS > 99).astype(np.uint8)])
def test_uint8_of_0_and_1_is_refused_before_anything_is_changed(data):
    model = dense_autoencoder([6, 3])
    before = model.theta.value.copy()
    with pytest.raises(ValueError, match=r"data: expected pixels .* got 0 and 1 only. Convert them: data.astype\(bool"):
        fit(model, data, epochs=1, progress="none")
    with pytest.raises(ValueError, match="target: expected pixels"):
        fit(model, PIXELS, target=data, epochs=1, progress="none")
    assert (model.theta.value == before).all() and model.seen is None
    silent(lambda: fit(model, data.astype(bool), epochs=1, progress="none"))


def test_a_memory_mapped_file_of_0_and_1_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(6, dtype=np.uint8)[RNG.integers(0, 6, 5000)])
    with pytest.raises(ValueError, match="got 0 and 1 only"):
        trained(np.load(tmp_path / "x.npy", mmap_mode="r"))


@pytest.mark.parametrize("top", [2, 16, 99, 127])
def test_uint8_that_use_less_than_half_of_the_range_give_a_warning(top):
    data = RNG.integers(0, top + 1, (60, 6)).astype(np.uint8)
    data[0, 0] = top
    warned(lambda: trained(data), f"the largest value is {top}", 'data.astype("float32")', f"data / {top}")


def test_pixels_are_no_reason_for_a_warning_however_dark_a_single_image_is():
    data = PIXELS.copy()
    data[7:9] = 0
    model = silent(lambda: trained(data, validation=data[:20]))
    for image in (data[7:8], np.ones((1, 6), np.uint8), np.full((3, 6), 2, np.uint8)):
        for use in (model.encode, model.reconstruct, model.reconstruction_error, model.evaluate):
            silent(lambda use=use, image=image: use(image))
    silent(lambda: trained(np.zeros((60, 6), np.uint8)))  # 0 means 0, whatever the dtype


# ---------------------------------------------------------------------- another scale than in training


USES = ("encode", "reconstruct", "reconstruction_error", "evaluate")


def test_floats_from_0_to_255_for_a_model_of_pixels():
    model = trained(PIXELS)
    as_floats = PIXELS.astype(np.float32)
    for use in ("encode", "reconstruct"):
        words = "x: values from 0 to 255", "trained on values from 0 to 1", "Divide by 255: x / 255."
        warned(lambda use=use: getattr(model, use)(as_floats), *words)
        silent(lambda use=use: getattr(model, use)(as_floats / 255))
    with pytest.raises(ValueError, match=r"targets in \[0, 1\]"):
        model.reconstruction_error(as_floats)


@pytest.mark.parametrize("use", USES)
def test_a_table_that_was_not_standardised(use):
    model = trained(TABLE)
    raw = TABLE * [1, 1, 1, 1, 1, 1e5]
    warned(lambda: getattr(model, use)(raw), "but the model was trained on values", "Scale them as the training data")
    warned(lambda: getattr(model, use)(raw, batch_size=7), "Scale them")  # one warning per call, not per batch


def test_the_warning_is_the_same_however_often_it_is_asked_for():
    model = trained(TABLE)
    messages = []
    for _ in range(2):
        with pytest.warns(DataWarning) as caught:
            model.encode(TABLE * 1e4)
        messages.append(str(caught[0].message))
    assert messages[0] == messages[1]


def test_wild_values_among_many_rows_are_data_and_no_other_scale():
    model, data = trained(TABLE), RNG.normal(size=(5000, 6))
    data[17, 3] = 1e3
    for use in USES:
        silent(lambda use=use: getattr(model, use)(data))
    silent(lambda: model.encode(np.zeros((1, 6))))
    silent(lambda: model.encode(TABLE[:1] * 9))


def test_uint8_for_a_model_of_floats():
    warned(lambda: trained(TABLE).encode(PIXELS), "uint8 is divided by 255, but the model was trained on values from -")
    of_bool = trained(PIXELS > 99)
    warned(lambda: of_bool.encode((PIXELS > 99).astype(np.uint8)), "these are 0 and 1", "x.astype(bool)")
    silent(lambda: of_bool.encode(PIXELS))
    silent(lambda: of_bool.encode(np.zeros((2, 6), np.uint8)))
    silent(lambda: trained(PIXELS / 255).encode(PIXELS))  # the same numbers


def test_a_constant_table_has_a_range_too():
    model = trained(np.full((20, 6), 3.0))
    silent(lambda: model.encode(np.full((2, 6), 4.0)))
    warned(lambda: model.encode(np.full((2, 6), 400.0)), "from 3 to 3")


@each_device
def test_every_device_warns_and_refuses(device):
    with on(device) as place:
        model = trained(PIXELS).to(place.name)
        for batch_size in (7, 1024):
            for data in (PIXELS * 1.0, place.put(PIXELS * 1.0)):
                warned(lambda x=data, size=batch_size: model.encode(x, size), "from 0 to 255", "Divide by 255")
            broken = (PIXELS / 255).astype(np.float32)
            broken[23, 4] = np.nan
            for data in (broken, place.put(broken)):
                with pytest.raises(ValueError, match="x: row 23 contains NaN or Inf"):
                    model.encode(data, batch_size)
        silent(lambda: model.encode(place.put(PIXELS)))


# ---------------------------------------------------------------------- large values


def test_large_values_give_a_warning_in_fit_and_images_and_standardised_tables_do_not():
    incomes = RNG.uniform(1e4, 1e6, (60, 6))
    warned(lambda: trained(incomes, "mse"), "data: the values are large, from", "(x - x.mean(axis=0)) / x.std(axis=0)")
    one_of_six = TABLE.copy()
    one_of_six[:, 2] = incomes[:, 2]
    warned(lambda: trained(one_of_six, "mse"), "Standardise each feature")
    heavy_tails = RNG.standard_t(2, (5000, 6))
    for data in (TABLE, (incomes - incomes.mean(axis=0)) / incomes.std(axis=0), PIXELS * 1.0, heavy_tails):
        silent(lambda data=data: trained(data, "mse"))


# ---------------------------------------------------------------------- names and numbers of features


NAMES = list("abcdef")


def test_columns_are_compared_with_those_of_training():
    model = trained(Frame(TABLE, NAMES), "mse")
    assert model.feature_names == NAMES
    silent(lambda: model.encode(Frame(TABLE, NAMES)))
    for use in USES:
        call = getattr(model, use)
        silent(lambda call=call: call(TABLE))  # an array has no names
        with pytest.raises(ValueError, match=r"x: expected the columns in the order of training, 'a', .*got 'f', .*"
                                             r"df\[model.feature_names\]"):  # fmt: skip
            call(Frame(TABLE, NAMES[::-1]))
        with pytest.raises(ValueError, match=r"6 columns of training, got them without 'f'\. Give"):
            call(Frame(TABLE[:, :5], NAMES[:5]))
        with pytest.raises(ValueError, match=r"got them with 'time' beside them\. Take these columns: df\[model"):
            call(Frame(np.hstack([TABLE, TABLE[:, :1]]), [*NAMES, "time"]))
        with pytest.raises(ValueError, match="without 'f' and with 'g' beside them"):
            call(Frame(TABLE, [*NAMES[:5], "g"]))


def test_validation_data_and_a_second_fit_must_have_the_columns_in_this_order():
    model = trained(Frame(TABLE, NAMES), "mse")
    before = model.theta.value.copy()
    with pytest.raises(ValueError, match="data: expected the columns in the order of training"):
        fit(model, Frame(TABLE, NAMES[::-1]), epochs=1, progress="none")
    with pytest.raises(ValueError, match="validation: expected the columns in the order"):
        trained(Frame(TABLE, NAMES), "mse", validation=Frame(TABLE, NAMES[::-1]))
    assert (model.theta.value == before).all()
    fit(model, Frame(TABLE, list("uvwxyz")), epochs=1, progress="none")  # another table of as many columns
    assert model.feature_names == list("uvwxyz")
    fit(model, TABLE, epochs=1, progress="none")
    assert model.feature_names is None


def test_names_of_frames_of_pandas():
    pandas = pytest.importorskip("pandas")
    numbered = pandas.DataFrame(TABLE)
    model = trained(numbered)
    assert model.feature_names == [0, 1, 2, 3, 4, 5] and json.dumps(model.seen.to_json())
    with pytest.raises(ValueError, match=r"in the order of training, 0, 1, .*got 5, 4"):
        model.encode(numbered[numbered.columns[::-1]])
    silent(lambda: model.encode(pandas.DataFrame(TABLE, columns=NAMES)))  # numbers are no names
    assert trained(pandas.DataFrame(TABLE, columns=[*NAMES[:5], 6])).feature_names is None
    reordered = pandas.DataFrame(TABLE, columns=NAMES)[NAMES[::-1]]
    named = trained(pandas.DataFrame(TABLE, columns=NAMES))
    assert (named.encode(reordered[named.feature_names]) == named.encode(TABLE)).all()


def test_names_in_pairs_with_labels():
    y = RNG.integers(0, 3, 60)
    model = Classifier(layers.Dense(6, 3), 3)
    fit(model, (Frame(TABLE, NAMES), y), epochs=1, progress="none")
    assert model.feature_names == NAMES
    for use in (model.evaluate, model.error_rate):
        use((Frame(TABLE, NAMES), y))
        with pytest.raises(ValueError, match="in the order of training"):
            use((Frame(TABLE, NAMES[::-1]), y))
    for use in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match="in the order of training"):
            use(Frame(TABLE, NAMES[::-1]))


def test_a_wrong_number_of_features_is_said_before_a_layer_says_it():
    model = dense_autoencoder([12, 3], loss="mse")
    for call in (model.encode, model.evaluate, lambda x: fit(model, x, epochs=1, progress="none")):
        with pytest.raises(ValueError, match="this model was made for 12 features, got 11. Give the same features."):
            call(np.zeros((5, 11)))
    with pytest.raises(ValueError, match=r"Dense\(12 -> 3.*Flatten"):
        model.encode(np.zeros((5, 3, 4)))
    with pytest.raises(ValueError, match=r"got \(5, 4\)\.$"):
        model.decode(np.zeros((5, 4)))  # codes: no word about images
    sliced = Classifier(layers.Sequential(layers.Slice(0, 4), layers.Dense(4, 2)), 2)
    assert sliced.predict(np.zeros((5, 6))).shape == (5,)


def test_the_number_of_features_of_a_gan_is_that_of_its_discriminator():
    model = GAN(layers.Dense(2, 6), layers.Dense(6, 1), GaussianPrior(2))
    fit(model, TABLE, epochs=1, progress="none")
    with pytest.raises(ValueError, match="made for 6 features, got 5"):
        model.evaluate(TABLE[:, :5])
    warned(lambda: model.evaluate(TABLE * 1e5), "Scale them")
    silent(lambda: model.sample(3))


# ---------------------------------------------------------------------- memory


def test_parts_remember_and_files_keep_what_was_seen(tmp_path):
    model = AdversarialAutoencoder(dense_autoencoder([6, 2], loss="mse"), layers.Dense(2, 1), GaussianPrior(2))
    fit(model, Frame(TABLE, NAMES), epochs=1, progress="none")
    assert model.autoencoder.seen == model.seen == Seen(NAMES, TABLE.min(), TABLE.max(), "float", (6,))
    with pytest.raises(ValueError, match="in the order of training"):
        model.evaluate(Frame(TABLE, NAMES[::-1]))
    save(tmp_path / "m.npz", model)
    again = load(tmp_path / "m.npz")
    assert again.seen == again.autoencoder.seen == model.seen
    warned(lambda: again.autoencoder.encode(TABLE * 1e5), "Scale them")
    save(tmp_path / "e.npz", model.autoencoder.encoder)
    assert load(tmp_path / "e.npz")(TABLE.astype(np.float32)).shape == (60, 2)
    save(tmp_path / "n.npz", dense_autoencoder([6, 2]))
    assert load(tmp_path / "n.npz").seen is None


@pytest.mark.parametrize("change", [
    {"names": 5}, {"names": [1.5]}, {"low": "x"}, {"low": 2.0, "high": 1.0}, {"low": float("nan")}, {"kind": "int"},
])  # fmt: skip
def test_a_damaged_memory_in_a_file_is_refused(change):
    with pytest.raises((ValueError, TypeError)):
        Seen.from_json(Seen(None, 0.0, 1.0, "uint8").to_json() | change)


def test_of_a_memory_mapped_file_a_sample_is_seen(tmp_path):
    np.save(tmp_path / "x.npy", RNG.uniform(-3, 5, (20_000, 6)))
    seen = trained(np.load(tmp_path / "x.npy", mmap_mode="r")).seen
    assert -3 <= seen.low < -2.9 and 4.9 < seen.high <= 5 and seen.kind == "float"
