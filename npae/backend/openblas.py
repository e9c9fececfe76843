"""The OpenBLAS library that NumPy has loaded: its number of threads, and the addresses of its products."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

PLACES = ("../numpy.libs", ".dylibs")  # within NumPy's package: of the wheels for Linux and Windows, and for macOS
PREFIXES = ("scipy_", "")  # of its functions; their names end in 64_, since their integers have 64 bits


class OpenBLAS:
    """Functions of the library.

    Args:
        library: the library, loaded by ctypes.
        prefix: of the names of its functions.

    Raises AttributeError if it has no such functions.
    """

    def __init__(self, library: Any, prefix: str) -> None:
        self.get_threads = getattr(library, f"{prefix}openblas_get_num_threads64_")
        self.set_threads = getattr(library, f"{prefix}openblas_set_num_threads64_")
        self._gemm = {np.dtype(t): getattr(library, f"{prefix}cblas_{letter}gemm64_")
                      for t, letter in ((np.float32, "s"), (np.float64, "d"))}  # fmt: skip

    def gemm(self, dtype: np.dtype) -> int:
        """The address of cblas_sgemm or cblas_dgemm: C ← alpha A B + beta C.

        Args:
            dtype: float32 or float64.
        """
        return ctypes.cast(self._gemm[dtype], ctypes.c_void_p).value or 0


@cache
def openblas() -> OpenBLAS | None:
    """NumPy's OpenBLAS; None if NumPy has another library, as on macOS."""
    for place in PLACES:
        for file in sorted((Path(np.__file__).parent / place).glob("*openblas*")):
            for prefix in PREFIXES:
                try:
                    return OpenBLAS(ctypes.CDLL(str(file)), prefix)  # it is loaded: this is another name for it
                except (OSError, AttributeError):
                    continue
    return None
