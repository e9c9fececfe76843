"""Comparison of later data with the training data: names of columns, number of features, order of axes."""

from typing import Any

from npae.backend.fill_values import check_fill_values
from npae.backend.lazy import is_lazy, sample
from npae.backend.meaning import check_pixels
from npae.backend.seen import Seen, names_of


class Remembers:
    """Base class of models, which keep a summary of their training data: `seen` is a Seen, or None before `fit`.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> model = dense_autoencoder([3, 2])
        >>> history = fit(model, np.ones((10, 3)), epochs=1, progress="none")
        >>> model.seen.shape, model.feature_names
        ((3,), None)
    """

    seen: Seen | None = None

    @property
    def feature_names(self) -> list[Any] | None:
        """The names of the columns that the model was trained on, if they came in a frame; else None."""
        return None if self.seen is None else self.seen.names

    def remember(self, seen: Seen) -> None:
        """Keep `seen` for the comparison with later data, in this model and in the models inside it."""
        self.seen = seen
        for part in vars(self).values():
            if isinstance(part, Remembers):
                part.remember(seen)

    def check_columns(self, given: Any, name: str = "x") -> None:
        """Raise ValueError if a frame, or the frame in a pair, has other columns than those of training.

        Args:
            given: what the caller gave; only frames are checked.
            name: of the argument, for the message.
        """
        if self.seen is not None:
            self.seen.check_names(given, name)

    def examine(self, given: Any, data: Any, validation: Any = None) -> Seen:
        """The Seen of data to train on.

        Args:
            given: what the caller gave.
            data: a source, or pairs (x, y), made of it.
            validation: what the caller gave as validation data.

        Raises ValueError for the wrong number of features, for the columns of an earlier `fit` in another order, for
        validation data with other columns, and for uint8 that are not pixels; warns of large values.
        """
        x, names = getattr(data, "x", data), names_of(given)
        self.check_features(x.shape[1:], "data")
        if names and self.feature_names and set(names) == set(self.feature_names):
            self.check_columns(given, "data")
        for part, name in ((x, "data"), *(((data.y, "target"),) if hasattr(data, "y") else ())):
            check_pixels(sample(part) if is_lazy(part) else part, name)
        check_fill_values(x, names)
        seen = Seen.of(given, x)
        seen.shape = tuple(x.shape[1:])
        seen.check_names(validation, "validation")
        return seen

    def check_features(self, shape: tuple[int, ...], name: str = "x") -> None:
        """Raise ValueError if the first layer takes rows of another length, or if the axes of samples are exchanged
        and no layer would raise an error for them.

        Args:
            shape: of one sample.
            name: of the argument, for the message.
        """
        seen = self.seen
        axes = None if seen is None else seen.exchanged_axes(shape)
        for _, layer in (self.reads.leaves() if len(shape) == 1 or axes else ()):
            if layer.parameters or layer.out_shape(shape) != shape:
                if seen is not None and axes:
                    if not layer.parameters and layer.out_shape(shape) == layer.out_shape(seen.shape):
                        raise ValueError(
                            f"{name}: expected samples of shape {seen.shape}, as in training, got {tuple(shape)}. "
                            f"Exchange the axes: {name}.transpose{axes}."
                        )
                    return
                if layer.in_shape not in (None, shape) and len(layer.in_shape) == 1:
                    (n,), (m,) = layer.in_shape, shape
                    raise ValueError(f"{name}: this model was made for {n} features, got {m}. Give the same features.")
                return

    @property
    def reads(self) -> Any:
        """The network that samples enter first."""
        return self
