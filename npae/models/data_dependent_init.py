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

from npae.backend import array_module, batches
from npae.layers import ConvTranspose2D, Dense
from npae.layers.activations import Identity
from npae.layers.conv import Convolution


def data_dependent_init(model, data, mean=1.0, min_std=1e-3):
    """Rescale the layers of `model`, in place, by their pre-activations on the rows `data` (n, …). Returns the model.

    About a thousand rows are enough. mean: μ; 2 is good for narrow codes of ReLU units. A unit with a standard
    deviation s_j below min_std does not vary: it keeps its weights, and its bias gives it the mean. A unit whose m_j or
    s_j overflows stays as it is. Raises ValueError for fewer than two rows, and the errors of `fit` for other data that
    cannot be right.
    """
    if len(data) < 2:
        raise ValueError(f"data_dependent_init: expected at least 2 rows for a standard deviation, got {len(data)}.")
    rescale(model, list(batches(data, 1024, model.theta.value, "data")), mean, min_std)
    return model


def rescale(model, inputs, mean=1.0, min_std=1e-3):
    """data_dependent_init on batches as the model takes them. inputs: an iterable of them, read twice."""
    layers = [layer for _, layer in model.leaves()]
    last = next((layer for layer in reversed(layers) if layer.parameters and hasattr(layer, "activation")), None)
    here = 0  # the layer that takes `inputs`
    for k, layer in enumerate(layers):
        if isinstance(layer, (Dense, Convolution)) and layer is not last:
            _rescale_one(layer, _outputs(layers[here:k], inputs), mean, min_std)
            inputs, here = list(_outputs(layers[here : k + 1], inputs)), k + 1


def _outputs(layers, inputs):
    """The outputs of `layers`, one after the other, for each batch of `inputs`."""
    for h in inputs:
        for layer in layers:
            h = layer(h)
        yield h


def _rescale_one(layer, inputs, mean, min_std):
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
