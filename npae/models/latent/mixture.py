"""New samples from a plain autoencoder: a mixture of Gaussians fitted to its codes says which codes to decode.

A plain autoencoder's codes lie wherever training left them; a code from N(0, 1) may be far from all of them. So learn
their density first. With M components of weight π, mean m and covariance C,

    p(h) = Σ_k π_k N(h; m_k, C_k)

and draw from it: a component k with probability π_k, then h = m_k + L_k ε, where C_k = L_k L_kᵀ (Cholesky) and
ε ~ N(0, 1), since then E[(h − m)(h − m)ᵀ] = L E[ε εᵀ] Lᵀ = C. Fitting is expectation maximisation, by scikit-learn.

Bishop 2006, "Pattern Recognition and Machine Learning", section 9.2; Ghosh et al. 2020, "From variational to
deterministic autoencoders", section 4, where it competes with variational autoencoders.
"""

import numpy as np

from npae.backend import as_int, device_of, generator, to_device
from npae.data.sources import check_rows


class CodeMixture:
    """A Gaussian mixture over the codes of `data` under `model`, any model with encode and decode.

    components: M, how many Gaussians. seed: of the fit. Attributes: weights (M,), means (M, d), factors L (M, d, d).
    Raises ImportError, saying what to install, without scikit-learn; ValueError for codes that are no rows (n, d), and
    for NaN in one.
    """

    def __init__(self, model, data, components=10, seed=0):
        try:
            from sklearn.mixture import GaussianMixture
        except ImportError as error:
            raise ImportError(
                'CodeMixture: expected scikit-learn, which fits the mixture: pip install "npae[sample]".'
            ) from error
        self.model = model
        codes = to_device(model.encode(data), "cpu")
        if codes.ndim != 2 or len(codes) < components:
            raise ValueError(
                f"CodeMixture: expected codes of shape (n, d), n at least {components} (components), got {codes.shape}."
            )
        check_rows(codes, range(len(codes)), name="CodeMixture: codes")
        fitted = GaussianMixture(as_int(components, "components", least=1), random_state=seed).fit(codes.astype(np.float64))
        self.weights, self.means = fitted.weights_, fitted.means_
        self.factors = np.linalg.cholesky(fitted.covariances_)

    def draw(self, n, seed=0):
        """n codes from the mixture, (n, d) float32, NumPy."""
        rng = generator(seed)
        k = rng.choice(len(self.weights), as_int(n, "n", least=1), p=self.weights)
        noise = rng.standard_normal((n, self.means.shape[1], 1))
        return (self.means[k] + (self.factors[k] @ noise)[:, :, 0]).astype(np.float32)

    def sample(self, n, seed=0, batch_size=1024):
        """n new samples: codes from the mixture, decoded. (n, …), where the model is."""
        return self.model.decode(to_device(self.draw(n, seed), device_of(self.model.theta.value)), batch_size)
