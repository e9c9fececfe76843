"""First weights from the data: every hidden unit starts where its activation does something.

Random weights are right on average over networks; in the one network at hand some units are negative on every input.
Behind a ReLU such a unit is dead, and in a code of four units one dead unit is a quarter of the code. So go through
the network once with a batch x, and shift and scale each layer's outputs a = x W + b, unit by unit (in a convolution:
channel by channel, over the pixels of all images):

    W_kj ← W_kj / s_j,    b_j ← μ − m_j / s_j       m_j, s_j: mean and standard deviation of (x W)_j over the batch

Then every a_j that varies has mean μ and variance 1 on the batch, neither vanishing nor exploding, however deep the
network. With μ = 0 a unit is positive on half of the inputs. With μ = 2 it is positive on nearly all (98 % of a normal
variable), so a ReLU starts as good as linear: narrow layers pass on everything at first, and learn later what to cut
off. The last layer is left alone, since its outputs are not units but the answer; so are layers with the weights of
another one (TiedDense), which are scaled there.

Krähenbühl, Doersch, Donahue & Darrell 2016, "Data-dependent initializations of convolutional neural networks",
section 3.1; Mishkin & Matas 2016, "All you need is a good init".
"""

from npae.backend import array_module, device_of
from npae.data.minibatches import as_batch
from npae.data.sources import as_source, check_source
from npae.layers import Affine, ConvTranspose2D, Dense
from npae.layers.conv import Convolution


def data_dependent_init(model, data, mean=0.0, least=1e-3):
    """Shift and scale the layers of `model`, in place, by what the rows `data` (n, …) make of them. Returns it.

    A thousand rows are plenty. mean: μ, in standard deviations; 2 is good for narrow ReLU networks. least: the smallest
    s_j that is divided by. Raises ValueError for fewer than two rows, and what `fit` raises for data that cannot be
    right.
    """
    if len(data) < 2:
        raise ValueError(f"data_dependent_init: expected at least 2 rows to take a standard deviation of, got {len(data)}.")
    value, data = model.theta.value, as_source(data)
    check_source(data)
    h = as_batch(data, value.dtype, device_of(value))
    layers = [layer for _, layer in model.leaves()]
    last = next((layer for layer in reversed(layers) if isinstance(layer, Affine)), None)
    for layer in layers:
        if isinstance(layer, (Dense, Convolution)) and layer is not last:
            a = layer.product(h)
            rows = (0, *range(2, a.ndim))  # of the batch, and the pixels of images
            s = array_module(h).maximum(a.std(axis=rows), least)
            W = layer.W.value.swapaxes(2, 3) if isinstance(layer, ConvTranspose2D) else layer.W.value
            W /= s
            layer.b.value[...] = (mean - a.mean(axis=rows) / s).reshape(layer.b.shape)
        h = layer(h)
    return model
