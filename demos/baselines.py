"""Baselines and measures: PCA, k-means, squared error, principal angles, nearest neighbours, entropy of the pixels."""

import numpy as np

from npae.evaluate.distances import as_rows, squared_distances


class PCA:
    """Principal component analysis: the linear code of k numbers with the least squared error on the data.

        x̂ = μ + V Vᵀ(x − μ),        V (d, k): the k leading eigenvectors of the covariance matrix

    data: rows of floats, or of uint8 pixels, which are scaled to [0, 1].
    """

    def __init__(self, data, k):
        x = _scaled(data)
        self.mean = x.mean(axis=0, dtype=np.float64)
        if len(x) < x.shape[1]:  # fewer rows than features: the SVD of the rows is cheaper
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


class KMeans:
    """k-means: the k centres with the least squared distance between each row and the nearest of them, by Lloyd.

        c(x) = argmin_i ‖x − m_i‖²,        m_i = the mean of the rows x with c(x) = i,        in turn until c stays

    The first centres are rows of the data. Rows of floats, or of uint8 pixels, which are scaled to [0, 1].
    """

    def __init__(self, data, k, seed=0, turns=100):
        x = _scaled(data).astype(np.float32, copy=False)
        self.centres = x[np.random.default_rng(seed).choice(len(x), k, replace=False)]
        before = None
        for _ in range(turns):
            nearest = self.certainty(x).argmax(axis=1)
            if before is not None and (nearest == before).all():
                return
            before, of = nearest, np.zeros((k, len(x)), x.dtype)
            of[nearest, np.arange(len(x))] = 1
            sizes = of.sum(axis=1, keepdims=True)
            self.centres = np.where(sizes > 0, of @ x / np.maximum(sizes, 1), self.centres)

    def certainty(self, data):
        """−‖x − m_i‖² of every row and centre, (n, k): the largest of a row is that of its cluster."""
        x = _scaled(data)
        return 2 * x @ self.centres.T - (self.centres**2).sum(axis=1) - (x**2).sum(axis=1, keepdims=True)


def _scaled(data):
    return data / 255.0 if data.dtype == np.uint8 else data


def squared_error_per_image(x_hat, data):
    """1/n Σ_i ‖x̂_i − x_i‖², without the factor ½, for pixels in [0, 1]."""
    return float(((x_hat - _scaled(data)) ** 2).reshape(len(data), -1).sum(axis=1).mean())


def principal_angles(A, B):
    """The min(k, l) principal angles between the column spaces of A (n, k) and B (n, l), in degrees, smallest first.

    The first is the smallest angle between a vector of one space and a vector of the other; each further one is the
    smallest among vectors orthogonal to the previous ones. With orthonormal bases Q_A and Q_B, their cosines are the
    singular values of Q_Aᵀ Q_B, and their sines those of Q_B − Q_A Q_Aᵀ Q_B. Small angles need the sines: in floating
    point cos 10⁻⁸ = 1. Björck & Golub 1973, "Numerical methods for computing angles between linear subspaces",
    Mathematics of Computation 27.
    """
    if A.shape[1] < B.shape[1]:
        A, B = B, A
    Q_A, Q_B = (np.linalg.qr(np.asarray(M, np.float64))[0] for M in (A, B))
    inside = Q_A.T @ Q_B
    cosines = np.linalg.svd(inside, compute_uv=False)
    sines = np.linalg.svd(Q_B - Q_A @ inside, compute_uv=False)[::-1]
    return np.degrees(np.arctan2(sines, cosines))


def discriminants(codes, labels):
    """Fisher's linear discriminants: the two linear functions of the codes, (n, 2), in which classes differ most.

    With W and B the covariances within the classes and of their means, aᵀ B a / aᵀ W a is largest for the first a, and
    largest among the others, uncorrelated with the first, for the second: eigenvectors of W⁻¹ B. Fisher 1936, "The use
    of multiple measurements in taxonomic problems", Annals of Eugenics 7.
    """
    x = np.asarray(codes, np.float64) - codes.mean(axis=0)
    kinds, of_row = np.unique(labels, return_inverse=True)
    means = np.array([x[labels == k].mean(axis=0) for k in kinds])[of_row]
    within = (x - means).T @ (x - means) / len(x) + 1e-9 * np.eye(x.shape[1])
    scale, rotation = np.linalg.eigh(within)
    white = rotation / np.sqrt(scale)  # x @ white has the covariance 1 within the classes
    _, directions = np.linalg.eigh((means @ white).T @ (means @ white))
    return x @ white @ directions[:, :-3:-1]


def neighbour_error(codes, labels, test_codes, test_labels, k=5):
    """The error rate of a k-nearest-neighbour classifier on test codes. Ties go to the smaller label."""
    codes, test_codes = (np.asarray(c, np.float64) for c in (codes, test_codes))
    wrong = 0
    for rows, distances in squared_distances(test_codes, codes, block=200):
        nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
        votes = (labels[nearest][:, :, None] == np.arange(labels.max() + 1)).sum(axis=1)
        wrong += (votes.argmax(axis=1) != test_labels[rows]).sum()
    return float(wrong / len(test_codes))


RECONSTRUCTION = {  # columns of a table of the measures below: head, format
    "test_cross_entropy_nats_per_pixel": ("nats per pixel", ".4f"),
    "test_squared_error_per_image": ("‖x − x̂‖² per image", ".2f"),
}


def measure_reconstruction(model, test):
    """The measures of RECONSTRUCTION of an autoencoder with binary cross-entropy, on rows or images of uint8."""
    x_hat = model.reconstruct(test).reshape(len(test), -1)
    return {
        "test_cross_entropy_nats_per_pixel": model.evaluate(test)["reconstruction"] / 784,
        "test_squared_error_per_image": squared_error_per_image(x_hat, test.reshape(len(test), -1)),
    }


CODE = {
    "squared_error_per_image": ("‖x − x̂‖² per image", ".2f"),
    "5_nearest_neighbours_error_percent": ("5-NN error of the codes, %", ".2f"),
}


def measure_code(code, train, labels, test, test_labels):
    """The measures of CODE of test digits. code: an object with encode and reconstruct."""
    error = 100 * neighbour_error(code.encode(train), labels, code.encode(test), test_labels)
    return {
        "squared_error_per_image": squared_error_per_image(code.reconstruct(test), test),
        "5_nearest_neighbours_error_percent": error,
    }


def nearest(images, known):
    """(index of the known image nearest to each image, its distance: root mean square over pixels, in grey levels)."""
    rows = [as_rows(a, "images") for a in (images, known)]
    which, least = zip(*((d.argmin(axis=1), d.min(axis=1)) for _, d in squared_distances(*rows)), strict=True)
    return np.concatenate(which), 255 * np.sqrt(np.concatenate(least) / rows[0].shape[1])


def pixel_entropy(data):
    """The smallest possible binary cross-entropy per pixel, in nats: the mean of −x ln x − (1 − x) ln(1 − x).

    It is that of x̂ = x; it is 0 for black-and-white pixels and positive for grey ones.
    """
    x = np.arange(256) / 255
    with np.errstate(divide="ignore", invalid="ignore"):
        h = -np.nan_to_num(x * np.log(x)) - np.nan_to_num((1 - x) * np.log(1 - x))
    return float(np.bincount(data.reshape(-1), minlength=256) @ h / data.size)
