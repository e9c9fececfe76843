"""Saving a detector: one file with its model and the means, scales and threshold that were fitted.

The file is a model file (npae.serialization.model_files), so npae.load reads the model alone from it.
"""

import json
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from npae.anomaly.detector import AnomalyDetector
from npae.anomaly.distances import DISTANCES
from npae.anomaly.fitted import Fitted
from npae.anomaly.mahalanobis import Mahalanobis
from npae.anomaly.settings import check_settings
from npae.anomaly.standardise import Scale
from npae.backend import as_float, as_int
from npae.serialization import ModelFileError, Saved, load_all, save
from npae.serialization.architecture import json_text
from npae.serialization.archive import reason

_NOT_SAVED = ("model", "device", "progress")


def save_detector(path: str | PathLike[str], detector: AnomalyDetector) -> Path:
    """Write a fitted AnomalyDetector to a .npz file, without pickle. Returns the Path of the file, as npae.save.

    Args:
        path: of the file.
        detector: the AnomalyDetector.

    Raises RuntimeError if the detector is not fitted, ValueError if it could not be loaded again, such as with an
    infinite threshold, and what npae.save raises.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from npae.anomaly import AnomalyDetector, load_detector, save_detector
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> detector = AnomalyDetector(epochs=1, folds=0).fit(x)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     again = load_detector(save_detector(f"{folder}/detector.npz", detector))
        >>> bool((again.distances(x) == detector.distances(x)).all())
        True
    """
    fitted = detector.fitted
    settings = {name: value for name, value in detector.settings.items() if name not in _NOT_SAVED}
    settings["dtype"] = np.dtype(settings["dtype"]).name
    extra = {
        "detector": settings, "threshold": detector.threshold, "feature_names": detector.feature_names,
        "row_shape": list(detector.row_shape), "rho": float(fitted.distance.rho),
    }  # fmt: skip
    arrays: dict[str, Any] = {
        "held_out_distances": detector.held_out_distances, "held_out_rows": detector.held_out_rows,
    }  # fmt: skip
    if fitted.scale.mean is not None:
        arrays |= {"mean": fitted.scale.mean, "deviation": fitted.scale.deviation}
    else:
        arrays["origin"] = fitted.origin
    for name in fitted.distance.pieces:
        piece = getattr(fitted.distance, name)
        arrays |= {f"{name}.mean": piece.mean, f"{name}.V": piece.V, f"{name}.scale": piece.scale,
                   f"{name}.rest": np.atleast_1d(piece.rest)}  # fmt: skip
    content = Saved(fitted.model, extra=json.loads(json_text(extra, "save_detector")), arrays=arrays)
    try:
        _detector_of(content, detector.device)
    except Exception as error:
        raise ValueError(
            f"save_detector: the file could not be loaded ({reason(error)}), so it was not written."
        ) from error
    return save(path, fitted.model, extra=extra, arrays=arrays)


def load_detector(path: str | PathLike[str], device: str = "cpu") -> AnomalyDetector:
    """The fitted AnomalyDetector in a file that save_detector wrote.

    Args:
        path: of the file.
        device: where its model is placed, "cpu" or "gpu".

    Raises FileNotFoundError; ModelFileError if the file has no detector, or if its parts do not fit together.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from npae.anomaly import AnomalyDetector, load_detector, save_detector
        >>> detector = AnomalyDetector(epochs=1, folds=0).fit(np.random.default_rng(0).normal(size=(50, 4)))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save_detector(f"{folder}/detector.npz", detector)
        ...     load_detector(path).threshold == detector.threshold
        True
    """
    saved = load_all(path, device)
    try:
        return _detector_of(saved, device)
    except (MemoryError, Warning):
        raise
    except Exception as error:  # a part that is missing or of another kind raises one of many errors
        raise ModelFileError(
            f"{path} holds no whole anomaly detector ({reason(error)}). Write one with save_detector; "
            "npae.load reads a model alone."
        ) from error


def _detector_of(saved: Any, device: str) -> AnomalyDetector:
    """The detector of a Saved. Raises one of many errors if a part is missing, damaged, or does not fit the others."""
    extra, arrays = saved.extra, saved.arrays
    detector = AnomalyDetector(saved.model, device=device, **extra["detector"])
    check_settings(detector)
    if detector.dtype not in ("float32", "float64") or not isinstance(detector.standardize, bool):
        raise ValueError(f"its dtype is {detector.dtype!r}, and standardize={detector.standardize!r}")
    row_shape = tuple(as_int(n, "row_shape", least=1) for n in extra["row_shape"])
    distance = DISTANCES[detector.distance](detector.shrinkage)
    for name in distance.pieces:
        mean, V, scale, rest = (_finite(arrays, f"{name}.{part}") for part in ("mean", "V", "scale", "rest"))
        setattr(distance, name, Mahalanobis.of(mean, V, scale, rest[0]))
    distance.rho = as_float(extra["rho"], "rho", above=0)
    if detector.standardize:
        mean, deviation = _finite(arrays, "mean"), _finite(arrays, "deviation")
        if {mean.shape, deviation.shape} != {row_shape}:
            raise ValueError(
                f"its rows have the shape {row_shape}, their means {mean.shape}, their deviations {deviation.shape}"
            )
        if not (deviation > 0).all():
            raise ValueError(f"its standard deviations are at least {deviation.min():g}: expected numbers above 0")
        scale, origin = Scale(mean, deviation), 0.0
    else:
        scale, origin = Scale(), _finite(arrays, "origin")
        if origin.shape != row_shape:
            raise ValueError(f"its rows have the shape {row_shape}, their mean {origin.shape}")
    detector._fitted = Fitted(scale, saved.model, distance, origin)
    names = extra["feature_names"]
    if names is not None and not ((len(names),) == row_shape and {type(name) for name in names} in ({str}, {int})):
        raise ValueError(f"its rows have the shape {row_shape}, and the names {names}")
    detector.row_shape, detector.feature_names = row_shape, names
    detector.threshold = as_float(extra["threshold"], "threshold")
    rows, distances = (arrays[name] for name in ("held_out_rows", "held_out_distances"))
    if (rows.dtype.kind, distances.dtype.kind) != ("i", "f") or not rows.shape == distances.shape == (rows.size,):
        raise ValueError(
            f"its held-out rows are {rows.dtype} {rows.shape}, their distances {distances.dtype} {distances.shape}"
        )
    if not (rows >= 0).all() or np.isnan(distances).any():
        raise ValueError("its held-out rows contain a negative number, or their distances NaN")
    detector.held_out_rows, detector.held_out_distances = rows, distances
    detector._fitted.distances(np.zeros((1, *row_shape)))  # raises if the parts do not fit together
    return detector


def _finite(arrays: Any, name: str) -> Any:
    numbers = arrays[name]
    if numbers.dtype.kind != "f":
        raise ValueError(f"its array {name} has the dtype {numbers.dtype}: expected floats")
    if not np.isfinite(numbers).all():
        raise ValueError(f"its array {name} contains NaN or Inf")
    return numbers
