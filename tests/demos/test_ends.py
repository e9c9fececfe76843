"""How a program ends: Ctrl-C while it imports, and in pages of from_scratch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demos import __main__ as listing
from demos import ends

ROOT = Path(__file__).resolve().parents[2]
INTERRUPTED = "raise KeyboardInterrupt\n"


def run(name, folder):
    """The outcome of a program in which Ctrl-C interrupts the import of NumPy, or the first call of a page."""
    (folder / "numpy.py").write_text(INTERRUPTED, encoding="utf-8")
    return subprocess.run([sys.executable, "-m", name], cwd=ROOT, capture_output=True, text=True, timeout=60,
                          env=os.environ | {"PYTHONPATH": str(folder)})  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="the status of Ctrl-C is another one on Windows")
@pytest.mark.parametrize("name", [*(f"demos.{name}" for name in listing.names()), "demos", "benchmarks",
                                  "benchmarks.lab", "benchmarks.page"])  # fmt: skip
def test_ctrl_c_while_a_program_imports_is_a_sentence(name, tmp_path):
    done = run(name, tmp_path)
    assert (done.stdout, done.stderr) == ("", "Interrupted.\n")
    assert done.returncode in (-2, 130)  # a shell reports the first as 130 too


def test_other_errors_have_their_traceback(tmp_path):
    (tmp_path / "npae.py").write_text("1 / 0\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "demos"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"})  # fmt: skip
    assert "ZeroDivisionError" in done.stderr and "Interrupted" not in done.stderr


def test_a_program_that_imports_a_demo_keeps_its_own_hook():
    assert sys.excepthook is not ends.without_traceback
