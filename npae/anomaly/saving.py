"""Saving a detector: one file with its model and the means, scales and threshold that were fitted.

The file is a model file (npae.serialization.model_files), so npae.load reads the model alone from it.
"""

from npae.anomaly.detector import AnomalyDetector
from npae.anomaly.mahalanobis import Mahalanobis
from npae.serialization.model_files import ModelFileError, load_all, save

_SETTINGS = ("score", "contamination", "shrinkage", "standardize", "epochs", "batch_size", "learning_rate", "seed")
_ARRAYS = ("mean", "deviation", "training_scores")
_DISTANCES = ("_code", "_residual", "_joint")  # each a Mahalanobis


def save_detector(path, detector):
    """Write a fitted AnomalyDetector to the .npz file `path`.

    Raises RuntimeError if the detector is not fitted, and what npae.save raises.
    """
    if detector.threshold is None:
        raise RuntimeError("save_detector: expected a fitted detector. Call fit(x) with normal rows first.")
    arrays = {name: getattr(detector, name) for name in _ARRAYS}
    for name in _DISTANCES:
        distance = getattr(detector, name)
        arrays |= {f"{name}.mean": distance.mean, f"{name}.scaling": distance.scaling}
    extra = {"detector": {name: getattr(detector, name) for name in _SETTINGS}, "rho": float(detector._rho),
             "threshold": detector.threshold}  # fmt: skip
    save(path, detector.model, extra=extra, arrays=arrays)


def load_detector(path, device="cpu"):
    """The fitted AnomalyDetector in the file `path`, its model on `device`.

    Raises FileNotFoundError; ModelFileError if the file has no detector, or if its parts do not fit together.
    """
    saved = load_all(path, device)
    try:
        detector = AnomalyDetector(saved.model, device=device, **saved.extra["detector"])
        for name in _ARRAYS:
            setattr(detector, name, saved.arrays[name])
        for name in _DISTANCES:
            mean, scaling = saved.arrays[f"{name}.mean"], saved.arrays[f"{name}.scaling"]
            setattr(detector, name, Mahalanobis.of(mean, scaling))
        detector._rho, detector.threshold = float(saved.extra["rho"]), float(saved.extra["threshold"])
        detector.model = saved.model
        features = (detector.mean.size, detector.deviation.size, detector._residual.mean.size)
        joint = detector._code.mean.size + detector._residual.mean.size
        if len(set(features)) > 1 or detector._joint.mean.size != joint:
            raise ValueError(f"its parts are for {features} features, its joint distance for {joint}")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{path} holds no whole anomaly detector ({error}). Write one with save_detector; "
            "npae.load reads a model alone."
        ) from error
    return detector
