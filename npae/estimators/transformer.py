"""An autoencoder as a transformer of scikit-learn: the codes of rows, as features for another estimator.

    fit(X)                  standardise the features, train the network
    transform(X)            h = f(x)                   codes, (n, n_components)
    inverse_transform(H)    x̂ = g(h)                   in the units of X
    score(X)                R² = 1 − Σ_i ‖x_i − x̂_i‖² / Σ_i ‖x_i − x̄‖²

x and x̂ in R² are as the network takes them, standardised, and x̄ is the mean of the rows of fit. R² is 1 for perfect
reconstructions and 0 for x̂ = x̄. For PCA it would be the share of explained variance, so the two can be compared.
"""

import copy
import math
from typing import Any, TypeVar

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from npae.anomaly.standardise import Rows, standardised
from npae.anomaly.training import check_range, new_model, train
from npae.backend import Array, ArrayLike, DTypeLike, as_int, as_member
from npae.estimators.base import FLOATS, AutoencoderEstimator, coder
from npae.layers.activations import ActivationLike
from npae.losses import Loss
from npae.models.base import Model
from npae.optim import Optimizer, Schedule
from npae.train import EarlyStopping, History

Transformer = TypeVar("Transformer", bound="AutoencoderTransformer")


class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, AutoencoderEstimator):
    """The codes of an autoencoder as features, for pipelines and searches of scikit-learn.

    X is an array or a DataFrame of numbers (n, d). Integers are numbers as all others: unlike in the rest of npae,
    uint8 is not divided by 255. Sparse X and missing values are refused.

    Args:
        n_components: the size of the code. None: half of the number of features, at most 32.
        hidden_layer_sizes: of the encoder, such as (64, 16); the decoder has them in reverse order. (): none. None:
            one layer of 4 n_components units.
        activation: of hidden layers, such as "tanh" or "relu".
        code_activation: of the code.
        loss: "mse" for real numbers; "bce" for numbers in [0, 1], with standardize=False.
        noise: what corrupts the input in training: "gaussian", "masking" or "salt_and_pepper".
        noise_level: the standard deviation of Gaussian noise, or the fraction of replaced numbers. 0: none.
        weight_decay: the strength λ of ½‖W‖².
        l1: λ of the codes' L1 norm.
        contraction: λ of ‖∂h/∂x‖², for hidden_layer_sizes=().
        sparsity: λ of the KL divergence of mean activities from 0.05, for code_activation="sigmoid".
        dropout: the fraction of hidden units that is dropped in training.
        batch_norm: normalise the pre-activations of hidden layers.
        tied: let the decoder use the encoder's weights, transposed.
        model: an Autoencoder of your own, of which every fit trains a copy, or a function that makes one of the number
            of features. The parameters before this one then have no effect.
        standardize: subtract the means of the features and divide by their standard deviations. False leaves them as
            they are: for images, whose almost constant corners would be scaled up, and for data in [0, 1].
        epochs: of training; 0 if the model is trained already. Tables of many thousand rows need fewer.
        batch_size: the most rows per step.
        learning_rate: of the optimizer.
        optimizer: a name, "adam", "adamw" or "sgd"; or an Optimizer, which has a learning rate of its own.
        schedule: of the learning rate, such as "cosine", which falls to 0; None: constant.
        early_stopping: stop when the loss on validation rows has not improved for n_iter_no_change epochs, and keep
            the best weights.
        validation_fraction: of the rows, drawn by random_state, which are then not trained on.
        n_iter_no_change: epochs without improvement.
        tol: a decrease of the loss by less is no improvement.
        dtype: of the network, and of what transform returns: "float32", "float64"; None: that of X or of the model.
        device: where the network is trained, "cpu" or "gpu".
        random_state: seed of first weights, order of rows and noise: an integer, a RandomState, or None.
        verbose: report the progress of training.

    Attributes:
        model_: the trained network.
        history_: its History.
        n_iter_: the number of epochs.
        mean_: the means of the features, (d,).
        scale_: their standard deviations, 1 for constant ones; None without standardize.
        n_features_in_: d.
        feature_names_in_: the names of the columns, if X was a DataFrame.

    Example:
        >>> import numpy as np
        >>> from npae.estimators import AutoencoderTransformer
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6))
        >>> encode = AutoencoderTransformer(n_components=2, random_state=0)
        >>> encode.fit_transform(X).shape, encode.score(X) > 0.9
        ((200, 2), True)
        >>> make_pipeline(encode, LogisticRegression()).fit(X, X[:, 0] > 0).score(X, X[:, 0] > 0) > 0.9
        True
    """

    def __init__(self, n_components: int | None = None, *, hidden_layer_sizes: Any = None,
                 activation: ActivationLike = "tanh", code_activation: ActivationLike = "linear",
                 loss: str | Loss = "mse", noise: str = "gaussian", noise_level: float = 0.0,
                 weight_decay: float = 0.0, l1: float = 0.0, contraction: float = 0.0, sparsity: float = 0.0,
                 dropout: float = 0.0, batch_norm: bool = False, tied: bool = False, model: Any = None,
                 standardize: bool = True, epochs: int = 200, batch_size: int = 32, learning_rate: float = 5e-3,
                 optimizer: str | Optimizer = "adam", schedule: str | Schedule | None = "cosine",
                 early_stopping: bool = False, validation_fraction: float = 0.1, n_iter_no_change: int = 10,
                 tol: float = 1e-4, dtype: DTypeLike | None = None, device: str = "cpu", random_state: Any = None,
                 verbose: bool = False) -> None:  # fmt: skip
        self.n_components, self.hidden_layer_sizes = n_components, hidden_layer_sizes
        self.activation, self.code_activation, self.loss = activation, code_activation, loss
        self.noise, self.noise_level, self.weight_decay, self.l1 = noise, noise_level, weight_decay, l1
        self.contraction, self.sparsity, self.dropout, self.batch_norm = contraction, sparsity, dropout, batch_norm
        self.tied, self.model, self.standardize, self.epochs = tied, model, standardize, epochs
        self.batch_size, self.learning_rate, self.optimizer = batch_size, learning_rate, optimizer
        self.schedule, self.early_stopping, self.validation_fraction = schedule, early_stopping, validation_fraction
        self.n_iter_no_change, self.tol, self.dtype, self.device = n_iter_no_change, tol, dtype, device
        self.random_state, self.verbose = random_state, verbose

    def fit(self: Transformer, X: ArrayLike, y: Any = None) -> Transformer:
        """Train a new network. Returns the estimator.

        Args:
            X: rows, (n, d), n at least 2.
            y: has no effect.

        Raises ValueError and TypeError for X and parameters that cannot be right, and what npae.train.fit raises.
        """
        self._check_parameters()
        x = self._checked(X, fitting=True)
        scale, rows = standardised(x, None, self.standardize)
        seed = self._seed()
        model = self._network(x.shape[1], seed, x.dtype)
        if not isinstance(model, Model):
            model = new_model(model, rows, seed, self.dtype or x.dtype)
        model.to(self.device)
        if self.standardize:
            check_range(model, rows, type(self).__name__)
        self.history_: History = train(
            model, rows, self.epochs, self.batch_size, seed=seed, optimizer=self._optimizer(),
            schedule=copy.deepcopy(self.schedule), progress=bool(self.verbose), **self._validation(),
        )  # fmt: skip
        self.model_: Any = model
        if model.seen is not None:
            model.seen.names = self._columns()
        self.n_iter_, self._scale = len(self.history_), scale
        self._warn_if_interrupted(self.history_)
        self.mean_ = x.mean(axis=0, dtype=np.float64) if scale.mean is None else scale.mean
        self.scale_ = scale.deviation
        self._code_shape = coder(self.model_).encode(rows[:1]).shape[1:]
        self._n_features_out = math.prod(self._code_shape)
        return self

    def transform(self, X: ArrayLike) -> Array:
        """The codes of rows X (n, d): (n, n_components)."""
        check_is_fitted(self)
        h = coder(self.model_).encode(self._rows(X))
        return h.reshape(len(h), -1)

    def inverse_transform(self, X: ArrayLike) -> Array:
        """The reconstructions of codes X (n, n_components), in the units of the rows of fit: (n, d)."""
        check_is_fitted(self)
        h = check_array(X, dtype=FLOATS, estimator=self)
        if h.shape[1] != self._n_features_out:
            raise ValueError(
                f"{type(self).__name__}: expected codes of {self._n_features_out} columns, as transform returns them, "
                f"got {h.shape[1]}."
            )
        x = coder(self.model_).decode(h.reshape(len(h), *self._code_shape))
        return self._scale.undo(x.reshape(len(x), -1))

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """R² of the reconstructions of X, as at the top of this file: at most 1; higher is better.

        Args:
            X: rows, (n, d).
            y: has no effect.
        """
        check_is_fitted(self)
        x = self._rows(X)[:]
        x_hat = coder(self.model_).reconstruct(x).reshape(x.shape)
        residual = np.square(x - x_hat, dtype=np.float64).sum()
        about_mean = np.square(x if self.standardize else x - self.mean_, dtype=np.float64).sum()
        return float(1 - residual / about_mean) if about_mean else float(residual == 0)

    def _rows(self, X: ArrayLike) -> Rows:
        """The rows X as the network takes them, scaled when they are taken."""
        return Rows(self._checked(X, fitting=False), None, self._scale)

    def _optimizer(self) -> Optimizer:
        """A new optimizer."""
        optimizer = copy.deepcopy(as_member(self.optimizer, Optimizer, type(self).__name__))
        if not isinstance(self.optimizer, Optimizer):
            optimizer.lr = float(self.learning_rate)
        return optimizer

    def _validation(self) -> dict[str, Any]:
        """The arguments of npae.train.fit for early stopping; none without it."""
        if not self.early_stopping:
            return {}
        owner, share = type(self).__name__, self.validation_fraction
        if not (isinstance(share, (float, np.floating)) and 0 < share < 1):
            raise ValueError(f"{owner}: expected 0 < validation_fraction < 1, such as 0.1, got {share!r}.")
        patience = as_int(self.n_iter_no_change, f"n_iter_no_change of {owner}", least=1)
        return {"validation": float(share), "callbacks": [EarlyStopping(patience, min_delta=self.tol)]}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
