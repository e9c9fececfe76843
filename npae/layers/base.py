"""The contract of a layer: forward, backward, and what it declares about itself.

    forward(x, training=False) -> (y, cache)        y = f(x; θ)
    backward(dy, cache)        -> dx                dx = (∂y/∂x)ᵀ dy,   and   ∂J/∂θ += (∂y/∂θ)ᵀ dy

dy stands for ∂J/∂y, dx for ∂J/∂x. The cache is all that backward needs to know about the call, and the layer keeps
nothing of it: a layer may be called any number of times before it is differentiated, in any order (the discriminator
of a GAN is called twice in a step). Axis 0 is the batch.
"""

import numpy as np

from npae.backend import Serializable, array_module, device_of, resolve_device, to_device
from npae.layers.buffers import Statistics
from npae.layers.parameters import Storage, Theta


class Layer(Serializable):
    """A differentiable function with parameters. Composites (Sequential, a whole autoencoder) are layers too.

    A new layer sets `parameters` (its own), `buffers` (npae.layers.buffers) or `children` ((name, Layer) pairs) in __init__,
    and defines forward, backward, config and, unless shapes pass through unchanged, out_shape.
    """

    parameters = ()
    buffers = ()
    children = ()
    transparent = False  # does it only move, choose or silence numbers, so that a layer before feeds the one behind it?
    _theta = _statistics = None
    registry = {}

    def forward(self, x, training=False):
        """(y, cache) for a batch x. `training` switches on what inference leaves out (noise, dropout)."""
        raise NotImplementedError

    def backward(self, dy, cache, needs_dx=True):
        """∂J/∂x from ∂J/∂y, adding to the parameters' gradients; None where the caller says it does not need it."""
        raise NotImplementedError

    def __call__(self, x):
        """y = f(x), as in inference."""
        return self.forward(x)[0]

    def out_shape(self, shape):
        """The shape of one output, without the batch axis, for one input of `shape`."""
        return shape

    def reseed(self, seed):
        """Draw from the stream `seed` (a list of integers) from now on. Training calls it before every epoch, so that
        any epoch can be repeated by itself; layers without random numbers ignore it."""

    def feeds(self, following):
        """Told by Sequential which layer comes next, and behind transparent ones which else; Dense chooses its
        initializer by it.
        """

    # ------------------------------------------------------------------ parameters

    def named_parameters(self, prefix=""):
        """(dotted name, Parameter) of this layer and all within, in a stable order; shared ones where first met."""
        return self._named("parameters", prefix)

    def named_buffers(self, prefix=""):
        """(dotted name, Buffer) of this layer and all within, as named_parameters."""
        return self._named("buffers", prefix)

    def _named(self, kind, prefix):
        seen = set()
        for name, p in self._walk(kind, prefix):
            if id(p) not in seen:
                seen.add(id(p))
                yield name, p

    def _walk(self, kind, prefix):
        for p in getattr(self, kind):
            yield prefix + p.name, p
        for name, child in self.children:
            yield from child._walk(kind, f"{prefix}{name}.")

    def leaves(self, name=""):
        """(dotted name, Layer) of every layer within that has no children, in order."""
        if not self.children:
            yield name, self
        for child_name, child in self.children:
            yield from child.leaves(f"{name}.{child_name}" if name else child_name)

    @property
    def parameter_count(self):
        """How many numbers this layer learns."""
        return sum(p.size for _, p in self.named_parameters())

    def initialize(self, seed=0, dtype=np.float32, device="cpu"):
        """Give every parameter a place in one vector θ, and a first value if it has none yet. Returns self.

        The k-th parameter draws from its own stream, [seed, k]; parameters with values (of a pretrained part) keep
        them. dtype: float32, or float64 for gradient checks.
        """
        fresh = [p.storage is None for _, p in self.named_parameters()]
        self.allocate(dtype, device)
        for k, (_, p) in enumerate(self.named_parameters()):
            if fresh[k]:
                values = p.initializer(np.random.default_rng([seed, k]), p.shape).astype(dtype)
                p.value[...] = to_device(values, device)
        return self

    def allocate(self, dtype=np.float32, device="cpu"):
        """Give every parameter a place in one new vector θ: zeros, or the values that it had. Returns self.

        Buffers get their places beside it, with the values that they had or begin with.
        """
        groups = [[p for _, p in named] for named in (self.named_parameters(), self.named_buffers())]
        size, beside = (sum(p.size for p in group) for group in groups)
        storage = Storage(size, _trainable(dtype), resolve_device(device), beside)
        for group in groups:
            start = 0
            for p in group:
                p.place(storage, start)
                start += p.size
        return self

    @property
    def theta(self):
        """The vector θ of this layer and all within, see npae.layers.parameters.Theta."""
        if self._theta is None or not self._theta.is_contiguous:
            self._theta = Theta(self.named_parameters())
        return self._theta

    @property
    def statistics(self):
        """The vector of all buffers of this layer and all within (of size 0, if there are none), see npae.layers.buffers."""
        if self._statistics is None or not self._statistics.is_contiguous:
            self._statistics = Statistics(self.theta, self.named_buffers())
        return self._statistics

    def to(self, device):
        """Move parameters, gradients and buffers to "cpu" or "gpu", the whole network's that this layer is a part of.

        Returns self. Raises RuntimeError if there is no GPU, or no values yet; ValueError for an unknown device.
        """
        device = resolve_device(device)
        for storage in self._storages():
            storage.move(device=device)
        return self

    def astype(self, dtype):
        """Change parameters, gradients and buffers to float32 or float64, as `to` those of the whole network.

        Returns self. Raises TypeError for another dtype, RuntimeError if there are no values yet.
        """
        dtype = _trainable(dtype)
        for storage in self._storages():
            storage.move(dtype=dtype)
        return self

    def _storages(self):
        for name, p in self.named_parameters():
            if p.storage is None:
                raise RuntimeError(f"{name} has no values yet: call initialize(seed=...) on the network.")
        return {id(p.storage): p.storage for _, p in self.named_parameters()}.values()


def _trainable(dtype):
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"Parameters are float32 or float64, got {np.dtype(dtype)}. Take one of them.")
    return np.dtype(dtype)


def check_shape(layer, shape, like, fix=""):
    """Raise ValueError unless `shape`, of one input, is `like`; a name in it, "height", stands for any size."""
    if len(shape) != len(like) or any(n != m for n, m in zip(shape, like, strict=True) if not isinstance(m, str)):
        wanted = ", ".join(map(str, like)) + "," * (len(like) == 1)
        raise ValueError(f"{layer!r}: expected inputs of shape ({wanted}), got {tuple(shape)}. {fix}".rstrip())


def check_input(layer, x, shape, like, fix=""):
    """Raise unless x is a batch of inputs of `shape`, of the dtype and on the device of the parameter `like`.

    One clear sentence each: ValueError for the shape (with `fix` as advice), TypeError for the dtype and the device.
    """
    if type(x) is type(like) and x.shape[1:] == shape and x.dtype == like.dtype:
        return
    module = array_module(x)  # raises for a list
    if x.shape[1:] != shape:
        wanted = ", ".join(("batch", *map(str, shape)))
        raise ValueError(f"{layer!r}: expected x of shape ({wanted}), got {x.shape}. {fix}".rstrip())
    if x.dtype != like.dtype:
        networks = f", or the network, network.astype({str(x.dtype)!r})" if x.dtype.kind == "f" else ""
        raise TypeError(
            f"{layer!r}: expected x of the parameters' dtype {like.dtype}, got {x.dtype}. "
            f"Convert x, x.astype({str(like.dtype)!r}){networks}."
        )
    if module is not array_module(like):
        raise TypeError(
            f"{layer!r}: x is on the {device_of(x)}, the parameters are on the {device_of(like)}. "
            f'Move the network, network.to("{device_of(x)}"), or the data, to_device(x, "{device_of(like)}").'
        )
