"""What a model remembers of its training data, and compares with the data of every later call.

    names           the columns of a frame: the same names in another order would be other features
    shape           of one sample: rows of images and windows with their axes exchanged would be other features
    low, high       the range of the values: data that lie far outside were probably not scaled as for training
    kind            "uint8", "bool" or "float": what the values were before a batch was made of them

Other names and another number of features raise ValueError. Values far outside of the range give a DataWarning only,
since anomalies may lie there rightly.
"""

import math
from dataclasses import dataclass

import numpy as np

from npae.backend.arrays import array_module
from npae.backend.checks import warn
from npae.backend.fill_values import check_fill_values
from npae.backend.lazy import is_lazy, sample
from npae.backend.meaning import check_pixels

STANDARDISE = "(x - x.mean(axis=0)) / x.std(axis=0)"
FAR = 10  # widths of the range, beyond its ends


def names_of(given):
    """The column names of a frame, or of the frame in a pair (frame, labels), if all are text or all are integers."""
    given = given[0] if isinstance(given, tuple) and given else given
    if not (hasattr(given, "to_numpy") and hasattr(given, "columns")):
        return None
    names = [name.item() if isinstance(name, np.generic) else name for name in given.columns]
    return names if {type(name) for name in names} in ({str}, {int}) else None


@dataclass
class Seen:
    """Names (or None), range and kind of the values of training data."""

    names: list | None
    low: float
    high: float
    kind: str
    shape: tuple = ()

    @classmethod
    def of(cls, given, data):
        """The Seen of `data`, a source of batches, and of `given`, which the caller gave for it.

        Memory-mapped files and LazyRows are judged by a sample of their rows. Warns of values so large that no network
        learns them as they are.
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

    def __str__(self):
        """The range in words, with advice where it is wide."""
        advice = f": standardise each feature, {STANDARDISE}" if max(-self.low, self.high) > 100 else ""
        return f"The data range from {self.low:g} to {self.high:g}{advice}"

    @classmethod
    def from_json(cls, tree):
        """The Seen of JSON values, as `to_json` returns them. Raises ValueError and TypeError for others."""
        seen = cls(tree["names"], float(tree["low"]), float(tree["high"]), str(tree["kind"]))
        seen.shape = tuple(int(n) for n in tree["shape"])
        named = seen.names is None or all(isinstance(name, (str, int)) for name in seen.names)
        if not (named and seen.low <= seen.high and seen.kind in ("uint8", "bool", "float")):
            raise ValueError("its description of the training data is damaged")
        return seen

    def to_json(self):
        """The attributes, as JSON values."""
        return {"names": self.names, "low": self.low, "high": self.high, "kind": self.kind,
                "shape": list(self.shape)}  # fmt: skip

    def exchanged_axes(self, shape):
        """The axes of a batch of samples of `shape` in the order of training, (0, 2, 1); None if they are in it."""
        own, other = ([n for n in s if n != 1] for s in (self.shape, shape))
        if own == other or sorted(self.shape) != sorted(shape):
            return None
        by_size, places = np.argsort(shape, kind="stable"), np.argsort(np.argsort(self.shape, kind="stable"))
        return (0, *(int(k) + 1 for k in by_size[places]))

    def check_names(self, given, name="x"):
        """Raise ValueError if `given` is a frame and its columns are not those of the training data, in their order."""
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

    def check_scale(self, data, size, name="x"):
        """Warn if `data`, a source with root mean square `size`, was probably not scaled as the training data were.

        The root mean square is at most the largest value, and a few wild values among many do not raise it much.
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


class Remembers:
    """A model that remembers its training data: its attribute `seen` is a Seen, or None before `fit`."""

    seen = None

    @property
    def feature_names(self):
        """The names of the columns that the model was trained on, if they came in a frame; else None."""
        return None if self.seen is None else self.seen.names

    def remember(self, seen):
        """Keep `seen` for the comparison with later data, in this model and in those that it consists of."""
        self.seen = seen
        for part in vars(self).values():
            if isinstance(part, Remembers):
                part.remember(seen)

    def check_columns(self, given, name="x"):
        """Raise ValueError if `given`, or the first of a pair, is a frame of other columns than those of training."""
        if self.seen is not None:
            self.seen.check_names(given, name)

    def examine(self, given, data, validation=None):
        """The Seen of data to train on: `data`, a source, or pairs (x, y), made of what the caller gave.

        Raises ValueError for the wrong number of features, for the columns of an earlier `fit` in another order, for
        validation data with other columns, and for uint8 that are not pixels; warns of large values.
        """
        x, names = getattr(data, "x", data), names_of(given)
        self.check_features(x.shape[1:], "data")
        if names and self.feature_names and set(names) == set(self.feature_names):
            self.check_columns(given, "data")
        for part, name in ((x, "data"), *(((data.y, "target"),) if hasattr(data, "y") else ())):
            check_pixels(sample(part) if is_lazy(part) else part, name)
        check_fill_values(x, names)
        seen = Seen.of(given, x)
        seen.shape = tuple(x.shape[1:])
        seen.check_names(validation, "validation")
        return seen

    def check_features(self, shape, name="x"):
        """Raise ValueError for samples of `shape`, if the first layer takes rows of another length, or could not notice
        that the axes of samples are not in the order of training.
        """
        axes = None if self.seen is None else self.seen.exchanged_axes(shape)
        for _, layer in (self.reads.leaves() if len(shape) == 1 or axes else ()):
            if layer.parameters or layer.out_shape(shape) != shape:
                if axes:
                    if not layer.parameters and layer.out_shape(shape) == layer.out_shape(self.seen.shape):
                        raise ValueError(
                            f"{name}: expected samples of shape {self.seen.shape}, as in training, got {tuple(shape)}. "
                            f"Exchange the axes: {name}.transpose{axes}."
                        )
                    return
                if layer.in_shape not in (None, shape) and len(layer.in_shape) == 1:
                    (n,), (m,) = layer.in_shape, shape
                    raise ValueError(f"{name}: this model was made for {n} features, got {m}. Give the same features.")
                return

    @property
    def reads(self):
        """The network that samples enter first."""
        return self


def _some(names):
    """The first of several names, as text."""
    return ", ".join(map(repr, names[:5])) + (f", … ({len(names)} in all)" if len(names) > 5 else "")
