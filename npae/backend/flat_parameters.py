"""The vector θ, in which all parameters of a network lie end to end.

    θ = [ W₁ … | b₁ … | W₂ … | b₂ … ]          ∂J/∂θ = [ ∂J/∂W₁ … | ∂J/∂b₁ … | … ]

The `value` and the `grad` of each Parameter are views of the two vectors. So an optimizer step is one sweep, a
checkpoint is one array, and any optimizer of vectors (scipy.optimize.minimize, say) can drive a network. Running
statistics lie in a vector of their own beside θ, move with it, and are saved with it.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from npae.backend.arrays import array_module, device_of, to_device
from npae.backend.memory import aligned, empty
from npae.backend.parameters import Parameter
from npae.backend.products import join
from npae.backend.typing import Array, DTypeLike

Named: TypeAlias = Mapping[str, Parameter] | Iterable[tuple[str, Parameter]]


class FlatParameters:
    """The parameters of a network, or of a part of it, as one vector: θ. `network.theta` is one.

    size: how many numbers; value, grad: the vectors, of shape (size,).
    A network's parameters have a home, the FlatParameters that holds the memory; those of a part are a piece of it.

    Args:
        named: {dotted name: Parameter}, or such pairs.

    Raises RuntimeError, saying what to do, for parameters that have no values or do not lie end to end.

    Example:
        >>> from npae.layers import Dense
        >>> theta = Dense(3, 2).initialize(seed=0).theta
        >>> theta.value.shape
        (8,)
        >>> theta.table
        [('W', (3, 2), 0), ('b', (2,), 6)]
    """

    named: dict[str, Parameter]
    parameters: tuple[Parameter, ...]
    size: int
    vectors: tuple[Array, ...]  # of a home: value and grad, or value alone
    places: list[tuple[Parameter, int, int, tuple[int, ...]]]  # of a home: each parameter, its start, size and shape
    beside: "FlatParameters | None"  # the running statistics that belong to θ, and the other way round

    def __init__(self, named: Named) -> None:
        self._list(named)
        if not self.parameters:
            raise ValueError("This layer has no parameters, so there is no vector θ of it.")
        if self.home is None:
            raise RuntimeError(f"{next(iter(self.named))} has no values yet: call initialize(seed=...) on the network.")
        if not self.is_whole():
            raise RuntimeError(
                "The parameters do not lie in one vector: layers were added, or another network was built over these "
                "layers and took them. Build that one over copies, copy.deepcopy(layers), or call initialize() here."
            )

    def _list(self, named: Named) -> None:
        self.named = dict(named)
        self.parameters = tuple(self.named.values())
        self.size = sum(p.size for p in self.parameters)

    @classmethod
    def allocate(cls, named: Named, dtype: DTypeLike, device: str, with_grad: bool = True) -> "FlatParameters":
        """Place these parameters in new vectors, with the values that they had, or zeros.

        Args:
            named: {dotted name: Parameter}, or such pairs.
            dtype: of the vectors.
            device: "cpu" or "gpu".
            with_grad: do they have gradients?
        """
        home = cls.__new__(cls)
        home._list(named)
        before = [(p, p.value, p.home) for p in home.parameters if p.home is not None]
        start = 0
        for p in home.parameters:
            p.home, p.start, start = home, start, start + p.size
        home.places = [(p, p.start, p.size, p.shape) for p in home.parameters]
        home.beside = None
        home._bind(*[to_device(aligned((start,), dtype, 0), device) for _ in range(1 + with_grad)])
        for p, value, _ in before:
            p.value[...] = to_device(value, device).astype(dtype, copy=False)
        for left in {id(former): former for _, _, former in before}.values():  # they hold these no longer
            left.places = [place for place in left.places if place[0].home is left]
            left.vectors = left.vectors if left.places else tuple(v[:0].copy() for v in left.vectors)
        return home

    def _bind(self, value: Array, grad: Array | None = None) -> None:
        """Let all parameters be views of these vectors."""
        self.vectors = (value,) if grad is None else (value, grad)
        for p, start, size, shape in self.places:
            p.value = value[start : start + size].reshape(shape)
            if grad is not None:
                p.grad = grad[start : start + size].reshape(shape)

    def move(self, device: str | None = None, dtype: DTypeLike | None = None) -> None:
        """Of a home: move the whole network to a device, and (or) change its dtype.

        Args:
            device: "cpu" or "gpu"; None: where it is.
            dtype: of the vectors; None: as it is.
        """
        for home in (self, self.beside):
            if home is not None:
                vectors = [v.astype(dtype or v.dtype, copy=False) for v in home.vectors]
                home._bind(*[to_device(v, device or device_of(v)) for v in vectors])

    @property
    def home(self) -> "FlatParameters | None":
        """The FlatParameters that holds the memory: this one, or that of the network that this is a part of."""
        return self.parameters[0].home if self.parameters else self

    @property
    def start(self) -> int:
        """Where in its home this begins."""
        return self.parameters[0].start if self.parameters else 0

    def is_whole(self) -> bool:
        """Do all (still) lie end to end in one home?"""
        if not self.parameters:
            return True
        home, position = self.parameters[0].home, self.parameters[0].start
        for p in self.parameters:
            if p.home is not home or p.start != position:
                return False
            position += p.size
        return True

    @property
    def value(self) -> Array:
        """All values, shape (size,)."""
        return self._piece(0)

    @property
    def grad(self) -> Array:
        """∂J/∂θ, shape (size,)."""
        return self._piece(1)

    def _piece(self, k: int) -> Array:
        if not self.parameters:
            return self.vectors[k]
        first = self.parameters[0]
        vectors = first.home.vectors  # pyright: ignore[reportOptionalMemberAccess]: checked by __init__
        return vectors[k][first.start : first.start + self.size]

    def zero_grad(self) -> None:
        """∂J/∂θ ← 0."""
        self.grad.fill(0)

    @contextmanager
    def fresh_grad(self) -> Iterator[None]:
        """∂J/∂θ ← what the backward passes within the block add up to.

        The same as zero_grad() before them, at no cost: the first summand of each gradient is written, not added.
        """
        for p in self.parameters:
            p.grad_is_set = False
        try:
            yield
        finally:
            join()
            for p in self.parameters:
                if not p.grad_is_set:  # no backward pass has reached it
                    p.grad.fill(0)
                    p.grad_is_set = True

    @contextmanager
    def frozen_kept(self) -> Iterator[None]:
        """Within the block, all values may be changed; at its end, those of frozen parameters are as they were."""
        before = [(p, empty(p.shape, p.value)) for p in self.parameters if not p.trainable]
        for p, value in before:
            value[...] = p.value
        yield
        for p, value in before:
            p.value[...] = value

    @property
    def table(self) -> list[tuple[str, tuple[int, ...], int]]:
        """[(name, shape, start in the vector)] of every array, in order."""
        return [(name, p.shape, p.start - self.start) for name, p in self.named.items()]

    def assign(self, vector: Array) -> None:
        """value ← vector, shape (size,), from either device, in the network's dtype."""
        if vector.shape != (self.size,):
            raise ValueError(
                f"Expected a vector of the network's {self.size} numbers, got shape {vector.shape}: "
                "it belongs to another network."
            )
        self.value[...] = to_device(vector, device_of(self.value))

    def __setstate__(self, state: dict[str, Any]) -> None:  # of a copy
        self.__dict__.update(state)
        if "vectors" in state:
            self._bind(*self.vectors)

    def __repr__(self) -> str:
        module = array_module(self.value).__name__
        return f"θ({self.size:,} {self.value.dtype} numbers in {module}, {len(self.parameters)} arrays)"
