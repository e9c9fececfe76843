"""The run of the tests itself: BLAS threads, processes, slow tests, and the line about what does not run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parent / "conftest.py"
TESTS = """
import pytest

@pytest.mark.parametrize("device", ["cpu", pytest.param("gpu", marks=pytest.mark.not_here(reason="on a moon"))])
@pytest.mark.parametrize("n", [1, 2])
def test_device(device, n):
    assert device == "cpu"

def test_library():
    pytest.importorskip("torch_of_nobody")

def test_data():
    pytest.skip("with the full data: set MOON")
"""


def run(folder, text, *options):
    """(exit status, output) of pytest on one file of tests beside a copy of our conftest.py."""
    (folder / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    (folder / "setup.cfg").write_text("[tool:pytest]\naddopts = -n logical --maxprocesses 2\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        capture_output=True, text=True, cwd=folder, timeout=120,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("options", [("-n2",), ("-n0",), ("test_it.py",)])
def test_what_cannot_run_is_one_line(tmp_path, options):
    status, output = run(tmp_path, TESTS, *options)
    assert status == 0 and "2 passed, 2 skipped" in output
    reported = next(line for line in output.splitlines() if line.startswith("not run here"))
    for part in ("2 on a moon", "1 with torch_of_nobody (not installed)", "1 with the full data: set MOON"):
        assert part in reported
    assert output.count("moon") == 1 and "SKIPPED" not in output


SLOW = """
import pytest

@pytest.mark.slow
def test_slow():
    pass

@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_both(n):
    pass

@pytest.mark.slow
@pytest.mark.not_here(reason="on a moon")
def test_moon():
    pass
"""


@pytest.mark.parametrize("options", [
    ("-n2",), *(pytest.param(options, marks=pytest.mark.slow) for options in (("-n0",), (".",))),
])  # fmt: skip
def test_slow_tests_are_left_out_and_counted(tmp_path, options):
    status, output = run(tmp_path, SLOW, *options)
    assert status == 0 and "1 passed" in output
    assert "not run here: 2 slow (pytest --slow); 1 on a moon" in output


@pytest.mark.parametrize("options, passed", [
    (("--slow", "-n2"), 3), (("test_it.py",), 3), (("test_it.py::test_both[2]",), 1),
    *(pytest.param(*values, marks=pytest.mark.slow) for values in (
        (("--slow", "-n0"), 3), (("test_it.py", "-n2"), 3), (("test_it.py::test_slow",), 1))),
])  # fmt: skip
def test_slow_tests_run_with_the_option_or_by_name(tmp_path, options, passed):
    status, output = run(tmp_path, SLOW, *options)
    assert status == 0 and f"{passed} passed" in output and "slow (" not in output


def test_slow_tests_of_a_file_that_is_not_named_are_left_out(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "test_more.py").write_text(SLOW, encoding="utf-8")
    status, output = run(tmp_path, SLOW, "test_it.py", "more", "-n0")
    assert status == 0 and "4 passed" in output and "2 slow (pytest --slow)" in output


def test_one_file_runs_in_one_process(tmp_path):
    program = "import os\n\ndef test_process():\n    assert ('PYTEST_XDIST_WORKER' in os.environ) == {}\n"
    assert run(tmp_path, program.format(False), "test_it.py")[0] == 0
    assert run(tmp_path, program.format(False), "test_it.py::test_process")[0] == 0
    assert run(tmp_path, program.format(True))[0] == 0


def test_a_name_that_differs_between_processes_is_refused(tmp_path):
    text = "import pytest\n\n@pytest.mark.parametrize('f', [object()], ids=repr)\ndef test_f(f):\n    pass\n"
    status, output = run(tmp_path, text, "-n0")
    assert status == pytest.ExitCode.USAGE_ERROR and "expected a name without an address" in output


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="this system does not list the threads of a process")
def test_a_process_has_one_blas_thread():
    program = (
        "import os, runpy, sys\n"
        "runpy.run_path(sys.argv[1])\n"
        "import numpy as np\n"
        "x = np.ones((600, 600)) @ np.ones((600, 600))\n"
        "print(len(os.listdir('/proc/self/task')), os.environ['OMP_NUM_THREADS'])\n"
    )
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    for given, expected in ({}, "1 1"), ({"OMP_NUM_THREADS": "3"}, "3"):
        command = [sys.executable, "-c", program, str(CONFTEST)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=clean | given)
        assert done.stdout.strip().endswith(expected), "what the user has set stays"
