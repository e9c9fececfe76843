"""Models of every kind, small, with the settings of a run: what is saved, mutated, killed and resumed."""

import numpy as np

from npae import (
    GAN,
    AdversarialAutoencoder,
    Autoencoder,
    SemiSupervisedAutoencoder,
    SparseAutoencoder,
    convolutional_autoencoder,
    dense_autoencoder,
    optim,
    variational_autoencoder,
)
from npae.layers import BatchNorm, BatchTopK, Dense, Dropout, Sequential, SoftmaxHead
from npae.models import RBM, Classifier, GaussianPrior
from npae.train import EarlyStopping, ExponentialMovingAverage, LearningRateLog

RNG = np.random.default_rng(3)
X = RNG.random((60, 12), np.float32)
IMAGES = RNG.integers(0, 256, (40, 1, 8, 8), np.uint8)
CLASSES = np.where(np.arange(60) < 30, np.arange(60) % 3, -1)


def critic(n):
    return Sequential(Dense(n, 6, "leaky_relu"), Dense(6, 1))


def dense():
    callbacks = [EarlyStopping(patience=50), ExponentialMovingAverage(0.9)]
    return dense_autoencoder([12, 6, 3], seed=1), X, {
        "schedule": optim.Cosine(30), "validation": 0.2, "callbacks": callbacks, "clip_norm": 1.0,
    }  # fmt: skip


def vae():
    return variational_autoencoder([12, 6, 2]), X, {"schedule": optim.WarmUp(2, optim.Step(5, 0.8))}


def gan():
    generator = Sequential(Dense(4, 6, "relu"), Dense(6, 12, "sigmoid"))
    rates = {"discriminator": optim.Adam(1e-3, beta1=0.5), "generator": optim.Adam(5e-4, beta1=0.5)}
    return GAN(generator, critic(12), GaussianPrior(4)), X, {"optimizer": rates}


def aae():
    model = AdversarialAutoencoder(dense_autoencoder([12, 6, 2]), critic(2), GaussianPrior(2, std=5.0))
    return model, X, {"callbacks": [ExponentialMovingAverage(0.95)]}


def semi_supervised():
    encoder = Sequential(Dense(12, 6, "relu"), Dense(6, 3 + 2), SoftmaxHead(3))
    decoder = Sequential(Dense(3 + 2, 6, "relu"), Dense(6, 12))
    model = SemiSupervisedAutoencoder(Autoencoder(encoder, decoder), critic(3), critic(2), GaussianPrior(2))
    return model, (X, CLASSES), {}


def conv():
    return convolutional_autoencoder([3, 2], image_shape=(1, 8, 8)), IMAGES, {"optimizer": optim.AdamW(1e-3)}


def batch_norm():
    encoder = Sequential(Dense(12, 6), BatchNorm(6), Dropout(0.2), Dense(6, 3, "elu"))
    settings = {
        "optimizer": optim.SGD(0.05, momentum=0.9), "schedule": optim.Plateau(2, threshold=0.05), "validation": 0.25,
        "callbacks": [LearningRateLog()],
    }  # fmt: skip
    return Autoencoder(encoder, Dense(3, 12), "mse"), X, settings


def classifier():
    network = Sequential(Dense(12, 6, "relu"), Dense(6, 3))
    return Classifier(network, 3), (X, np.arange(60) % 3), {}


def sparse():
    return SparseAutoencoder(12, 20, BatchTopK(3), dead_after=100), X, {}


def rbm():
    return RBM(12, 6), X, {"optimizer": optim.SGD(0.1, momentum=0.5)}


KINDS = {
    make.__name__: make for make in (dense, vae, gan, aae, semi_supervised, conv, batch_norm, classifier, sparse, rbm)
}
