"""Where a network's parameters are placed, moved and found: what every layer can do with its θ.

A layer declares Parameters and child layers. `initialize` gives all of them their places in one vector
(FlatParameters) and their first values; `theta` is that vector, or the piece of it that belongs to a part.
"""

import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from npae.backend.arrays import resolve_device, to_device
from npae.backend.flat_parameters import FlatParameters
from npae.backend.parameters import Parameter
from npae.backend.registry import Serializable
from npae.backend.settings import as_int
from npae.backend.summary import summarise
from npae.backend.typing import Array, DTypeLike

Self = TypeVar("Self", bound="Parameterized")


class Parameterized(Serializable):
    """An object with `parameters`, with `buffers` (running statistics), and with `children`: (name, object) pairs.

    Example:
        >>> from npae import dense_autoencoder
        >>> model = dense_autoencoder([784, 32]).initialize(seed=0)
        >>> [name for name, p in model.named_parameters()]
        ['encoder.0.W', 'encoder.0.b', 'decoder.0.W', 'decoder.0.b']
        >>> model.encoder.theta.value.shape, model.parameter_count
        ((25120,), 50992)
    """

    parameters: Sequence[Parameter] = ()
    buffers: Sequence[Parameter] = ()
    children: Sequence[tuple[str, "Parameterized"]] = ()
    in_shape: tuple[int, ...] | None = None  # the shape of one input, where it is only one
    stated: tuple[str, ...] = ()  # the attributes that `summary` states below its table
    _theta: FlatParameters | None = None
    _statistics: FlatParameters | None = None
    _drawn: int | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(self.__dict__.get(name), Parameter) and not isinstance(value, Parameter):
            raise TypeError(
                f"{name} of {type(self).__name__} is a Parameter, got {type(value).__name__}. Write into its value: "
                f"layer.{name}.value[...] = array."
            )
        object.__setattr__(self, name, value)

    def named_parameters(self, prefix: str = "") -> Collection[tuple[str, Parameter]]:
        """(dotted name, Parameter) of this layer and all within, in a stable order; shared ones where first met."""
        return self._named("parameters", prefix)

    def named_buffers(self, prefix: str = "") -> Collection[tuple[str, Parameter]]:
        """(dotted name, Parameter) of the running statistics of this layer and all within."""
        return self._named("buffers", prefix)

    def _named(self, kind: str, prefix: str) -> Collection[tuple[str, Parameter]]:
        found: dict[int, tuple[str, Parameter]] = {}
        visited: dict[int, Parameterized] = {}
        to_visit: list[tuple[str, Parameterized]] = [(prefix, self)]
        while to_visit:
            prefix, part = to_visit.pop()
            if id(part) in visited:  # shared layers are visited once, so that the work is linear in the network
                continue
            visited[id(part)] = part
            for p in getattr(part, kind):
                found.setdefault(id(p), (prefix + p.name, p))
            to_visit += [(f"{prefix}{name}.", child) for name, child in reversed(part.children)]
        return found.values()

    def leaves(self, name: str = "") -> Iterator[tuple[str, Any]]:
        """(dotted name, Layer) of every layer within that has no children, in order."""
        if not self.children:
            yield name, self
        for child_name, child in self.children:
            yield from child.leaves(f"{name}.{child_name}" if name else child_name)

    @property
    def parameter_count(self) -> int:
        """How many numbers this layer learns."""
        return sum(p.size for _, p in self.named_parameters())

    def initialize(self: Self, seed: int = 0, dtype: DTypeLike = np.float32, device: str = "cpu") -> Self:
        """Give every parameter a place in one vector θ, and a first value if it has none yet. Returns self.

        Parameters with values (of a pretrained part) keep them.

        Args:
            seed: the k-th parameter draws from its own stream, [seed, k].
            dtype: float32, or float64 for gradient checks.
            device: "cpu", "gpu" or "auto".
        """
        seed = as_int(seed, "seed", least=0, most=None)
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
    def has_first_values(self) -> bool:
        """Are all parameters those that `initialize` has drawn: not trained, loaded, or set by hand since?"""
        return self._drawn is not None and self._drawn == _checksum(self.theta.value)

    def allocate(self: Self, dtype: DTypeLike = np.float32, device: str = "cpu") -> Self:
        """Give every parameter a place in one new vector θ: zeros, or the values that it had. Returns self.

        Running statistics get a vector beside it, with the values that they had, or their first ones.

        Args:
            dtype: float32 or float64.
            device: "cpu", "gpu" or "auto".
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
    def theta(self) -> FlatParameters:
        """θ: the parameters of this layer and all within as one vector, with `value` and `grad` (FlatParameters)."""
        if self._theta is None or not self._theta.is_whole():
            self._theta = FlatParameters(self.named_parameters())
        return self._theta

    @property
    def statistics(self) -> FlatParameters:
        """The running statistics of this layer and all within as one vector; of size 0 if there are none."""
        if self._statistics is None or not self._statistics.is_whole():
            named = dict(self.named_buffers())
            if named:
                self._statistics = FlatParameters(named)
            else:
                self._statistics = FlatParameters.allocate({}, np.float32, "cpu", with_grad=False)
        return self._statistics

    def to(self: Self, device: str) -> Self:
        """Move parameters, gradients and running statistics to "cpu" or "gpu", those of the whole network.

        Returns self. Raises RuntimeError if there is no GPU, or no values yet; ValueError for an unknown device.
        """
        return self._move(device=resolve_device(device))

    def astype(self: Self, dtype: DTypeLike) -> Self:
        """Change parameters, gradients and running statistics to float32 or float64, as `to` of the whole network.

        Returns self. Raises TypeError for another dtype, RuntimeError if there are no values yet.
        """
        return self._move(dtype=_trainable(dtype))

    def _move(self: Self, **where: Any) -> Self:
        homes = {}
        for name, p in (*self.named_parameters(), *self.named_buffers()):  # a layer may have buffers alone
            if p.home is None:
                raise RuntimeError(f"{name} has no values yet: call initialize(seed=...) on the network.")
            homes[id(p.home)] = p.home
        for home in homes.values():
            home.move(**where)
        return self

    def summary(self, input_shape: tuple[int, ...] | None = None) -> str:
        """A table as text: name, layer, output shape of one sample, parameters, their total; then loss and penalties.

        A notebook shows the same table for the network itself.

        Args:
            input_shape: of one sample; None: that of the first layer that states one.

        Raises ValueError for an input that does not fit the network.
        """
        return summarise(self, input_shape).text()

    def _repr_html_(self) -> str | None:
        """The summary as HTML, which a notebook shows for a network. None: it shows repr."""
        try:
            return summarise(self).html() if self.children else None
        except ValueError:  # layers that do not fit one another
            return None


def _checksum(value: Array) -> int:
    """A number that changes with any parameter, but not with the device or the dtype."""
    return zlib.crc32(to_device(value, "cpu").astype(np.float32, copy=False).data)


def _trainable(dtype: DTypeLike) -> np.dtype:
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"Parameters are float32 or float64, got {np.dtype(dtype)}. Take one of them.")
    return np.dtype(dtype)
