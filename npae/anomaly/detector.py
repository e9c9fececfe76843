"""Anomaly detection with an autoencoder: learn normal data, then measure how far a row is from it.

    fit(x)                  learn from rows that are all or nearly all normal        npae.anomaly.fitted
    distances(x)            how far each row is from them; four distances            npae.anomaly.distances
    predict(x)              1 (normal) or −1 (anomaly): is the distance too large?   npae.anomaly.threshold
    contributions(x)        which features made it large                             npae.anomaly.contributions

Methods with scikit-learn's names mean what they mean there: a *score* is minus the distance, higher for more normal
rows. npae.anomaly.roc_auc and the other curves take distances.

Chandola, Banerjee & Kumar 2009, "Anomaly detection: a survey".
"""

import inspect
import math
from typing import Any

import numpy as np

from npae.anomaly.contributions import contributions
from npae.anomaly.fitted import Fitted
from npae.anomaly.settings import check_settings
from npae.anomaly.standardise import Rows, check_spread
from npae.anomaly.threshold import held_out, others, upper_quantile
from npae.anomaly.training import MakeModel
from npae.backend import (
    Array,
    ArrayLike,
    DTypeLike,
    LazyRows,
    Progress,
    Seen,
    as_source,
    check_fill_values,
    names_of,
    warn,
)
from npae.data.sources import check_source
from npae.models.base import Model
from npae.train import History


class AnomalyDetector:
    """fit(x) on rows that are all or nearly all normal; then distances(x), score_samples(x), predict(x) on any rows.

    x may be uint8, bool or floats, (n, …), in memory or not: it is read batch by batch. In a Pipeline of scikit-learn
    take npae.estimators.AutoencoderDetector.

    Args:
        model: an Autoencoder with any layers (a denoising one begins with a corruption), of which every fit trains a
            copy; or a function (shape of a row, seed, dtype) that makes a new one. None: d-4c-c-4c-d tanh units, with
            a linear code of c = min(d/2, 32). After fit, the attribute is the trained network.
        distance: "reconstruction", "residual", "latent" or "joint", see npae.anomaly.distances.
        contamination: the share of rows like the training rows that will be called anomalies, at most 0.5.
        shrinkage: α of "residual" and "joint", above 0 and at most 1.
        standardize: False leaves the features as they are (uint8: /255). Use it for images: their almost constant
            corners would be scaled up.
        epochs: of training; 0 if the model is trained already. Tables of many thousand rows need fewer.
        batch_size: the most rows per step; all batches are of equal size.
        learning_rate: of Adam, falling along a cosine.
        folds: K of cross-fitting, so that the threshold is right for new rows; a table of few rows then costs K + 1
            times the training. 0: a threshold from the training rows' own distances, which calls too many new rows
            anomalies if there are few rows per feature.
        seed: of first weights, the order of rows, and the folds.
        dtype: of a new model, float32 or float64.
        device: where the model is moved to, "cpu" or "gpu".
        progress: of the training: "auto", "bar", "lines" or "none".

    Attributes:
        mean, deviation: of each feature of the training rows; None without standardize.
        history: of the training; empty without epochs.
        held_out_distances: those from which the threshold was found.
        threshold: of distances; larger ones are anomalies.
        offset_: of scores, −threshold.

    Example:
        >>> import numpy as np
        >>> from npae.anomaly import AnomalyDetector
        >>> rng = np.random.default_rng(0)
        >>> normal = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(200, 6))
        >>> detector = AnomalyDetector(contamination=0.05, epochs=20, folds=2).fit(normal)
        >>> odd = normal[:3].copy()
        >>> odd[:, 4] += 10
        >>> detector.predict(odd).tolist()
        [-1, -1, -1]
        >>> detector.contributions(odd).argmax(axis=1).tolist()  # the feature that is to blame
        [4, 4, 4]
    """

    held_out_rows: Array
    held_out_distances: Array
    threshold: float
    row_shape: tuple[int, ...]
    feature_names: list[Any] | None
    progress: Progress

    def __init__(self, model: Model | MakeModel | None = None, distance: str = "joint", contamination: float = 0.1, *,
                 shrinkage: float = 0.01, standardize: bool = True, epochs: int = 150, batch_size: int = 128,
                 learning_rate: float = 3e-3, folds: int = 10, seed: int = 0, dtype: DTypeLike = "float32",
                 device: str = "cpu", progress: Progress = "none") -> None:  # fmt: skip
        self.given_model, self.distance, self.contamination = model, distance, contamination
        self.shrinkage, self.standardize, self.epochs, self.batch_size = shrinkage, standardize, epochs, batch_size
        self.learning_rate, self.folds, self.seed, self.dtype = learning_rate, folds, seed, dtype
        self.device, self.progress = device, progress
        self._fitted: Fitted | None = None
        self.feature_names = None

    @property
    def settings(self) -> dict[str, Any]:
        """{argument of the constructor: its value}. They are attributes; a change has its effect in the next fit."""
        names = inspect.signature(type(self)).parameters
        return {name: self.given_model if name == "model" else getattr(self, name) for name in names}

    def fit(self, x: ArrayLike, y: Any = None) -> "AnomalyDetector":
        """Learn from normal rows, anew in every call. Returns the detector.

        Args:
            x: the rows, (n, …).
            y: has no effect.

        Raises ValueError for fewer than two rows, NaN or Inf and impossible settings, and what npae.train.fit raises.
        """
        self._fit(x)
        return self

    def fit_predict(self, x: ArrayLike, y: Any = None) -> Array:
        """fit(x), and 1 (normal) or −1 (anomaly) for each row of x, judged by a fit to other rows, (n,).

        The share of −1 is contamination. (predict(x) would call fewer of the rows anomalies that it has learnt from.)
        All folds are used, so that it takes up to folds + 1 times as long as a fit. folds=0: as fit(x).predict(x).

        Args:
            x: the rows, (n, …).
            y: has no effect.
        """
        self._fit(x, every_row=True)
        labels = np.empty(len(self.held_out_rows), int)
        labels[self.held_out_rows] = np.where(self.held_out_distances <= self.threshold, 1, -1)
        return labels

    def _fit(self, given: ArrayLike, every_row: bool = False) -> None:
        check_settings(self)
        x = as_source(given, "x", lazy=True)
        if len(x) < 2:
            raise ValueError(f"AnomalyDetector: expected at least 2 rows, got {len(x)} (1 sample). Give more rows.")
        check_source(Rows(x), name="x")
        check_fill_values(Rows(x), names_of(given), "x")
        parts, refit = held_out(len(x), self.contamination, self.folds, self.seed, every_row)
        found: list[Array] = []
        fitted: Any = None
        for numbers in parts:
            fitted = Fitted.of(x, others(numbers, len(x)), self, "none" if refit else self.progress)
            if refit and fitted.history.stopped:
                raise KeyboardInterrupt(f"AnomalyDetector: {fitted.history.stopped}, before the detector was fitted.")
            found.append(fitted.distances(x, numbers))
        if refit:
            fitted = Fitted.of(x, None, self, self.progress)
        if not found:
            parts, found = [np.arange(len(x))], [fitted.distances(x)]
        self._fitted, self.feature_names, self.row_shape = fitted, names_of(given), x.shape[1:]
        check_spread(x, fitted.scale, self.feature_names)
        self.held_out_rows, self.held_out_distances = np.concatenate(parts), np.concatenate(found)
        self.threshold = upper_quantile(self.held_out_distances, self.contamination)
        self._warn_of_few_rows()

    def _warn_of_few_rows(self) -> None:
        m, c = len(self.held_out_distances), self.contamination
        if c * (m + 1) < 1:
            warn(
                f"AnomalyDetector: {m} rows cannot show a share below 1/{m + 1}, and contamination is {c:g}: about "
                f"1 of {m + 1} new normal rows will be called an anomaly. Give {math.ceil(1 / c) - 1} rows or more.",
                UserWarning,
            )

    def distances(self, x: ArrayLike) -> Array:
        """The distance of every row of x, (n,): larger means less normal. ∞ beyond the range of the network's dtype.

        Raises RuntimeError before fit; ValueError for other features than those of fit, and for NaN or Inf.
        """
        return self.fitted.distances(self._source(x))

    def contributions(self, x: ArrayLike) -> Array:
        """How much each feature adds to the distance of each row of x, (n, …); see npae.anomaly.contributions."""
        return contributions(self.fitted, self._source(x))

    def score_samples(self, x: ArrayLike) -> Array:
        """Minus the distance of every row of x, (n,). Higher means more normal, as in scikit-learn."""
        return -self.distances(x)

    def decision_function(self, x: ArrayLike) -> Array:
        """score_samples(x) − offset_, (n,): negative for anomalies."""
        return self.score_samples(x) - self.offset_

    def predict(self, x: ArrayLike) -> Array:
        """1 (normal) for each row of x whose distance is at most the threshold, −1 (anomaly) for the others, (n,)."""
        return np.where(self.distances(x) <= self.threshold, 1, -1)

    @property
    def fitted(self) -> Fitted:
        """The Fitted: standardisation, network and distance. Raises RuntimeError before fit."""
        if self._fitted is None:
            raise RuntimeError("AnomalyDetector: expected a fitted detector. Call fit(x) with normal rows first.")
        return self._fitted

    def _source(self, given: ArrayLike) -> Array | LazyRows:
        """The given rows as a source, after a comparison of their features with those of fit."""
        Seen(self.feature_names, 0.0, 0.0, "float").check_names(given)
        x = as_source(given, "x", lazy=True)
        if x.shape[1:] != self.row_shape:
            raise ValueError(
                f"AnomalyDetector: expected rows of shape {self.row_shape}, those of fit, got {x.shape[1:]}. "
                "Take the same features."
            )
        return x

    @property
    def model(self) -> Any:
        """The trained network; before fit, the model that was given."""
        return self.given_model if self._fitted is None else self._fitted.model

    @property
    def history(self) -> History:
        """The History of the training of the network, empty without training. Raises RuntimeError before fit."""
        return self.fitted.history

    @property
    def mean(self) -> Array | None:
        """The means of the features of the training rows; None without standardize."""
        return self.fitted.scale.mean

    @property
    def deviation(self) -> Array | None:
        """The standard deviations of the features, 1 for constant ones; None without standardize."""
        return self.fitted.scale.deviation

    @property
    def offset_(self) -> float:
        """The threshold of scores, −threshold, as in scikit-learn."""
        return -self.threshold

    def __repr__(self):
        return f"AnomalyDetector({', '.join(f'{name}={value!r}' for name, value in self.settings.items())})"
