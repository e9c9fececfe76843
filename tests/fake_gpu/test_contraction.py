"""a * b + c, rounded once as on a GPU: with NPAE_FAKE_FMA=1 in the environment.

All tests of formulas, layers, losses, penalties and optimizers pass with it; .ci/run has the command.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.devices import NO_FAKE, not_here
from tests.fake_gpu.fake_cupy import fake_cupy
from tests.fake_gpu.kernel_text import can_contract, contracting

NO_FMA = None if can_contract() else "with an instruction for a * b + c (this CPU has none)"
pytestmark = not_here(NO_FAKE or NO_FMA)

X = np.linspace(0.1, 1, 100)


@pytest.mark.parametrize("setting", ["0", "1"])
def test_products_are_rounded_twice_or_once(monkeypatch, setting):
    """x x − fl(x x) is 0 if the product is rounded, and its rounding error otherwise."""
    monkeypatch.setenv("NPAE_FAKE_FMA", setting)
    error = fake_cupy.ElementwiseKernel("T x, T square", "T y", "y = x * x - square", "rounding_error")
    y = error(fake_cupy.asarray(X), fake_cupy.asarray(X * X)).get()
    assert contracting() is (setting == "1")
    assert (y != 0).any() == contracting()
    assert abs(y).max() <= np.finfo(float).eps / 2


def test_one_kernel_follows_the_setting(monkeypatch):
    error = fake_cupy.ElementwiseKernel("T x, T square", "T y", "y = x * x - square", "rounding_error")
    results = []
    for setting in ("0", "1", "0"):
        monkeypatch.setenv("NPAE_FAKE_FMA", setting)
        results.append(error(fake_cupy.asarray(X), fake_cupy.asarray(X * X)).get().any())
    assert results == [False, True, False]


def test_tests_run_with_it():
    """The tests of losses, in a process of its own: that of the environment, not of the command line."""
    folder = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-k", "fake", "tests/losses"],
        env=os.environ | {"NPAE_FAKE_FMA": "1"}, cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0 and "passed" in result.stdout, result.stdout + result.stderr
