"""demos.from_scratch: every page takes the same steps as the engine, checks its own gradient, learns, and stays short.

A page and the engine begin with the same θ in float64 and see the same minibatches and the same random numbers. After
12 steps of Adam their θ agree to 1e-12. What the engine's classes are called is said once, in the helpers below.
"""

import ast
import importlib
import io
import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from demos.from_scratch import (
    adversarial,
    autoencoder,
    batch_top_k,
    contractive,
    convolutional,
    denoising,
    gan,
    gated,
    jump_relu,
    rbm,
    sparse,
    stacked,
    variational,
)
from demos.from_scratch.autoencoder import IDENTITY, RELU, SIGMOID, Adam, Dense, Network
from npae import layers, losses, mnist, models, optim, penalties

FOLDER = Path(autoencoder.__file__).parent
PAGES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
STEPS, ROWS = 12, 24
HIDDEN, CODE = 20, 5

# ---------------------------------------------------------------------- the engine: adapt names here, and only here


def engine_dense(n_in, n_out, activation=None):
    """A dense layer with its activation, as a list of layers."""
    return [layers.Dense(n_in, n_out, activation)]


def engine_chain(*parts):
    return layers.Sequential(*(layer for part in parts for layer in part))


def engine_autoencoder(encoder, decoder, **settings):
    return models.Autoencoder(encoder, decoder, losses.BinaryCrossEntropy(), dtype="float64", **settings)


def engine_two_layers(n, hidden, activation, noise=None, **settings):
    encoder = engine_chain([noise] if noise else [], engine_dense(n, hidden, activation))
    return engine_autoencoder(encoder, engine_chain(engine_dense(hidden, n)), **settings)


def engine_top_k(n, hidden, k):
    encoder = engine_chain(engine_dense(n, hidden), [layers.TopK(k)])
    return engine_autoencoder(encoder, engine_chain(engine_dense(hidden, n)))


def engine_convolutional(channels):
    return models.convolutional_autoencoder(list(channels), (1, 28, 28), dtype="float64")


def engine_variational(n, hidden, d):
    return models.variational_autoencoder([n, hidden, d], layers.ReLU, dtype="float64")


def engine_discriminator(n, hidden):
    return engine_chain(engine_dense(n, hidden, layers.ReLU), engine_dense(hidden, 1))


def engine_gan(n, hidden, d):
    generator = engine_chain(engine_dense(d, hidden, layers.ReLU), engine_dense(hidden, n, layers.Sigmoid))
    return models.GAN(generator, engine_discriminator(n, hidden), models.GaussianPrior(d), dtype="float64")


def engine_adversarial(n, hidden, d):
    encoder = engine_chain(engine_dense(n, hidden, layers.ReLU), engine_dense(hidden, d))
    decoder = engine_chain(engine_dense(d, hidden, layers.ReLU), engine_dense(hidden, n))
    discriminator, prior = engine_discriminator(d, hidden), models.GaussianPrior(d)
    return models.AdversarialAutoencoder(engine_autoencoder(encoder, decoder), discriminator, prior, dtype="float64")


def engine_stacked(sizes, **settings):
    return models.Stacked(list(sizes), layers.Sigmoid, dtype="float64", **settings)


def engine_rbm(n, hidden):
    return models.RBM(n, hidden, dtype="float64")


def engine_step(phase, adam, x):
    """One step of one phase. Returns J."""
    with phase.theta.fresh_grad():
        terms = phase.backpropagate(x)
    adam.step(phase.theta)
    return sum(float(term) for term in terms.values())


# ---------------------------------------------------------------------- a page beside the engine


def flat(*networks):
    """The parameters of a page's networks as one vector, in the order of the engine's θ: W, b, W, b, …"""
    return np.concatenate([p.ravel() for network in networks for p in network.theta])


def minibatches(every=2):
    """STEPS minibatches of ROWS digits, as rows. every: keep each second row and column of the pixels."""
    x = autoencoder.digits("train", STEPS * ROWS).reshape(STEPS, ROWS, 28, 28)[:, :, ::every, ::every]
    return np.ascontiguousarray(x).reshape(STEPS, ROWS, -1)


class Phase:
    """A phase of a page and of the engine: backpropagate(x, *noise) of the page, and an Adam for both.

    noise(x) draws the random numbers of one step; freeze gives them to the engine.
    """

    def __init__(self, backpropagate, network, noise=None, freeze=None, eta=1e-3, **settings):
        self.backpropagate, self.noise, self.freeze = backpropagate, noise, freeze
        self.adam, self.engine_adam = Adam(network, eta, **settings), optim.Adam(eta, **settings)

    def step(self, engine_phase, x, engine_x):
        """One step of both. Returns J of the page and of the engine."""
        noise = [] if self.noise is None else [self.noise(x)]
        if noise:
            self.freeze(noise[0])
        J = float(self.backpropagate(x, *noise))
        self.adam.step()
        return J, engine_step(engine_phase, self.engine_adam, engine_x)


def train_both(networks, phases, engine, batches, engine_batches=None):
    """θ and all J of the page's networks, and of the engine, after a step of each phase on each of the batches."""
    engine.theta.assign(flat(*networks))
    before, J = flat(*networks), []
    for x, engine_x in zip(batches, batches if engine_batches is None else engine_batches, strict=True):
        for phase, engine_phase in zip(phases, engine.phases, strict=True):
            J.append(phase.step(engine_phase, x, engine_x))
    assert np.abs(engine.theta.value - before).max() > 2e-3
    J, engine_J = np.transpose(J)
    return (flat(*networks), J), (engine.theta.value, engine_J)


def two_layers(n, hidden, activation, rng):
    return Dense(n, hidden, activation, rng), Dense(hidden, n, IDENTITY, rng)


def autoencoder_beside_engine(rng, batches, n):
    page = Network(two_layers(n, HIDDEN, RELU, rng))
    phase = Phase(lambda x: page.backpropagate(x, x), page)
    return train_both([page], [phase], engine_two_layers(n, HIDDEN, layers.ReLU), batches)


def masking_beside_engine(rng, batches, n):
    page, noise = denoising.denoising_autoencoder(rng, n, HIDDEN), layers.MaskingNoise(0.5)
    phase = Phase(lambda x, u: page.backpropagate(denoising.masking_noise(x, u), x), page,
                  lambda x: rng.random(x.shape), noise.freeze)  # fmt: skip
    return train_both([page], [phase], engine_two_layers(n, HIDDEN, layers.ReLU, noise), batches)


def gaussian_beside_engine(rng, batches, n):
    page, noise = denoising.denoising_autoencoder(rng, n, HIDDEN), layers.GaussianNoise(0.5)
    phase = Phase(lambda x, epsilon: page.backpropagate(denoising.gaussian_noise(x, epsilon), x), page,
                  lambda x: rng.standard_normal(x.shape), noise.freeze)  # fmt: skip
    return train_both([page], [phase], engine_two_layers(n, HIDDEN, layers.ReLU, noise), batches)


def sparse_beside_engine(rng, batches, n):
    page = sparse.SparseAutoencoder(*two_layers(n, HIDDEN, SIGMOID, rng), rho=0.05, lam=3.0)
    penalty = penalties.KLSparsity(3.0, rho=0.05)
    engine = engine_two_layers(n, HIDDEN, layers.Sigmoid, penalties=[penalty])
    return train_both([page], [Phase(page.backpropagate, page)], engine, batches)


def top_k_beside_engine(rng, batches, n):
    encoder, decoder = two_layers(n, HIDDEN, IDENTITY, rng)
    page = Network([encoder, sparse.TopK(6), decoder])
    phase = Phase(lambda x: page.backpropagate(x, x), page)
    return train_both([page], [phase], engine_top_k(n, HIDDEN, 6), batches)


def batch_top_k_beside_engine(rng, batches, n):
    settings = dict(aux_k=3, dead_after=2 * ROWS)
    page = batch_top_k.BatchTopK(n, 2 * HIDDEN, 2, rng, alpha=0.5, **settings)
    engine = models.SparseAutoencoder(n, 2 * HIDDEN, layers.BatchTopK(2), aux_strength=0.5, dtype="float64", **settings)
    result = train_both([page], [Phase(page.backpropagate, page)], engine, batches)
    np.testing.assert_array_equal(page.since_active, engine.since_active.value)
    np.testing.assert_allclose(page.t_mean, engine.activation.threshold.value[0], rtol=1e-12)
    assert engine.dead.any(), "no unit was dead, so that the auxiliary loss was not compared"
    return result


def jump_relu_beside_engine(rng, batches, n):
    page = jump_relu.JumpReLU(n, HIDDEN, rng, lam=0.2, theta=0.3, eps=0.25)
    engine = models.SparseAutoencoder(n, HIDDEN, layers.JumpReLU(HIDDEN, 0.3, 0.25), [penalties.L0(0.2)], aux_k=0,
                                      dtype="float64")  # fmt: skip
    return train_both([page], [Phase(page.backpropagate, page)], engine, batches)


def gated_beside_engine(rng, batches, n):
    page, engine = gated.Gated(n, HIDDEN, rng, lam=0.2), models.GatedSparseAutoencoder(n, HIDDEN, 0.2, dtype="float64")
    return train_both([page], [Phase(page.backpropagate, page)], engine, batches)


def contractive_beside_engine(rng, batches, n):
    page = contractive.ContractiveAutoencoder(*two_layers(n, HIDDEN, SIGMOID, rng), lam=2.0)
    engine = engine_two_layers(n, HIDDEN, layers.Sigmoid, penalties=[penalties.Contractive(2.0)])
    return train_both([page], [Phase(page.backpropagate, page)], engine, batches)


def rbm_beside_engine(rng, batches, n):
    page, engine = rbm.RBM(n, HIDDEN, rng), engine_rbm(n, HIDDEN)
    phase = Phase(page.contrast, page, lambda x: rng.random((len(x), HIDDEN)), engine.hidden.freeze)
    return train_both([page], [phase], engine, batches)


def convolutional_beside_engine(rng, batches, n):
    page = convolutional.convolutional_autoencoder(rng, channels=(4, 3))
    phase = Phase(lambda x: page.backpropagate(x, x), page, eta=3e-3)
    x = minibatches(every=1)
    images, engine_images = x.reshape(STEPS, ROWS, 28, 28, 1), x.reshape(STEPS, ROWS, 1, 28, 28)
    return train_both([page], [phase], engine_convolutional((4, 3)), images, engine_images)


def variational_beside_engine(rng, batches, n):
    page, engine = variational.variational_autoencoder(rng, n, HIDDEN, CODE), engine_variational(n, HIDDEN, CODE)
    phase = Phase(page.backpropagate, page, lambda x: rng.standard_normal((len(x), CODE)), engine.sampler.freeze)
    return train_both([page], [phase], engine, batches)


def gan_beside_engine(rng, batches, n):
    page, engine = gan.gan(rng, n, HIDDEN, CODE), engine_gan(n, HIDDEN, CODE)
    codes = dict(noise=lambda x: rng.standard_normal((len(x), CODE)), freeze=engine.sampler.freeze, beta1=0.5)
    phases = [
        Phase(page.discriminator_phase, page.D, eta=2e-4, **codes),
        Phase(lambda x, z: page.generator_phase(z), page.G, eta=1e-3, **codes),
    ]
    return train_both([page.G, page.D], phases, engine, batches)


def adversarial_beside_engine(rng, batches, n):
    page, engine = adversarial.adversarial_autoencoder(rng, n, HIDDEN, CODE), engine_adversarial(n, HIDDEN, CODE)
    phases = [
        Phase(page.reconstruction_phase, page.autoencoder),
        Phase(page.discriminator_phase, page.D, lambda x: rng.standard_normal((len(x), CODE)), engine.sampler.freeze),
        Phase(page.generator_phase, page.autoencoder[0]),
    ]
    return train_both([page.autoencoder, page.D], phases, engine, batches)


BESIDE_ENGINE = {
    name.removesuffix("_beside_engine"): function
    for name, function in list(globals().items())
    if name.endswith("_beside_engine")
}


def run_beside_engine(name):
    batches = minibatches()
    return BESIDE_ENGINE[name](np.random.default_rng(0), batches, batches.shape[2])


@pytest.mark.parametrize("name", BESIDE_ENGINE)
def test_a_page_takes_the_same_steps_as_the_engine(name):
    (theta, J), (engine_theta, engine_J) = run_beside_engine(name)
    np.testing.assert_allclose(theta, engine_theta, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(J, engine_J, rtol=1e-12)


def test_stacked_takes_the_same_steps_as_the_engine():
    x, sizes = minibatches().reshape(STEPS * ROWS, -1)[:150], (196, 24, 12, 6)
    page, engine = stacked.small_autoencoders(sizes, np.random.default_rng(0)), engine_stacked(sizes)
    for small, engine_small in zip(page, engine.autoencoders, strict=True):
        engine_small.theta.assign(flat(small))
    stacked.pretrain(page, x, STEPS // 2, np.random.default_rng(1))  # 2 minibatches per epoch: 100 rows and 50
    rng = np.random.default_rng(1)
    for engine_small, h in engine.stages(x):
        adam = optim.Adam()
        for _ in range(STEPS // 2):
            order = rng.permutation(len(h))
            for rows in (order[:100], order[100:]):
                engine_step(engine_small, adam, h[rows])
    for small, engine_small in zip(page, engine.autoencoders, strict=True):
        np.testing.assert_allclose(flat(small), engine_small.theta.value, rtol=1e-12, atol=1e-12)
    deep, engine_deep = stacked.unroll(page), engine.unroll()
    np.testing.assert_allclose(flat(deep), engine_deep.theta.value, rtol=1e-12, atol=1e-12)
    both = train_both([deep], [Phase(stacked.reconstruction(deep), deep)], engine_deep, minibatches())
    for of_page, of_engine in zip(*both, strict=True):
        np.testing.assert_allclose(of_page, of_engine, rtol=1e-12, atol=1e-12)


def test_machines_unroll_to_the_engine_s_network():
    sizes, rng = (196, 24, 12, 6), np.random.default_rng(0)
    page, engine = [rbm.RBM(n, m, rng) for n, m in itertools.pairwise(sizes)], engine_stacked(sizes, rbm=True)
    for model in page:
        model.b1, model.b2 = rng.standard_normal(len(model.b1)), rng.standard_normal(len(model.b2))
    for model, engine_model in zip(page, engine.autoencoders, strict=True):
        engine_model.theta.assign(flat(model))
    x, deep = minibatches()[0], rbm.unroll(page, rng)
    np.testing.assert_allclose(flat(deep), engine.unroll().theta.value, rtol=1e-12)
    np.testing.assert_allclose(autoencoder.sigmoid(deep.forward(x)), engine.unroll().reconstruct(x), rtol=1e-12)
    np.testing.assert_allclose(page[0].free_energy(x), engine.autoencoders[0].free_energy(x), rtol=1e-12)


# ---------------------------------------------------------------------- wrong pages are found out


def without_1_over_B(self, h, right=sparse.SparseAutoencoder.penalty):
    omega, domega = right(self, h)
    return omega, domega * len(h)


def without_phi2(self, h, right=contractive.ContractiveAutoencoder.penalty):
    omega, dh, dW = right(self, h)
    return omega, 0 * dh, dW


def without_one_half(mu, log_var, right=variational.divergence):
    kl, dmu, dlog_var = right(mu, log_var)
    return kl, dmu, 2 * dlog_var


WRONG = {
    "sparse": (sparse.SparseAutoencoder, "penalty", without_1_over_B),
    "contractive": (contractive.ContractiveAutoencoder, "penalty", without_phi2),
    "variational": (variational, "divergence", without_one_half),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_derivative_takes_other_steps(name, monkeypatch):
    monkeypatch.setattr(*WRONG[name])
    (theta, _), (engine_theta, _) = run_beside_engine(name)
    assert np.abs(theta - engine_theta).max() > 1e-4


@pytest.mark.parametrize("name", WRONG)
def test_a_page_finds_its_own_wrong_derivative(name, monkeypatch, capsys):
    monkeypatch.setattr(*WRONG[name])
    PAGE[name].main(["--epochs", "1", "--images", "100"])
    assert max(gradient_errors(capsys.readouterr().out)) > 1e-3


# ---------------------------------------------------------------------- what a page prints, and how it is written

PAGE = {name: importlib.import_module(f"demos.from_scratch.{name}") for name in PAGES}
FALLS = {"gan": {"J_D"}, "adversarial": {"J_R"}}  # of the objectives of several players not all fall


def gradient_errors(printed):
    lines = re.findall(r"∂J/∂[Wb].: claimed (\S+), measured (\S+), relative error (\S+)", printed)
    assert lines
    return [abs(float(error)) for _, _, error in lines]


def runs(printed):
    """The mean objectives per epoch, {name: [value per epoch]}, of every network that a page trains."""
    found = []
    for epoch, terms in re.findall(r"epoch (\d+): (.*)", printed):
        if epoch == "1":
            found.append({})
        for name, value in re.findall(r"([^,]+(?:, cross-entropy)?) (-?[\d.]+) nats per image(?:, )?", terms):
            found[-1].setdefault(name, []).append(float(value))
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs_checks_its_gradient_and_learns(name, capsys):
    PAGE[name].main(["--epochs", "3", "--images", "200"])
    printed = capsys.readouterr().out
    assert max(gradient_errors(printed)) < 1e-6
    for run in runs(printed):
        for term, values in run.items():
            assert len(values) == 3
            if term in FALLS.get(name, {term}):
                assert values[-1] < values[0]
    assert len(runs(printed)) >= 1 and "test" in printed


ON_THE_FAKE_GPU = """
import importlib, sys
from tests.fake_gpu.fake_cupy import fake_cupy
sys.modules["cupy"] = fake_cupy
for name in sys.argv[2:]:
    importlib.import_module(f"demos.from_scratch.{name}").main(["--gpu", "--epochs", "1", "--images", "50"])
"""


def test_all_pages_run_on_a_gpu():
    """The double of CuPy refuses what CuPy refuses: NumPy arrays among GPU arrays, functions that CuPy lacks."""
    command = [sys.executable, "-X", "utf8", "-c", ON_THE_FAKE_GPU, "--gpu", *PAGES]
    done = subprocess.run(command, cwd=FOLDER.parents[1], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test: ") >= len(PAGES)


def test_the_digits_are_those_of_the_engine():
    sample = mnist(which="sample")
    for part, images in (("train", sample.train_images), ("t10k", sample.test_images)):
        np.testing.assert_array_equal(autoencoder.digits(part, 10**6), images.reshape(-1, 784) / 255)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_short_and_needs_numpy_alone(name):
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 160
    allowed = {"numpy", "cupy", *sys.stdlib_module_names}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            first_page = node.module == "demos.from_scratch.autoencoder" and name != "autoencoder"
            assert node.level == 0 and (first_page or node.module.split(".")[0] in allowed)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_its_command_its_number_and_its_source(name):
    text = PAGE[name].__doc__
    assert re.search(rf"python -m demos\.from_scratch\.{name} +.*\d", text) and re.search(r"\b(19|20)\d\d\b", text)


def test_a_page_runs_where_the_output_has_no_encoding(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())  # as in a notebook: it has no method reconfigure
    epochs, *_ = autoencoder.setup(["--epochs", "2", "--images", "3"], epochs=1)
    assert epochs == 2
