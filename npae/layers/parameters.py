"""Parameters, and the one vector θ that a network's parameters live in.

A Parameter is a named array with a gradient of the same shape. All Parameters of a network are views into one
contiguous vector θ, and their gradients are views into another, ∂J/∂θ:

    θ = [ W₁ … | b₁ … | W₂ … | b₂ … ]          ∂J/∂θ = [ ∂J/∂W₁ … | ∂J/∂b₁ … | … ]

So an optimizer step is one sweep, a checkpoint is one array, workers average one array, and any optimizer of vectors
(scipy.optimize.minimize, say) can drive a network. A layer only *declares* what it needs; memory is taken when the
whole network is known (`Layer.initialize`).
"""

import math

from npae.backend import aligned, array_module, device_of, empty, to_device


class Storage:
    """The contiguous vectors of a network, which move between devices whole: its values, their gradients, its buffers.

    value and grad are what Parameters are views of, `buffers` (npae.layers.buffers) are beside them.
    """

    vectors = ("value", "grad", "buffers")

    def __init__(self, size, dtype, device="cpu", buffers=0):
        for name, n in zip(self.vectors, (size, size, buffers), strict=True):
            setattr(self, name, to_device(aligned((n,), dtype, 0), device))

    def move(self, device=None, dtype=None):
        """Move all vectors to a device, and (or) change their dtype. What lies in them follows at its next use."""
        for name in self.vectors:
            array = getattr(self, name)
            if dtype is not None and array.dtype != dtype:
                array = array.astype(dtype)
            setattr(self, name, to_device(array, device or device_of(array)))


class Placed:
    """A named array of `shape` that lies in a Storage, from `start` on: what a Parameter and a Buffer have in common.

    A new one defines `value`, a view into one of the storage's vectors.
    """

    def __init__(self, name, shape):
        self.name = name
        self.shape = tuple(int(n) for n in shape)
        self.size = math.prod(self.shape)
        self.storage = None  # None until the network is initialized
        self.start = 0
        self._value = self._bound_to = None

    def place(self, storage, start):
        """Live at storage[start : start + size] from now on, keeping the values if there are any."""
        old = self.value if self.storage is not None else None
        self.storage, self.start, self._bound_to = storage, start, None
        if old is not None:
            self.value[...] = to_device(old, device_of(storage.value)).astype(storage.value.dtype, copy=False)

    def _view(self, vector):
        return vector[self.start : self.start + self.size].reshape(self.shape)

    def __getstate__(self):  # copies and pickles must not copy the views: they are bound again at the next use
        return self.__dict__ | {"_value": None, "_bound_to": None}

    def __repr__(self):
        return f"{type(self).__name__}({self.name}, {self.shape})"


class Parameter(Placed):
    """A trainable array: `name` within its layer, `shape`, `value`, `grad` (∂J/∂value), and who draws its first value.

    initializer: a function (rng, shape) -> float64 array, see npae.layers.initializers.
    `value` and `grad` are views into the network's θ and ∂J/∂θ. Write into them; do not replace them.
    """

    learns = True  # False: backward passes leave grad alone, see npae.models.phases.frozen

    def __init__(self, name, shape, initializer):
        super().__init__(name, shape)
        self.initializer = initializer
        self.touched = False  # did anybody write the gradient since it was last declared zero?
        self._grad = None

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
        self._value, self._grad = self._view(self.storage.value), self._view(self.storage.grad)
        self._bound_to = self.storage.value

    def add_grad(self, operation, *args, **kwargs):
        """grad += operation(*args, **kwargs).

        The first addition since the gradient was declared zero writes straight into it, operation(..., out=grad), so
        that nobody pays for clearing memory or for adding zero; later ones go through an array of npae.backend.memory.
        """
        if not self.learns:
            return
        grad = self.grad
        if self.touched:
            grad += operation(*args, out=empty(grad.shape, grad), **kwargs)
        else:
            operation(*args, out=grad, **kwargs)
            self.touched = True

    def __getstate__(self):
        return super().__getstate__() | {"_grad": None}


class Vector:
    """What layers have placed side by side in a Storage, in a stable order, as one array.

    named: {dotted name: Parameter or Buffer}; size: how many numbers. A new one says in which `storage`, and defines
    `value`.
    """

    def __init__(self, named):
        self.named = dict(named)
        self.size = sum(p.size for p in self.named.values())

    @property
    def start(self):
        """Where in the storage it begins."""
        return next((p.start for p in self.named.values()), 0)

    @property
    def is_contiguous(self):
        """Do all (still) lie side by side in one storage?"""
        storage, position = self.storage, self.start
        for p in self.named.values():
            if p.storage is not storage or p.start != position:
                return False
            position += p.size
        return True

    @property
    def table(self):
        """[(name, shape, start in the vector)] of every array, in order."""
        return [(name, p.shape, p.start - self.start) for name, p in self.named.items()]

    def assign(self, vector):
        """value ← vector, shape (size,), from either device, in the network's dtype."""
        if vector.shape != (self.size,):
            raise ValueError(
                f"Expected a vector of the network's {self.size} {self.kind}, got shape {vector.shape}: "
                "it belongs to another network."
            )
        self.value[...] = to_device(vector, device_of(self.value))

    def _part(self, vector):
        return vector[self.start : self.start + self.size]


class Theta(Vector):
    """The vector θ of a network (or of a part of one): all its Parameters, in a stable order, as one array.

    value, grad: the vectors, views into the storage; size: how many numbers; table: what lies where.
    """

    kind = "parameters"

    def __init__(self, named_parameters):
        super().__init__(named_parameters)
        self.parameters = list(self.named.values())
        if not self.parameters:
            raise ValueError("This layer has no parameters, so there is no vector θ of it.")
        if self.storage is None:
            raise RuntimeError(f"{next(iter(self.named))} has no values yet: call initialize(seed=...) on the network.")
        if not self.is_contiguous:
            raise RuntimeError(
                "The parameters do not lie in one vector: layers were added, or another network was built over these "
                "layers and took them. Build that one over copies, copy.deepcopy(layers), or call initialize() here."
            )

    @property
    def storage(self):
        """Where the Parameters live."""
        return self.parameters[0].storage

    @property
    def value(self):
        """θ, shape (size,)."""
        return self._part(self.storage.value)

    @property
    def grad(self):
        """∂J/∂θ, shape (size,). Parts that no backward pass has reached since zero_grad() are zero."""
        for p in self.parameters:
            if not p.touched:
                p.grad[...] = 0
                p.touched = True
        return self._part(self.storage.grad)

    def zero_grad(self):
        """Declare ∂J/∂θ zero: the next backward pass writes instead of adding. Costs nothing."""
        for p in self.parameters:
            p.touched = False

    def __repr__(self):
        module = array_module(self.value).__name__
        return f"Theta({self.size:,} {self.value.dtype} parameters in {module}, {len(self.parameters)} arrays)"
