"""Where a network's parameters are placed, moved and found: what every layer can do with its θ.

A layer declares Parameters and child layers. `initialize` gives all of them their places in one vector
(FlatParameters) and their first values; `theta` is that vector, or the piece of it that belongs to a part.
"""

import zlib

import numpy as np

from npae.backend.arrays import resolve_device, to_device
from npae.backend.flat_parameters import FlatParameters
from npae.backend.parameters import Parameter
from npae.backend.registry import Serializable


class Parameterized(Serializable):
    """An object with `parameters`, with `buffers` (running statistics), and with `children`: (name, object) pairs."""

    parameters = ()
    buffers = ()
    children = ()
    in_shape = None  # the shape of one input, where it is only one
    stated = ()  # the attributes that `summary` states below its table
    _theta = _statistics = _drawn = None

    def __setattr__(self, name, value):
        if isinstance(self.__dict__.get(name), Parameter) and not isinstance(value, Parameter):
            raise TypeError(
                f"{name} of {type(self).__name__} is a Parameter, got {type(value).__name__}. Write into its value: "
                f"layer.{name}.value[...] = array."
            )
        object.__setattr__(self, name, value)

    def named_parameters(self, prefix=""):
        """(dotted name, Parameter) of this layer and all within, in a stable order; shared ones where first met."""
        return self._named("parameters", prefix)

    def named_buffers(self, prefix=""):
        """(dotted name, Parameter) of the running statistics of this layer and all within."""
        return self._named("buffers", prefix)

    def _named(self, kind, prefix):
        found = {}
        for name, p in self._walk(kind, prefix):
            found.setdefault(id(p), (name, p))
        return found.values()

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
        new = [p.home is None for _, p in self.named_parameters()]
        self.allocate(dtype, device)
        for k, (_, p) in enumerate(self.named_parameters()):
            if new[k]:
                values = p.initializer(np.random.default_rng([seed, k]), p.shape)
                p.value[...] = to_device(values.astype(dtype), device)
        if any(new):
            self._drawn = _checksum(self.theta.value) if all(new) else None
        return self

    @property
    def has_first_values(self):
        """Are all parameters those that `initialize` has drawn: not trained, loaded, or set by hand since?"""
        return self._drawn is not None and self._drawn == _checksum(self.theta.value)

    def allocate(self, dtype=np.float32, device="cpu"):
        """Give every parameter a place in one new vector θ: zeros, or the values that it had. Returns self.

        Running statistics get a vector beside it, with the values that they had, or their first ones.
        """
        dtype, device = _trainable(dtype), resolve_device(device)
        new = [p for _, p in self.named_buffers() if p.home is None]
        self._theta = FlatParameters.allocate(self.named_parameters(), dtype, device)
        self._statistics = FlatParameters.allocate(self.named_buffers(), dtype, device, with_grad=False)
        self._theta.beside, self._statistics.beside = self._statistics, self._theta
        for p in new:
            p.value[...] = to_device(p.initializer(None, p.shape).astype(dtype), device)
        return self

    @property
    def theta(self):
        """θ: the parameters of this layer and all within as one vector, with `value` and `grad` (FlatParameters)."""
        if self._theta is None or not self._theta.is_whole():
            self._theta = FlatParameters(self.named_parameters())
        return self._theta

    @property
    def statistics(self):
        """The running statistics of this layer and all within as one vector; of size 0 if there are none."""
        if self._statistics is None or not self._statistics.is_whole():
            named = dict(self.named_buffers())
            if named:
                self._statistics = FlatParameters(named)
            else:
                self._statistics = FlatParameters.allocate({}, np.float32, "cpu", with_grad=False)
        return self._statistics

    def to(self, device):
        """Move parameters, gradients and running statistics to "cpu" or "gpu", those of the whole network.

        Returns self. Raises RuntimeError if there is no GPU, or no values yet; ValueError for an unknown device.
        """
        return self._move(device=resolve_device(device))

    def astype(self, dtype):
        """Change parameters, gradients and running statistics to float32 or float64, as `to` of the whole network.

        Returns self. Raises TypeError for another dtype, RuntimeError if there are no values yet.
        """
        return self._move(dtype=_trainable(dtype))

    def _move(self, **where):
        for name, p in self.named_parameters():
            if p.home is None:
                raise RuntimeError(f"{name} has no values yet: call initialize(seed=...) on the network.")
        for home in {id(p.home): p.home for _, p in self.named_parameters()}.values():
            home.move(**where)
        return self

    def summary(self, input_shape=None):
        """A table as text: name, layer, output shape of one sample, parameters, their total; then loss and penalties.

        input_shape: of one sample; by default that of the first layer that states one. Raises ValueError for an input
        that does not fit the network.
        """
        first = next((leaf for _, leaf in self.leaves() if leaf.parameters), self)
        shape = tuple(input_shape) if input_shape else first.in_shape
        lines = [("", "input", str(shape or "?"), "")]
        met, part = set(), None
        for name, layer in self.leaves():
            before, part = part, name.partition(".")[0]
            if before not in (None, part) and not part.isdecimal() and layer.in_shape:
                shape = layer.in_shape  # a discriminator does not take what the part before it returns
            shape = layer.out_shape(shape) if shape else None
            new = [p for _, p in layer.named_parameters() if p not in met]  # shared ones are counted where first met
            met.update(new)
            count = sum(p.size for p in new)
            lines.append((name, repr(layer), str(shape or "?"), f"{count:,}" if count else ""))
        value = self.theta.value
        total = f"{self.parameter_count:,} parameters, {value.nbytes / 1e6:.2f} MB as {value.dtype}"
        stated = [f"{name} {_text(value)}" for name in self.stated if (value := getattr(self, name, None))]
        return "\n".join([_table(("name", "layer", "output", "parameters"), lines, total), *stated])


def _table(heads, lines, last):
    """Lines of text in columns, the last column to the right, between rules."""
    widths = [max(len(row[k]) for row in (heads, *lines)) for k in range(len(heads))]

    def text(cells):
        return "  ".join([c.ljust(w) for c, w in zip(cells[:-1], widths, strict=False)] + [cells[-1].rjust(widths[-1])])

    rule = "─" * len(text(heads))
    return "\n".join([text(heads), rule, *map(text, lines), rule, last])


def _text(value):
    return ", ".join(map(repr, value)) if isinstance(value, tuple) else repr(value)


def _checksum(value):
    """A number that changes with any parameter, but not with the device or the dtype."""
    return zlib.crc32(to_device(value, "cpu").astype(np.float32, copy=False).data)


def _trainable(dtype):
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"Parameters are float32 or float64, got {np.dtype(dtype)}. Take one of them.")
    return np.dtype(dtype)
