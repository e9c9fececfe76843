"""Fill values: numbers such as −999 or 9999 that stand for missing values.

Files of measurements contain them where nothing was measured. To a network they are numbers like all others, and the
largest of all: they take up its capacity, and stretch the standard deviations by which features are standardised.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from npae.backend.arrays import to_device
from npae.backend.checks import warn
from npae.backend.lazy import is_lazy, sample

NINES = tuple(10.0**k - 1 for k in range(2, 8))  # 99, 999, …, 9999999; with either sign
ROWS = 16384  # to judge by


def check_fill_values(x: Any, names: Sequence[str | int] | None = None, name: str = "data") -> None:
    """Warn if a feature seems to have a fill value: ±99, ±999, ±9999, …

    It is one if it is the feature's lowest or highest number, occurs more than once, and lies farther from the others
    than these lie from each other. Data of more than ROWS rows are judged by ROWS of them, spread over all;
    memory-mapped files and LazyRows by fewer.

    Args:
        x: data (n, …), as npae.backend.as_source returns them; only floats are checked.
        names: of the columns, or None.
        name: of the data, for the message.

    Example:
        >>> import warnings
        >>> import numpy as np
        >>> from npae.backend import check_fill_values
        >>> x = np.array([[1.0], [-999.0], [3.0], [-999.0]])
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     check_fill_values(x, names=["ozone"])
        >>> print(str(caught[0].message).partition(",")[0])
        data: column 'ozone' is -999 in 2 of 4 rows
    """
    if x.dtype.kind != "f":
        return
    rows = sample(x) if is_lazy(x) else sample(x, ROWS)
    shape, rows = rows.shape[1:], rows.reshape(len(rows), -1)
    found = []
    for extreme in (rows.min(axis=0), rows.max(axis=0)):
        extreme = to_device(extreme, "cpu").astype(np.float64)
        for k in np.flatnonzero(np.isin(abs(extreme), NINES)):
            column = to_device(rows[:, k], "cpu").astype(np.float64)
            others = column[column != extreme[k]]
            if len(others) <= len(column) - 2 and _is_far(extreme[k], others):
                found.append((k, extreme[k], len(column) - len(others), others.min(), others.max()))
    if found:
        k, value, count, low, high = found[0]
        place = tuple(int(i) for i in np.unravel_index(k, shape))
        column = repr(names[k]) if names and len(shape) == 1 else place[0] if len(shape) == 1 else place
        more = f" (and likewise in {len(found) - 1} more)" if len(found) > 1 else ""
        warn(
            f"{name}: column {column} is {value:g} in {count} of {len(rows)} rows, and from {low:g} to {high:g} in all "
            f"others{more}. If {value:g} stands for missing values, fill them or leave such rows out: the network "
            "learns it as a number."
        )


def _is_far(value: Any, others: Any) -> bool:
    """Is the distance from `value` to the nearest of the others more than their range, which is not 0?"""
    if not len(others):
        return False
    width = others.max() - others.min()
    return 0 < width < abs(others - value).min()
