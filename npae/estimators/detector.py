"""An autoencoder as an outlier detector of scikit-learn: npae.anomaly.AnomalyDetector with the interface of its family.

    score_samples(X)        minus the distance of each row from normal rows          npae.anomaly.distances
    decision_function(X)    score_samples(X) − offset_
    predict(X)              1 where the decision is 0 or more (inlier), −1 elsewhere (outlier)

There are two ways to choose offset_:

    contamination=0.05      this share of the *training* rows has a lower score, as in all detectors of scikit-learn
    contamination="auto"    about the share false_alarm_rate of *new* normal rows has a lower score

With few rows per feature the two differ: the network fits its training rows more closely than new rows, whose
distances are therefore larger. So "auto" finds the offset by cross-fitting, from rows that the network has not seen
(npae.anomaly.threshold), and costs up to folds + 1 trainings.
"""

from typing import Any, TypeVar

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from npae.anomaly import AnomalyDetector
from npae.backend import Array, ArrayLike, DTypeLike
from npae.estimators.base import AutoencoderEstimator
from npae.layers.activations import ActivationLike
from npae.losses import Loss
from npae.train import History

Detector = TypeVar("Detector", bound="AutoencoderDetector")


class AutoencoderDetector(OutlierMixin, AutoencoderEstimator):
    """Rows that an autoencoder of normal rows reconstructs badly, or gives unusual codes, are outliers.

    X is an array or a DataFrame of numbers (n, d), as for AutoencoderTransformer. fit learns from rows that are all or
    nearly all normal. Scores are higher for more normal rows, as in scikit-learn. fit_predict(X) is fit(X).predict(X).

    Args:
        n_components, hidden_layer_sizes, activation, code_activation, loss, noise, noise_level: the network, as for
            AutoencoderTransformer.
        weight_decay, l1, contraction, sparsity, dropout, batch_norm, tied: likewise.
        model: an Autoencoder of your own, of which every fit trains a copy, or a function that makes one of the number
            of features. The parameters before this one then have no effect.
        distance: "reconstruction", "residual", "latent" or "joint", see npae.anomaly.distances.
        contamination: the share of the training rows to call outliers, above 0 and at most 0.5; or "auto".
        false_alarm_rate: for "auto", the share of new normal rows to call outliers.
        folds: for "auto", the number of parts of cross-fitting.
        shrinkage: of the covariances of "residual" and "joint".
        standardize, epochs, batch_size: as for AutoencoderTransformer.
        learning_rate: of Adam, falling along a cosine.
        dtype: of the network, "float32" or "float64"; None: that of X or of the model.
        device: where the network is trained, "cpu" or "gpu".
        random_state: seed of first weights, order of rows and folds: an integer, a RandomState, or None.
        verbose: report the progress of training.

    Attributes:
        offset_: of the scores.
        detector_: the fitted AnomalyDetector; npae.anomaly.save_detector writes it without pickle.
        model_: the trained network.
        history_: its History.
        n_iter_: the number of epochs.
        n_features_in_: d.
        feature_names_in_: the names of the columns, if X was a DataFrame.

    Example:
        >>> import numpy as np
        >>> from npae.estimators import AutoencoderDetector
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(200, 6))
        >>> detector = AutoencoderDetector(contamination=0.05, epochs=20, random_state=0).fit(X)
        >>> int((detector.predict(X) == -1).sum())
        10
        >>> detector.predict(X[:3] + [0, 0, 9, 0, 0, 0]).tolist()
        [-1, -1, -1]
    """

    def __init__(self, n_components: int | None = None, *, hidden_layer_sizes: Any = None,
                 activation: ActivationLike = "tanh", code_activation: ActivationLike = "linear",
                 loss: str | Loss = "mse", noise: str = "gaussian", noise_level: float = 0.0,
                 weight_decay: float = 0.0, l1: float = 0.0, contraction: float = 0.0, sparsity: float = 0.0,
                 dropout: float = 0.0, batch_norm: bool = False, tied: bool = False, model: Any = None,
                 distance: str = "joint", contamination: float | str = "auto", false_alarm_rate: float = 0.1,
                 folds: int = 10, shrinkage: float = 0.01, standardize: bool = True, epochs: int = 150,
                 batch_size: int = 128, learning_rate: float = 3e-3, dtype: DTypeLike | None = None,
                 device: str = "cpu", random_state: Any = None, verbose: bool = False) -> None:  # fmt: skip
        self.n_components, self.hidden_layer_sizes = n_components, hidden_layer_sizes
        self.activation, self.code_activation, self.loss = activation, code_activation, loss
        self.noise, self.noise_level, self.weight_decay, self.l1 = noise, noise_level, weight_decay, l1
        self.contraction, self.sparsity, self.dropout, self.batch_norm = contraction, sparsity, dropout, batch_norm
        self.tied, self.model, self.distance, self.contamination = tied, model, distance, contamination
        self.false_alarm_rate, self.folds, self.shrinkage = false_alarm_rate, folds, shrinkage
        self.standardize, self.epochs, self.batch_size = standardize, epochs, batch_size
        self.learning_rate, self.dtype, self.device = learning_rate, dtype, device
        self.random_state, self.verbose = random_state, verbose

    def fit(self: Detector, X: ArrayLike, y: Any = None) -> Detector:
        """Learn from rows that are all or nearly all normal, anew in every call. Returns the estimator.

        Args:
            X: rows, (n, d), n at least 2.
            y: has no effect.

        Raises ValueError and TypeError for X and parameters that cannot be right, and what npae.train.fit raises.
        """
        self._check_parameters()
        automatic = isinstance(self.contamination, str) and self.contamination == "auto"
        share = self._share("false_alarm_rate" if automatic else "contamination")
        x = self._checked(X, fitting=True)
        seed = self._seed()
        self.detector_ = AnomalyDetector(
            self._network(x.shape[1], seed, x.dtype), self.distance, share, shrinkage=self.shrinkage,
            standardize=self.standardize, epochs=self.epochs, batch_size=self.batch_size,
            learning_rate=self.learning_rate, folds=self.folds if automatic else 0, seed=seed,
            dtype=self.dtype or x.dtype, device=self.device, progress="auto" if self.verbose else "none",
        ).fit(x)  # fmt: skip
        self.offset_, self.model_ = self.detector_.offset_, self.detector_.model
        self.detector_.feature_names = self._columns()
        self.history_: History = self.detector_.history
        self.n_iter_ = len(self.history_)
        self._warn_if_interrupted(self.history_)
        return self

    def score_samples(self, X: ArrayLike) -> Array:
        """Minus the distance of every row of X (n, d) from normal rows: (n,). Higher means more normal."""
        check_is_fitted(self)
        return self.detector_.score_samples(self._checked(X, fitting=False))

    def decision_function(self, X: ArrayLike) -> Array:
        """score_samples(X) − offset_, (n,): negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> Array:
        """1 (inlier) or −1 (outlier) for every row of X, (n,)."""
        return np.where(self.score_samples(X) >= self.offset_, 1, -1)

    def contributions(self, X: ArrayLike) -> Array:
        """How much each feature adds to the distance of each row of X, (n, d); see npae.anomaly.contributions."""
        check_is_fitted(self)
        return self.detector_.contributions(self._checked(X, fitting=False))

    def _share(self, name: str) -> float:
        """The parameter `name`. Raises ValueError unless it is a number above 0 and at most 0.5."""
        value, auto = getattr(self, name), ' or "auto"' if name == "contamination" else ""
        if isinstance(value, bool) or not (isinstance(value, (int, float, np.number)) and 0 < value <= 0.5):
            raise ValueError(f"AutoencoderDetector: {name} must be in (0, 0.5]{auto}, got {value!r}.")
        return float(value)
