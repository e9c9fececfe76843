"""A training step is short: how many Python calls and files it goes through, which is what a reader has to follow."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import npae
from npae import dense_autoencoder
from npae.backend import missing
from npae.backend.formulas import on_numba
from npae.train import prepare

PACKAGE = Path(npae.__file__).parent


def calls_of(function):
    """{file within npae: Python calls} while function() runs."""
    calls = Counter()

    def count(frame, event, argument):
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(PACKAGE):
            calls[file.relative_to(PACKAGE).as_posix()] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("compiled", [False, True])
def test_a_warm_step_of_784_32_784(compiled, monkeypatch):
    if compiled and on_numba.compiler() is None:
        pytest.skip(missing("Numba", "fast"))
    monkeypatch.setattr(on_numba, "PATIENCE", 0 if compiled else float("inf"))
    monkeypatch.setattr(on_numba, "compiler", on_numba.compiler if compiled else lambda: None)
    x = np.random.default_rng(0).random((1024, 784), np.float32)
    trainer = prepare(dense_autoencoder([784, 32]), x, batch_size=128, progress="none")
    first, second, third, *_ = trainer.batches.rows(0)
    for rows in (first, second):
        trainer.step(rows, lambda terms, size: None)
    calls = calls_of(lambda: trainer.step(third, lambda terms, size: None))
    mathematics = [file for file in calls if not file.startswith("backend/")]
    assert sum(calls.values()) <= 120, dict(calls)
    assert len(mathematics) <= 11, mathematics
    assert {"layers/dense.py", "losses/binary_cross_entropy.py", "optim/adam.py"} <= set(mathematics)
