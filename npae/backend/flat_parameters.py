"""The vector θ, in which all parameters of a network lie end to end.

    θ = [ W₁ … | b₁ … | W₂ … | b₂ … ]          ∂J/∂θ = [ ∂J/∂W₁ … | ∂J/∂b₁ … | … ]

The `value` and the `grad` of each Parameter are views of the two vectors. So an optimizer step is one sweep, a
checkpoint is one array, and any optimizer of vectors (scipy.optimize.minimize, say) can drive a network. Running
statistics lie in a vector of their own beside θ, move with it, and are saved with it.
"""

from contextlib import contextmanager

from npae.backend.arrays import array_module, device_of, to_device
from npae.backend.memory import aligned, empty


class FlatParameters:
    """The parameters of a network, or of a part of it, as one vector: θ. `network.theta` is one.

    named: {dotted name: Parameter}; size: how many numbers; value, grad: the vectors, of shape (size,).
    A network's parameters have a home, the FlatParameters that holds the memory; those of a part are a piece of it.
    Raises RuntimeError, saying what to do, for parameters that have no values or do not lie end to end.
    """

    def __init__(self, named):
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

    def _list(self, named):
        self.named = dict(named)
        self.parameters = tuple(self.named.values())
        self.size = sum(p.size for p in self.parameters)

    @classmethod
    def allocate(cls, named, dtype, device, with_grad=True):
        """Place these parameters in new vectors, with the values that they had, or zeros. with_grad: have gradients?"""
        home = cls.__new__(cls)
        home._list(named)
        before = [(p, p.value, p.home) for p in home.parameters if p.home is not None]
        start = 0
        for p in home.parameters:
            p.home, p.start, start = home, start, start + p.size
        home.places = [(p, p.start, p.size, p.shape) for p in home.parameters]
        home.beside = None  # the running statistics that belong to θ, and the other way round: they move together
        home._bind(*[to_device(aligned((start,), dtype, 0), device) for _ in range(1 + with_grad)])
        for p, value, _ in before:
            p.value[...] = to_device(value, device).astype(dtype, copy=False)
        for left in {id(former): former for _, _, former in before}.values():  # they hold these no longer
            left.places = [place for place in left.places if place[0].home is left]
            left.vectors = left.vectors if left.places else tuple(v[:0].copy() for v in left.vectors)
        return home

    def _bind(self, value, grad=None):
        """Let all parameters be views of these vectors."""
        self.vectors = (value,) if grad is None else (value, grad)
        for p, start, size, shape in self.places:
            p.value = value[start : start + size].reshape(shape)
            if grad is not None:
                p.grad = grad[start : start + size].reshape(shape)

    def move(self, device=None, dtype=None):
        """Of a home: move the whole network to a device, and (or) change its dtype."""
        for home in (self, self.beside):
            if home is not None:
                vectors = [v.astype(dtype or v.dtype, copy=False) for v in home.vectors]
                home._bind(*[to_device(v, device or device_of(v)) for v in vectors])

    @property
    def home(self):
        """The FlatParameters that holds the memory: this one, or that of the network that this is a part of."""
        return self.parameters[0].home if self.parameters else self

    @property
    def start(self):
        """Where in its home this begins."""
        return self.parameters[0].start if self.parameters else 0

    def is_whole(self):
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
    def value(self):
        """All values, shape (size,)."""
        return self._piece(0)

    @property
    def grad(self):
        """∂J/∂θ, shape (size,)."""
        return self._piece(1)

    def _piece(self, k):
        if not self.parameters:
            return self.vectors[k]
        first = self.parameters[0]
        return first.home.vectors[k][first.start : first.start + self.size]

    def zero_grad(self):
        """∂J/∂θ ← 0."""
        self.grad.fill(0)

    @contextmanager
    def fresh_grad(self):
        """∂J/∂θ ← what the backward passes within the block add up to.

        The same as zero_grad() before them, at no cost: the first summand of each gradient is written, not added.
        """
        for p in self.parameters:
            p.grad_is_set = False
        try:
            yield
        finally:
            for p in self.parameters:
                if not p.grad_is_set:  # no backward pass has reached it
                    p.grad.fill(0)
                    p.grad_is_set = True

    @contextmanager
    def frozen_kept(self):
        """Within the block, all values may be changed; at its end, those of frozen parameters are as they were."""
        before = [(p, empty(p.shape, p.value)) for p in self.parameters if not p.trainable]
        for p, value in before:
            value[...] = p.value
        yield
        for p, value in before:
            p.value[...] = value

    @property
    def table(self):
        """[(name, shape, start in the vector)] of every array, in order."""
        return [(name, p.shape, p.start - self.start) for name, p in self.named.items()]

    def assign(self, vector):
        """value ← vector, shape (size,), from either device, in the network's dtype."""
        if vector.shape != (self.size,):
            raise ValueError(
                f"Expected a vector of the network's {self.size} numbers, got shape {vector.shape}: "
                "it belongs to another network."
            )
        self.value[...] = to_device(vector, device_of(self.value))

    def __setstate__(self, state):  # of a copy
        self.__dict__.update(state)
        if "vectors" in state:
            self._bind(*self.vectors)

    def __repr__(self):
        module = array_module(self.value).__name__
        return f"θ({self.size:,} {self.value.dtype} numbers in {module}, {len(self.parameters)} arrays)"
