"""A fork in a captured step: weight gradients on a second stream, beside the backward pass.

The backward pass goes from layer to layer: da of one layer is needed for da of the layer below it. The gradients

    ∂J/∂W = xᵀ da,   ∂J/∂b = Σ_i da_i

are needed by the optimizer alone. While a CUDA graph is captured, they are therefore queued on a second stream, and the
graph contains them as a branch that runs beside the rest. The first stream waits for them once, before ∂J/∂θ is read:

    x ── forward ── da₃ ─── da₂ ─── da₁ ────── join ── optimizer
                      └ ∂W₃ ── └ ∂W₂ ── └ ∂W₁ ─┘

Experimental: not yet run on a real GPU, and only used if the environment variable NPAE_FORK is 1.
"""

import os
from collections.abc import Callable
from typing import Any

from npae.backend.cublaslt import blas_of_graphs
from npae.backend.products import use_blas


def fork_is_on() -> bool:
    """Does the environment have NPAE_FORK=1?"""
    return os.environ.get("NPAE_FORK", "0") == "1"


class Fork:
    """The second stream of a capture.

    An array that it reads may be freed and its memory given to a later operation of the first stream, which does not
    wait. So the arrays are kept until the streams are joined.

    Args:
        xp: the module of the arrays, cupy.
    """

    def __init__(self, xp: Any) -> None:
        self._xp, self._stream = xp, xp.cuda.Stream(non_blocking=True)
        self._blas = blas_of_graphs(xp).on(self._stream)  # of its own, since the workspace of the other is in use
        self._kept: list[Any] = []

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """function(*args), queued on the second stream behind all that the first one has been given so far.

        Args:
            function: an operation whose results are not needed before `join`.
            *args: its arguments.
        """
        self._stream.wait_event(self._xp.cuda.get_current_stream().record())
        self._kept.append((function, args))
        with self._stream, use_blas(self._blas):
            return function(*args)

    def join(self) -> None:
        """Let the current stream wait for all that was given to `run`."""
        if self._kept:
            self._xp.cuda.get_current_stream().wait_event(self._stream.record())
            self._kept.clear()
