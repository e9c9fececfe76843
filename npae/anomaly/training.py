"""Training a network on rows: a default network, its first weights, and batches of equal size."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from npae.anomaly.standardise import BLOCK
from npae.backend import Array, DTypeLike, LazyRows, to_device
from npae.layers import BatchNorm, Dense, Identity, Tanh
from npae.losses import SquaredError
from npae.models import data_dependent_init, dense_autoencoder
from npae.models.base import Model
from npae.train import History, fit

MakeModel: TypeAlias = Callable[[tuple[int, ...], int, DTypeLike], Model]
"""A function that makes a network: the shape of a row, the seed of its first weights, its dtype."""


def default_code_size(d: int) -> int:
    """The code size c = min(d/2, 32), at least 1, for rows of d numbers."""
    return max(1, min(d // 2, 32))


def default_model(shape: tuple[int, ...], seed: int = 0, dtype: DTypeLike = np.float32) -> Model:
    """An autoencoder d-4c-c-4c-d of tanh units with a linear code, c = min(d/2, 32), for rows of d numbers.

    Args:
        shape: of a row.
        seed: of the first weights.
        dtype: of the parameters.
    """
    d = math.prod(shape)
    c = default_code_size(d)
    image_shape = shape if len(shape) > 1 else None
    return dense_autoencoder([d, 4 * c, c], Tanh, Identity, SquaredError(), image_shape, seed, dtype)


def new_model(make: MakeModel, rows: Array | LazyRows, seed: int, dtype: DTypeLike) -> Model:
    """A network for rows, with first weights that suit up to 1000 of them (models.data_dependent_init).

    Pre-activations begin with mean 1 in front of rectifiers, so that few units are dead, and with mean 0, where the
    derivative of tanh and sigmoid is largest, in front of others. Batch normalization does so itself.

    Args:
        make: a function that makes the network.
        rows: the training rows, (n, …).
        seed: of the first weights, and of the choice of rows.
        dtype: of the parameters.
    """
    model = make(rows.shape[1:], seed, dtype)
    layers = [layer for _, layer in model.leaves()]
    if not any(isinstance(layer, BatchNorm) for layer in layers):
        rectified = any(isinstance(f, Dense) and f.activation.initializer.startswith("he") for f in layers)
        count = max(2, min(1000, BLOCK // math.prod(rows.shape[1:])))
        some = np.random.default_rng(seed).permutation(len(rows))[:count]
        data_dependent_init(model, rows[some], mean=float(rectified))
    return model


def train(model: Model, rows: Array | LazyRows, epochs: int, batch_size: int, **settings: Any) -> History:
    """npae.train.fit with batches of equal size, of at most `batch_size` rows, give or take one row per batch.

    A last batch of a few rows would be a step of much noise in one fit of a cross-fitting and not in the next, and
    their distances would differ. Without epochs the History is empty.

    Args:
        model: the network.
        rows: the training rows, (n, …).
        epochs: of training; 0: none.
        batch_size: the most rows per batch.
        **settings: further arguments of fit.
    """
    if not epochs:
        return History()
    n = len(rows)
    if isinstance(settings.get("validation"), float):
        n -= round(n * settings["validation"])
    steps = max(1, math.ceil(n / batch_size))
    size = max(1, math.ceil(n / steps))
    if size > 1:  # the last batch must not be a single row, which batch normalization cannot take
        size = next((m for m in (*range(size, 1, -1), *range(size + 1, n)) if n % m != 1), n)
    return fit(model, rows, epochs=epochs, batch_size=size, **settings)


def check_range(model: Model, rows: Array | LazyRows, owner: str) -> None:
    """Raise ValueError, with the cure, if the loss of the model cannot take standardised features."""
    try:
        model.check_targets(to_device(rows[:1000], "cpu"))
    except ValueError as error:
        raise ValueError(
            f"{owner}: the loss of the model cannot take standardised features, which are negative or above 1 "
            f"({str(error).partition('. ')[0]}). For images and other data in [0, 1] use standardize=False; for a "
            'table give the model loss="mse".'
        ) from error
