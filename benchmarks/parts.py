"""A training step taken apart: its products, windows, formulas, loss, optimizer and gathering, each to be timed alone.

Products and windows run on arrays of random numbers in place of activations, the rest on what was met on the way
through the network. What each part has to do is counted by benchmarks/counts.py.
"""

from functools import partial

from benchmarks import counts
from benchmarks.clock import in_a_frame
from benchmarks.formulas import recorded
from benchmarks.single import numbers
from npae.backend import Arena, empty, matmul, ones
from npae.layers import Dense, Upsample2D
from npae.layers.conv import Convolution
from npae.layers.pooling import Pooling


class Parts:
    """The parts of a step: `calls` {name: call} and `works` {name: [Work of each operation in it]}."""

    def __init__(self, step, device):
        self.model, self.device, self.calls, self.works = step.model, device, {}, {}
        with Arena().frame(0):
            x = step.batches.take(step.next_rows())
            self._layers(x.shape)
            self._passes(x)
        with recorded() as adam:
            step.optimizer.step(self.model.theta)
        self._add("optimizer", lambda: step.optimizer.step(self.model.theta), map(counts.evaluation, adam))
        self._add("gather", in_a_frame(lambda: step.batches.take(step.next_rows())),
                  [counts.gather(len(x), x[0].size)])  # fmt: skip

    def _add(self, name, call, works):
        self.calls[name], self.works[name] = call, list(works)

    def _layers(self, shape):
        """The products and the windows of every layer; shape: of the batch."""
        todo, works = {"products": [], "windows": []}, {"products": [], "windows": []}
        for _, layer in self.model.leaves():
            below, shape = shape, (shape[0], *layer.out_shape(shape[1:]))
            for name, kinds, of_layer in KINDS:
                if isinstance(layer, kinds):
                    x, dy = numbers(below, 1, self.device), numbers(shape, 2, self.device)
                    calls, counted = of_layer(layer, x, dy, needs_dx=bool(todo["products"]))
                    todo[name] += calls
                    works[name] += counted
        for name, calls in todo.items():
            self._add(name, in_a_frame(*calls), works[name])

    def _passes(self, x):
        """Elementwise formulas and loss, as they were met on the way through the network."""
        model, loss = self.model, self.model.loss
        with recorded() as in_windows:
            self.calls["windows"]()
        with recorded() as forward:
            z, cache = model.forward(x, training=True)
        with recorded() as inside:
            _, dz = loss.value_and_gradient(z, x)
        with recorded() as backward:
            model.backward(dz, cache, needs_dx=False)
        counted_already = {e.formula for e in in_windows}
        met = [e for e in forward + backward if e.formula not in counted_already]
        self._add("elementwise", lambda: [e.again() for e in met], map(counts.evaluation, met))
        self._add("loss", in_a_frame(lambda: loss.value_and_gradient(z, x)),
                  [*map(counts.evaluation, inside), *counts.loss_sums(loss, z.size)])  # fmt: skip


def dense_products(layer, x, dy, needs_dx):
    """([call], [Work]) of the products of a Dense layer, bare."""
    (B, n_in), n_out = x.shape, layer.n_out
    todo = [(x, layer.W.value, empty(dy.shape, x)), (x.T, dy, layer.W.grad), (ones(B, dy), dy, layer.b.grad)]
    works = [counts.product(B, n_in, n_out), counts.product(n_in, B, n_out), counts.bias_gradient(B, n_out)]
    if needs_dx:  # nobody asks for the gradient of the images
        todo.append((dy, layer.W.value.T, empty(x.shape, x)))
        works.append(counts.product(B, n_out, n_in))
    return [partial(matmul, a, b, out=out) for a, b, out in todo], works


def convolution_products(layer, x, dy, needs_dx):
    """([call], [Work]) of the products of a convolution, patches included."""

    def backward():
        layer.theta.zero_grad()
        layer.backward(dy, x, needs_dx)

    each = counts.convolution(counts.places(x, dy), layer.W.size, x.size, dy.size)
    bias = counts.bias_gradient(dy.size // layer.c_out, layer.c_out)
    return [partial(layer.product, x), backward], [each, each, bias, *[each] * needs_dx]


def windows(layer, x, dy, needs_dx):
    """([call], [Work]) of a pooling or an upsampling, forward and backward."""

    def both():
        _, cache = layer.forward(x, training=True)
        layer.backward(dy, cache, needs_dx)

    forward, backward = counts.windows(layer, x.size, dy.size)
    return [both], [forward, *[backward] * needs_dx]


KINDS = (
    ("products", Dense, dense_products),
    ("products", Convolution, convolution_products),
    ("windows", (Pooling, Upsample2D), windows),
)
