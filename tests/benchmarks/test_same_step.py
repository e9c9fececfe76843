"""Contenders are timed only if they take the same step."""

import numpy as np
import pytest

from benchmarks import same_step
from benchmarks.alternate import NotMeasured


@pytest.mark.parametrize("k, error", [(0, 1e-4), (1, 1e-2), (2, 1e-3), (3, 1e-4)])
def test_steps_that_differ_are_not_timed(k, error):
    ours = (543.0, np.ones(3), 500.0, 2000.0)
    same_step.validate(ours, ours, 1)
    theirs = [v * (1 + error) if i == k else v for i, v in enumerate(ours)]
    with pytest.raises(NotMeasured, match="not the same step"):
        same_step.validate(theirs, ours, 1)
    same_step.validate(theirs, ours, 100)  # in TF32
    theirs[k] = ours[k] * np.nan
    with pytest.raises(NotMeasured, match="nan"):
        same_step.validate(theirs, ours, 100)


def test_what_is_none_is_not_compared():
    same_step.validate((1.0, None, None, None), (1.0, np.ones(2), 2.0, 3.0), 1)
    same_step.validate(None, (1.0, np.ones(2), 2.0, 3.0), 1)
