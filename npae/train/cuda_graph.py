"""The training step on a GPU as one CUDA graph: captured once, then launched as a whole.

A small network's step is some forty short kernels, and the host needs longer to ask for them than the GPU to run them.
While a stream is *capturing*, what is asked for is written down and not done; a launch of the resulting graph then does
all of it at once: the same operations on the same addresses with the same Python numbers. So whatever changes from
step to step must lie in device memory, at an address that stays:

    row numbers                one kernel writes both before a launch. Its arguments go by value, so that the host may
    the optimizer's numbers    run ahead of the GPU: there is no buffer that it could overwrite too early
    terms of J                 copied after a launch, since the next one overwrites them
    random numbers             the state of a device generator, which every launch leaves further on

Whatever is addressed must stay: θ, ∂J/∂θ, buffers and the optimizer's state are compared before every launch, and
another array in the place of one means another capture; so does an epoch whose layers draw from new generators.
Temporaries lie in a memory pool of the graph's own, where nobody else gets them. A layer can be captured if its step
only queues kernels: it reads no value (float(x), `if x:`), sends nothing from the host, uses no Python number that
changes, writes what it remembers in place, and draws by `generator.standard_normal(out=...)`.

Tested on a stand-in for CuPy and cuBLAS; not yet run on a real GPU.
"""

import warnings
from contextlib import suppress

from npae.backend import Cublas, array_module, device_of, tf32_is_on, use_blas
from npae.layers import Layer
from npae.train.step import Step


class CapturedStep(Step):
    """Step, as a graph wherever a full batch is drawn from data on the GPU; elsewhere an ordinary step.

    A step that cannot be captured is announced by one warning, and all steps are ordinary ones from there on.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._graph = self._blas = None
        self._given_up = False

    def epoch_starts(self):
        """Forget the graph if a layer draws random numbers: it would draw from the generator of the last epoch."""
        if any(type(layer).reseed is not Layer.reseed for _, layer in self.model.leaves()):
            self._graph = None

    def __call__(self, rows, note):
        """Take one step, as Step does. note(terms, batch size) is called when the GPU may have changed θ already."""
        if self._given_up or isinstance(rows, slice) or device_of(rows) == "cpu" or len(rows) < self.batches.batch_size:
            super().__call__(rows, note)
            return
        for phase, optimizer in self.phases:
            optimizer.prepare(phase.theta.value)
        if self._graph is None or not self._graph.addresses(self._addressed()):
            self._graph = None  # gives back its memory before the next one takes some
            self._first(rows, note)
        else:
            self._graph.inputs.write(rows, self._next_numbers())
            note(self._graph.launch(), len(rows))

    def _first(self, rows, note):
        """A step that is done: kernels are compiled, cuBLAS chooses its own. Then the capture of those that follow."""
        xp = array_module(rows)
        try:
            self._blas = self._blas or Cublas(xp)
        except (ImportError, OSError, RuntimeError) as error:
            self._give_up(error)
            super().__call__(rows, note)
            return
        numbers = self._next_numbers()
        inputs = _Inputs(xp, len(rows), len(numbers), self.model.theta.value.dtype)
        inputs.write(rows, numbers)
        with use_blas(self._blas.on(xp.cuda.get_current_stream())), self.arena.frame(len(rows)):
            note(self._do(inputs), len(rows))
        try:
            self._graph = self._capture(xp, inputs)
        except RuntimeError as error:  # CuPy's and cuBLAS's. Nothing was done yet, so that nothing has to be undone
            self._give_up(error)

    def _next_numbers(self):
        """The numbers of all phases' optimizers for the next step, one after the other."""
        numbers = []
        for _, optimizer in self.phases:
            optimizer.t += 1
            numbers += optimizer.numbers()
        return numbers

    def _do(self, inputs):
        """One step, of which all that changes is in `inputs`. Returns the terms of J."""
        batch, terms, k = self._take(inputs.rows), {}, 0
        for phase, optimizer in self.phases:
            terms |= self._gradient(phase, batch)
            n = len(optimizer.numbers())
            theta, numbers = phase.theta, [inputs.numbers[j] for j in range(k, k + n)]
            optimizer.update(theta.value, theta.grad, *numbers)
            k += n
        return terms

    def _capture(self, xp, inputs):
        pool, stream = xp.cuda.MemoryPool(), xp.cuda.Stream(non_blocking=True)
        multiply = use_blas(self._blas.on(stream))
        with self.arena.frame(len(inputs.rows)) as frame, stream, xp.cuda.using_allocator(pool.malloc), multiply:
            stream.begin_capture()
            try:
                terms = self._do(inputs)
            except BaseException:
                with suppress(RuntimeError):  # a capture that went wrong ends with an error of its own
                    stream.end_capture()
                raise
            graph = stream.end_capture()
        of_layers = [dict(vars(layer)) for _, layer in self.model.leaves()]  # their generators, say
        kept = [*frame.buffers, *frame.constants.values(), *of_layers, pool, self._blas]
        return _Graph(graph, inputs, terms, self._addressed(), kept)

    def _addressed(self):
        """The arrays whose place is written into a graph and that others may replace, and what else it cannot change.
        """
        storage = self.model.theta.storage
        return storage.value, storage.grad, storage.buffers, *self.optimizer.state.values(), tf32_is_on()

    def _give_up(self, error):
        self._given_up = True
        warnings.warn(
            f"graph=True: this training step cannot be captured ({error}). Training goes on with ordinary steps.",
            stacklevel=2,
        )


class _Inputs:
    """What changes from step to step, in device memory: `rows` of the data, `numbers` of the optimizer."""

    def __init__(self, xp, n_rows, n_numbers, dtype):
        self.rows, self.numbers = xp.empty(n_rows, "int64"), xp.empty(n_numbers, dtype)
        names = [f"number{k}" for k in range(n_numbers)]
        writes = " ".join(f"numbers[{k}] = T({name});" for k, name in enumerate(names))
        self._kernel = xp.ElementwiseKernel(
            ", ".join(["int64 row", *(f"float64 {name}" for name in names)]), "int64 rows, raw T numbers",
            f"rows = row; if (i == 0) {{ {writes} }}", "npae_step_inputs",
        )  # fmt: skip

    def write(self, rows, numbers):
        """Set both, by one launch."""
        self._kernel(rows, *numbers, self.rows, self.numbers)


class _Graph:
    """A captured step: what it reads (`inputs`), what it writes (the terms of J), and all that it must keep alive."""

    def __init__(self, graph, inputs, terms, addressed, kept):
        self.inputs = inputs
        self._graph, self._terms, self._addressed, self._kept = graph, terms, addressed, kept

    def addresses(self, arrays):
        """Are `arrays` the very ones that the graph works on?"""
        return len(arrays) == len(self._addressed) and all(
            a is b for a, b in zip(arrays, self._addressed, strict=True)
        )

    def launch(self):
        """Take the step that `inputs` describes, after all that the current stream was asked for. The terms of J."""
        self._graph.launch()
        return {name: value.copy() for name, value in self._terms.items()}
