"""The variational autoencoder as a model: training, evaluation, codes, samples, files, devices, memory, errors."""

import re

import numpy as np
import pytest

from npae import VariationalAutoencoder, fit, load, save, variational_autoencoder
from npae.data.augment import Binarize
from npae.data.minibatches import Minibatches
from npae.layers import ConvTranspose2D, Dense, Flatten, ReLU, Reshape, Sequential, Tanh
from npae.losses import BinaryCrossEntropy, GaussianNLL, HeteroscedasticGaussianNLL, SquaredError
from npae.optim import Adam, Cosine
from npae.train import Checkpoint, prepare
from npae.train.epoch_means import EpochMeans
from npae.train.step import Step
from tests.contract import check_layer
from tests.devices import each_device, each_gpu, on
from tests.train.parallel.test_process_group import together
from tests.train.test_step import UINT8, check_that_a_step_allocates_no_arrays

rng = np.random.default_rng(0)
X = (np.clip(rng.standard_normal((150, 2)) @ rng.standard_normal((2, 20)) / 4 + 0.5, 0, 1) * 255).astype(np.uint8)
KINDS = {
    "Bernoulli": dict(),
    "Gaussian": dict(loss=GaussianNLL(0.2), samples=2, beta=2.0),
    "learned": dict(loss=HeteroscedasticGaussianNLL()),
    "IWAE": dict(samples=5, objective="iwae"),
    "IWAE, learned": dict(loss=HeteroscedasticGaussianNLL(), samples=3, objective="iwae"),
}
each_kind = pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)


def small(seed=0, **settings):
    return variational_autoencoder([20, 12, 3], Tanh, seed=seed, **settings)


def trained(epochs=5, **settings):
    model = small(**settings)
    fit(model, X, epochs=epochs, batch_size=25, optimizer=Adam(0.01), progress="none")
    return model


# ---------------------------------------------------------------------- training


@each_kind
def test_training_raises_the_bound_and_records_its_terms(settings):
    model = small(**settings)
    before = sum(model.evaluate(X).values())
    history = fit(model, X, validation=X[:40], epochs=8, batch_size=25, optimizer=Adam(0.01), progress="none")
    names = ["reconstruction", "kl"]
    assert history.columns == ["epoch", "lr", "seconds", "loss", *names, "val_loss", *(f"val_{n}" for n in names)]
    assert history["loss"][-1] < history["loss"][0] and sum(model.evaluate(X).values()) < before - 0.5
    assert history["val_loss"][-1] == pytest.approx(sum(model.evaluate(X[:40]).values()), rel=1e-6)
    assert history["kl"][-1] > 0.1


def test_every_step_and_epoch_has_its_own_noise_from_the_seed():
    model, x = small(), (X / 255).astype(np.float32)
    assert float(model.backpropagate(x)["reconstruction"]) != float(model.backpropagate(x)["reconstruction"])
    a, b, c = (fit(small(), X, epochs=2, batch_size=150, seed=s, progress="none")["loss"] for s in (1, 1, 2))
    assert a == b and a[0] != c[0]


def test_evaluation_has_its_own_seed():
    model = small()
    assert model.evaluate(X) == model.evaluate(X) == model.evaluate(X, seed=0) != model.evaluate(X, seed=1)
    model.sampler.reseed(5)
    undisturbed = model.sampler.draw(np.zeros((2, 6), np.float32))
    model.sampler.reseed(5)
    model.evaluate(X)
    np.testing.assert_array_equal(model.sampler.draw(np.zeros((2, 6), np.float32)), undisturbed)


def test_a_larger_beta_gives_a_smaller_divergence():
    small_beta, large_beta = (trained(20, beta=b).posterior(X) for b in (0.1, 10.0))

    def nats(stats):
        mean, log_var = stats
        return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1).mean()

    assert nats(large_beta) < 0.5 * nats(small_beta)


def test_binarised_pixels():
    history = fit(small(), X, epochs=2, batch_size=50, augment=Binarize(), progress="none")
    assert history["loss"][1] < history["loss"][0]


def linear_data(W):
    """x = z W + ½ ε, z and ε ~ N(0, 1): (1000, 20)."""
    rng = np.random.default_rng(1)
    return (rng.standard_normal((1000, len(W))) @ W + 0.5 * rng.standard_normal((1000, 20))).astype(np.float32)


def linear_model(x):
    model = variational_autoencoder([20, 3], loss=GaussianNLL(0.7))
    fit(model, x, epochs=60, batch_size=50, optimizer=Adam(0.02), schedule=Cosine(60), progress="none")
    return model


def test_two_latent_numbers_are_found_and_samples_have_the_covariance_of_the_data():
    W = 0.5 * np.random.default_rng(2).standard_normal((2, 20))
    x = linear_data(W)
    model = linear_model(x)
    assert model.active_units(x, threshold=0.2).sum() == 2
    new, signal = model.sample(4000), W.T @ W
    np.testing.assert_allclose(np.cov(new.T), signal, atol=0.2 * signal.max())
    np.testing.assert_allclose(new.mean(axis=0), 0, atol=0.15)
    covariance = signal + 0.49 * np.eye(20)
    distance = (x @ np.linalg.inv(covariance) * x).sum(axis=1).mean()
    exact = -0.5 * (distance + np.linalg.slogdet(covariance)[1] + 20 * np.log(2 * np.pi))
    assert exact - 0.3 < model.elbo(x).mean() < model.log_likelihood(x[:500], 100).mean() + 0.3


def test_on_pure_noise_no_code_number_is_active():
    x = linear_data(np.zeros((1, 20)))
    model = linear_model(x)
    assert not model.active_units(x).any()
    assert model.evaluate(x)["kl"] < 0.02


# ---------------------------------------------------------------------- use


def test_codes_and_reconstructions():
    model = trained()
    mean, log_var = model.posterior(X)
    assert mean.shape == log_var.shape == (150, 3)
    np.testing.assert_array_equal(model.encode(X), mean)
    np.testing.assert_allclose(model.reconstruct(X), model.decode(mean), rtol=1e-6)
    x_hat = model.reconstruct(X)
    assert x_hat.shape == (150, 20) and 0 < x_hat.min() < x_hat.max() < 1
    np.testing.assert_allclose(model((X / 255).astype(np.float32)), model.decoder(mean), rtol=1e-5, atol=1e-6)


@each_kind
def test_samples(settings):
    model = small(**settings)
    a, again, other = (model.sample(4, seed) for seed in (1, 1, 2))
    assert a.shape == (4, 20) and a.dtype == np.float32 and isinstance(a, np.ndarray)
    np.testing.assert_array_equal(a, again)
    assert (a != other).all() and (a[0] != a[1]).all()


def test_the_variance_of_q_is_that_of_sampled_codes():
    """The moments of sampled codes, end to end: training samples with the log_var that `posterior` returns."""
    model, n = trained(), 40_000
    mean, log_var = model.posterior(X[:1])
    stats = np.repeat(model.encoder((X[:1] / 255).astype(np.float32)), n, axis=0)
    z, _ = model.sampler.forward(stats, training=True)
    np.testing.assert_allclose(z.mean(axis=0), mean[0], atol=5 * np.exp(log_var.max() / 2) / n**0.5)
    np.testing.assert_allclose(z.var(axis=0), np.exp(log_var[0]), rtol=5 * (2 / n) ** 0.5)


def test_active_units():
    model = variational_autoencoder([20, 4])  # linear: 20 -> 8, and 4 -> 20
    W = model.encoder[0].W.value
    W[:, 1] = W[:, 2] = 0
    model.encoder[0].b.value[2] = 7  # a mean far from 0 that does not depend on x
    np.testing.assert_array_equal(model.active_units(X), [True, False, False, True])
    W[:, 3] *= 1e-3
    np.testing.assert_array_equal(model.active_units(X), [True, False, False, False])
    assert model.active_units(X, threshold=0).sum() == 2


def test_images_and_any_layers():
    encoder = Sequential(Flatten(), Dense(20, 10, ReLU), Dense(10, 4))
    decoder = Sequential(Reshape((2,)), Dense(2, 10, ReLU), Dense(10, 20), Reshape((1, 4, 5)))
    model, images = VariationalAutoencoder(encoder, decoder), X.reshape(-1, 1, 4, 5)
    fit(model, images, epochs=1, progress="none")
    assert model.sample(3).shape == (3, 1, 4, 5) and model.reconstruct(images).shape == images.shape
    assert model.log_likelihood(images[:5], 10).shape == (5,)
    assert VariationalAutoencoder(encoder, decoder, samples=3, objective="iwae").backpropagate(
        (images / 255).astype(np.float32)
    )["reconstruction"] > 0  # fmt: skip


def test_the_builder_makes_the_network_of_its_sizes():
    model = variational_autoencoder([784, 400, 20])
    assert model.parameter_count == 784 * 400 + 400 + 400 * 40 + 40 + 20 * 400 + 400 + 400 * 784 + 784 == 652_824
    assert [repr(layer) for _, layer in model.leaves()] == [
        "Dense(784 -> 400, ReLU())", "Dense(400 -> 40)", "GaussianSample()",
        "Dense(20 -> 400, ReLU())", "Dense(400 -> 784)",
    ]  # fmt: skip
    assert variational_autoencoder([8, 3], loss=HeteroscedasticGaussianNLL()).decoder[-1].n_out == 16
    assert re.search(r"sampler +GaussianSample\(\) +\(20,\)", model.summary())


@each_device
def test_as_a_layer(device):
    check_layer(small, (6, 20), device)


# ---------------------------------------------------------------------- files


@each_kind
def test_a_model_file_keeps_everything(settings, tmp_path):
    model = trained(1, **settings)
    save(tmp_path / "m.npz", model)
    again = load(tmp_path / "m.npz")
    assert again.evaluate(X) == model.evaluate(X) and repr(again) == repr(model)
    assert (again.kl.strength, again.samples, again.objective) == (model.kl.strength, model.samples, model.objective)
    np.testing.assert_array_equal(again.sample(2), model.sample(2))


@each_kind
def test_a_resumed_run_ends_with_the_same_bits(settings, tmp_path):
    def run(path, epochs, seed=0, resume=None):
        model = small(seed, **settings)
        history = fit(model, X, validation=X[:40], epochs=epochs, batch_size=40, seed=3, resume=resume, progress="none",
                      callbacks=[Checkpoint(path)])  # fmt: skip
        return model.theta.value, history["val_loss"]

    theta, losses = run(tmp_path / "whole.npz", 4)
    run(tmp_path / "c.npz", 2)
    resumed, resumed_losses = run(tmp_path / "c.npz", 4, seed=9, resume=tmp_path / "c.npz")
    np.testing.assert_array_equal(resumed, theta)
    assert resumed_losses == losses


def test_two_processes_draw_different_codes():
    kept = {}

    def work(group):
        model = small()
        draw = model.sampler.draw
        model.sampler.draw = lambda stats: kept.setdefault(group.rank, []).append(draw(stats).copy()) or draw(stats)
        fit(model, X, epochs=1, batch_size=150, group=group, progress="none")
        return model.theta.value

    a, b = together(2, work)
    np.testing.assert_array_equal(a, b)
    assert kept[0][0].shape == kept[1][0].shape == (75, 3) and (kept[0][0] != kept[1][0]).all()


# ---------------------------------------------------------------------- devices and memory


@each_gpu
@each_kind
def test_the_gpu_gives_the_numbers_of_the_cpu(settings, device):
    """With the same noise: the devices' generators differ, so it is drawn once and frozen."""
    noise = np.random.default_rng(1).standard_normal((50 * settings.get("samples", 1), 3))

    def run(where):
        model = small(dtype=np.float64, **settings).to(where)
        model.sampler.freeze(noise)
        history = fit(model, X, epochs=2, batch_size=50, optimizer=Adam(0.01), progress="none")
        return history, model.to("cpu").theta.value

    with on(device) as place:
        (history, theta), (history_cpu, theta_cpu) = run(place.name), run("cpu")
    np.testing.assert_allclose(theta, theta_cpu, rtol=1e-8, atol=1e-11)
    for column in ("reconstruction", "kl"):
        np.testing.assert_allclose(history[column], history_cpu[column], rtol=1e-9)


@each_gpu
@each_kind
def test_a_step_neither_waits_nor_uploads(settings, device):
    with on(device) as place:
        trainer = prepare(small(**settings).to(place.name), X, batch_size=50, progress="none")
        trainer.run(1)
        rows, sums = next(trainer.batches.rows(1)), EpochMeans(1, read_every=1000)
        trainer.step(rows, sums.add)
        held = trainer.step.arena.nbytes
        with place.no_waiting():
            trainer.step(rows, sums.add)
        assert trainer.step.arena.nbytes == held > 0


@each_gpu
def test_use_on_the_gpu(device):
    with on(device) as place:
        model = small().to(place.name)
        at_home = model.evaluate(X)
        assert at_home == model.evaluate(place.put(X)) and type(at_home["kl"]) is float
        assert type(model.sample(3)) is type(place.put(X))
        assert place.get(model.active_units(place.put(X))).dtype == bool
        mean, _ = model.posterior(place.put(X))
        assert type(mean) is type(place.put(X))
        np.testing.assert_allclose(place.get(mean), small().encode(X), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(place.get(model.sample(3, batch_size=2)), small().sample(3), rtol=1e-5)


@each_gpu
@each_kind
def test_a_captured_step_has_new_noise_at_every_launch(settings, device):
    with on(device) as place:
        thetas = []
        for graph in (False, True):  # a step that cannot be captured would warn, which is an error here
            model = small(dtype=np.float64, **settings).to(place.name)
            fit(model, X, epochs=3, batch_size=50, graph=graph, progress="none")
            thetas.append(place.get(model.theta.value))
    np.testing.assert_allclose(*thetas, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("kind", ["Bernoulli", "Gaussian", pytest.param("IWAE, learned", marks=pytest.mark.slow)])
def test_a_step_allocates_no_arrays(kind):
    step = Step(variational_autoencoder([100, 60, 30], **KINDS[kind]), Minibatches(UINT8, 1024, seed=0), Adam(), 1.0)
    check_that_a_step_allocates_no_arrays(step, numbers=4)  # the weights of three codes are new arrays


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize("call, error, words", [
    (lambda: small(objective="vae"), ValueError, "expected objective \"elbo\" or \"iwae\", got 'vae'"),
    (lambda: small(objective="iwae", beta=2.0), ValueError, '"iwae" bounds .* beta = 1 only, got 2.0'),
    (lambda: small(beta=0), ValueError, "strength λ of GaussianKL: expected a number above 0, got 0"),
    (lambda: small(samples=0), ValueError, "samples: expected 1 or more, got 0"),
    (lambda: small(samples=1.5), TypeError, "samples: expected an integer"),
    (lambda: small(loss=SquaredError()), ValueError, r"got SquaredError, .* Use losses.GaussianNLL\(std\)"),
    (lambda: small(loss=3), TypeError, "VariationalAutoencoder: expected a loss such as .*, got 3"),
    (lambda: small(loss="huber"), ValueError, "VariationalAutoencoder: unknown loss 'huber'. Expected one of .*bce, "),
    (lambda: small().evaluate(np.zeros((3, 19))), ValueError, "made for 20 features, got 19"),
    (lambda: small().decode(np.zeros((3, 6), np.float32)), ValueError, r"Dense\(3 -> 12, .*expected x of shape"),
    (lambda: small().sample(0), ValueError, "n: expected 1 or more, got 0"),
    (lambda: fit(small(), np.full((10, 20), 2.0), epochs=1), ValueError, r"targets in \[0, 1\]"),
    (lambda: small().evaluate(np.full((10, 20), 2.0)), ValueError, r"targets in \[0, 1\]"),
    (lambda: small().elbo(np.full((10, 20), -0.1)), ValueError, r"targets in \[0, 1\]"),
    (lambda: small().log_likelihood(np.full((10, 20), 2.0), 3), ValueError, r"targets in \[0, 1\]"),
    (lambda: VariationalAutoencoder(Dense(20, 5), Dense(5, 20)).backpropagate(np.zeros((3, 20), np.float32)),
     ValueError, r"expected rows \[mean \| log_var\] of shape \(batch, 2d\), got \(3, 5\)"),
    (lambda: VariationalAutoencoder(Dense(20, 6), Sequential(), GaussianNLL(), seed=None).sample(2), ValueError,
     "sample: expected a decoder that begins with Dense"),
    (lambda: VariationalAutoencoder(Dense(20, 6), Sequential(Reshape((3, 1, 1)), ConvTranspose2D(3, 2, 2), Flatten(),
                                                             Dense(8, 20))).sample(2), ValueError,
     "sample: expected a decoder that begins with Dense"),
    (lambda: VariationalAutoencoder(Dense(20, 6), Dense(3, 20), HeteroscedasticGaussianNLL()).backpropagate(
        np.zeros((3, 20), np.float32)), ValueError, "twice the targets' shape"),
])  # fmt: skip
def test_bad_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_grey_pixels_are_means_over_binarised_images():
    """−ℓ(x) = E_b[ln p(b | z)], b ~ Bernoulli(x): exactly, summed over all images b of five pixels."""
    x, logits = rng.random((1, 5)), rng.standard_normal((1, 5))
    b = (np.arange(32)[:, None] >> np.arange(5) & 1).astype(float)
    probability = np.prod(np.where(b == 1, x, 1 - x), axis=1)
    log_likelihood = -BinaryCrossEntropy().per_sample(np.repeat(logits, 32, axis=0), b)
    expected = -BinaryCrossEntropy().per_sample(logits, x)[0]
    assert probability.sum() == pytest.approx(1) and probability @ log_likelihood == pytest.approx(expected, rel=1e-12)


def test_the_default_loss_is_bernoulli():
    assert isinstance(small().loss, BinaryCrossEntropy)
