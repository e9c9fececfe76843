"""A loop of loop_text.py, compiled by Numba for one thread and for several."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np


class Loop:
    """A loop, compiled at its first use for one thread, and at the first use with several for these.

    Args:
        text: from loop_text.
        dtype: of the arrays.
        compiler: from on_numba.
    """

    def __init__(self, text: str, dtype: np.dtype, compiler: Callable[..., Any]) -> None:
        from numba import prange

        scope: dict[str, Any] = {"T": dtype.type, "sqrt": np.sqrt, "inf": np.inf, "nan": np.nan, "prange": prange}
        exec(text, scope)  # safe: loop_text makes it of a formula's operations and numbers alone
        self._python, self._compiler = scope["loop"], compiler

    @cached_property
    def alone(self) -> Callable[..., None]:
        """For one thread."""
        return self._compiler()(self._python)

    @cached_property
    def shared(self) -> Callable[..., None]:
        """For the threads of thread_pool.py."""
        return self._compiler(shared=True)(self._python)
