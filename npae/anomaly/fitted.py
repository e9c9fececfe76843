"""What is learnt from normal rows: their standardisation, a network, and a distance.

    x ← (x − mean)/deviation                 npae.anomaly.standardise
    min J(θ) on the standardised rows        the network f, g
    D from the codes and residuals           npae.anomaly.distances

All of it is computed from the given rows alone. So rows that were left out are new to it in every respect, and their
distances are distributed as those of any new normal rows (npae.anomaly.threshold).
"""

import copy
import math

import numpy as np

from npae.anomaly.distances import DISTANCES
from npae.anomaly.standardise import BLOCK, Rows, Scale, blocks
from npae.backend import as_batch, check_rows, device_of, to_device
from npae.data.sources import spread
from npae.layers import Identity, Sequential, Tanh
from npae.losses import SquaredError
from npae.models import data_dependent_init, dense_autoencoder
from npae.optim import Adam, Cosine
from npae.train import fit

SMALL = 1 << 26  # bytes of standardised rows that are computed once and kept: 64 MB


def default_model(shape, seed=0, dtype=np.float32):
    """An autoencoder for rows of this shape, of d numbers: layers d-4c-c-4c-d with c = min(d/2, 32), tanh, linear code.
    """
    d = int(np.prod(shape))
    c = max(1, min(d // 2, 32))
    image_shape = shape if len(shape) > 1 else None
    return dense_autoencoder([d, 4 * c, c], Tanh, Identity, SquaredError(), image_shape, seed, dtype)


class Fitted:
    """The standardisation `scale`, the network `model`, and the `distance` D, fitted to the same rows.

    origin: their mean as the network takes it, 0 if the rows are standardised. encoder, decoder, loss: those of the
    model; the code of a variational autoencoder is the mean code.
    """

    def __init__(self, scale, model, distance, origin=0.0, history=None):
        self.scale, self.model, self.distance, self.origin, self.history = scale, model, distance, origin, history
        inner = getattr(model, "inner", model)
        self.encoder, self.decoder, self.loss = inner.encoder, inner.decoder, inner.loss
        if hasattr(inner, "sampler"):
            self.encoder = Sequential(inner.encoder, inner.sampler)

    @classmethod
    def of(cls, data, numbers, settings, progress="none"):
        """Fit to the rows `numbers` of a source (None: all), with the `settings` of an AnomalyDetector."""
        scale = Scale(*spread(Rows(data, numbers))) if settings.standardize else Scale()
        rows = Rows(data, numbers, scale)
        if rows.nbytes <= SMALL:
            rows = rows[:]
        origin = 0.0 if settings.standardize else sum(as_floats(x).sum(axis=0) for _, x in blocks(rows)) / len(rows)
        model, history = _trained(rows, settings, progress)
        new = cls(scale, model, DISTANCES[settings.distance](settings.shrinkage), origin, history)
        new.distance.fit(lambda: (new.parts(x) for _, x in blocks(rows)), len(rows))
        return new

    def parts(self, x):
        """Code and residual of scaled rows x, (b, k) and (b, d) in float64. No residual if D does not need it."""
        h = self.encoder(self.as_batch(x))
        return self.flat(x, h, self.decoder(h) if self.distance.needs_residual else None)

    def as_batch(self, x):
        """x in the dtype and on the device of the network."""
        value = self.model.theta.value
        return as_batch(x, value.dtype, device_of(value))

    def flat(self, x, h, a):
        """Code and residual from the encoder's output h and the decoder's output a, which may be None."""
        h = to_device(h, "cpu").reshape(len(x), -1).astype(np.float64)
        if a is None:
            return h, None
        return h, (as_floats(x) - to_device(self.loss.output(a), "cpu")).reshape(len(x), -1)

    def distances(self, data, numbers=None):
        """D of the rows `numbers` of a source (None: all), (n,).

        ∞ for a row whose standardised values, code or residual are beyond the range of the network's dtype: in them
        Inf − Inf is NaN, and no comparison with NaN is true. Raises ValueError for NaN or Inf in the data.
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

    def too_large(self, x):
        """Which values of scaled rows the network's dtype cannot hold, (b, d)."""
        return np.abs(x.reshape(len(x), -1)) > np.finfo(self.model.theta.value.dtype).max


def as_floats(x):
    """Scaled rows as the network takes them, in float64: uint8 as pixels in [0, 1]."""
    return x / 255 if x.dtype == np.uint8 else x.astype(np.float64)


def _trained(rows, settings, progress):
    """(network, history) for standardised rows: a copy of the settings' model, or a default one, trained.

    All batches of an epoch have the same size, give or take one row per batch. A last batch of a few rows would be a
    step of much noise in one fit of the cross-fitting and not in the next, and their distances would differ.
    """
    model = copy.deepcopy(settings.given_model)
    if model is None:
        model = default_model(rows.shape[1:], settings.seed, settings.dtype)
        count = max(2, min(1000, BLOCK // int(np.prod(rows.shape[1:]))))
        some = np.random.default_rng(settings.seed).permutation(len(rows))[:count]
        data_dependent_init(model, rows[some], mean=0)
    model.to(settings.device)
    if not settings.epochs:
        return model, None
    if settings.standardize:
        _check_range(model, rows)
    steps = math.ceil(len(rows) / settings.batch_size)
    history = fit(
        model, rows, epochs=settings.epochs, batch_size=math.ceil(len(rows) / steps), seed=settings.seed,
        optimizer=Adam(settings.learning_rate), schedule=Cosine(settings.epochs, end=0.02), progress=progress,
    )  # fmt: skip
    return model, history


def _check_range(model, rows):
    """Raise ValueError, with the cure, if the model's loss cannot take standardised features."""
    try:
        model.check_targets(to_device(rows[:1000], "cpu"))
    except ValueError as error:
        raise ValueError(
            "AnomalyDetector: the loss of the model cannot take standardised features, which are negative or above 1 "
            f"({str(error).partition('. ')[0]}). For images and other data in [0, 1] use standardize=False; for a "
            'table give the model loss="mse".'
        ) from error
