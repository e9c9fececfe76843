"""The checks of the smoke test: functions that return what they found, or raise what is wrong, or Skip."""

from functools import partial

import numpy as np

from benchmarks.smoke_models import BATCH, kinds
from benchmarks.smoke_runs import Failure, Runs, draws, expect, noise_is_shared, relative
from npae.backend import Cublas, CublasLt, gpu_module, module_for, tf32, to_device, versions
from npae.layers import TopK
from npae.models import dense_autoencoder
from npae.train import Callback, prepare

SWITCHES = ("NPAE_EPILOGUES", "NPAE_FORK")  # of what is experimental
RECAPTURES, GROWTH = 30, 4 * 2**20  # bytes of device memory that may be new after so many captures


def checks(device):
    """(name, function) of every check on a device, the most basic first."""
    yield "versions", show_versions
    if device == "gpu":
        yield "cuBLAS", products
        yield "TF32", rounded_products
        yield "random numbers", random_numbers
    yield "top-k selection, both routes", partial(selection, device)
    runs = Runs(device)
    for name, kind in kinds().items():
        if device == "cpu":
            yield f"{name}: twice the same bits", partial(runs.repeats, name, kind)
        else:
            yield f"{name}: as on the CPU", partial(runs.equals_the_cpu, name, kind)
            yield f"{name}: captured = ordinary steps", partial(runs.equals_when_captured, name, kind)
    if device == "gpu":
        yield "epilogues of cuBLASLt", epilogues
        for switch in SWITCHES:
            for name in ("deep", "convolutional, pooled"):
                yield (
                    f"{name}: with {switch}=1 = ordinary steps",
                    partial(runs.equals_with, switch, name, kinds()[name]),
                )
        yield "memory over captures", memory


def show_versions():
    """npae.show_config in one line."""
    return "; ".join(f"{name} {text}" for name, text in versions().items())


def _random(*shape):
    return to_device(np.random.default_rng(shape).standard_normal(shape).astype(np.float32), "gpu")


def products():
    """npae's own calls of cuBLAS, which captured steps need, against NumPy."""
    xp = gpu_module()
    blas = Cublas(xp).on(xp.cuda.get_current_stream())
    a, b = _random(130, 77), _random(77, 65)
    x, y = (to_device(v, "cpu") for v in (a, b))
    straight = expect(relative(to_device(blas.matmul(a, b), "cpu"), x @ y), 1e-5, "a b")
    transposed = expect(relative(to_device(blas.matmul(b.T, a.T), "cpu"), y.T @ x.T), 1e-5, "bᵀ aᵀ")
    return f"{straight}, {transposed}"


def rounded_products():
    """Products in TF32 differ a little from those in float32, and not more."""
    xp, a, b = gpu_module(), _random(256, 256), _random(256, 256)
    blas = Cublas(xp).on(xp.cuda.get_current_stream())
    exact = to_device(blas.matmul(a, b), "cpu")
    with tf32():
        error = relative(to_device(blas.matmul(a, b), "cpu"), exact)
    return expect(error, 2e-3, "as in float32")


def random_numbers():
    """Uniform and normal numbers have their range and their moments."""
    uniform, normal = draws("gpu")
    if not (uniform.min() >= 0 and uniform.max() < 1 and abs(uniform.mean() - 0.5) < 0.01):
        raise Failure(f"expected U[0, 1), got numbers from {uniform.min()} to {uniform.max()}, mean {uniform.mean()}.")
    if not (abs(normal.mean()) < 0.03 and abs(normal.std() - 1) < 0.03):
        raise Failure(f"expected N(0, 1), got mean {normal.mean()} and standard deviation {normal.std()}.")
    return f"U[0, 1) and N(0, 1), {'the same numbers as' if noise_is_shared() else 'other numbers than'} on the CPU"


def selection(device):
    """The k-th smallest of each row by `partition`, against a sort. CuPy has one route for long rows, one for short.

    Long: more than 32 rows, of 160 numbers or more. It runs a kernel of CuPy that no test of npae reaches otherwise.
    """
    xp, count = module_for(device), 0
    for rows, columns in ((128, 1000), (64, 4096), (300, 160), (300, 40), (16, 700)):
        for k in (0, 4, 24, 31, columns // 2):
            x = np.random.default_rng(k).standard_normal((rows, columns)).astype(np.float32)
            part = xp.asarray(x)
            part.partition(k, axis=1)
            part = to_device(part, "cpu")
            wrong = (part[:, k] != np.sort(x, axis=1)[:, k]).sum() + (np.sort(part, axis=1) != np.sort(x, axis=1)).sum()
            if wrong:
                raise Failure(f"partition of {rows} rows of {columns} numbers at k = {k}: {wrong} numbers are wrong.")
            count += 1
    x = np.random.default_rng(0).standard_normal((128, 1000)).astype(np.float32)
    if not np.array_equal(to_device(TopK(25)(xp.asarray(x)), "cpu"), TopK(25)(x)):
        raise Failure("TopK(25) of 1,000 units differs from that on the CPU.")
    return f"{count} selections are right"


def epilogues():
    """For which products of the reference networks cuBLASLt has an algorithm with an epilogue."""
    xp = gpu_module()
    blas = CublasLt(xp).on(xp.cuda.get_current_stream())
    for on in (False, True):
        with tf32(on):
            for batch, n_in, n_out in ((32, 784, 256), (256, 16, 8), (512, 1000, 784), (512, 500, 250)):
                x, W, b, y = _random(batch, n_in), _random(n_in, n_out), _random(n_out), _random(batch, n_out)
                for name in ("BIAS", "RELU_BIAS"):
                    blas.affine(x, W, b, name, y)
                blas.product_and_sum(x.T, y, False, xp.empty_like(W), xp.empty_like(b))
                blas.product_and_sum(y.T, x, True, xp.empty((n_out, n_in), "f"), xp.empty_like(b))
    return ", ".join(f"{name} {given} of {asked}" for name, (given, asked) in blas.granted().items())


class _MovesState(Callback):
    """Puts the optimizer's state elsewhere after every epoch, so that the step is captured again."""

    def on_epoch_done(self, trainer, row):
        trainer.optimizer.state = {name: vector.copy() for name, vector in trainer.optimizer.state.items()}


def memory():
    """Device memory after many captures of one step: the memory of those before must have been given back."""
    kind = kinds()["denoising"]
    run = prepare(
        dense_autoencoder([784, 64]).to("gpu"), kind.data, batch_size=BATCH, progress="none", graph=True,
        data_init=False, callbacks=[_MovesState()],
    )  # fmt: skip
    run.run(2)
    before = _in_use()
    run.run(2 + RECAPTURES)
    grown = _in_use() - before
    if grown > GROWTH:
        raise Failure(f"expected at most {GROWTH:,} more bytes after {RECAPTURES} captures, got {grown:,}.")
    return f"{grown:,} more bytes after {RECAPTURES} captures"


def _in_use():
    """Bytes of the GPU in use, without what CuPy keeps for later."""
    xp = gpu_module()
    xp.get_default_memory_pool().free_all_blocks()
    free, total = xp.cuda.runtime.memGetInfo()
    return total - free
