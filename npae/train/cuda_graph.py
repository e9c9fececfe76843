"""CUDA graphs: the training step on a GPU, captured once and then launched as a whole.

Experimental: not yet run on a real GPU. It is tested on a stand-in for CuPy and cuBLAS.

The step of a small network is about forty short kernels, and launching them takes the CPU longer than the GPU needs to
run them. While a stream is *capturing*, the kernels are recorded and not run. A launch of the resulting graph then runs
all of them at once: the same operations on the same addresses with the same Python numbers. So whatever changes from
step to step must be in device memory, at a fixed address:

    row numbers                one kernel writes both before a launch. Its arguments are passed by value, so the CPU may
    optimizer's coefficients   run ahead of the GPU: there is no buffer that it could overwrite too early
    terms of J                 are copied after a launch, since the next one overwrites them
    random numbers             come from a generator on the device, whose state every launch advances

θ, ∂J/∂θ, running statistics and the optimizer's state must remain the same arrays, which is checked before every
launch. If one of them has been replaced, the step is captured again. So it is at the start of an epoch if layers draw,
since their generators are new. Temporary arrays are in a memory pool that only the graph uses. A layer can be captured
if its step only launches kernels: it reads no value (float(x), `if x:`), copies nothing from the CPU, uses no Python
number that changes, updates its state in place, and draws from a Stream (npae.backend).
"""

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from npae.backend import Array, Cublas, DTypeLike, array_module, device_of, tf32_is_on, use_blas
from npae.models.base import Terms
from npae.train.step import Step


class CapturedStep(Step):
    """A Step that runs as a graph for full batches of data on the GPU, and as an ordinary step otherwise.

    If a step cannot be captured, there is one warning, and all further steps are ordinary ones.
    """

    _graph: "_Graph | None" = None
    _blas: Cublas | None = None
    _given_up = False

    def epoch_starts(self) -> None:
        """Discard the graph if layers draw random numbers: it would use the generators of the last epoch."""
        if self.model.draws:
            self._graph = None

    def __call__(self, rows: Array | slice, on_terms: Callable[[Terms, int], None]) -> None:
        """Take one step, as Step does. The GPU may have changed θ before on_terms(terms, batch size) is called."""
        if self._given_up or isinstance(rows, slice) or device_of(rows) == "cpu" or len(rows) < self.batches.batch_size:
            super().__call__(rows, on_terms)
            return
        for phase, optimizer in self.phases:
            optimizer.prepare(phase.theta.value)
        if self._graph is None or not self._graph.addresses(self._addressed()):
            self._graph = None  # frees its memory before the next capture
            self._first(rows, on_terms)
        else:
            self._graph.inputs.write(rows, self._next_coefficients())
            on_terms(self._graph.launch(), len(rows))

    def _first(self, rows: Array, on_terms: Callable[[Terms, int], None]) -> None:
        """Take an ordinary step, which compiles kernels and lets cuBLAS select its own. Then capture the next one."""
        xp = array_module(rows)
        try:
            self._blas = self._blas or Cublas(xp)
        except (ImportError, OSError, RuntimeError) as error:
            self._give_up(error)
            super().__call__(rows, on_terms)
            return
        coefficients = self._next_coefficients()
        inputs = _Inputs(xp, len(rows), len(coefficients), self.model.theta.value.dtype)
        inputs.write(rows, coefficients)
        with use_blas(self._blas.on(xp.cuda.get_current_stream())), self.arena.frame(len(rows)):
            on_terms(self._do(inputs), len(rows))
        try:
            self._graph = self._capture(xp, inputs, self._blas)
        except RuntimeError as error:  # of CuPy or cuBLAS. Kernels were only recorded: there is nothing to undo
            self._give_up(error)

    def _next_coefficients(self) -> list[float]:
        """The coefficients of all phases' optimizers for the next step, in one list."""
        coefficients = []
        for _, optimizer in self.phases:
            optimizer.t += 1
            coefficients += optimizer.coefficients()
        return coefficients

    def _do(self, inputs: "_Inputs") -> Terms:
        """One step that reads all that changes from `inputs`. Returns the terms of J."""
        batch, terms, k = self._take(inputs.rows), {}, 0
        for phase, optimizer in self.phases:
            theta = phase.theta
            terms |= self._gradient(phase, theta, batch)
            n = len(optimizer.coefficients())
            coefficients = [inputs.coefficients[j] for j in range(k, k + n)]
            with theta.frozen_kept():
                optimizer.update(theta.value, theta.grad, *coefficients)
            k += n
        return terms

    def _capture(self, xp: Any, inputs: "_Inputs", blas: Cublas) -> "_Graph":
        pool, stream = xp.cuda.MemoryPool(), xp.cuda.Stream(non_blocking=True)
        multiply = use_blas(blas.on(stream))
        with self.arena.frame(len(inputs.rows)) as frame, stream, xp.cuda.using_allocator(pool.malloc), multiply:
            stream.begin_capture()
            try:
                terms = self._do(inputs)
            except BaseException:
                with suppress(RuntimeError):  # ending a failed capture raises as well
                    stream.end_capture()
                raise
            graph = stream.end_capture()
        of_layers = [dict(vars(layer)) for layer in self.model.draws]  # such as their generators
        kept = [*frame.buffers, *frame.constants.values(), *of_layers, pool, blas]
        return _Graph(graph, inputs, terms, self._addressed(), kept)

    def _addressed(self) -> tuple[Any, ...]:
        """The arrays whose addresses a graph contains and that may be replaced, and the TF32 setting, fixed as well."""
        homes = self.model.theta.home, self.model.statistics.home
        vectors = (vector for home in homes if home is not None for vector in home.vectors)
        return *vectors, *self.optimizer.state.values(), tf32_is_on()

    def _give_up(self, error: Exception) -> None:
        self._given_up = True
        warnings.warn(
            f"graph=True: this training step cannot be captured ({error}). Training goes on with ordinary steps.",
            stacklevel=2,
        )


class _Inputs:
    """What changes from step to step, in device memory: `rows` of the data, `coefficients` of the optimizers."""

    def __init__(self, xp: Any, n_rows: int, n_coefficients: int, dtype: DTypeLike):
        self.rows, self.coefficients = xp.empty(n_rows, "int64"), xp.empty(n_coefficients, dtype)
        names = [f"coefficient{k}" for k in range(n_coefficients)]
        writes = " ".join(f"coefficients[{k}] = T({name});" for k, name in enumerate(names))
        self._kernel = xp.ElementwiseKernel(
            ", ".join(["int64 row", *(f"float64 {name}" for name in names)]), "int64 rows, raw T coefficients",
            f"rows = row; if (i == 0) {{ {writes} }}", "npae_step_inputs",
        )  # fmt: skip

    def write(self, rows: Array, coefficients: list[float]) -> None:
        """Set both, with one launch.

        Args:
            rows: the numbers of the rows of the batch.
            coefficients: of all optimizers.
        """
        self._kernel(rows, *coefficients, self.rows, self.coefficients)


class _Graph:
    """A captured step: its `inputs`, its outputs (the terms of J), and all objects that must stay alive for it."""

    def __init__(self, graph: Any, inputs: _Inputs, terms: dict[str, Any], addressed: tuple[Any, ...],
                 kept: list[Any]):  # fmt: skip
        self.inputs = inputs
        self._graph, self._terms, self._addressed, self._kept = graph, terms, addressed, kept

    def addresses(self, arrays: tuple[Any, ...]) -> bool:
        """Are these the very arrays that the graph uses?"""
        return len(arrays) == len(self._addressed) and all(
            a is b for a, b in zip(arrays, self._addressed, strict=True)
        )

    def launch(self) -> Terms:
        """Launch the step in the current stream. Returns copies of the terms of J."""
        self._graph.launch()
        return {name: value.copy() for name, value in self._terms.items()}
