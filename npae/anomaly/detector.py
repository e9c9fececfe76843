"""Anomaly detection with an autoencoder: learn normal data, then measure how far a row is from it.

The features of a row are standardised first, x ← (x − mean)/deviation, with the mean and the standard deviation of each
feature over the training rows. The network maps x to the code h = f(x), and reconstructs it up to the residual
r = x − g(h). An anomaly can show in either. If the network cannot reconstruct it, the residual is unusual. If the
network can, the code may still be far from those of the normal rows. So there are four distances:

    "reconstruction"    ‖r‖²                what is not reconstructed
    "residual"          M²(r)               the same, in comparison with the usual residuals
    "latent"            M²(h)               how unusual the code is
    "joint"             M²([u, r/ρ])        both; u is the whitened h, ρ² the mean variance of the residuals

M² is the squared Mahalanobis distance (npae.anomaly.mahalanobis), with mean and covariance of the training rows.

‖r‖² alone has a weakness. A feature that cannot be predicted has large residuals on normal rows. A small residual of
another feature goes unnoticed beside it, even if it is ten times its usual size.

In the joint distance both parts have a mean variance of 1, and the shrinkage α of M² leads from

    α = 1    ‖u‖² + ‖r − mean r‖²/ρ²      as in probabilistic PCA (with σ² = ρ² d/(d − k) in place of ρ²), to
    α → 0    M² of code and residual with all their correlations.

For a *linear* autoencoder the second limit is M²(x), the classical detector without a network. Proof: h = Fx and
r = (I − GF)x are linear in x, so [h, r] = Ax with a matrix A. A is injective, since x = Gh + r. Let S be the covariance
of x, with an inverse, and write x = S^½ w. Then Ax has the covariance A S Aᵀ = B Bᵀ with B = A S^½. The pseudo-inverse
of B is B⁺ = Bᵀ(B Bᵀ)⁺, and B⁺B = I since the columns of B are independent. So

    M²(Ax) = xᵀAᵀ (A S Aᵀ)⁺ A x = wᵀ Bᵀ(B Bᵀ)⁺B w = ‖w‖² = xᵀ S⁻¹ x = M²(x)

M² does not change under invertible linear maps, so [u, r/ρ] serves as well as [h, r]. Any gain over this baseline, six
lines of linear algebra, is due to the network's non-linearity.

Which distance to take: "joint" if the training rows are normal. If anomalies are hidden among them, a network of high
capacity learns to reconstruct these too, and their residuals vanish. Their codes still lie far out: take "latent".

Tipping & Bishop 1999, "Probabilistic principal component analysis"; Chandola, Banerjee & Kumar 2009, "Anomaly
detection: a survey".
"""

import numpy as np

from npae.anomaly.mahalanobis import Mahalanobis
from npae.backend import as_int, as_source
from npae.data.sources import check_source
from npae.layers import Identity, Tanh
from npae.losses import SquaredError
from npae.models import data_dependent_init, dense_autoencoder
from npae.optim import Adam, Cosine
from npae.train import fit

SCORES = ("reconstruction", "residual", "latent", "joint")


def default_model(shape, seed=0):
    """An autoencoder for rows of this shape, of d numbers: layers d-4c-c-4c-d with c = min(d/2, 32), tanh, linear code.
    """
    d = int(np.prod(shape))
    c = max(1, min(d // 2, 32))
    image_shape = shape if len(shape) > 1 else None
    return dense_autoencoder([d, 4 * c, c], Tanh, Identity, SquaredError(), image_shape, seed)


def _checked(x):
    x = as_source(x, "x")
    check_source(x, name="x")
    return x


class AnomalyDetector:
    """fit(x) on rows that are all or nearly all normal; then score_samples(x) and predict(x) on any rows.

    model: an Autoencoder with any layers (a denoising one begins with a corruption), whose training fit continues; or
    None, for a new default_model in each fit. score: the name of one of the four distances above. contamination: the
    share of the training rows to call anomalies, which sets the threshold. shrinkage: α of "residual" and "joint".
    standardize: False leaves the features as they are (uint8: /255). Use it for images: their almost constant corners
    would be scaled up. epochs: of training; 0 if the model is trained already. batch_size, learning_rate (of Adam,
    falling along a cosine), seed, progress: for the training. device: where the model is moved to. x may be uint8, bool
    or floats, (n, …).

    Attributes after fit: model, mean, deviation, history, training_scores (score_samples of the training rows) and
    threshold.
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
        self.shrinkage, self.standardize = shrinkage, standardize
        self.epochs = as_int(epochs, "epochs of AnomalyDetector", least=0)
        self.batch_size, self.learning_rate, self.seed = batch_size, learning_rate, seed
        self.device, self.progress, self.history, self.threshold = device, progress, None, None

    def fit(self, x):
        """Train on the normal rows x (n, …), and fit distances and threshold. Returns the detector.

        Raises ValueError for fewer than two rows and for NaN or Inf, and what npae.train.fit raises.
        """
        x = _checked(x)
        self.mean, self.deviation = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
        self.deviation[x.max(axis=0) == x.min(axis=0)] = 1  # a constant feature becomes 0
        standardized = self._standardized(x)
        self.model = self._given
        if self.model is None:
            self.model = default_model(x.shape[1:], self.seed)
            some = np.random.default_rng(self.seed).permutation(len(x))[:1000]
            data_dependent_init(self.model, standardized[some])
        self.model.to(self.device)
        if self.epochs:
            self.history = fit(
                self.model, standardized, epochs=self.epochs, batch_size=min(self.batch_size, len(x)), seed=self.seed,
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
        """All four distances of every row of x, {name: (n,)}. Larger means less normal."""
        if self.threshold is None:
            raise RuntimeError("AnomalyDetector: expected a fitted detector. Call fit(x) with normal rows first.")
        return self._distances(*self._parts(_checked(x)))

    def score_samples(self, x):
        """Minus the chosen distance of every row of x, (n,). Higher means more normal, as in scikit-learn."""
        return -self.distances(x)[self.score]

    def predict(self, x):
        """1 (normal) for each row of x whose score is at least the threshold, −1 (anomaly) for the others, (n,)."""
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
        standardized = self._standardized(x)
        h = self.model.encode(standardized)
        x_hat = self.model.decode(h)
        scaled = standardized / 255 if standardized.dtype == np.uint8 else standardized
        r = np.subtract(scaled, x_hat, dtype=np.float64)
        return h.reshape(len(x), -1).astype(np.float64), r.reshape(len(x), -1)

    def _together(self, h, r):
        return np.hstack([self._code.whiten(h), r / self._rho])

    def _distances(self, h, r):
        return {
            "reconstruction": (r**2).sum(axis=1), "residual": self._residual(r),
            "latent": self._code(h), "joint": self._joint(self._together(h, r)),
        }  # fmt: skip
