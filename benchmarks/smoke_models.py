"""The models of the smoke test: one of every kind, small, with its data."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from npae import losses, penalties
from npae.data import Binarize, Warp
from npae.layers import (
    AveragePool2D,
    BatchNorm,
    BatchTopK,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    MaskingNoise,
    Reshape,
    Sequential,
    SoftmaxHead,
    TiedDense,
    TopK,
    Upsample2D,
)
from npae.models import (
    GAN,
    AdversarialAutoencoder,
    Autoencoder,
    Classifier,
    GatedSparseAutoencoder,
    GaussianPrior,
    RingPrior,
    SemiSupervisedAutoencoder,
    SparseAutoencoder,
    convolutional_autoencoder,
    dense_autoencoder,
    variational_autoencoder,
)

ROWS, BATCH = 96, 32  # three steps per epoch, all of one size: a smaller batch is not captured


class Kind(NamedTuple):
    """make(): a new model. data: what it is trained on. settings: of `prepare`. noisy: does a step draw numbers?"""

    make: Callable[[], Any]
    data: Any
    settings: dict = {}
    noisy: bool = False


def kinds():
    """{name: Kind}, the most basic first."""
    rng = np.random.default_rng(0)
    digits = rng.integers(0, 256, (ROWS, 784), dtype=np.uint8)
    digits[:, rng.random(784) < 0.5] = 0
    pictures, floats = digits.reshape(-1, 1, 28, 28), (digits / 255).astype(np.float32)
    y = rng.integers(0, 10, ROWS)
    few = np.where(rng.random(ROWS) < 0.7, -1, y)  # -1: without a label
    squared = losses.SquaredError
    return {
        "dense": Kind(lambda: dense_autoencoder([784, 64, 16]), digits),
        "deep": Kind(lambda: dense_autoencoder([784, 128, 64, 32, 16, 8, 4]), digits),
        "squared error, floats": Kind(lambda: dense_autoencoder([784, 64, 16], loss=squared()), floats),
        "float64": Kind(lambda: dense_autoencoder([784, 64], loss=squared(), dtype="float64"), floats.astype(float)),
        "clipped gradient": Kind(lambda: dense_autoencoder([784, 64]), digits, {"clip_norm": 1.0}),
        "tied weights": Kind(_tied, digits),
        "batch normalisation": Kind(lambda: _around(Dense(784, 64), BatchNorm(64), LeakyReLU()), digits),
        "top-k": Kind(lambda: _around(Dense(784, 64), TopK(8)), digits),
        "sparse, batch top-k": Kind(lambda: SparseAutoencoder(784, 256, BatchTopK(8), dead_after=200), floats),
        "sparse, gated": Kind(lambda: GatedSparseAutoencoder(784, 256, 0.1), floats),
        "penalties": Kind(_penalised, digits),
        "convolutional, pooled": Kind(lambda: convolutional_autoencoder([4, 3, 2]), pictures),
        "convolutional, transposed": Kind(lambda: convolutional_autoencoder([4, 3], transposed=True), pictures),
        "convolutional, average pooling": Kind(_averaged, pictures),
        "classifier": Kind(lambda: Classifier(Sequential(Dense(784, 32, "relu"), Dense(32, 10)), 10), (digits, y)),
        "dropout": Kind(lambda: _around(Dense(784, 64, "relu"), Dropout(0.5)), digits, noisy=True),
        "denoising": Kind(lambda: _around(MaskingNoise(0.3), Dense(784, 64, "relu")), digits, noisy=True),
        "variational": Kind(lambda: variational_autoencoder([784, 64, 8]), digits, noisy=True),
        "importance weighted": Kind(
            lambda: variational_autoencoder([784, 64, 8], samples=3, objective="iwae"), digits, noisy=True
        ),
        "generative adversarial": Kind(_gan, floats, noisy=True),
        "adversarial autoencoder": Kind(
            lambda: AdversarialAutoencoder(dense_autoencoder([784, 64, 2]), _judge(2), RingPrior()), digits, noisy=True
        ),
        "semi-supervised": Kind(_semi_supervised, (digits, few), noisy=True),
        "augmentation, warped": Kind(
            lambda: dense_autoencoder([784, 64, 8]), pictures.reshape(ROWS, 784), {"augment": Warp(0.06)}, noisy=True
        ),
        "augmentation, binarised": Kind(
            lambda: dense_autoencoder([784, 64]), digits, {"augment": Binarize()}, noisy=True
        ),
    }  # fmt: skip


def _around(*encoder):
    return Autoencoder(Sequential(*encoder), Dense(64, 784))


def _judge(n):
    return Sequential(Dense(n, 32, LeakyReLU()), Dense(32, 1))


def _tied():
    first = Dense(784, 64, "sigmoid")
    return Autoencoder(Sequential(first), Sequential(TiedDense(first)))


def _penalised():
    terms = [penalties.L1(1e-3), penalties.KLSparsity(0.1), penalties.Contractive(0.1), penalties.WeightDecay(1e-3)]
    return Autoencoder(Sequential(Dense(784, 64, "sigmoid")), Dense(64, 784), penalties=terms)


def _averaged():
    encoder = Sequential(Conv2D(1, 4, 3, 1, "same", activation="relu"), AveragePool2D(2), Flatten(), Dense(784, 32))
    decoder = Sequential(Dense(32, 784, "relu"), Reshape((4, 14, 14)), Upsample2D(2), Conv2D(4, 1, 3, 1, "same"))
    return Autoencoder(encoder, decoder)


def _gan():
    return GAN(Sequential(Dense(16, 32, "relu"), Dense(32, 784, "sigmoid")), _judge(784), GaussianPrior(16))


def _semi_supervised():
    encoder = Sequential(Dense(784, 32, "relu"), Dense(32, 14), SoftmaxHead(10))
    inner = Autoencoder(encoder, Sequential(Dense(14, 32, "relu"), Dense(32, 784)))
    return SemiSupervisedAutoencoder(inner, _judge(10), _judge(4), GaussianPrior(4))
