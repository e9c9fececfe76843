"""What is learnt from normal rows: their standardisation, a network, and a distance.

    x ← (x − mean)/deviation                 npae.anomaly.standardise
    min J(θ) on the standardised rows        the network f, g
    D from the codes and residuals           npae.anomaly.distances

All of it is computed from the given rows alone. So rows that were left out are new to it in every respect, and their
distances are distributed as those of any new normal rows (npae.anomaly.threshold).
"""

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from npae.anomaly.distances import DISTANCES, Reconstruction
from npae.anomaly.standardise import Rows, Scale, blocks, standardised
from npae.anomaly.training import check_range, default_model, new_model, train
from npae.backend import Array, LazyRows, Progress, as_batch, check_rows, device_of, to_device
from npae.layers import Sequential
from npae.models.base import Model
from npae.optim import Adam, Cosine
from npae.train import History

if TYPE_CHECKING:
    from npae.anomaly.detector import AnomalyDetector


class Fitted:
    """A standardisation, a network and a distance, fitted to the same rows.

    Args:
        scale: the standardisation.
        model: the network.
        distance: D.
        origin: the mean of the rows as the network takes it; 0 if they are standardised.
        history: of the training; None: an empty one, without training or from a file.

    Attributes:
        encoder, decoder, loss: those of the model; the code of a variational autoencoder is the mean code.
    """

    def __init__(self, scale: Scale, model: Model, distance: Reconstruction, origin: Any = 0.0,
                 history: History | None = None) -> None:  # fmt: skip
        self.scale, self.model, self.distance, self.origin = scale, model, distance, origin
        self.history = History() if history is None else history
        inner: Any = getattr(model, "inner", model)
        self.encoder, self.decoder, self.loss = inner.encoder, inner.decoder, inner.loss
        if hasattr(inner, "sampler"):
            self.encoder = Sequential(inner.encoder, inner.sampler)

    @classmethod
    def of(cls, data: Array | LazyRows, numbers: Array | None, settings: "AnomalyDetector",
           progress: Progress = "none") -> "Fitted":  # fmt: skip
        """Fit to the rows `numbers` of a source, with the settings of a detector.

        Args:
            data: the source.
            numbers: of the rows; None: all.
            settings: an AnomalyDetector.
            progress: of the training, as for npae.train.fit.
        """
        scale, rows = standardised(data, numbers, settings.standardize)
        origin = 0.0 if settings.standardize else sum(as_floats(x).sum(axis=0) for _, x in blocks(rows)) / len(rows)
        model, history = _trained(rows, settings, progress)
        new = cls(scale, model, DISTANCES[settings.distance](settings.shrinkage), origin, history)
        new.distance.fit(lambda: (new.parts(x) for _, x in blocks(rows)), len(rows))
        return new

    def parts(self, x: Array) -> tuple[Array, Any]:
        """Code and residual of scaled rows x, (b, k) and (b, d) in float64. No residual if D does not need it."""
        h = self.encoder(self.as_batch(x))
        return self.flat(x, h, self.decoder(h) if self.distance.needs_residual else None)

    def as_batch(self, x: Array) -> Array:
        """x in the dtype and on the device of the network."""
        value = self.model.theta.value
        return as_batch(x, value.dtype, device_of(value))

    def flat(self, x: Array, h: Array, a: Array | None) -> tuple[Array, Any]:
        """Code and residual.

        Args:
            x: scaled rows.
            h: the encoder's output.
            a: the decoder's output; None: no residual.
        """
        h = to_device(h, "cpu").reshape(len(x), -1).astype(np.float64)
        if a is None:
            return h, None
        return h, (as_floats(x) - to_device(self.loss.output(a), "cpu")).reshape(len(x), -1)

    def distances(self, data: Array | LazyRows, numbers: Array | None = None) -> Array:
        """D of rows of a source, (n,).

        ∞ for a row whose standardised values, code or residual are beyond the range of the network's dtype: in them
        Inf − Inf is NaN, and no comparison with NaN is true.

        Args:
            data: the source.
            numbers: of the rows; None: all.

        Raises ValueError for NaN or Inf in the data.
        """
        rows = Rows(data, numbers)
        result = np.empty(len(rows))
        for part, block in blocks(rows):
            check_rows(block, range(part.start, part.stop), name="x")
            with np.errstate(over="ignore", invalid="ignore"):
                x = self.scale(block)
                D = self.distance(*self.parts(x))
            result[part] = np.where(self.too_large(x).any(axis=1) | ~np.isfinite(D), np.inf, D)
        return result

    def too_large(self, x: Array) -> Array:
        """Which values of scaled rows the network's dtype cannot hold, (b, d)."""
        return np.abs(x.reshape(len(x), -1)) > np.finfo(self.model.theta.value.dtype).max


def as_floats(x: Array) -> Array:
    """Scaled rows as the network takes them, in float64: uint8 as pixels in [0, 1]."""
    return x / 255 if x.dtype == np.uint8 else x.astype(np.float64)


def _trained(rows: Array | LazyRows, settings: "AnomalyDetector", progress: Progress) -> tuple[Model, History | None]:
    """(network, history) for standardised rows: a copy of the settings' model, or a new one, trained."""
    given = settings.given_model
    if isinstance(given, Model):
        model = copy.deepcopy(given)
    else:
        model = new_model(given or default_model, rows, settings.seed, settings.dtype)
    model.to(settings.device)
    if not settings.epochs:
        return model, None
    if settings.standardize:
        check_range(model, rows, "AnomalyDetector")
    history = train(
        model, rows, settings.epochs, settings.batch_size, seed=settings.seed, optimizer=Adam(settings.learning_rate),
        schedule=Cosine(settings.epochs, end=0.02), progress=progress,
    )  # fmt: skip
    return model, history
