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

from npae.backend import array_module, as_batch, as_source, device_of
from npae.data.sources import check_source
from npae.layers import ConvTranspose2D, Dense
from npae.layers.activations import Identity
from npae.layers.conv import Convolution


def data_dependent_init(model, data, mean=0.0, min_std=1e-3):
    """Rescale the layers of `model`, in place, by their pre-activations on the rows `data` (n, …). Returns the model.

    About a thousand rows are enough. mean: μ; 2 is good for narrow ReLU networks. min_std: a lower bound for the s_j,
    against division by 0. Raises ValueError for fewer than two rows, and the errors of `fit` for unsuitable data.
    """
    if len(data) < 2:
        raise ValueError(f"data_dependent_init: expected at least 2 rows for a standard deviation, got {len(data)}.")
    value, data = model.theta.value, as_source(data)
    check_source(data)
    h = as_batch(data, value.dtype, device_of(value))
    layers = [layer for _, layer in model.leaves()]
    last = next((layer for layer in reversed(layers) if layer.parameters and hasattr(layer, "activation")), None)
    for layer in layers:
        if isinstance(layer, (Dense, Convolution)) and layer is not last:
            _rescale(layer, h, mean, min_std)
        h = layer(h)
    return model


def _rescale(layer, x, mean, min_std):
    """Rescale W and b of one layer, as at the top of this file."""
    activation, layer.activation = layer.activation, Identity()
    a = layer(x)  # x W + b
    layer.activation = activation
    rows = (0, *range(2, a.ndim))  # the axes of the batch and of pixels
    m, s = a.mean(axis=rows) - layer.b.value.reshape(-1), array_module(x).maximum(a.std(axis=rows), min_std)
    W = layer.W.value.swapaxes(2, 3) if isinstance(layer, ConvTranspose2D) else layer.W.value
    W /= s
    layer.b.value[...] = (mean - m / s).reshape(layer.b.shape)
