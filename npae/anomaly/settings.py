"""The settings of an anomaly detector: what each of them may be."""

from typing import TYPE_CHECKING

from npae.anomaly.distances import DISTANCES
from npae.backend import as_float, as_int
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
    as_float(detector.contamination, "contamination of AnomalyDetector", above=0, most=0.5,
             cure="Estimate the share of anomalies, such as 0.1.")  # fmt: skip
    as_float(detector.shrinkage, "shrinkage of AnomalyDetector", above=0, most=1, cure="Take 0.01.")
    as_float(detector.learning_rate, "learning_rate of AnomalyDetector", above=0)
    as_int(detector.epochs, "epochs of AnomalyDetector", least=0)
    if as_int(detector.folds, "folds of AnomalyDetector", least=0) == 1:
        raise ValueError("folds of AnomalyDetector: expected 2 or more, or 0 for no cross-fitting, got 1.")
    as_int(detector.seed, "seed of AnomalyDetector", least=0, most=None)
    as_int(detector.batch_size, "batch_size of AnomalyDetector", least=1)
