"""The detector: an autoencoder learns what is normal, and four distances say how far a row is from that.

A row x is standardised, z = (x − mean)/deviation of each feature in training, and passed through the network: the code
h = f(z), the residual r = z − g(h). An anomaly can betray itself in either, in the residual if the network cannot give
it back, in the code if it can, but from a place where no normal row has been:

    "reconstruction"    ‖r‖²                           what is not given back
    "residual"          M²(r)                          the same, against what is usually not given back
    "latent"            M²(h)                          how unusual the code is
    "joint"             M²([u, r/ρ]),  u = whitened h, ρ² = the residuals' mean variance

M is the Mahalanobis length (npae.anomaly.mahalanobis), with means and covariances of the training rows. Why not ‖r‖²
alone: a feature that nobody can predict has large residuals on normal rows, and drowns the small residual, ten times
its usual size, of one that everybody can.

The joint distance is the whole of it. It sees both parts with a mean variance of 1, and the shrinkage α of M leads from

    α = 1    ‖u‖² + ‖r − mean r‖²/ρ²      as in probabilistic PCA (which has σ² = ρ² d/(d − k) for ρ²), to
    α → 0    M² of code and residual with all their correlations.

For a *linear* autoencoder, h = Fz and r = (I − GF)z, the latter is M²(z), the classical detector: write [h, r] = A z
and z = S^½ w, S the covariance of z, with an inverse. A is injective, as z = Gh + r; so the columns of B = A S^½ are
independent, and

    M²(A z) = zᵀAᵀ (A S Aᵀ)⁺ A z = wᵀ Bᵀ(B Bᵀ)⁺B w = ‖w‖² = zᵀ S⁻¹ z        since Bᵀ(BBᵀ)⁺B = I

(lengths M do not change under invertible maps, so u and r/ρ do as well as h and r). What a detector gains over six
lines of linear algebra is thus what its network is more than linear.

Which to take: "joint" where the training rows are normal. Where anomalies hide among them, a network with room to spare
learns to give these back as well, and their residuals vanish, while their codes still lie far out: "latent".

Tipping & Bishop 1999, "Probabilistic principal component analysis"; Chandola, Banerjee & Kumar 2009, "Anomaly
detection: a survey".
"""

import numpy as np

from npae.anomaly.mahalanobis import Mahalanobis
from npae.backend import as_int
from npae.data.sources import as_source, check_source
from npae.layers import Identity, Tanh
from npae.losses import SquaredError
from npae.models import data_dependent_init, dense_autoencoder
from npae.optim import Adam, Cosine
from npae.train import fit

SCORES = ("reconstruction", "residual", "latent", "joint")


def default_model(shape, seed=0):
    """The autoencoder for rows of this shape, d numbers: d-4c-c-4c-d with c = d/2, at most 32; tanh, linear code."""
    d = int(np.prod(shape))
    c = max(1, min(d // 2, 32))
    image_shape = shape if len(shape) > 1 else None
    return dense_autoencoder([d, 4 * c, c], Tanh, Identity, SquaredError(), image_shape, seed)


def _checked(x):
    x = as_source(x, "x")
    check_source(x, name="x")
    return x


class AnomalyDetector:
    """fit(x) on rows that are all or nearly all normal; score_samples(x), predict(x) on any.

    model: an Autoencoder of whatever layers (a denoising one begins with a corruption), which fit trains on from where
    it is; None: a new default_model for each fit. score: one of the four above. contamination: the share of the
    training rows that is to be called anomalous, which sets the threshold. shrinkage: α of "residual" and "joint".
    standardize: False leaves features as they are (uint8: /255), for images, whose dark corners would be blown up.
    epochs: 0 takes the model as it is, trained before. batch_size, learning_rate (of Adam, falling along a cosine),
    seed, progress: of the training; device: where the model is moved to. x may be uint8, bool or floats, (n, …).

    After fit: model, mean, deviation, history, training_scores (score_samples of the training rows), threshold.
    """

    def __init__(self, model=None, score="joint", contamination=0.1, *, shrinkage=0.01, standardize=True, epochs=50,
                 batch_size=128, learning_rate=3e-3, seed=0, device="cpu", progress="none"):  # fmt: skip
        if score not in SCORES:
            raise ValueError(f"AnomalyDetector: expected a score of {', '.join(SCORES)}, got {score!r}.")
        if not 0 < contamination <= 0.5:
            raise ValueError(f"AnomalyDetector: expected a contamination 0 < share ≤ 0.5, got {contamination}.")
        if not 0 < shrinkage <= 1:
            raise ValueError(f"AnomalyDetector: expected a shrinkage 0 < α ≤ 1, got {shrinkage}.")
        self._given, self.score, self.contamination = model, score, contamination
        self.shrinkage, self.standardize, self.epochs = shrinkage, standardize, as_int(epochs, "epochs", least=0)
        self.batch_size, self.learning_rate, self.seed = batch_size, learning_rate, seed
        self.device, self.progress, self.history, self.threshold = device, progress, None, None

    def fit(self, x):
        """Learn what is normal from the rows x (n, …). Returns the detector.

        Raises ValueError for fewer than two rows or a NaN in one, and what npae.train.fit raises.
        """
        x = _checked(x)
        self.mean, self.deviation = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
        self.deviation[x.max(axis=0) == x.min(axis=0)] = 1  # a constant feature stays as it is, at 0
        z = self._standardized(x)
        self.model = self._given
        if self.model is None:
            self.model = default_model(x.shape[1:], self.seed)
            data_dependent_init(self.model, z[np.random.default_rng(self.seed).permutation(len(z))[:1000]])
        self.model.to(self.device)
        if self.epochs:
            self.history = fit(
                self.model, z, epochs=self.epochs, batch_size=min(self.batch_size, len(z)), seed=self.seed,
                optimizer=Adam(self.learning_rate), schedule=Cosine(self.epochs, end=0.02), progress=self.progress,
            )  # fmt: skip
        h, r = self._parts(x)
        self._code = Mahalanobis(h)
        self._residual = Mahalanobis(r, self.shrinkage)
        self._rho = np.sqrt(r.var(axis=0).mean()) or 1.0
        self._joint = Mahalanobis(self._together(h, r), self.shrinkage)
        self.training_scores = -self._distances(h, r)[self.score]
        self.threshold = float(np.quantile(self.training_scores, self.contamination))
        return self

    def distances(self, x):
        """All four distances of every row of x, {name: (n,)}: larger is less normal."""
        if self.threshold is None:
            raise RuntimeError("AnomalyDetector: expected a fitted detector. Call fit(x) with normal rows first.")
        return self._distances(*self._parts(_checked(x)))

    def score_samples(self, x):
        """Minus the chosen distance of every row of x, (n,): higher is more normal, as in scikit-learn."""
        return -self.distances(x)[self.score]

    def predict(self, x):
        """1 for every row of x whose score is at least the threshold, −1 (an anomaly) for the others, (n,)."""
        return np.where(self.score_samples(x) < self.threshold, -1, 1)

    def _standardized(self, x):
        if x.shape[1:] != self.mean.shape:
            raise ValueError(
                f"AnomalyDetector: expected rows of shape {self.mean.shape}, those of fit, got {x.shape[1:]}. "
                "Take the same features."
            )
        return (x - self.mean) / self.deviation if self.standardize else x

    def _parts(self, x):
        """Code and residual of every row, (n, k) and (n, d), in float64."""
        z = self._standardized(x)
        h = self.model.encode(z)
        z_hat = self.model.decode(h)
        r = np.subtract(z / 255 if z.dtype == np.uint8 else z, z_hat, dtype=np.float64)
        return h.reshape(len(x), -1).astype(np.float64), r.reshape(len(x), -1)

    def _together(self, h, r):
        return np.hstack([self._code.whiten(h), r / self._rho])

    def _distances(self, h, r):
        return {
            "reconstruction": (r**2).sum(axis=1), "residual": self._residual(r),
            "latent": self._code(h), "joint": self._joint(self._together(h, r)),
        }  # fmt: skip
