"""Batch size at inference: how many samples pass through a network at a time, if the caller does not choose it.

    rows = M / (bytes of the largest output of a layer for one sample),      at least 16, at most 1,024

With few rows the calls, and matrix products with few rows, take most of the time. With many, a layer's output has left
the cache before the next layer reads it, and memory grows. On the CPU M = 8 MB. Seconds on one core (32 MB of level 3
cache), relative to the fastest number of rows, for images of 28 x 28 and 64 x 64 pixels:

    largest output of a layer       1 MB    2 MB    4 MB    8 MB    16 MB   32 MB   64 MB
    convolutional autoencoders      1.12    1.03    1.01    1.02    1.06    1.15    1.3 … 1.7
    discriminator, generator        1.07    1.03    1.01    1.00    1.05    1.15    1.1 … 2.1

Dense networks need rows: 64 rows take 1.25 times the time of 1,024, and 16 rows take twice. They get 1,024, unless a
layer has more than 2,048 units of float32. On a GPU starting a kernel costs more than the cache saves, so M = 256 MB
there, which has not been measured on a GPU.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from npae.backend.arrays import device_of
from npae.backend.settings import as_int
from npae.backend.shapes import output_shapes
from npae.backend.typing import Array

if TYPE_CHECKING:
    from npae.backend.parameterized import Parameterized

LEAST, MOST = 16, 1024  # rows
BYTES = {"cpu": 8 * 2**20, "gpu": 256 * 2**20}  # M

BatchSize: TypeAlias = int | Callable[[tuple[int, ...], Array], int]
"""Rows per batch: a number, or a function of the shape (n, …) of the data and of an array like the batches."""


def rows_per_pass(network: "Parameterized", shape: tuple[int, ...], like: Array, copies: int = 1) -> int:
    """How many samples should pass through `network` at a time.

    Args:
        network: what the data enter: a model, or a part of it such as its decoder.
        shape: of all the data, (n, …).
        like: an array of the batches' dtype and on their device.
        copies: how often each sample passes at a time, such as the number of codes that are drawn for it.

    Example:
        >>> import numpy as np
        >>> from npae import convolutional_autoencoder
        >>> from npae.backend import rows_per_pass
        >>> model = convolutional_autoencoder([16, 8])  # its largest output: 16 channels of 28 x 28 pixels
        >>> rows_per_pass(model, (60_000, 1, 28, 28), like=np.ones(1, np.float32)), 8 * 2**20 // (16 * 28 * 28 * 4)
        (167, 167)
    """
    n, *sample = shape
    if n * copies <= LEAST:
        return LEAST  # one pass, whatever the layers are
    largest = math.prod(sample)
    with suppress(ValueError):  # a layer that these samples do not fit: its forward raises the error
        for _, _, out in output_shapes(network, tuple(sample)):
            largest = max(largest, math.prod(out or ()))
    rows = BYTES[device_of(like)] // (largest * like.dtype.itemsize * copies)
    return max(min(rows, MOST), LEAST // copies, 1)


def as_batch_size(given: int | None, network: "Parameterized", copies: int = 1) -> BatchSize:
    """The rows per batch that a caller gave, or for None the function of the data that chooses them.

    Args:
        given: an integer, 1 or more, or None.
        network, copies: as for rows_per_pass.

    Raises TypeError for what is not an integer, ValueError below 1.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.backend import as_batch_size, batches
        >>> model, x = dense_autoencoder([3, 2]), np.ones((2000, 3))
        >>> [len(batch) for batch in batches(x, as_batch_size(None, model), model.theta.value)]
        [1024, 976]
    """
    if given is None:
        return partial(rows_per_pass, network, copies=copies)
    return as_int(given, "batch_size", least=1)


def rows_of(batch_size: BatchSize, shape: tuple[int, ...], like: Array) -> int:
    """A BatchSize as a number, for data of this shape.

    Args:
        batch_size: an integer, 1 or more, or what as_batch_size returns.
        shape: of all the data, (n, …).
        like: an array of the batches' dtype and on their device.

    Raises TypeError for what is not an integer, ValueError below 1.

    Example:
        >>> import numpy as np
        >>> from npae.backend import rows_of
        >>> rows_of(64, (2000, 3), like=np.ones(1))
        64
    """
    return batch_size(shape, like) if callable(batch_size) else as_int(batch_size, "batch_size", least=1)
