"""What an autoencoder is measured against: principal component analysis, the best linear code of its size.

And the measures: squared error, the angles between two subspaces, the errors of a code's nearest neighbours.
"""

import numpy as np

from npae.evaluate.distances import as_rows, squared_distances


class PCA:
    """The k-dimensional linear code with the least squared error on the data: mean, and k orthonormal directions.

    x̂ = μ + V Vᵀ(x − μ), V the k leading eigenvectors of the covariance of the uint8 or float rows `data` (pixels are
    scaled to [0, 1]).
    """

    def __init__(self, data, k):
        x = _scaled(data)
        self.mean = x.mean(axis=0, dtype=np.float64)
        if len(x) < x.shape[1]:  # few large images: their covariance would be the larger matrix
            self.V = np.linalg.svd(x - self.mean, full_matrices=False)[2][:k].T
            return
        covariance = (x.T @ x) / len(x) - np.outer(self.mean, self.mean)
        _, vectors = np.linalg.eigh(covariance)
        self.V = vectors[:, ::-1][:, :k]

    def encode(self, data):
        """Vᵀ(x − μ) of every row, (n, k)."""
        return (_scaled(data) - self.mean) @ self.V

    def reconstruct(self, data):
        """x̂ of every row, (n, features)."""
        return self.mean + self.encode(data) @ self.V.T


def _scaled(data):
    return data / 255.0 if data.dtype == np.uint8 else data


def squared_error_per_image(x_hat, data):
    """1/n Σ_i ‖x̂_i − x_i‖²: the scale of Hinton & Salakhutdinov 2006 (no ½; pixels in [0, 1])."""
    return float(((x_hat - _scaled(data)) ** 2).sum(axis=1).mean())


def principal_angles(A, B):
    """The angles, in degrees, between the spans of the columns of A (n, k) and of B (n, l), least first: min(k, l).

    The first is the least angle between a vector of one span and a vector of the other; so is every next one, among
    the vectors at right angles to those before. With orthonormal bases Q_A and Q_B of the spans, their cosines are the
    singular values of Q_Aᵀ Q_B. For small angles cosines say little in floating point (cos 10⁻⁸ = 1); their sines, the
    singular values of what is left of Q_B outside the span of A, say much. Björck & Golub 1973, "Numerical methods for
    computing angles between linear subspaces", Mathematics of Computation 27.
    """
    if A.shape[1] < B.shape[1]:
        A, B = B, A
    Q_A, Q_B = (np.linalg.qr(np.asarray(M, np.float64))[0] for M in (A, B))
    inside = Q_A.T @ Q_B
    cosines = np.linalg.svd(inside, compute_uv=False)
    sines = np.linalg.svd(Q_B - Q_A @ inside, compute_uv=False)[::-1]
    return np.degrees(np.arctan2(sines, cosines))


def neighbour_error(codes, labels, test_codes, test_labels, k=5):
    """The share of test codes whose label is not that of most of their k nearest codes.

    Where two labels have as many of the k, the smaller label counts.
    """
    codes, test_codes = (np.asarray(c, np.float64) for c in (codes, test_codes))
    wrong = 0
    for rows, distances in squared_distances(test_codes, codes, block=200):
        nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
        votes = (labels[nearest][:, :, None] == np.arange(labels.max() + 1)).sum(axis=1)
        wrong += (votes.argmax(axis=1) != test_labels[rows]).sum()
    return float(wrong / len(test_codes))


def beside_pca(model, k, train, labels, test, test_labels):
    """What the codes of an autoencoder and those of PCA, k numbers each, are worth: (metrics, arms).

    arms: [(name, its code, squared error an image, error of the five nearest neighbours in percent)].
    """
    metrics, arms = {}, []
    for name, code in (("autoencoder", model), ("PCA", PCA(train, k))):
        error = squared_error_per_image(code.reconstruct(test), test)
        wrong = 100 * neighbour_error(code.encode(train), labels, code.encode(test), test_labels)
        metrics[f"{name.lower()}_squared_error_per_image"] = error
        metrics[f"{name.lower()}_5_nearest_neighbours_error_percent"] = wrong
        arms.append((name, code, error, wrong))
    return metrics, arms


def nearest(images, known):
    """(which of the known images is nearest to each, how far it is: root mean square over pixels, in grey levels)."""
    rows = [as_rows(a, "images") for a in (images, known)]
    which, least = zip(*((d.argmin(axis=1), d.min(axis=1)) for _, d in squared_distances(*rows)), strict=True)
    return np.concatenate(which), 255 * np.sqrt(np.concatenate(least) / rows[0].shape[1])


def pixel_entropy(data):
    """The least cross-entropy a pixel that any reconstruction can have, in nats: −x ln x − (1 − x) ln(1 − x), averaged.

    It is 0 for black-and-white pixels, and not 0 for grey ones.
    """
    x = np.arange(256) / 255
    with np.errstate(divide="ignore", invalid="ignore"):
        h = -np.nan_to_num(x * np.log(x)) - np.nan_to_num((1 - x) * np.log(1 - x))
    return float(np.bincount(data.reshape(-1), minlength=256) @ h / data.size)
