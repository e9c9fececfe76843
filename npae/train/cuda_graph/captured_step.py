"""The captured step: a training step on a GPU, recorded once and then launched as a whole.

The step of a small network is about forty short kernels, and launching them takes the CPU longer than the GPU needs to
run them. While a stream is *capturing*, the kernels are recorded and not run. A launch of the resulting graph then runs
all of them at once: the same operations on the same addresses with the same Python numbers. So whatever changes from
step to step must be in device memory, at a fixed address (memory.py):

    row numbers and coefficients   are read from tables that were copied at the start of the epoch
    terms of J                     are written into a ring, which is read every 100 steps
    random numbers                 are functions of a key and of the number of the step, both in device memory

What a graph has frozen is compared before every launch, and the step is captured again if it has changed: the arrays
of θ, ∂J/∂θ, running statistics and optimizer, the TF32 setting, and all numbers and parts of the model, its terms and
the optimizer (frozen_numbers.py). Temporary arrays are in a memory pool that only the graph uses. A layer can be
captured if its step only launches kernels: it reads no value (float(x), `if x:`), copies nothing from the CPU, updates
its state in place, and draws from a Stream (npae.backend).
"""

import warnings
from typing import TYPE_CHECKING, Any

from npae.backend import Array, Cublas, array_module, blas_of_graphs, device_of, draws_in_step, tf32_is_on, use_blas
from npae.models.base import Model
from npae.optim.base import Optimizer
from npae.train.cuda_graph.frozen_numbers import FrozenNumbers
from npae.train.cuda_graph.graph import Graph
from npae.train.cuda_graph.memory import RING, GraphMemory
from npae.train.step import OnTerms, Step

if TYPE_CHECKING:
    from npae.data.minibatches import Minibatches

AT_EVERY_STEP = 4  # captures in a row, each for a change: then something is taken to change at every step


class _Refused(Exception):
    """No step can be captured: the message is the reason. Nothing has changed."""


class CapturedStep(Step):
    """A Step that runs as a graph for full batches of data on the GPU, and as an ordinary step otherwise.

    The terms of J are passed to on_terms every 100 steps and when the epoch ends, as floats.
    If a step cannot be captured, there is one warning, and all further steps are ordinary ones.

    Args:
        model, batches, optimizer, clip_norm: as for Step.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> x = np.random.default_rng(0).random((64, 5))
        >>> history = fit(dense_autoencoder([5, 2]), x, epochs=2, graph=True, progress="none")  # on the CPU: ordinary
        >>> history["epoch"]
        [1, 2]
    """

    _graph: Graph | None = None
    _memory: GraphMemory | None = None
    _blas: Cublas | None = None
    _captures_in_a_row = 0
    _updated = False  # has the step that was begun last changed the θ of a phase?
    _given_up = False

    def __init__(self, model: Model, batches: "Minibatches", optimizer: Optimizer, clip_norm: float | None = None):
        self._pending: list[tuple[int, OnTerms, int]] = []  # (k, on_terms, batch size): their terms are in the ring
        super().__init__(model, batches, optimizer, clip_norm)

    def epoch_starts(self, rates: list[float], first: int = 0) -> None:
        """Copy the coefficients of the epoch's steps to the device."""
        super().epoch_starts(rates, first)
        self._pending = []  # of an epoch that ended in an error
        if self._memory is not None:
            self._memory.write_table(self._coefficients_of(rates[first:]), first)

    def read_terms(self) -> None:
        """Read the terms of J that have not been read yet."""
        pending, self._pending = self._pending, []
        if pending and self._memory is not None:
            terms = self._memory.read_terms([k for k, _, _ in pending])
            for (_, on_terms, size), phases in zip(pending, terms, strict=True):
                for values in phases:
                    on_terms(values, size)

    def _take_step(self, rows: Array | slice, on_terms: OnTerms) -> None:
        if self._given_up or isinstance(rows, slice) or device_of(rows) == "cpu" or len(rows) < self.batches.batch_size:
            self.read_terms()  # on_terms is called in the order of the steps
            super()._take_step(rows, on_terms)
            return
        try:
            self._launch_or_capture(rows)
        except _Refused as reason:
            self._give_up(reason)
            self._take_step(rows, on_terms)
            return
        self._pending.append((self.k, on_terms, len(rows)))
        if len(self._pending) == RING:
            self.read_terms()

    def _launch_or_capture(self, rows: Array) -> None:
        """Take one step. Raises _Refused if no step can be captured; then nothing has changed."""
        for phase, optimizer in self.phases:
            optimizer.prepare(phase.theta.value)
        changed = self._graph and (self._graph.frozen.changed() or self._graph.replaced(self._addressed()))
        self._captures_in_a_row = self._captures_in_a_row + 1 if changed else 0
        if self._captures_in_a_row == AT_EVERY_STEP:
            raise _Refused(f"{changed} changes at every step")
        memory = self._memory
        if memory and self._graph and not changed:
            memory.prepare(self.k, rows, self._next_coefficients())
            self._graph.launch()
        else:
            self.read_terms()  # the next graph may have other terms
            self._drop_graph()  # frees its memory before the next capture
            self._first(rows)

    def _first(self, rows: Array) -> None:
        """Take an ordinary step, which compiles kernels and lets cuBLAS select its own. Then capture the next one."""
        xp, value = array_module(rows), self.model.theta.value
        try:
            self._blas = self._blas or blas_of_graphs(xp)
            blas = self._blas.on(xp.cuda.get_current_stream())
        except (ImportError, OSError, RuntimeError) as error:
            raise _Refused(error) from error
        coefficients = self._next_coefficients()
        if self._memory is None:
            self._memory = GraphMemory(xp, self.batches.n, self.batches.batch_size, len(coefficients), value.dtype)
        self._memory.prepare(self.k, rows, coefficients)
        statistics = self.model.statistics.value.copy()
        try:
            with use_blas(blas), self.arena.frame(len(rows)):
                self._do(self._memory)
        except Exception as error:  # cuBLAS may refuse what CuPy's matmul takes; other errors come again
            if self._updated:
                raise
            self.model.statistics.value[...] = statistics
            self.optimizer.t -= 1
            raise _Refused(error) from error
        try:
            self._graph = self._capture(xp, self._memory, blas)
        except Exception as error:  # kernels were only recorded: there is nothing to undo
            self._give_up(error)

    def _next_coefficients(self) -> list[float]:
        """The coefficients of all phases' optimizers for the next step, in one list."""
        coefficients = []
        for _, optimizer in self.phases:
            optimizer.t += 1
            coefficients += optimizer.coefficients()
        return coefficients

    def _coefficients_of(self, rates: list[float]) -> list[list[float]]:
        """Those of the steps to come, with these learning rates."""
        before = self.optimizer.lr, self.optimizer.t
        table = []
        for rate in rates:
            self.optimizer.lr = rate
            table.append(self._next_coefficients())
        self.optimizer.lr, self.optimizer.t = before
        return table

    def _do(self, memory: GraphMemory) -> tuple[Any, ...]:
        """One step that reads all that changes from `memory`. Returns the streams that drew random numbers."""
        self._updated = False
        memory.read_inputs()
        terms, j = [], 0
        with draws_in_step(memory.k) as drawing:
            batch = self._take(memory.rows)
            for phase, optimizer in self.phases:
                theta = phase.theta
                terms.append(self._gradient(phase, theta, batch))
                n = len(optimizer.coefficients())
                coefficients = [memory.coefficients[i] for i in range(j, j + n)]
                self._updated = True
                with theta.frozen_kept():
                    optimizer.update(theta.value, theta.grad, *coefficients)
                j += n
        memory.write_terms(terms)
        return drawing.streams

    def _capture(self, xp: Any, memory: GraphMemory, blas: Cublas) -> Graph:
        with self.arena.frame(len(memory.rows)) as frame:
            graph = Graph(xp, lambda: self._do(memory), blas)
        graph.kept += [*frame.buffers, *frame.constants.values(), memory]
        graph.addressed = self._addressed()
        graph.frozen = FrozenNumbers(self.model, *self.optimizer.parts, self.batches.augment)
        graph.frozen.note(self, "clip_norm")
        return graph

    def _drop_graph(self) -> None:
        graph, self._graph = self._graph, None
        if graph is not None:
            graph.free()

    def _addressed(self) -> tuple[Any, ...]:
        """The arrays whose addresses a graph contains and that may be replaced, and the TF32 setting, fixed as well."""
        homes = self.model.theta.home, self.model.statistics.home
        vectors = (vector for home in homes if home is not None for vector in home.vectors)
        return *vectors, *self.optimizer.state.values(), tf32_is_on()

    def _give_up(self, reason: Exception | str) -> None:
        self._given_up = True
        self._drop_graph()
        warnings.warn(
            f"graph=True: this training step cannot be captured ({reason}). Training goes on with ordinary steps.",
            stacklevel=2,
        )
