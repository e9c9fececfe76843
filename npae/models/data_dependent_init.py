"""Data-dependent initialisation: rescale each unit so that its pre-activation has a given mean and unit variance.

Random weights have the right scale only on average. In a given network some units are negative on every input. With a
ReLU such a unit is dead, and in a code of four units one dead unit is a quarter of the code. So pass a batch x through
the network once, and shift and scale the pre-activations a = x W + b of each layer, unit by unit (in a convolution:
channel by channel, over the pixels of all images):

    W_kj ← W_kj / s_j,    b_j ← μ − m_j / s_j       m_j, s_j: mean and standard deviation of (x W)_j over the batch

Then every a_j that varies has mean μ and variance 1 on the batch, at any depth of the network. With μ = 0 a unit is
positive on about half of the inputs. With μ = 2 it is positive on nearly all (98 % for a normal distribution), so a
ReLU starts nearly linear, and narrow layers lose no information at first. The last layer is left as it is, since its
outputs are not hidden units. So are layers that share another layer's weights (TiedDense), which are scaled there.

Krähenbühl, Doersch, Donahue & Darrell 2016, "Data-dependent initializations of convolutional neural networks", section
3.1; Mishkin & Matas 2016, "All you need is a good init" (LSUV).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from npae.backend import Array, ArrayLike, array_module, as_batch_size, as_float, as_lazy_source, batches
from npae.layers import ConvTranspose2D, Dense, Layer
from npae.layers.activations import Identity
from npae.layers.conv import Convolution

Network = TypeVar("Network", bound=Layer)


def data_dependent_init(model: Network, data: ArrayLike, mean: float = 1.0, min_std: float = 1e-3) -> Network:
    """Rescale the layers of `model`, in place, by their pre-activations on the rows `data`. Returns the model.

    npae.fit does this for dense autoencoders by itself, before the first step. A unit whose m_j or s_j overflows stays
    as it is.

    Args:
        model: a network of layers one after the other, with values.
        data: samples (n, …); about a thousand are enough.
        mean: μ; 2 is good for narrow codes of ReLU units.
        min_std: a unit with a standard deviation s_j below it does not vary: it keeps its weights, and its bias gives
            it the mean.

    Raises ValueError for fewer than two rows, and the errors of `fit` for other data that cannot be right.

    Example:
        >>> import numpy as np
        >>> from npae.layers import Dense, Sequential
        >>> from npae.models import data_dependent_init
        >>> x = np.random.default_rng(0).normal(3.0, 2.0, (1000, 20))
        >>> model = Sequential(Dense(20, 8), Dense(8, 2)).initialize(seed=0)
        >>> h = data_dependent_init(model, x, mean=1.0)[0](x.astype(np.float32))
        >>> round(float(h[:, 0].mean()), 3), round(float(h[:, 0].std()), 3)
        (1.0, 1.0)
    """
    rows = as_lazy_source(data, "data")
    if len(rows) < 2:
        raise ValueError(f"data_dependent_init: expected at least 2 rows for a standard deviation, got {len(rows)}.")
    rescale(model, list(batches(rows, as_batch_size(None, model), model.theta.value, "data")), mean, min_std)
    return model


def rescale(model: Layer, inputs: Iterable[Array], mean: float = 1.0, min_std: float = 1e-3) -> None:
    """data_dependent_init on batches as the model takes them.

    Args:
        model: as for data_dependent_init.
        inputs: the batches, which are read twice.
        mean: μ.
        min_std: as for data_dependent_init.
    """
    mean, min_std = as_float(mean, "mean of data_dependent_init"), as_float(min_std, "min_std", above=0)
    layers = [layer for _, layer in model.leaves()]
    last = next((layer for layer in reversed(layers) if layer.parameters and hasattr(layer, "activation")), None)
    here = 0  # the layer that takes `inputs`
    for k, layer in enumerate(layers):
        if isinstance(layer, (Dense, Convolution)) and layer is not last:
            _rescale_one(layer, _outputs(layers[here:k], inputs), mean, min_std)
            inputs, here = list(_outputs(layers[here : k + 1], inputs)), k + 1


def _outputs(layers: Sequence[Layer], inputs: Iterable[Array]) -> Iterator[Array]:
    """The outputs of `layers`, one after the other, for each batch of `inputs`."""
    for h in inputs:
        for layer in layers:
            h = layer(h)
        yield h


def _rescale_one(layer: Dense | Convolution, inputs: Iterable[Array], mean: float, min_std: float) -> None:
    """Rescale W and b of one layer, as at the top of this file."""
    activation, layer.activation = layer.activation, Identity()
    try:
        parts = [layer(x) for x in inputs]  # a = x W + b
    finally:  # reading data may raise
        layer.activation = activation
    xp = array_module(parts[0])
    a, b = parts[0] if len(parts) == 1 else xp.concatenate(parts), layer.b.value.reshape(-1)
    rows = (0, *range(2, a.ndim))  # the axes of the batch and of pixels
    m, s = a.mean(axis=rows) - b, a.std(axis=rows)
    finite = xp.isfinite(m) & xp.isfinite(s)
    m, s = xp.where(finite, m, mean - b), xp.where(finite & (s >= min_std), s, 1)
    W = layer.W.value.swapaxes(2, 3) if isinstance(layer, ConvTranspose2D) else layer.W.value
    W /= s
    layer.b.value[...] = (mean - m / s).reshape(layer.b.shape)
