"""npae.models.adversarial.autoencoder: three phases by finite differences, wrong versions, learning, labels, files."""

import numpy as np
import pytest

from npae import AdversarialAutoencoder, Autoencoder, dense_autoencoder, fit, gradcheck, load, save
from npae.layers import Dense, Dropout, GaussianNoise, Identity, LeakyReLU, Sequential, Tanh
from npae.losses import BinaryCrossEntropy, SquaredError
from npae.models import GaussianPrior, RingPrior, SwissRollPrior
from npae.models.adversarial import autoencoder as adversarial
from npae.optim import Adam
from npae.penalties import WeightDecay
from tests.contract import check_layer, inputs
from tests.devices import each_device, on
from tests.models.adversarial.test_gan import discriminator_not_frozen, not_through_the_discriminator
from tests.models.phases import check_phases

RNG = np.random.default_rng(0)
X, Y = RNG.random((12, 6)), np.arange(12) % 3


def small(labelled=False, dtype=np.float64, penalties=(), noise=None):
    encoder = Sequential(*([noise] if noise else []), Dense(6, 5, Tanh), Dense(5, 2))
    autoencoder = Autoencoder(encoder, Sequential(Dense(2, 5, Tanh), Dense(5, 6)), BinaryCrossEntropy(), None,
                              penalties=penalties)  # fmt: skip
    discriminator = Sequential(Dense(2 + 3 * labelled, 4, LeakyReLU(0.2)), Dense(4, 1))
    model = AdversarialAutoencoder(autoencoder, discriminator, RingPrior(3), labelled, dtype=dtype)
    model.theta.assign(inputs(model.theta.size, 5, dtype) * 0.5)
    return model


def frozen(place=None, **more):
    model = small(**more)
    model.sampler.freeze(model.sampler.draw(np.empty((12, 2)), Y))
    return model.to(place.name) if place else model


@each_device
@pytest.mark.parametrize("labelled", [False, True], ids=["", "labelled"])
def test_all_three_phases_are_what_finite_differences_say(device, labelled):
    with on(device) as place:
        batch = (place.put(X), place.put(Y)) if labelled else place.put(X)
        check_phases(frozen(place, labelled=labelled, penalties=[WeightDecay(0.3)]), batch, place)


def test_a_corrupting_encoder_is_checked_under_its_frozen_noise():
    noise = GaussianNoise(0.3)
    noise.freeze(noise.draw(X))
    with on("cpu") as place:
        check_phases(frozen(noise=noise), X, place)


def test_the_objectives_are_those_of_the_paper():
    model = frozen(penalties=[WeightDecay(0.3)])
    terms = [phase.backpropagate(X) for phase in model.phases]
    assert terms[0] == {name: pytest.approx(v) for name, v in model.autoencoder.evaluate(X).items()}
    z, h = model.sampler.next(X[:, :2]), model.autoencoder.encode(X)
    p_prior, p_codes = (1 / (1 + np.exp(-model.discriminator(v))) for v in (z, h))
    assert terms[1] == {"discriminator": pytest.approx(-(np.log(p_prior) + np.log(1 - p_codes)).mean(), rel=1e-12)}
    assert terms[2] == {"generator": pytest.approx(-np.log(p_codes).mean(), rel=1e-12)}


def test_phases_have_their_own_parts_of_theta():
    model = small()
    reconstruction, discriminator, generator = (phase.theta for phase in model.phases)
    n = reconstruction.size
    assert n + discriminator.size == model.theta.size and generator.size == model.autoencoder.encoder.parameter_count
    for theta, part in ((reconstruction, slice(0, n)), (discriminator, slice(n, None)),
                        (generator, slice(0, generator.size))):  # fmt: skip
        assert np.shares_memory(theta.value, model.theta.value)
        np.testing.assert_array_equal(theta.value, model.theta.value[part])


def test_draws_are_the_random_layers_and_the_sampler():
    noise = GaussianNoise(0.3)
    model = small(noise=noise)
    assert model.draws == (noise, model.sampler)


@pytest.mark.parametrize("wrong", [not_through_the_discriminator, discriminator_not_frozen])
def test_a_wrong_generator_step_is_found(wrong, monkeypatch):
    monkeypatch.setattr(adversarial, "generator_gradient", wrong)
    with on("cpu") as place, pytest.raises(AssertionError, match=r"claimed|leaks into"):
        check_phases(frozen(), X, place)


def test_a_discriminator_step_that_leaks_into_the_encoder_is_found(monkeypatch):
    def leaking(self, x):
        encoder = self.autoencoder.encoder
        h, cache = encoder.forward(x, training=True)
        value = adversarial.discriminator_step(self.discriminator, self.sampler.next(h), h)
        encoder.backward(adversarial.generator_gradient(self.discriminator, h)[1], cache, needs_dx=False)
        return {"discriminator": value}

    monkeypatch.setattr(AdversarialAutoencoder, "_discriminator_step", leaking)
    with on("cpu") as place, pytest.raises(AssertionError, match="discriminator leaks into"):
        check_phases(frozen(), X, place)


def test_the_gradient_of_other_columns_is_found(monkeypatch):
    def shifted(self, drows):
        return drows[:, -self.prior.size :].copy()

    monkeypatch.setattr(AdversarialAutoencoder, "_without_class", shifted)
    model = frozen(labelled=True)
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_model(model.phases[2], (X, Y))


@each_device
def test_as_a_layer_it_is_the_autoencoder(device):
    def make():
        autoencoder = Autoencoder(Dense(6, 2), Dense(2, 6), SquaredError(), seed=None)
        return AdversarialAutoencoder(autoencoder, Dense(2, 1), GaussianPrior(2), seed=None)

    check_layer(make, (4, 6), device)


def blobs(n=2000):
    """Three blobs in six dimensions, and which is which."""
    rng, y = np.random.default_rng(3), np.arange(n) % 3
    x = np.eye(3, 6)[y] + 0.15 * rng.standard_normal((n, 6))
    return x.astype(np.float32), y


def learned(labelled, prior, data, epochs=12):
    autoencoder = dense_autoencoder([6, 32, 2], LeakyReLU, Identity, SquaredError())
    discriminator = Sequential(Dense(2 + labelled * prior.modes, 32, LeakyReLU(0.2)), Dense(32, 1))
    model = AdversarialAutoencoder(autoencoder, discriminator, prior, labelled)
    rates = {"reconstruction": Adam(2e-3), "discriminator": Adam(5e-3, beta1=0.5), "generator": Adam(2e-3, beta1=0.5)}
    return model, fit(model, data, validation=data, epochs=epochs, batch_size=50, optimizer=rates, progress="none")


def test_codes_learn_the_distribution_of_the_prior():
    x, _ = blobs()
    model, history = learned(False, GaussianPrior(2), x)
    h = model.autoencoder.encode(x)
    assert np.abs(h.mean(axis=0)).max() < 0.4 and np.abs(h.std(axis=0) - 1).max() < 0.4
    assert history["val_reconstruction"][-1] < 0.5 * history["val_reconstruction"][0]
    assert 0.7 < history["val_diversity"][-1] < 1.3
    assert history["val_loss"][-1] == pytest.approx(
        sum(history[f"val_{name}"][-1] for name in ("reconstruction", "discriminator", "generator"))
    )


def test_with_labels_every_class_learns_its_own_part():
    x, y = blobs()
    model, _ = learned(True, RingPrior(3, 2.0, 0.3, 0.3), (x, y))
    angle = np.arctan2(*model.autoencoder.encode(x).T[::-1])
    assert (np.round(angle / (2 * np.pi) * 3) % 3 == y).mean() > 0.95
    fake = model.sample(300, y=np.arange(300) % 3)
    assert (fake[:, :3].argmax(axis=1) == np.arange(300) % 3).mean() > 0.9


@each_device
@pytest.mark.parametrize("labelled", [False, True], ids=["", "labelled"])
def test_diagnostics_are_the_same_on_every_device(device, labelled):
    data, here = (X, Y) if labelled else X, small(labelled)
    with on(device) as place:
        there = small(labelled).to(place.name)
        moved = (place.put(X), place.put(Y)) if labelled else place.put(X)
        for given in (data, moved):
            assert there.evaluate(given) == pytest.approx(here.evaluate(data), rel=1e-9)
        assert place.get(there.sample(5, y=place.put(Y[:5]))).shape == (5, 6)


def test_samples_are_decoded_codes_of_the_prior():
    model = small(dtype=np.float32)
    z = model.prior.codes(adversarial.Stream([5]), np.empty((40, 2), np.float32))
    np.testing.assert_allclose(model.sample(40, seed=5), model.autoencoder.decode(z), rtol=1e-6)
    found = model.evaluate(X)
    assert found == model.evaluate(X)
    assert set(found) == {"reconstruction", "discriminator", "generator", "real_accuracy", "fake_accuracy", "diversity"}


def test_a_file_brings_it_back(tmp_path):
    autoencoder = dense_autoencoder([6, 5, 2], corruption=Dropout(0.2))
    model = AdversarialAutoencoder(autoencoder, Dense(2 + 4, 1), SwissRollPrior(4), labelled=True)
    fit(model, (X, Y), epochs=1, batch_size=4, progress="none")
    save(tmp_path / "aae.npz", model)
    again = load(tmp_path / "aae.npz")
    np.testing.assert_array_equal(again.sample(9), model.sample(9))
    assert again.labelled and repr(again) == repr(model) and type(again.prior) is SwissRollPrior
    save(tmp_path / "inside.npz", model.autoencoder)
    np.testing.assert_array_equal(load(tmp_path / "inside.npz").encode(X), model.autoencoder.encode(X))


@pytest.mark.parametrize(
    ("labelled", "data", "error", "words"),
    [
        (False, (X, Y), TypeError, "expected an array"),
        (True, X, TypeError, r"expected a pair \(samples, labels\)"),
        (True, (X, Y + 1), ValueError, "expected labels from 0 to 2, got 1 to 3"),
        (True, (X, np.eye(3)[Y]), ValueError, "class numbers as labels, got rows"),
        (True, (X + 1, Y), ValueError, r"expected targets in \[0, 1\]"),
        (False, X + 1, ValueError, r"expected targets in \[0, 1\]"),
    ],
)
def test_data_that_cannot_be_right(labelled, data, error, words):
    with pytest.raises(error, match=words):
        fit(small(labelled), data, epochs=1, progress="none")


@pytest.mark.parametrize(
    ("n", "y", "error", "words"),
    [
        (2.5, None, TypeError, "n: expected an integer, got 2.5"),
        (3, [0, 1], ValueError, r"y: expected labels of shape \(3,\) for 3 samples"),
        (3, [1], ValueError, r"y: expected labels of shape \(3,\) for 3 samples"),
        (3, [0, 1, 3], ValueError, "expected labels from 0 to 2, got 0 to 3"),
        (3, [-1, 0, 1], ValueError, "expected labels from 0 to 2, got -1 to 1"),
        (3, np.eye(3), ValueError, "class numbers as labels, got rows"),
    ],
)
def test_samples_that_are_impossible(n, y, error, words):
    with pytest.raises(error, match=words):
        small().sample(n, y=y)


def test_evaluation_expects_labels_that_have_a_part():
    with pytest.raises(ValueError, match=r"expected labels from 0 to 2, got 1 to 3: RingPrior\(modes=3"):
        small(True).evaluate((X, Y + 1))


@each_device
def test_classes_to_sample_come_from_anywhere(device):
    with on(device) as place:
        model = small().to(place.name)
        for y in ([0, 1, 2], np.array([0, 1, 2], np.uint8), place.put(np.arange(3))):
            np.testing.assert_array_equal(place.get(model.sample(3, y=y)), place.get(model.sample(3, y=[0, 1, 2])))


def test_parts_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"a prior with a part for each class, GaussianPrior\(size=2, std=1.0\) has"):
        AdversarialAutoencoder(dense_autoencoder([6, 2]), Dense(3, 1), GaussianPrior(2), labelled=True)
    with pytest.raises(ValueError, match=r"Autoencoder: expected a discriminator that ends .*, got Tanh\(\)"):
        AdversarialAutoencoder(dense_autoencoder([6, 2]), Dense(2, 1, Tanh), GaussianPrior(2))
    with pytest.raises(TypeError, match="AdversarialAutoencoder: expected a prior of codes such as .*, got None"):
        AdversarialAutoencoder(dense_autoencoder([6, 2]), Dense(2, 1), None, labelled=True)
    model = AdversarialAutoencoder(dense_autoencoder([6, 3]), Dense(2, 1), GaussianPrior(2))
    with pytest.raises(ValueError, match="codes of 2 numbers, the encoder's"):
        fit(model, X, epochs=1, progress="none")
