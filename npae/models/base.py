"""The contract of a model: a Layer with an objective J, so that it can be trained and evaluated.

    backpropagate(batch) -> terms       the terms of J on a batch by name; ∂J/∂θ is added to theta.grad
    evaluate(data)       -> terms       the same terms on any amount of data, as at inference; and possibly others that
                                        are not part of J, such as an accuracy

Training needs three more things: `check_targets`, which raises for data that cannot be right (by default it asks the
loss); `as_data`, which converts the caller's data to a source of batches; and `phases`, for a model with several
objectives (npae.models.phases).
"""

from typing import Any, TypeAlias

from npae.backend import Array, Remembers, Scalar, as_batch_size, as_lazy_source, batches, in_batches, one_pool
from npae.layers import Layer
from npae.losses import Loss

Terms: TypeAlias = dict[str, Scalar]  # the terms of J by name


class Model(Remembers, Layer):
    """A Layer with an objective. Subclasses set `loss` and implement backpropagate and evaluate_batch, or evaluate."""

    loss: Loss
    as_data = staticmethod(as_lazy_source)  # the source of batches: arrays, without labels
    stated = ("loss", "penalties")

    @property
    def phases(self) -> tuple[Any, ...]:
        """The steps that are taken on every minibatch. A plain model has one, itself."""
        return (self,)

    @property
    def draws(self) -> tuple[Any, ...]:
        """The objects that draw random numbers in training, in a stable order. They have a method reseed(seed)."""
        return tuple(layer for _, layer in self.leaves() if hasattr(layer, "reseed"))

    def check_targets(self, x: Array) -> None:
        """Raise ValueError if the targets x (a batch of the data, or their labels) cannot be right for this model."""
        self.loss.check_targets(x)

    def backpropagate(self, batch: Any) -> Terms:
        """Add ∂J/∂θ on the batch to theta.grad. Returns the terms of J by name, scalars that stay on the device."""
        raise NotImplementedError

    def evaluate_batch(self, batch: Any) -> Terms:
        """The terms of J on the batch as at inference, by name."""
        raise NotImplementedError

    def evaluate(self, data: Any, batch_size: int | None = None) -> dict[str, float]:
        """The terms of J on `data` as at inference, by name: numbers, mean over the samples.

        Args:
            data: samples (n, …), or what else the model is trained on, such as pairs (x, labels).
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        sums, n, size, pool = {}, 0, as_batch_size(batch_size, self.reads), one_pool(self.theta.value)
        for batch in batches(data, size, self.theta.value, check=self.check_targets, model=self):
            rows = len(batch[0]) if isinstance(batch, tuple) else len(batch)
            with pool:
                for name, value in self.evaluate_batch(batch).items():
                    sums[name] = sums.get(name, 0.0) + float(value) * rows
            n += rows
        return {name: total / n for name, total in sums.items()}

    @classmethod
    def from_config(cls, **config: Any) -> "Model":
        """The model without values, as a model file needs it: nothing is allocated, whatever the file contains."""
        return cls(**config, seed=None)  # a file that names a seed is refused  # pyright: ignore[reportCallIssue]

    def _map(self, function, data, batch_size, name="x", check=None, network=None, copies=1) -> Array:
        """function(batch) on all `data`, batch by batch on the model's device. The result is where the data is."""
        network = network or (function if isinstance(function, Layer) else self.reads)  # what the data pass through
        size = as_batch_size(batch_size, network, copies)
        return in_batches(function, data, size, self.theta.value, name, check, self if name == "x" else None)
