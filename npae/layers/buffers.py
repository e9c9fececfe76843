"""Buffers: what a layer remembers of the data without being trained, such as the running statistics of BatchNorm.

A Buffer is no part of θ: no gradient reaches it and no optimizer moves it. But a network is not whole without it, so
it goes where θ goes: all Buffers of a network are views into one vector, which lies in the Storage of θ, moves and
changes its dtype with it, is copied with the layers, and is saved and loaded with the model.

Layers write it in place during forward(x, training=True), on the device and without looking at a value. So a captured
step repeats the update at every launch, and several workers can average one array.
"""

from npae.layers.parameters import Placed, Vector


class Buffer(Placed):
    """An array beside θ: `name` within its layer, `shape`, `initial` (a number, its first value everywhere), `value`.

    `value` is a view into the network's `statistics`. Write into it; do not replace it.
    """

    def __init__(self, name, shape, initial):
        super().__init__(name, shape)
        self.initial = initial

    @property
    def value(self):
        """The array of values, of `shape`."""
        if self.storage is None:
            raise RuntimeError(
                f"Buffer {self.name} {self.shape} has no values yet: call initialize(seed=...) on the network."
            )
        if self._bound_to is not self.storage.buffers:
            self._value, self._bound_to = self._view(self.storage.buffers), self.storage.buffers
        return self._value

    def place(self, storage, start):
        fresh = self.storage is None
        super().place(storage, start)
        if fresh:
            self.value[...] = self.initial


class Statistics(Vector):
    """The vector of all Buffers of a network (or of a part of one), beside its `theta`; of size 0 if there are none."""

    kind = "running statistics"

    def __init__(self, theta, named_buffers):
        super().__init__(named_buffers)
        self.theta = theta

    @property
    def storage(self):
        """Where the Buffers live: with the parameters."""
        return self.theta.storage

    @property
    def value(self):
        """All values, shape (size,): a view into the storage."""
        return self._part(self.storage.buffers)
