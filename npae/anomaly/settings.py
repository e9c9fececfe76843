"""The settings of an estimator: the arguments of its constructor, by name, as scikit-learn reads and sets them."""

import inspect

import numpy as np


class Settings:
    """An object whose settings are the arguments of its __init__, each kept as an attribute of the same name."""

    kept_as = {}  # {argument: the attribute that keeps it, if that has another name}

    def get_params(self, deep=True):
        """{argument: value}. deep has no effect; scikit-learn passes it."""
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, self.kept_as.get(name, name)) for name in names}

    def set_params(self, **settings):
        """Change settings; they take effect in the next fit. Returns self. Raises ValueError for an unknown name."""
        known = self.get_params()
        for name, value in settings.items():
            if name not in known:
                raise ValueError(f"{type(self).__name__}: expected settings {', '.join(known)}, got {name!r}.")
            setattr(self, self.kept_as.get(name, name), value)
        return self

    def check_share(self, name, largest, cure):
        """Raise ValueError unless 0 < the setting `name` ≤ largest, TypeError if it is not a number."""
        value, who = getattr(self, name), type(self).__name__
        if not isinstance(value, (int, float, np.number)):
            raise TypeError(f"{who}: expected {name} as a number, got {value!r}. {cure}")
        if not 0 < value <= largest:
            raise ValueError(f"{who}: expected 0 < {name} ≤ {largest}, got {value}. {cure}")

    def __sklearn_tags__(self):
        """What scikit-learn asks of an estimator in a Pipeline or a GridSearchCV: this one detects outliers."""
        from sklearn.base import BaseEstimator, OutlierMixin

        return type("Tags", (OutlierMixin, BaseEstimator), {})().__sklearn_tags__()

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_params().items())})"
