"""npae.models.adversarial.gan: both phases by finite differences, wrong versions, diagnostics, learning, files."""

import copy

import numpy as np
import pytest

from npae import GAN, fit, load, save
from npae.layers import (
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    LeakyReLU,
    Reshape,
    Sequential,
    Sigmoid,
    Tanh,
)
from npae.losses import generator_loss
from npae.models import GaussianPrior, UniformPrior
from npae.models.adversarial import gan
from npae.models.adversarial.game import discriminator_step
from npae.optim import Adam, Cosine
from tests.contract import check_layer, inputs
from tests.devices import each_device, on
from tests.models.phases import check_phases

X = np.random.default_rng(0).random((12, 6))


def small(dtype=np.float64, **more):
    generator = Sequential(Dense(3, 5, Tanh), Dense(5, 6, Sigmoid))
    model = GAN(generator, Sequential(Dense(6, 5, LeakyReLU(0.2)), Dense(5, 1)), GaussianPrior(3), dtype=dtype, **more)
    model.theta.assign(inputs(model.theta.size, 5, dtype) * 0.5)
    return model


def frozen(place=None, **more):
    model = small(**more)
    model.sampler.freeze(model.sampler.draw(np.empty((12, 3))))
    return model.to(place.name) if place else model


@each_device
@pytest.mark.parametrize("more", [{}, {"saturating": True, "real": 0.9}], ids=["", "saturating, smoothed"])
def test_both_phases_are_what_finite_differences_say(device, more):
    with on(device) as place:
        check_phases(frozen(place, **more), place.put(X), place)


@each_device
def test_a_convolutional_one(device):
    generator = Sequential(Dense(3, 8), BatchNorm(8), Tanh(), Reshape((2, 2, 2)), ConvTranspose2D(2, 1, 2, stride=2))
    discriminator = Sequential(Conv2D(1, 3, 3, 2, "same", LeakyReLU(0.2)), Flatten(), Dense(12, 1))
    model = GAN(generator, discriminator, GaussianPrior(3), dtype=np.float64)
    with on(device) as place:
        model.to(place.name).sampler.freeze(place.put(model.sampler.draw(np.empty((5, 3)))))
        check_phases(model, place.put(inputs((5, 1, 4, 4))), place)
        assert model.sample(2).shape == (2, 1, 4, 4)


@pytest.mark.parametrize("more", [{}, {"saturating": True, "real": 0.9}], ids=["", "saturating, smoothed"])
def test_the_objectives_are_those_of_the_paper(more):
    model = frozen(**more)
    discriminator, generator = (phase.backpropagate(X) for phase in model.phases)
    fake = model.generator(model.sampler.next(X[:, :3]))
    p_real, p_fake = (1 / (1 + np.exp(-model.discriminator(v))) for v in (X, fake))
    r = more.get("real", 1)
    expected = -(r * np.log(p_real) + (1 - r) * np.log(1 - p_real) + np.log(1 - p_fake)).mean()
    assert discriminator == {"discriminator": pytest.approx(expected, rel=1e-12)}
    expected = np.log(1 - p_fake).mean() if more else -np.log(p_fake).mean()
    assert generator == {"generator": pytest.approx(expected, rel=1e-12)}


def not_through_the_discriminator(discriminator, fake, saturating=False):
    b, _ = discriminator.forward(fake)
    value, db = generator_loss(b, saturating)
    return value, np.broadcast_to(db, fake.shape)


def discriminator_not_frozen(discriminator, fake, saturating=False):
    b, cache = discriminator.forward(fake)
    value, db = generator_loss(b, saturating)
    return value, discriminator.backward(db, cache)


@pytest.mark.parametrize("wrong", [not_through_the_discriminator, discriminator_not_frozen])
def test_a_wrong_generator_step_is_found(wrong, monkeypatch):
    monkeypatch.setattr(gan, "generator_gradient", wrong)
    with on("cpu") as place, pytest.raises(AssertionError, match=r"GradientError|claimed|leaks into"):
        check_phases(frozen(), X, place)


def test_a_discriminator_step_that_leaks_into_the_generator_is_found(monkeypatch):
    def leaking(self, x):
        fake, cache = self.generator.forward(self._codes(x), training=True)
        value = gan.discriminator_step(self.discriminator, x, fake)
        _, d_fake = gan.generator_gradient(self.discriminator, fake)
        self.generator.backward(d_fake, cache, needs_dx=False)
        return {"discriminator": value}

    monkeypatch.setattr(GAN, "_discriminator_step", leaking)
    with on("cpu") as place, pytest.raises(AssertionError, match="discriminator leaks into"):
        check_phases(frozen(), X, place)


def test_with_noise_the_logit_of_two_images_is_linear_and_leads_from_the_fake_to_the_real_one():
    real, fake, std = np.array([0.2, 0.9]), np.array([0.8, 0.4]), 0.5
    discriminator = Sequential(GaussianNoise(std), Dense(2, 1)).initialize(seed=0, dtype=np.float64)
    head = discriminator[1]
    for rate in (4.0, 1.0, 0.25):
        for _ in range(60):
            discriminator.theta.grad[...] = 0
            discriminator_step(discriminator, *(np.tile(x, (2000, 1)) for x in (real, fake)))
            discriminator.theta.value[...] -= rate * discriminator.theta.grad
    a = head.forward(np.stack([real, fake, (real + fake) / 2]))[0].ravel()
    half = ((real - fake) ** 2).sum() / (2 * std**2)
    assert np.allclose(head.W.value.ravel(), (real - fake) / std**2, atol=0.15)
    assert np.allclose(a, [half, -half, 0], atol=0.1)


@each_device
def test_as_a_layer_it_is_the_generator(device):
    def make():
        return GAN(Dense(3, 5, Tanh), Dense(5, 1), GaussianPrior(3), seed=None)

    check_layer(make, (4, 3), device)


def test_diagnostics():
    model = small(np.float32)
    found = model.evaluate(np.tile(X, (20, 1)), batch_size=50)
    assert set(found) == {"discriminator", "generator", "real_accuracy", "fake_accuracy", "diversity"}
    assert found == model.evaluate(np.tile(X, (20, 1)), batch_size=50)  # the same codes each time
    fake = model.sample(240)
    ratio = np.sqrt(fake.var(axis=0, dtype=float).sum() / X.astype(np.float32).var(axis=0, dtype=float).sum())
    assert found["diversity"] == pytest.approx(ratio, rel=1e-5)
    assert found["fake_accuracy"] == (model.discriminator(fake) < 0).mean()
    model.generator.theta.value[...] = 0
    assert model.evaluate(X)["diversity"] == 0


@each_device
def test_samples_and_diagnostics_on_every_device(device):
    with on(device) as place:
        model = small(np.float32).to(place.name)
        fake, found = place.get(model.sample(50)), model.evaluate(place.put(X.astype(np.float32)))
        assert fake.shape == (50, 6) and fake.dtype == np.float32 and np.isfinite(fake).all()
        assert found == model.evaluate(X.astype(np.float32)) and all(np.isfinite(v) for v in found.values())
        assert 0 < found["diversity"] < 2


def test_samples_depend_on_the_seed_alone():
    model = small(np.float32)
    np.testing.assert_allclose(model.sample(50, seed=3), model.sample(50, seed=3, batch_size=7), rtol=1e-6)
    assert model.sample(50, seed=4).shape == (50, 6) and (model.sample(50, 3) != model.sample(50, 4)).any()


def test_training_reseeds_what_draws():
    """The stream of the sampler before training has no effect, the seed of training has."""
    thetas = []
    for before, seed in ((1, 0), (2, 0), (1, 3)):
        model = small(np.float32)
        model.sampler.reseed(before)
        fit(model, X, epochs=2, batch_size=5, seed=seed, progress="none")
        thetas.append(model.theta.value)
    np.testing.assert_array_equal(thetas[0], thetas[1])
    assert (thetas[0] != thetas[2]).any()


def test_draws_are_the_random_layers_and_the_sampler():
    noise, dropout = GaussianNoise(0.1), Dropout(0.3)
    model = GAN(Sequential(Dense(3, 6), noise), Sequential(dropout, Dense(6, 1)), GaussianPrior(3))
    assert model.draws == (noise, dropout, model.sampler)
    twin = copy.deepcopy(model)
    assert twin.sampler is not model.sampler and twin.sampler.prior is twin.prior
    assert [name for name, _ in model.children] == ["generator", "discriminator"]


def test_it_learns_the_distribution_of_the_data():
    data = (np.random.default_rng(1).standard_normal((2000, 2)) * [0.8, 0.2] + [2, -1]).astype(np.float32)
    leaky = LeakyReLU(0.2)
    generator = Sequential(Dense(2, 32, leaky), Dense(32, 2))
    discriminator = Sequential(Dense(2, 32, leaky), Dense(32, 32, leaky), Dense(32, 1))
    model = GAN(generator, discriminator, GaussianPrior(2))
    before = np.abs(model.sample(2000).mean(axis=0) - [2, -1])
    history = fit(model, data, validation=data[:1000], epochs=10, batch_size=50, optimizer=Adam(4e-3, beta1=0.5),
                  schedule=Cosine(10, end=0.02), progress="none")  # fmt: skip
    names = ["discriminator", "generator"]
    assert history.columns[3:] == ["loss", *names, "val_loss", *(f"val_{n}" for n in names), "val_real_accuracy",
                                   "val_fake_accuracy", "val_diversity"]  # fmt: skip
    last, fake = history.rows[-1], model.sample(2000)
    assert last["val_loss"] == pytest.approx(last["val_discriminator"] + last["val_generator"])
    assert before.max() > 1 and np.abs(fake.mean(axis=0) - [2, -1]).max() < 0.15
    assert last["val_discriminator"] == pytest.approx(2 * np.log(2), rel=0.03)
    assert last["val_generator"] == pytest.approx(np.log(2), rel=0.1)


def test_a_file_brings_it_back(tmp_path):
    model = GAN(Sequential(Dense(2, 6), Reshape((2, 3))), Sequential(Flatten(), Dense(6, 1)), UniformPrior(2, 0.5),
                saturating=True, real=0.9)  # fmt: skip
    fit(model, X.reshape(12, 2, 3), epochs=1, batch_size=4, progress="none")
    save(tmp_path / "gan.npz", model)
    again = load(tmp_path / "gan.npz")
    np.testing.assert_array_equal(again.sample(9), model.sample(9))
    assert again.saturating and again.real == 0.9 and repr(again) == repr(model)
    assert repr(again.prior) == "UniformPrior(size=2, half_width=0.5)" and again.sample(3).shape == (3, 2, 3)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"generator of images like the data's, \(5,\), its images are \(6,\)"):
        fit(GAN(Dense(3, 6), Dense(5, 1), GaussianPrior(3)), X[:, :5], epochs=1, progress="none")
    with pytest.raises(ValueError, match="data: this model was made for 6 features, got 5"):
        fit(small(), X[:, :5], epochs=1, progress="none")
    with pytest.raises(ValueError, match="real of GAN, a probability: .* above 0.5 and at most 1, got 0.3"):
        small(real=0.3)
    with pytest.raises(ValueError, match=r"GAN: expected a discriminator that ends in a linear layer, got Sigmoid\(\)"):
        GAN(Dense(3, 6), Dense(6, 1, Sigmoid), GaussianPrior(3))
    with pytest.raises(TypeError, match="GAN: expected a prior of codes such as .*, got 'normal'"):
        GAN(Dense(3, 6), Dense(6, 1), "normal")
    with pytest.raises(ValueError, match="n: expected 1 or more, got 0"):
        small().sample(0)
    with pytest.raises(ValueError, match="one for each phase, discriminator, generator, got critic"):
        fit(small(), X, epochs=1, optimizer={"critic": Adam()}, progress="none")
