"""What an autoencoder is measured against: principal component analysis, the best linear code of its size."""

import numpy as np


class PCA:
    """The k-dimensional linear code with the least squared error on the data: mean, and k orthonormal directions.

    x̂ = μ + V Vᵀ(x − μ), V the k leading eigenvectors of the covariance of the uint8 or float rows `data` (pixels are
    scaled to [0, 1]).
    """

    def __init__(self, data, k):
        x = _scaled(data)
        self.mean = x.mean(axis=0, dtype=np.float64)
        covariance = (x.T @ x) / len(x) - np.outer(self.mean, self.mean)
        _, vectors = np.linalg.eigh(covariance)
        self.V = vectors[:, ::-1][:, :k]

    def reconstruct(self, data):
        """x̂ of every row, (n, features)."""
        return self.mean + (_scaled(data) - self.mean) @ self.V @ self.V.T


def _scaled(data):
    return data / 255.0 if data.dtype == np.uint8 else data


def squared_error_per_image(x_hat, data):
    """1/n Σ_i ‖x̂_i − x_i‖²: the scale of Hinton & Salakhutdinov 2006 (no ½; pixels in [0, 1])."""
    return float(((x_hat - _scaled(data)) ** 2).sum(axis=1).mean())


def pixel_entropy(data):
    """The least cross-entropy a pixel that any reconstruction can have, in nats: −x ln x − (1 − x) ln(1 − x), averaged.

    It is 0 for black-and-white pixels, and not 0 for grey ones.
    """
    x = np.arange(256) / 255
    with np.errstate(divide="ignore", invalid="ignore"):
        h = -np.nan_to_num(x * np.log(x)) - np.nan_to_num((1 - x) * np.log(1 - x))
    return float(np.bincount(data.reshape(-1), minlength=256) @ h / data.size)
