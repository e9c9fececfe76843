"""Dimension reduction by an autoencoder, by PCA and by UMAP, and its measures on rows that were held out.

reduce(settings, samples, x, new, size, path) returns the codes of training rows x and of new rows, of `size` numbers.
"""

import time
import warnings

import numpy as np

from demos import common
from demos.baselines import PCA, neighbour_error
from npae import dense_autoencoder, save
from npae.backend import fit_text
from npae.evaluate import neighbours_kept
from npae.evaluate.distances import squared_distances
from npae.layers import GaussianNoise
from npae.optim import Adam, Cosine, WarmUp

HIDDEN = [256, 128, 64]
K = 15  # neighbours of a row
MEASURES = {
    "neighbours_kept_percent": (f"{K} neighbours kept, %", ".1f"),
    "trustworthiness": ("trustworthiness", ".3f"),
    "5_nearest_neighbours_accuracy_percent": ("5-NN accuracy, %", ".1f"),
    "silhouette": ("silhouette", ".2f"),
    "seconds": ("seconds", ".1f"),
}


def reductions(settings):
    """{name: reduce}, as at the top of this file; UMAP if it is installed."""
    found = {"autoencoder": autoencoder, "PCA": pca}
    umap = load_umap()
    if umap is None:
        print(fit_text("UMAP is left out: umap-learn is not installed: pip install umap-learn"))
        return found
    return found | {"UMAP": lambda *arguments: umap_codes(umap, *arguments)}


def autoencoder(settings, samples, x, new, size, path):
    """Codes of a deep autoencoder; the network is written to `path` if there is one."""
    half = max(1, settings.epochs // 2)
    loss, noise, epochs = ("mse", GaussianNoise(1.0), settings.epochs) if samples.cells else ("bce", None, half)
    model = network(x.shape[1], size, loss, noise, settings.seed)
    common.train(settings, model, x, epochs=epochs, batch_size=32 if samples.cells else 64, optimizer=Adam(2e-3),
                 schedule=WarmUp(min(1, epochs / 2), Cosine(max(0.5, epochs - 1))), progress="none")  # fmt: skip
    if path is not None:
        save(path, model)
    return model.encode(x), model.encode(new)


def network(features, size, loss, noise, seed=0):
    """The autoencoder."""
    return dense_autoencoder([features, *HIDDEN, size], "elu", loss=loss, corruption=noise, seed=seed)


def pca(settings, samples, x, new, size, path):
    """Codes of principal component analysis."""
    code = PCA(x, size)
    return code.encode(x), code.encode(new)


def load_umap():
    """The module umap, its functions compiled, or None if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about TensorFlow, which it could use
            import umap
    except ImportError:
        return None
    # its functions are compiled now, so that this time counts for no reduction
    tiny = np.random.default_rng(0).random((60, 4), np.float32)
    for approximate in (False, True):  # neighbours of few rows are searched exactly
        fitted = umap.UMAP(n_neighbors=5, n_jobs=1, random_state=0, force_approximation_algorithm=approximate).fit(tiny)
        fitted.transform(tiny[:9])
    return umap


def umap_codes(umap, settings, samples, x, new, size, path):
    """Codes of UMAP with its defaults. McInnes, Healy & Melville 2018, arXiv:1802.03426."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = umap.UMAP(n_components=size, random_state=settings.seed, n_jobs=1).fit(x)
        return fitted.embedding_, fitted.transform(new)


def measured(settings, samples, reduce, size, path):
    """(mean MEASURES over the folds, weighted by their held-out rows; the parts and codes of the first fold).

    Neighbours and classes of a held-out row are looked for among the training rows.
    """
    found, weights, first = [], [], None
    for (x, y), (new, new_y) in samples.splits():
        start = time.perf_counter()
        h, new_h = reduce(settings, samples, x, new, size, path if first is None else None)
        seconds = time.perf_counter() - start
        kept, trustworthiness = neighbours_kept(new, new_h, K, known=(x, h))
        accuracy = 100 - 100 * neighbour_error(h, y, new_h, new_y)
        found.append((100 * kept, trustworthiness, accuracy, silhouette(h, y, new_h, new_y), seconds))
        weights.append(len(new))
        first = first or ((h, y), (new_h, new_y))
    return dict(zip(MEASURES, np.average(found, axis=0, weights=weights).tolist(), strict=True)), first


def silhouette(codes, labels, new_codes, new_labels):
    """The mean silhouette of new codes among known ones: 1 for tight, distant classes, below 0 for mixed ones.

        s = (b − a)/max(a, b)       a: mean distance to the known codes of the row's own class
                                    b: the least mean distance to those of another class

    Rows of a class without known codes are left out. Rousseeuw 1987, "Silhouettes: a graphical aid to the
    interpretation and validation of cluster analysis".
    """
    codes, new_codes = (np.asarray(c, np.float64) for c in (codes, new_codes))
    kinds, of_known = np.unique(labels, return_inverse=True)
    members = np.eye(len(kinds))[of_known] / np.bincount(of_known)  # (n, classes): distances @ members are means
    there = np.isin(new_labels, kinds)
    new_codes, new_labels, found = new_codes[there], new_labels[there], []
    for rows, squares in squared_distances(new_codes, codes):
        means, own = np.sqrt(squares) @ members, kinds == new_labels[rows][:, None]
        a, b = np.where(own, means, np.inf).min(axis=1), np.where(own, np.inf, means).min(axis=1)
        found.append((b - a) / np.maximum(a, b))
    return float(np.concatenate(found).mean())
