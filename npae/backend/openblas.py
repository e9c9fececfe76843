"""The number of threads of OpenBLAS, the library that NumPy multiplies matrices with, switched to one for a while.

OpenBLAS shares each product among threads of its own. If Python's threads multiply matrices at the same time, each
needs one thread only. The number is one for the whole process: it is 1 from the first block of code that begins to the
last one that ends, and then what it was before.
"""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

PLACES = ("../numpy.libs", ".dylibs")  # within NumPy's package: of the wheels for Linux and Windows, and for macOS
PREFIXES = ("scipy_", "")  # of its functions; their names end in 64_, since their integers have 64 bits


class OpenBLAS:
    """The number of threads of a loaded library.

    Args:
        library: the library, loaded by ctypes.
        prefix: of the names of its functions.

    Raises AttributeError if it has no such functions.
    """

    def __init__(self, library: Any, prefix: str) -> None:
        self.get_threads = getattr(library, f"{prefix}openblas_get_num_threads64_")
        self.set_threads = getattr(library, f"{prefix}openblas_set_num_threads64_")
        self._library, self._prefix = library, prefix
        self._lock, self._blocks, self._before = threading.Lock(), 0, 1

    @property
    def threads(self) -> int:
        """How many threads a product takes outside of such blocks."""
        with self._lock:
            return self._before if self._blocks else self.get_threads()

    def gemm(self, dtype: np.dtype) -> int:
        """The address of cblas_sgemm or cblas_dgemm, for float32 or float64."""
        letter = {4: "s", 8: "d"}[dtype.itemsize]
        function = getattr(self._library, f"{self._prefix}cblas_{letter}gemm64_")
        return ctypes.cast(function, ctypes.c_void_p).value or 0

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """In the block, a product takes one thread."""
        with self._lock:
            if self._blocks == 0:
                self._before = self.get_threads()
                self.set_threads(1)
            self._blocks += 1
        process = os.getpid()
        try:
            yield
        finally:
            if os.getpid() == process:  # a forked process has left the block
                with self._lock:
                    self._blocks -= 1
                    if self._blocks == 0 and self.get_threads() == 1:  # else the number was set meanwhile
                        self.set_threads(self._before)

    def after_fork(self) -> None:
        """In a forked process: the blocks of other threads do not end here."""
        self._lock = threading.Lock()
        if self._blocks:
            self._blocks = 0
            self.set_threads(self._before)


@cache
def openblas() -> OpenBLAS | None:
    """NumPy's OpenBLAS; None if NumPy has another library, as on macOS."""
    for place in PLACES:
        for file in sorted((Path(np.__file__).parent / place).glob("*openblas*")):
            for prefix in PREFIXES:
                try:
                    blas = OpenBLAS(ctypes.CDLL(str(file)), prefix)  # it is loaded: this is another name for it
                except (OSError, AttributeError):
                    continue
                if hasattr(os, "register_at_fork"):
                    os.register_at_fork(after_in_child=blas.after_fork)
                return blas
    return None
