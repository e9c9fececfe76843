"""NumPy's OpenBLAS: in a block its products take one thread; without it there is None."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from npae.backend import openblas as file
from npae.backend.openblas import OpenBLAS, openblas

ROOT = Path(__file__).resolve().parents[2]
needs_openblas = pytest.mark.skipif(openblas() is None, reason="NumPy has another BLAS.")


class Library:
    """Stands for a library of four threads."""

    def __init__(self):
        self.threads = 4
        self.openblas_get_num_threads64_ = lambda: self.threads
        self.openblas_set_num_threads64_ = lambda n: setattr(self, "threads", n)


@needs_openblas
def test_the_number_of_threads_is_set_and_read():
    blas = openblas()
    before = blas.get_threads()
    try:
        blas.set_threads(2)
        with blas.one_thread():
            assert blas.get_threads() == 1
        assert blas.get_threads() == 2
    finally:
        blas.set_threads(before)
    assert blas.get_threads() == before


def test_the_last_block_that_ends_restores_the_number():
    library = Library()
    blas = OpenBLAS(library, "")
    first, second = blas.one_thread(), blas.one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert library.threads == 1
    second.__exit__(None, None, None)
    assert library.threads == 4
    with pytest.raises(ZeroDivisionError), blas.one_thread():
        raise ZeroDivisionError
    assert library.threads == 4


def test_a_number_that_is_set_in_a_block_stays():
    library = Library()
    with OpenBLAS(library, "").one_thread():
        library.threads = 3
    assert library.threads == 3


@needs_openblas
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_process_forked_in_a_block_has_the_number_of_before():
    program = (
        "import os, warnings\n"
        "from npae.backend.openblas import openblas\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "blas = openblas()\n"
        "blas.set_threads(2)\n"
        "with blas.one_thread():\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        now = blas.get_threads()\n"
        "        with blas.one_thread():\n"
        "            one = blas.get_threads()\n"
        "        os._exit(100 * now + 10 * one + blas.get_threads())\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), blas.get_threads())\n"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.stdout == "212 2\n", done.stderr


def test_a_library_without_these_functions_is_not_used():
    with pytest.raises(AttributeError):
        OpenBLAS(object(), "")


def test_without_the_library_there_is_none(monkeypatch):
    monkeypatch.setattr(file, "PLACES", ())
    assert openblas.__wrapped__() is None
