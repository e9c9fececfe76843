"""Captured steps of every kind of model: without a warning, with the numbers of ordinary steps.

Also with the weight gradients on a second stream, in both extreme orders in which a device may run the two.
"""

import warnings

import numpy as np
import pytest

from npae import (
    GAN,
    AdversarialAutoencoder,
    Autoencoder,
    Classifier,
    GatedSparseAutoencoder,
    SemiSupervisedAutoencoder,
    SparseAutoencoder,
    convolutional_autoencoder,
    data,
    dense_autoencoder,
    losses,
    penalties,
    variational_autoencoder,
)
from npae.backend import Fork, gpu_module, use_blas
from npae.layers import (
    BatchNorm,
    BatchTopK,
    Dense,
    Dropout,
    JumpReLU,
    LeakyReLU,
    MaskingNoise,
    ReLU,
    Sequential,
    Sigmoid,
    SoftmaxHead,
    TopK,
)
from npae.models import RBM, GaussianPrior, RingPrior
from npae.train import prepare
from npae.train.cuda_graph import CapturedStep
from npae.train.health import DeadUnitWarning
from tests.devices import each_gpu, on, with_fake
from tests.fake_gpu import capture
from tests.fake_gpu.streams import critical_path, n_operations
from tests.train.cuda_graph.test_captured_step import SameProducts

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (40, 64), dtype=np.uint8)
X[:, RNG.random(64) < 0.5] = 0
FLOATS, IMAGES = (X / 255).astype(np.float32), X.reshape(-1, 1, 8, 8)
LABELS = RNG.integers(0, 10, 40)
FEW_LABELS = np.where(RNG.random(40) < 0.9, -1, LABELS)


def around(*encoder, n=64, loss=None, **more):
    """An autoencoder with these layers as encoder."""
    encoder = Sequential(Dense(64, n), *encoder)
    return Autoencoder(encoder, Dense(n, 64), *([] if loss is None else [loss]), **more)


def discriminator(n):
    return Sequential(Dense(n, 16), LeakyReLU(0.2), Dense(16, 1))


def semi_supervised():
    encoder = Sequential(Dense(64, 16), ReLU(), Dense(16, 14), SoftmaxHead(10))
    autoencoder = Autoencoder(encoder, Sequential(Dense(14, 16), ReLU(), Dense(16, 64)))
    return SemiSupervisedAutoencoder(autoencoder, discriminator(10), discriminator(4), GaussianPrior(4))


def penalised():
    terms = [penalties.L1(1e-3), penalties.KLSparsity(0.1), penalties.Contractive(0.1), penalties.WeightDecay(1e-3)]
    return Autoencoder(Dense(64, 12, Sigmoid()), Dense(12, 64), penalties=terms)


SQUARED = losses.SquaredError
KINDS = {  # name: (model, data, settings of prepare)
    "dense": (lambda: dense_autoencoder([64, 32, 16, 8, 4]), X, {}),
    "clipped": (lambda: dense_autoencoder([64, 16, 4]), X, {"clip_norm": 1.0}),
    "squared error, floats": (lambda: dense_autoencoder([64, 16, 4], loss=SQUARED()), FLOATS, {}),
    "variational": (lambda: variational_autoencoder([64, 16, 4]), X, {}),
    "importance-weighted": (lambda: variational_autoencoder([64, 16, 4], samples=3, objective="iwae"), X, {}),
    "dropout": (lambda: around(ReLU(), Dropout(0.5), n=16), X, {}),
    "masking": (lambda: Autoencoder(Sequential(MaskingNoise(0.3), Dense(64, 16), ReLU()), Dense(16, 64)), X, {}),
    "batch norm": (lambda: around(BatchNorm(16), ReLU(), n=16), X, {}),
    "top-k of long rows": (lambda: around(TopK(25), n=400, loss=SQUARED()), FLOATS, {}),
    "sparse, top-k": (lambda: SparseAutoencoder(64, 90, TopK(5), dead_after=30), FLOATS, {}),
    "sparse, batch top-k": (lambda: SparseAutoencoder(64, 90, BatchTopK(5), dead_after=30), FLOATS, {}),
    "sparse, jump": (lambda: SparseAutoencoder(64, 90, JumpReLU(90, 0.3, 0.2), [penalties.L0(0.1)]), FLOATS, {}),
    "sparse, gated": (lambda: GatedSparseAutoencoder(64, 90, 0.1), FLOATS, {}),
    "top-k of short rows": (lambda: around(TopK(3), n=20, loss=SQUARED()), FLOATS, {}),
    "penalties": (penalised, X, {}),
    "classifier": (lambda: Classifier(Sequential(Dense(64, 16), ReLU(), Dense(16, 10)), 10), (X, LABELS), {}),
    "rbm": (lambda: RBM(64, 16), X, {}),
    "rbm, Gaussian, decay": (lambda: RBM(64, 16, "linear", [penalties.WeightDecay(1e-3)]), X, {}),
    "gan": (
        lambda: GAN(Sequential(Dense(4, 16), ReLU(), Dense(16, 64), Sigmoid()), discriminator(64), GaussianPrior(4)),
        X, {},
    ),
    "adversarial, ring": (
        lambda: AdversarialAutoencoder(dense_autoencoder([64, 16, 2]), discriminator(2), RingPrior()), X, {},
    ),
    "semi-supervised": (semi_supervised, (X, FEW_LABELS), {}),
    "convolutional, pooled": (lambda: convolutional_autoencoder([4, 3], (1, 8, 8), pooled=2), IMAGES, {}),
    "convolutional, transposed": (lambda: convolutional_autoencoder([4, 3], (1, 8, 8), transposed=True), IMAGES, {}),
    "warped": (lambda: variational_autoencoder([64, 16, 4]), X, {"augment": data.Warp(0.06, image=(8, 8))}),
    "augmented, no noisy layer": (lambda: dense_autoencoder([64, 16]), X, {"augment": data.Binarize()}),
}  # fmt: skip


BRIEF = ("dense", "sparse, batch top-k", "variational", "dropout", "batch norm", "top-k of short rows", "classifier",
         "convolutional, pooled")  # fmt: skip


def run(name, kind, epochs=3):
    """(losses, θ, the graph) of a run with steps of a kind: batches of 16, of 16 and of 8 rows."""
    model, rows, settings = KINDS[name]
    trainer = prepare(model().to("gpu"), rows, batch_size=16, seed=1, progress="none", **settings)
    trainer.step = kind(trainer.model, trainer.batches, trainer.optimizer, settings.get("clip_norm"))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "graph=True")
        warnings.simplefilter("ignore", DeadUnitWarning)  # top-k
        history = trainer.run(epochs)
    graph = trainer.step._graph if kind is CapturedStep else None
    return history["loss"], gpu_module().asnumpy(trainer.model.theta.value), graph


@each_gpu
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_model_is_captured_with_the_numbers_of_ordinary_steps(device, name):
    with on(device) as place:
        losses_, theta, graph = run(name, CapturedStep)
        same_losses, same_theta, _ = run(name, SameProducts)
    assert graph is not None and np.isfinite(theta).all()
    tolerance = 0 if place.is_fake else 1e-4
    np.testing.assert_allclose(losses_, same_losses, rtol=tolerance)
    np.testing.assert_allclose(theta, same_theta, rtol=tolerance, atol=tolerance)


@with_fake
@pytest.mark.parametrize("name", [
    name if name in BRIEF else pytest.param(name, marks=pytest.mark.slow) for name in KINDS
])  # fmt: skip
def test_a_second_stream_changes_no_bit_in_any_order(monkeypatch, name):
    """Operations of the second stream come as late as the join allows, or as early as the fork does."""
    with on("fake"):
        monkeypatch.setenv("NPAE_FORK", "0")
        _, theta, graph = run(name, CapturedStep)
        monkeypatch.setenv("NPAE_FORK", "1")
        for order in capture.ORDERS:
            with capture.order(order):
                _, forked_theta, forked = run(name, CapturedStep)
            np.testing.assert_array_equal(forked_theta, theta, err_msg=order)
        operations = [n_operations(g._graph) for g in (graph, forked)]
        paths = [critical_path(g._graph) for g in (graph, forked)]
    assert operations[0] == operations[1] == paths[0] > paths[1]


@with_fake
def test_a_second_stream_that_does_not_wait_shows(monkeypatch):
    """A deliberately wrong Fork, which waits for the first stream once only: the early order gives other numbers."""

    def run_too_early(fork, function, *args):
        if not fork._kept:
            fork._stream.wait_event(gpu_module().cuda.get_current_stream().record())
        fork._kept.append((function, args))
        with fork._stream, use_blas(fork._blas):
            return function(*args)

    monkeypatch.setenv("NPAE_FORK", "1")
    monkeypatch.setattr(Fork, "run", run_too_early)
    with on("fake"):
        _, right, _ = run("dense", SameProducts)
        theta = {}
        for order in capture.ORDERS:
            with capture.order(order):
                _, theta[order], _ = run("dense", CapturedStep)
    np.testing.assert_array_equal(theta["late"], right)
    assert abs(theta["early"] - right).max() > 1e-4
