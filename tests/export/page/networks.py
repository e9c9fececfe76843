"""What the tests of pages share: networks with values that hide no mistake, and their samples."""

import re

import numpy as np

from npae import Autoencoder, dense_autoencoder, variational_autoencoder
from npae.export.page import save
from npae.layers import (
    ELU,
    Dense,
    GaussianNoise,
    Identity,
    LeakyReLU,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Slice,
    Softplus,
    Tanh,
)
from npae.losses import HeteroscedasticGaussianNLL
from tests.export.common import disturbed

ACTIVATIONS = (Identity, Sigmoid, Tanh, ReLU, LeakyReLU, ELU, SiLU, Softplus)


def networks():
    """A network of every kind that a page can compute, for images of 6 × 4 pixels, by name."""
    halves = Autoencoder(
        Sequential(Dense(24, 5, "silu"), Slice(1, 4)), Sequential(Dense(3, 9, "elu"), Dense(9, 48)),
        HeteroscedasticGaussianNLL(), seed=None,
    )  # fmt: skip
    found = {
        "dense": dense_autoencoder([24, 9, 4], "tanh", seed=None),
        "variational": variational_autoencoder([24, 9, 2], "elu", seed=None),
        "one number": dense_autoencoder([24, 7, 1], Softplus(), "sigmoid", seed=None),
        "tied": dense_autoencoder([24, 9, 3], "leakyrelu", tied=True, loss="mse", seed=None),
        "batch norm": dense_autoencoder([24, 9, 3], batch_norm=True, dropout=0.2, image_shape=(6, 4), seed=None),
        "denoiser": dense_autoencoder([24, 70], code_activation="relu", corruption=GaussianNoise(0.4, (0, 1)),
                                      seed=None),
        "halves": halves,
    }  # fmt: skip
    return {name: disturbed(model, seed=k) for k, (name, model) in enumerate(found.items())}


def samples(model, n=40, seed=3):
    """n samples of the model's shape, uint8."""
    x = np.random.default_rng(seed).integers(0, 256, (n, 24), np.uint8)
    x[:, ::3] = 0  # black pixels, which the page leaves out of its sums
    return x.reshape(n, 6, 4) if "Reshape" in repr(model) else x


def text_of(model, **settings):
    """The page of a model, with three classes."""
    x = samples(model)
    settings = {"labels": np.arange(len(x)) % 3, "title": "A page", "image_shape": (6, 4)} | settings
    return save.page(model, x, settings["labels"], settings["title"], settings["image_shape"])


def embedded(text, name):
    """The text of the element with this id."""
    return re.search(rf'<script type="[\w/]+" id="{name}">(.*?)</script>', text, re.DOTALL)[1]
