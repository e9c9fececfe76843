"""What the estimators have in common: the check of X, the seed, and the network to train."""

import copy
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from npae.anomaly.training import MakeModel
from npae.backend import Array, DTypeLike, as_float, as_int, warn
from npae.estimators.network import PARAMETERS, make_network
from npae.models.base import Model
from npae.train import History

FLOATS: Any = [np.float64, np.float32]  # what is not one of these becomes the first


def coder(model: Model) -> Any:
    """The part of a model that encodes and decodes: of an adversarial autoencoder the autoencoder, else itself."""
    return getattr(model, "inner", model)


class AutoencoderEstimator(BaseEstimator):
    """An estimator around an autoencoder. Subclasses list the parameters in __init__ and keep them unchanged.

    BaseEstimator makes get_params, set_params and the repr of them. They are checked in fit.
    """

    model: Any
    dtype: Any
    random_state: Any
    epochs: int
    batch_size: int
    learning_rate: float

    def _check_parameters(self) -> None:
        """Raise ValueError or TypeError for parameters of the training that cannot be right."""
        owner = type(self).__name__
        as_int(self.epochs, f"epochs of {owner}", least=0)
        as_int(self.batch_size, f"batch_size of {owner}", least=1)
        as_float(self.learning_rate, f"learning_rate of {owner}", above=0)
        if self.dtype is not None and self.dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(f'{owner}: expected dtype "float32", "float64" or None (as X has it), got {self.dtype!r}.')

    def _checked(self, X: Any, fitting: bool) -> Array:
        """X as an array (n, d) of float32 or float64, with the features of fit. Raises ValueError as scikit-learn does.

        Integers and bool become float64, and those of at most two bytes float32, which holds them exactly.
        """
        dtype = getattr(X, "dtype", None)
        small = isinstance(dtype, np.dtype) and dtype.kind in "bui" and dtype.itemsize <= 2
        floats: Any = FLOATS[::-1] if small else FLOATS
        X = validate_data(self, X, reset=fitting, dtype=floats, ensure_min_samples=2 if fitting else 1)
        return np.asarray(X)  # a memory-mapped file of joblib as a plain array

    def _columns(self) -> list[str] | None:
        """The names of the columns of fit, if X was a DataFrame."""
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else names.tolist()

    def _seed(self) -> int:
        """The seed of a fit, drawn from random_state."""
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _warn_if_interrupted(self, history: History) -> None:
        """Warn after Ctrl-C, since a search goes on with its next fit."""
        if (history.stopped or "").startswith("interrupted"):
            warn(f"{type(self).__name__}: training was {history.stopped}; the weights are those of then.", UserWarning)

    def _network(self, n_features: int, seed: int, dtype: DTypeLike) -> Model | MakeModel:
        """A copy of the parameter `model`; without one, a function that makes the network of the other parameters.

        Args:
            n_features: d.
            seed: of first weights, if the model has none.
            dtype: of X.
        """
        owner = type(self).__name__
        if self.model is None:
            return partial(make_network, owner=owner, **{name: getattr(self, name) for name in PARAMETERS})
        model = self.model
        if callable(model) and not isinstance(model, Model):
            model = model(n_features)
        if not (isinstance(model, Model) and all(hasattr(coder(model), n) for n in ("encode", "decode"))):
            raise TypeError(
                f"{owner}: expected a model that encodes and decodes, such as "
                f'dense_autoencoder([{n_features}, 8], loss="mse"), or a function that makes one of the number of '
                f"features, got {model!r}."
            )
        model = copy.deepcopy(model)
        if any(p.home is None for _, p in model.named_parameters()):
            return model.initialize(seed, self.dtype or dtype)
        return model if self.dtype is None else model.astype(self.dtype)
