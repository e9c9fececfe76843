"""Saving a detector: one file with its model and the means, scales and threshold that were fitted.

The file is a model file (npae.serialization.model_files), so npae.load reads the model alone from it.
"""

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
from npae.serialization.model_files import ModelFileError, load_all, save

_NOT_SAVED = ("model", "device", "progress")


def save_detector(path: str | PathLike[str], detector: AnomalyDetector) -> Path:
    """Write a fitted AnomalyDetector to a .npz file, without pickle. Returns the Path of the file, as npae.save.

    Args:
        path: of the file.
        detector: the AnomalyDetector.

    Raises RuntimeError if the detector is not fitted, and what npae.save raises.

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
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise ModelFileError(
            f"{path} holds no whole anomaly detector ({error}). Write one with save_detector; "
            "npae.load reads a model alone."
        ) from error


def _detector_of(saved: Any, device: str) -> AnomalyDetector:
    """The detector of a Saved. Raises one of many errors if a part is missing, damaged, or does not fit the others."""
    extra, arrays = saved.extra, saved.arrays
    detector = AnomalyDetector(saved.model, device=device, **extra["detector"])
    check_settings(detector)
    row_shape = tuple(int(n) for n in extra["row_shape"])
    distance = DISTANCES[detector.distance](detector.shrinkage)
    for name in distance.pieces:
        mean, V, scale, rest = (arrays[f"{name}.{part}"] for part in ("mean", "V", "scale", "rest"))
        setattr(distance, name, Mahalanobis.of(mean, V, scale, rest[0]))
    distance.rho = _finite(float(extra["rho"]))
    if detector.standardize:
        mean, deviation = _finite(arrays["mean"]), _finite(arrays["deviation"])
        if {mean.shape, deviation.shape} != {row_shape} or not (deviation > 0).all():
            raise ValueError(f"its rows have the shape {row_shape}, their means {mean.shape}")
        scale, origin = Scale(mean, deviation), 0.0
    else:
        scale, origin = Scale(), _finite(arrays["origin"])
    detector._fitted = Fitted(scale, saved.model, distance, origin)
    names = extra["feature_names"]
    if names is not None and not ((len(names),) == row_shape and {type(name) for name in names} in ({str}, {int})):
        raise ValueError(f"its rows have the shape {row_shape}, and the names {names}")
    detector.row_shape, detector.feature_names = row_shape, names
    detector.threshold = _finite(float(extra["threshold"]))
    detector.held_out_rows, detector.held_out_distances = (
        arrays[name] for name in ("held_out_rows", "held_out_distances")
    )
    detector._fitted.distances(np.zeros((1, *row_shape)))  # raises if the parts do not fit together
    return detector


def _finite(numbers: Any) -> Any:
    if not np.isfinite(numbers).all():
        raise ValueError("it contains NaN or Inf")
    return numbers
