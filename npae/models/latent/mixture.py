"""Sampling from a plain autoencoder: a Gaussian mixture fitted to its codes.

The codes of a plain autoencoder have no given distribution, and a sample of N(0, 1) may be far from all of them. So
estimate their density first. With M components of weight π_k, mean m_k and covariance C_k,

    p(h) = Σ_k π_k N(h; m_k, C_k)

To sample from it, choose a component k with probability π_k, then put h = m_k + L_k ε with ε ~ N(0, 1), where L_k is
the Cholesky factor, C_k = L_k L_kᵀ. Then E[(h − m_k)(h − m_k)ᵀ] = L_k E[ε εᵀ] L_kᵀ = C_k. scikit-learn fits the mixture
by expectation maximisation.

Bishop 2006, "Pattern Recognition and Machine Learning", section 9.2; Ghosh et al. 2020, "From variational to
deterministic autoencoders", section 4, where such samples are compared with those of variational autoencoders.
"""

from typing import Any

import numpy as np

from npae.backend import Array, ArrayLike, as_int, check_rows, device_of, missing, to_device


class CodeMixture:
    """A Gaussian mixture fitted to the codes of `data`.

    Args:
        model: any trained model with encode and decode.
        data: samples (n, …), as for encode.
        components: M, the number of Gaussians.
        seed: of the fit.

    Attributes:
        weights: π, (M,).
        means: m, (M, d).
        factors: L, (M, d, d).

    Raises ModuleNotFoundError, naming the extra to install, without scikit-learn; ValueError unless codes are rows
    (n, d) of finite numbers, n at least M.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.models import CodeMixture
        >>> x = np.random.default_rng(0).random((200, 16))
        >>> model = dense_autoencoder([16, 2])  # and train it
        >>> mixture = CodeMixture(model, x, components=3)
        >>> mixture.sample(5).shape, mixture.weights.shape, mixture.means.shape
        ((5, 16), (3,), (3, 2))
    """

    def __init__(self, model: Any, data: ArrayLike, components: int = 10, seed: int = 0):
        try:
            from sklearn.mixture import GaussianMixture
        except ImportError:
            raise ModuleNotFoundError(f"CodeMixture: {missing('scikit-learn', 'sklearn')}") from None
        self.model = model
        codes = to_device(model.encode(data), "cpu")
        if codes.ndim != 2 or len(codes) < components:
            raise ValueError(
                f"CodeMixture: expected codes of shape (n, d), n at least {components} (components), got {codes.shape}."
            )
        check_rows(codes, range(len(codes)), name="CodeMixture: codes")
        mixture = GaussianMixture(as_int(components, "components", least=1), random_state=seed)
        fitted = mixture.fit(codes.astype(np.float64))
        self.weights, self.means = np.asarray(fitted.weights_), np.asarray(fitted.means_)
        self.factors = np.linalg.cholesky(np.asarray(fitted.covariances_))

    def draw(self, n: int, seed: int = 0) -> Array:
        """Codes sampled from the mixture: (n, d), NumPy float32.

        Args:
            n: how many.
            seed: of the random numbers.
        """
        rng = np.random.default_rng(seed)
        k = rng.choice(len(self.weights), as_int(n, "n", least=1), p=self.weights)
        noise = rng.standard_normal((n, self.means.shape[1], 1))
        return (self.means[k] + (self.factors[k] @ noise)[:, :, 0]).astype(np.float32)

    def sample(self, n: int, seed: int = 0, batch_size: int | None = None) -> Array:
        """New samples: codes of the mixture, decoded. (n, …), on the model's device.

        Args:
            n: how many.
            seed: of the random numbers.
            batch_size: codes per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self.model.decode(to_device(self.draw(n, seed), device_of(self.model.theta.value)), batch_size)

    def __repr__(self) -> str:
        components, size = self.means.shape
        return f"CodeMixture({components} Gaussians in {size} dimensions)"
