"""Parameters, and the one vector θ that a network's parameters live in.

A Parameter is a named array with a gradient of the same shape. All Parameters of a network are views into one
contiguous vector θ, and their gradients are views into another, ∂J/∂θ:

    θ = [ W₁ … | b₁ … | W₂ … | b₂ … ]          ∂J/∂θ = [ ∂J/∂W₁ … | ∂J/∂b₁ … | … ]

So an optimizer step is one sweep, a checkpoint is one array, workers average one array, and any optimizer of vectors
(scipy.optimize.minimize, say) can drive a network. A layer only *declares* what it needs; memory is taken when the
whole network is known (`Layer.initialize`).
"""

import math

from npae.backend import array_module, device_of, to_device
from npae.memory import aligned, empty


class Storage:
    """Two contiguous vectors, values and gradients, that Parameters are views of. Moves between devices whole."""

    def __init__(self, size, dtype, device="cpu"):
        self.value, self.grad = (to_device(aligned((size,), dtype, 0), device) for _ in range(2))

    def move(self, device=None, dtype=None):
        """Move both vectors to a device, and (or) change their dtype. The Parameters follow at their next use."""
        for name in ("value", "grad"):
            array = getattr(self, name)
            if dtype is not None and array.dtype != dtype:
                array = array.astype(dtype)
            setattr(self, name, to_device(array, device or device_of(array)))


class Parameter:
    """A trainable array: `name` within its layer, `shape`, `value`, `grad` (∂J/∂value), and who draws its first value.

    initializer: a function (rng, shape) -> float64 array, see npae.initializers.
    `value` and `grad` are views into the network's θ and ∂J/∂θ. Write into them; do not replace them.
    """

    def __init__(self, name, shape, initializer):
        self.name = name
        self.shape = tuple(int(n) for n in shape)
        self.size = math.prod(self.shape)
        self.initializer = initializer
        self.storage = None  # None until the network is initialized
        self.start = 0
        self.touched = False  # did anybody write the gradient since it was last declared zero?
        self._value = self._grad = self._bound_to = None

    @property
    def value(self):
        """The array of values, of `shape`."""
        if self.storage is None or self._bound_to is not self.storage.value:
            self._bind()
        return self._value

    @property
    def grad(self):
        """The array ∂J/∂value, of `shape`; meaningful after a backward pass."""
        if self.storage is None or self._bound_to is not self.storage.value:
            self._bind()
        return self._grad

    def _bind(self):
        if self.storage is None:
            raise RuntimeError(
                f"Parameter {self.name} {self.shape} has no values yet: call initialize(seed=...) on the network."
            )
        part = slice(self.start, self.start + self.size)
        self._value = self.storage.value[part].reshape(self.shape)
        self._grad = self.storage.grad[part].reshape(self.shape)
        self._bound_to = self.storage.value

    def add_grad(self, operation, *args, **kwargs):
        """grad += operation(*args, **kwargs).

        The first addition since the gradient was declared zero writes straight into it, operation(..., out=grad), so
        that nobody pays for clearing memory or for adding zero; later ones go through an array of npae.memory.
        """
        grad = self.grad
        if self.touched:
            grad += operation(*args, out=empty(grad.shape, grad), **kwargs)
        else:
            operation(*args, out=grad, **kwargs)
            self.touched = True

    def place(self, storage, start):
        """Live at storage[start : start + size] from now on, keeping the values if there are any."""
        old = self.value if self.storage is not None else None
        self.storage, self.start, self._bound_to = storage, start, None
        if old is not None:
            self.value[...] = to_device(old, device_of(storage.value)).astype(storage.value.dtype, copy=False)

    def __getstate__(self):  # copies and pickles must not copy the views: they are bound again at the next use
        return self.__dict__ | {"_value": None, "_grad": None, "_bound_to": None}

    def __repr__(self):
        return f"Parameter({self.name}, {self.shape})"


class Theta:
    """The vector θ of a network (or of a part of one): all its Parameters, in a stable order, as one array.

    value, grad: the vectors, views into the storage; size: how many numbers; names: what lies where.
    """

    def __init__(self, named_parameters):
        self.named = dict(named_parameters)
        self.parameters = list(self.named.values())
        self.size = sum(p.size for p in self.parameters)
        if not self.parameters:
            raise ValueError("This layer has no parameters, so there is no vector θ of it.")
        if self.storage is None:
            raise RuntimeError(f"{next(iter(self.named))} has no values yet: call initialize(seed=...) on the network.")
        if not self.is_contiguous:
            raise RuntimeError("The parameters do not lie in one vector: call initialize(seed=...) on the network.")

    @property
    def storage(self):
        """Where the Parameters live."""
        return self.parameters[0].storage

    @property
    def start(self):
        """Where in the storage this θ begins."""
        return self.parameters[0].start

    @property
    def is_contiguous(self):
        """Do the Parameters (still) lie side by side in one storage?"""
        position = self.start
        for p in self.parameters:
            if p.storage is not self.storage or p.start != position:
                return False
            position += p.size
        return True

    @property
    def value(self):
        """θ, shape (size,)."""
        return self.storage.value[self.start : self.start + self.size]

    @property
    def grad(self):
        """∂J/∂θ, shape (size,). Parts that no backward pass has reached since zero_grad() are zero."""
        for p in self.parameters:
            if not p.touched:
                p.grad[...] = 0
                p.touched = True
        return self.storage.grad[self.start : self.start + self.size]

    def zero_grad(self):
        """Declare ∂J/∂θ zero: the next backward pass writes instead of adding. Costs nothing."""
        for p in self.parameters:
            p.touched = False

    @property
    def table(self):
        """[(name, shape, start in θ)] of every Parameter, in order."""
        return [(name, p.shape, p.start - self.start) for name, p in self.named.items()]

    def assign(self, vector):
        """θ ← vector, shape (size,), from either device, in θ's dtype."""
        if vector.shape != (self.size,):
            raise ValueError(f"Expected a vector of the network's {self.size} parameters, got shape {vector.shape}: "
                             "it belongs to another network.")
        self.value[...] = to_device(vector, device_of(self.value))

    def __repr__(self):
        module = array_module(self.value).__name__
        return f"Theta({self.size:,} {self.value.dtype} parameters in {module}, {len(self.parameters)} arrays)"
