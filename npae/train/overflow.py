"""Overflow of an optimizer's state: a parameter that would never move again, although θ is finite.

Adam divides by √v̂, and v is a moving average of g². Where one g² is beyond the range of the dtype, v is infinite, and
stays so: the step η m̂/(√v̂ + ε) of that parameter is 0 for ever. Neither J nor θ shows it. So the state is checked at
the end of every epoch, one pass over vectors that every step reads and writes.
"""

import numpy as np

from npae.backend import FlatParameters, array_module
from npae.optim.base import Optimizer


def overflowed(optimizer: Optimizer, theta: FlatParameters) -> str | None:
    """Which state vector is not finite, and where, such as "v of Adam at encoder.0.W"; None if all are finite.

    Args:
        optimizer: after a step.
        theta: the parameters of its phase.
    """
    for name, vector in optimizer.state.items():
        xp = array_module(vector)
        good = xp.isfinite(vector)
        if not bool(good.all()):
            k, ends = int(xp.argmin(good)), np.cumsum([p.size for p in theta.parameters])
            return f"{name} of {type(optimizer).__name__} at {list(theta.named)[int((k >= ends).sum())]}"
    return None
