"""The same step: what a contender's first steps computed, beside npae's."""

import numpy as np

from benchmarks.alternate import NotMeasured

TOLERANCES = {"J": 1e-5, "∂J/∂θ": 1e-3, "J after ten steps": 1e-4, "Σ|θ| after ten steps": 1e-5}
"""Largest relative differences between two programs that take the same step in float32; a group's `slack` multiplies
them. Among the half million inputs of ReLUs in a batch some are zero up to rounding; there two correct gradients differ
by the contribution of that unit. Differences of 10⁻⁴ were measured, and 10⁻⁷ without such units."""


def validate(theirs, ours, slack):
    """Raise NotMeasured unless the first steps of a contender are ours. What it returns as None is not compared."""
    for what, b, a in zip(TOLERANCES, theirs or (), ours, strict=False):
        if b is None:
            continue
        error = np.linalg.norm(np.subtract(b, a)) / np.linalg.norm(a)
        if not error <= slack * TOLERANCES[what]:
            raise NotMeasured(f"not the same step: its {what} differs from npae's by {error:.2g}, relatively")
