"""Training steps after the first allocate no arrays."""

import tracemalloc

import numpy as np
import pytest

from npae.backend import missing
from npae.backend.formulas import on_numba
from npae.data.minibatches import Minibatches
from npae.layers import ELU, ReLU, SiLU
from npae.losses import BinaryCrossEntropy, SquaredError
from npae.models import dense_autoencoder
from npae.optim import SGD, Adam, AdamW
from npae.train.step import Step

UINT8 = np.random.default_rng(0).integers(0, 256, (2000, 100), dtype=np.uint8)
FLOATS = UINT8.astype(np.float32) / 255
ROWS = 8192  # as many numbers as a ufunc buffers at a time


def check_that_a_step_does_not_wait(trainer, place):
    """The second step of the trainer, on the Place of its model, neither waits for the device nor sends it anything."""
    first, second, *_ = trainer.batches.rows(0)
    trainer.step(first, lambda terms, size: None)
    with place.no_waiting():
        trainer.step(second, lambda terms, size: None)


def peak_of_a_step(step, order):
    """Bytes that Python and NumPy held at most during the third step, above what they held before it."""
    for _ in range(2):
        step(order, lambda terms, size: None)
    tracemalloc.start()
    try:
        step(order, lambda terms, size: None)  # tracemalloc itself makes its tables here
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        step(order, lambda terms, size: None)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def check_that_a_step_allocates_no_arrays(step, numbers=1):
    """A step of 2 ROWS rows holds less than `numbers` float32 more per row than one of ROWS, and the arena stays.

    What Python's frames and NumPy's ufuncs take for themselves depends on their versions, and does not grow with rows.
    """
    order = np.random.default_rng(1).integers(2000, size=2 * ROWS)
    assert peak_of_a_step(step, order) - peak_of_a_step(step, order[:ROWS]) < ROWS * numbers * 4
    held = step.arena.nbytes
    step(order, lambda terms, size: None)
    assert step.arena.nbytes == held > 0


@pytest.mark.parametrize("loops", [False, pytest.param(True, marks=pytest.mark.skipif(
    not on_numba.available(), reason=missing("Numba", "fast")))])  # fmt: skip
@pytest.mark.parametrize(
    ("data", "loss", "activation", "optimizer", "clip_norm"),
    [
        (UINT8, BinaryCrossEntropy(), ReLU, Adam(), None),
        pytest.param(UINT8, SquaredError(), ELU, AdamW(), 1.0, marks=pytest.mark.slow),
        pytest.param(FLOATS, BinaryCrossEntropy(), SiLU, SGD(0.01, momentum=0.9), 1.0, marks=pytest.mark.slow),
        (FLOATS, SquaredError(), ReLU, SGD(0.01), None),
    ],
)
def test_a_step_allocates_no_arrays(data, loss, activation, optimizer, clip_norm, loops, monkeypatch):
    monkeypatch.setattr(on_numba, "PATIENCE", 0 if loops else float("inf"))
    model = dense_autoencoder([100, 60, 30], activation, loss=loss)
    check_that_a_step_allocates_no_arrays(Step(model, Minibatches(data, 1024, seed=0), optimizer, clip_norm))


def test_an_allocation_would_be_seen():
    step = Step(dense_autoencoder([100, 60, 30]), Minibatches(UINT8, 1024, seed=0), Adam())
    gradient = step._gradient
    step._gradient = lambda *given: (np.empty(len(given[-1]), np.float32), gradient(*given))[1]
    with pytest.raises(AssertionError):
        check_that_a_step_allocates_no_arrays(step)


def test_the_last_batch_of_rows_without_a_seed_is_tried_before_the_run():
    x = np.random.default_rng(0).random((10, 8), np.float32)
    step = Step(dense_autoencoder([8, 4, 2], batch_norm=True), Minibatches(x, 4), Adam())
    assert all(np.isfinite(step.model.theta.value)) and step.model.statistics.size
    with pytest.raises(ValueError, match="BatchNorm"):
        Step(dense_autoencoder([8, 4, 2], batch_norm=True), Minibatches(x[:9], 4), Adam())
