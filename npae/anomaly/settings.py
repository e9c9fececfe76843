"""The settings of an anomaly detector: what each of them may be."""

from typing import TYPE_CHECKING, Any

import numpy as np

from npae.anomaly.distances import DISTANCES
from npae.backend import as_int
from npae.layers import Layer

if TYPE_CHECKING:
    from npae.anomaly.detector import AnomalyDetector


def check_settings(detector: "AnomalyDetector") -> None:
    """Raise ValueError or TypeError for settings of a detector that cannot be right."""
    if detector.distance not in list(DISTANCES):
        raise ValueError(f"AnomalyDetector: expected a distance of {', '.join(DISTANCES)}, got {detector.distance!r}.")
    given = detector.given_model
    if given is not None and (isinstance(given, Layer) or not callable(given)):
        network = getattr(given, "inner", given)
        if not (hasattr(network, "encoder") and hasattr(network, "decoder") and hasattr(network, "loss")):
            raise TypeError(
                "AnomalyDetector: expected a model with an encoder and a decoder, such as "
                f'dense_autoencoder([30, 8], loss="mse"), got {type(given).__name__}.'
            )
    _check_share("contamination", detector.contamination, 0.5, "Estimate the share of anomalies, such as 0.1.")
    _check_share("shrinkage", detector.shrinkage, 1, "Take 0.01.")
    as_int(detector.epochs, "epochs of AnomalyDetector", least=0)
    if as_int(detector.folds, "folds of AnomalyDetector", least=0) == 1:
        raise ValueError("folds of AnomalyDetector: expected 2 or more, or 0 for no cross-fitting, got 1.")
    as_int(detector.seed, "seed of AnomalyDetector", least=0)
    as_int(detector.batch_size, "batch_size of AnomalyDetector", least=1)


def _check_share(name: str, value: Any, largest: float, cure: str) -> None:
    """Raise ValueError unless 0 < value ≤ largest, TypeError if it is not a number. name: of the setting."""
    if not isinstance(value, (int, float, np.number)):
        raise TypeError(f"AnomalyDetector: expected {name} as a number, got {value!r}. {cure}")
    if not 0 < value <= largest:
        raise ValueError(f"AnomalyDetector: expected 0 < {name} ≤ {largest}, got {value}. {cure}")
