"""What a model remembers of its training data, and compares with the data of every later call.

    names           the columns of a frame: the same names in another order would be other features
    shape           of one sample: rows of images and windows with their axes exchanged would be other features
    low, high       the range of the values: data that lie far outside were probably not scaled as for training
    kind            "uint8", "bool" or "float": what the values were before a batch was made of them

Other names and another number of features raise ValueError. Values far outside of the range give a DataWarning only,
since anomalies may lie there rightly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npae.backend.arrays import array_module
from npae.backend.checks import STANDARDISE, warn
from npae.backend.lazy import is_lazy, sample

FAR = 10  # widths of the range, beyond its ends


def names_of(given: Any) -> list[Any] | None:
    """The column names of a frame, or of the frame in a pair (frame, labels), if all are text or all are integers.

    Args:
        given: what the caller gave as data; None is returned for anything but a frame.

    Example:
        >>> import numpy as np
        >>> from npae.backend import names_of
        >>> print(names_of(np.ones((5, 3))))  # a DataFrame has names
        None
    """
    given = given[0] if isinstance(given, tuple) and given else given
    if not (hasattr(given, "to_numpy") and hasattr(given, "columns")):
        return None
    names = [name.item() if isinstance(name, np.generic) else name for name in given.columns]
    return names if {type(name) for name in names} in ({str}, {int}) else None


@dataclass
class Seen:
    """What a model remembers of its training data.

    Attributes:
        names: of the columns of a frame, or None.
        low, high: the range of the values.
        kind: "uint8", "bool" or "float".
        shape: of one sample.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> model = dense_autoencoder([3, 2])
        >>> history = fit(model, np.arange(30.0).reshape(10, 3) / 29, epochs=1, progress="none")
        >>> print(model.seen)
        The data range from 0 to 1
    """

    names: list[Any] | None
    low: float
    high: float
    kind: str
    shape: tuple[int, ...] = ()

    @classmethod
    def of(cls, given: Any, data: Any) -> "Seen":
        """The Seen of training data.

        Memory-mapped files and LazyRows are judged by a sample of their rows. Warns of values so large that no network
        learns them as they are.

        Args:
            given: what the caller gave, perhaps a frame.
            data: the source of batches that was made of it.
        """
        names, x = names_of(given), sample(data) if is_lazy(data) else data
        if x.dtype.kind != "f":
            return cls(names, 0.0, 1.0, "uint8" if x.dtype == np.uint8 else "bool")
        xp = array_module(x)
        low, high = float(xp.min(x)), float(xp.max(x))
        if not (math.isfinite(low) and math.isfinite(high)):  # in a file; training raises when it reads the row
            return cls(names, 0.0, 0.0, "float")
        with np.errstate(over="ignore"):
            size = float(xp.sqrt(xp.square(sample(x, size=1_000_000), dtype=np.float64).mean()))
        if size > 1000:
            warn(
                f"data: the values are large, from {low:g} to {high:g}, root mean square {size:g}, so that training "
                f"will hardly converge. Standardise each feature: {STANDARDISE}. (AnomalyDetector does so itself.)"
            )
        return cls(names, low, high, "float")

    def __str__(self) -> str:
        """The range in words, with advice where it is wide."""
        advice = f": standardise each feature, {STANDARDISE}" if max(-self.low, self.high) > 100 else ""
        return f"The data range from {self.low:g} to {self.high:g}{advice}"

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> "Seen":
        """The Seen of JSON values, as `to_json` returns them. Raises ValueError and TypeError for others."""
        seen = cls(tree["names"], float(tree["low"]), float(tree["high"]), str(tree["kind"]))
        seen.shape = tuple(int(n) for n in tree["shape"])
        named = seen.names is None or all(isinstance(name, (str, int)) for name in seen.names)
        if not (named and seen.low <= seen.high and seen.kind in ("uint8", "bool", "float")):
            raise ValueError("its description of the training data is damaged")
        return seen

    def to_json(self) -> dict[str, Any]:
        """The attributes, as JSON values."""
        return {"names": self.names, "low": self.low, "high": self.high, "kind": self.kind,
                "shape": list(self.shape)}  # fmt: skip

    def exchanged_axes(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """The axes of a batch of samples of `shape` in the order of training, (0, 2, 1); None if they are in it."""
        own, other = ([n for n in s if n != 1] for s in (self.shape, shape))
        if own == other or sorted(self.shape) != sorted(shape):
            return None
        by_size, places = np.argsort(shape, kind="stable"), np.argsort(np.argsort(self.shape, kind="stable"))
        return (0, *(int(k) + 1 for k in by_size[places]))

    def check_names(self, given: Any, name: str = "x") -> None:
        """Raise ValueError if the columns of a frame are not those of the training data, in their order.

        Args:
            given: what the caller gave; only frames are checked.
            name: of the argument, for the message.
        """
        own, names = self.names, names_of(given)
        if not own or not names or own == names or type(own[0]) is not type(names[0]):
            return
        missing, extra = ([n for n in a if n not in set(b)] for a, b in ((own, names), (names, own)))
        if not missing and not extra:
            raise ValueError(
                f"{name}: expected the columns in the order of training, {_some(own)}, got {_some(names)}. "
                "Reorder them: df[model.feature_names]."
            )
        found = [f"without {_some(missing)}"] * bool(missing) + [f"with {_some(extra)} beside them"] * bool(extra)
        cure = "Take these columns: df[model.feature_names]." if not missing else "Give the columns of training."
        raise ValueError(f"{name}: expected the {len(own)} columns of training, got them {' and '.join(found)}. {cure}")

    def check_scale(self, data: Any, size: float, name: str = "x") -> None:
        """Warn if data were probably not scaled as the training data were.

        Args:
            data: a source of batches.
            size: its root mean square. It is at most the largest value, and a few wild values among many do not raise
                it much.
            name: of the argument, for the message.
        """
        seen = f"the model was trained on values from {self.low:g} to {self.high:g}"
        if data.dtype == np.uint8:
            if self.low < -0.01 or self.high > 1.01:
                warn(f"{name}: uint8 is divided by 255, but {seen}. Convert it to floats, as for training.")
            elif 0 < size <= 1 / 255 and int(sample(data).max()) == 1:
                warn(f"{name}: uint8 is divided by 255, but these are 0 and 1. Convert them: {name}.astype(bool).")
            return
        width = (self.high - self.low) or abs(self.high) or 1.0
        if size > FAR * width + max(-self.low, self.high):
            x = sample(data)
            pixels = 0 <= self.low and self.high <= 1 and x.min() >= 0 and x.max() <= 255
            cure = f"Divide by 255: {name} / 255." if pixels else "Scale them as the training data."
            warn(f"{name}: values from {float(x.min()):g} to {float(x.max()):g}, but {seen}. {cure}")


def _some(names: Sequence[Any]) -> str:
    """The first of several names, as text."""
    return ", ".join(map(repr, names[:5])) + (f", … ({len(names)} in all)" if len(names) > 5 else "")
