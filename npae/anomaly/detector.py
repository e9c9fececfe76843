"""Anomaly detection with an autoencoder: learn normal data, then measure how far a row is from it.

    fit(x)                  learn from rows that are all or nearly all normal        npae.anomaly.fitted
    distances(x)            how far each row is from them; four distances            npae.anomaly.distances
    predict(x)              1 (normal) or −1 (anomaly): is the distance too large?   npae.anomaly.threshold
    contributions(x)        which features made it large                             npae.anomaly.contributions

Methods with scikit-learn's names mean what they mean there: a *score* is minus the distance, higher for more normal
rows. npae.anomaly.roc_auc and the other curves take distances.

Chandola, Banerjee & Kumar 2009, "Anomaly detection: a survey".
"""

import math
import warnings

import numpy as np

from npae.anomaly.contributions import contributions
from npae.anomaly.distances import DISTANCES
from npae.anomaly.fitted import Fitted
from npae.anomaly.settings import Settings
from npae.anomaly.standardise import Rows, check_spread
from npae.anomaly.threshold import held_out, others, upper_quantile
from npae.backend import Seen, as_int, as_source, check_fill_values, names_of
from npae.data.sources import check_source


class AnomalyDetector(Settings):
    """fit(x) on rows that are all or nearly all normal; then distances(x), score_samples(x), predict(x) on any rows.

    model: an Autoencoder with any layers (a denoising one begins with a corruption), of which every fit trains a copy;
    or None, for a new default_model. distance: "reconstruction", "residual", "latent" or "joint", see
    npae.anomaly.distances. contamination: the share of rows like the training rows that will be called anomalies.
    shrinkage: α of "residual" and "joint". standardize: False leaves the features as they are (uint8: /255). Use it for
    images: their almost constant corners would be scaled up. epochs: of training; 0 if the model is trained already.
    Small tables gain from more. batch_size: the most rows per step; all batches are of equal size. learning_rate (of
    Adam, falling along a cosine), seed, progress: for the training. folds: K of cross-fitting, so that the threshold is
    right for new rows; a table of few rows then costs K + 1 times the training. 0: a threshold from the training rows'
    own distances, which calls too many new rows anomalies if there are few rows per feature. dtype: of the default
    model. device: where the model is moved to.

    x may be uint8, bool or floats, (n, …), in memory or not: it is read batch by batch.

    Attributes after fit: model (the trained network), mean and deviation (None without standardize), history,
    held_out_distances (those from which the threshold was found), threshold (of distances) and offset_ (of scores).
    """

    kept_as = {"model": "given_model"}

    def __init__(self, model=None, distance="joint", contamination=0.1, *, shrinkage=0.01, standardize=True, epochs=50,
                 batch_size=128, learning_rate=3e-3, folds=10, seed=0, dtype="float32", device="cpu",
                 progress="none"):  # fmt: skip
        self.given_model, self.distance, self.contamination = model, distance, contamination
        self.shrinkage, self.standardize, self.epochs, self.batch_size = shrinkage, standardize, epochs, batch_size
        self.learning_rate, self.folds, self.seed, self.dtype = learning_rate, folds, seed, dtype
        self.device, self.progress = device, progress
        self._fitted = self.feature_names = None

    def fit(self, x, y=None):
        """Learn from the normal rows x (n, …), anew in every call. Returns the detector. y has no effect.

        Raises ValueError for fewer than two rows, NaN or Inf and impossible settings, and what npae.train.fit raises.
        """
        self._fit(x)
        return self

    def fit_predict(self, x, y=None):
        """fit(x), and 1 (normal) or −1 (anomaly) for each row of x, judged by a fit to other rows, (n,). y: no effect.

        The share of −1 is contamination. (predict(x) would call fewer of the rows anomalies that it has learnt from.)
        All folds are used, so that it takes up to folds + 1 times as long as a fit. folds=0: as fit(x).predict(x).
        """
        self._fit(x, every_row=True)
        labels = np.empty(len(self.held_out_rows), int)
        labels[self.held_out_rows] = np.where(self.held_out_distances <= self.threshold, 1, -1)
        return labels

    def _fit(self, given, every_row=False):
        self._check_settings()
        x = as_source(given, "x", lazy=True)
        if len(x) < 2:
            raise ValueError(f"AnomalyDetector: expected at least 2 rows, got {len(x)} (1 sample). Give more rows.")
        check_source(Rows(x), name="x")
        check_fill_values(Rows(x), names_of(given), "x")
        parts, refit = held_out(len(x), self.contamination, self.folds, self.seed, every_row)
        found, fitted = [], None
        for numbers in parts:
            fitted = Fitted.of(x, others(numbers, len(x)), self, "none" if refit else self.progress)
            if refit and fitted.history is not None and fitted.history.stopped:
                raise KeyboardInterrupt(f"AnomalyDetector: {fitted.history.stopped}, before the detector was fitted.")
            found.append(fitted.distances(x, numbers))
        if refit:
            fitted = Fitted.of(x, None, self, self.progress)
        if not found:
            parts, found = [np.arange(len(x))], [fitted.distances(x)]
        self._fitted, self.feature_names, self.row_shape = fitted, names_of(given), x.shape[1:]
        if self.standardize:
            check_spread(x, fitted.scale, self.feature_names)
        self.held_out_rows, self.held_out_distances = np.concatenate(parts), np.concatenate(found)
        self.threshold = upper_quantile(self.held_out_distances, self.contamination)
        self._warn_of_few_rows()

    def _check_settings(self):
        if self.distance not in list(DISTANCES):
            raise ValueError(f"AnomalyDetector: expected a distance of {', '.join(DISTANCES)}, got {self.distance!r}.")
        if self.given_model is not None:
            network = getattr(self.given_model, "inner", self.given_model)
            if not (hasattr(network, "encoder") and hasattr(network, "decoder") and hasattr(network, "loss")):
                raise TypeError(
                    "AnomalyDetector: expected a model with an encoder and a decoder, such as "
                    f'dense_autoencoder([30, 8], loss="mse"), got {type(self.given_model).__name__}.'
                )
        self.check_share("contamination", 0.5, "Estimate the share of anomalies, such as 0.1.")
        self.check_share("shrinkage", 1, "Take 0.01.")
        as_int(self.epochs, "epochs of AnomalyDetector", least=0)
        if as_int(self.folds, "folds of AnomalyDetector", least=0) == 1:
            raise ValueError("folds of AnomalyDetector: expected 2 or more, or 0 for no cross-fitting, got 1.")
        as_int(self.seed, "seed of AnomalyDetector", least=0)
        as_int(self.batch_size, "batch_size of AnomalyDetector", least=1)

    def _warn_of_few_rows(self):
        m, c = len(self.held_out_distances), self.contamination
        if c * (m + 1) < 1:
            warnings.warn(
                f"AnomalyDetector: {m} rows cannot show a share below 1/{m + 1}, and contamination is {c:g}: about "
                f"1 of {m + 1} new normal rows will be called an anomaly. Give {math.ceil(1 / c) - 1} rows or more.",
                stacklevel=4,
            )

    def distances(self, x):
        """The distance of every row of x, (n,): larger means less normal. ∞ beyond the range of the network's dtype.

        Raises RuntimeError before fit; ValueError for other features than those of fit, and for NaN or Inf.
        """
        return self.fitted.distances(self._source(x))

    def contributions(self, x):
        """How much each feature adds to the distance of each row of x, (n, …); see npae.anomaly.contributions."""
        return contributions(self.fitted, self._source(x))

    def score_samples(self, x):
        """Minus the distance of every row of x, (n,). Higher means more normal, as in scikit-learn."""
        return -self.distances(x)

    def decision_function(self, x):
        """score_samples(x) − offset_, (n,): negative for anomalies."""
        return self.score_samples(x) - self.offset_

    def predict(self, x):
        """1 (normal) for each row of x whose distance is at most the threshold, −1 (anomaly) for the others, (n,)."""
        return np.where(self.distances(x) <= self.threshold, 1, -1)

    @property
    def fitted(self):
        """The Fitted: standardisation, network and distance. Raises RuntimeError before fit."""
        if self._fitted is None:
            raise RuntimeError("AnomalyDetector: expected a fitted detector. Call fit(x) with normal rows first.")
        return self._fitted

    def _source(self, x):
        """x as a source of rows, after a comparison of its features with those of fit."""
        Seen(self.feature_names, 0.0, 0.0, "float").check_names(x)
        x = as_source(x, "x", lazy=True)
        if x.shape[1:] != self.row_shape:
            raise ValueError(
                f"AnomalyDetector: expected rows of shape {self.row_shape}, those of fit, got {x.shape[1:]}. "
                "Take the same features."
            )
        return x

    def __sklearn_is_fitted__(self):
        return self._fitted is not None

    @property
    def model(self):
        """The trained network; before fit, the model that was given."""
        return self.given_model if self._fitted is None else self._fitted.model

    @property
    def history(self):
        """The History of the training of the network; None without training."""
        return None if self._fitted is None else self._fitted.history

    @property
    def mean(self):
        """The means of the features of the training rows; None without standardize."""
        return self.fitted.scale.mean

    @property
    def deviation(self):
        """The standard deviations of the features, 1 for constant ones; None without standardize."""
        return self.fitted.scale.deviation

    @property
    def offset_(self):
        """The threshold of scores, −threshold, as in scikit-learn."""
        return -self.threshold
