"""A linear autoencoder finds what PCA computes: the subspace of least squared error, by gradient descent.

    x̂ = V (W x + b) + c          no activations, a code of k numbers

The best x̂ of this form is the projection of x − μ onto the k leading eigenvectors of the covariance, and J has no other
minima, only saddle points (Baldi & Hornik 1989, "Neural networks and principal component analysis: learning from
examples without local minima"). What is found is the *subspace*, the span of V, not its axes: any invertible k × k
matrix may stand between the two layers and its inverse behind it. So compare spans, by their principal angles, and the
axes that PCA finds in x̂. The angles fall one after the other: directions of large variance are learned first, and
where the k-th eigenvalue is hardly larger than the next one, exchanging the two costs nearly nothing, and the last
angle stays open for long while the error is PCA's already.

    python -m demos.pca                 30 numbers, the embedded 10,000 digits
    python -m demos.pca --full          all 60,000: the data of the published number
"""

import numpy as np

from demos import common, figures
from demos.baselines import PCA, principal_angles, squared_error_per_image
from npae import dense_autoencoder, fit, save
from npae.backend import to_device
from npae.layers import Identity
from npae.losses import SquaredError
from npae.optim import Adam, Cosine
from npae.train import Callback


class Watch(Callback):
    """After every epoch: the principal angles to the span of pca.V, and the error on the data above PCA's, which is
    the least that there is."""

    def __init__(self, pca, data):
        self.pca, self.data, self.angles, self.excess = pca, data, [], []
        self.least = squared_error_per_image(pca.reconstruct(data), data)

    def on_epoch_end(self, trainer, row):
        self.angles.append(principal_angles(columns(trainer.model), self.pca.V))
        x_hat = trainer.model.reconstruct(self.data)
        self.excess.append(squared_error_per_image(x_hat, self.data) - self.least)


def columns(model):
    """(784, k): the images that the decoder adds up, one for each number of the code."""
    return to_device(model.decoder[0].W.value, "cpu").T


def main(argv=None):
    """Train, compare with PCA, draw, save. Worker 0 returns what metrics.json holds."""
    settings = common.parse("pca", __doc__.split("\n")[0], epochs=50, quick_epochs=30, argv=argv)
    train, _, test, _ = common.digits(settings)
    k = 6 if settings.quick else 30
    pca = PCA(train, k)
    watch = Watch(pca, train)
    model = dense_autoencoder([784, k], Identity, Identity, SquaredError(), seed=settings.seed).to(settings.device)
    history = fit(model, train, epochs=settings.epochs, batch_size=20 if settings.quick else 64, optimizer=Adam(3e-3),
                  schedule=Cosine(settings.epochs), callbacks=watch, seed=settings.seed, progress=settings.progress,
                  workers=settings.workers)  # fmt: skip
    common.require(history)
    model.to("cpu")
    if settings.workers.rank:
        return None

    error, rows = {}, []
    for name, label, code, theirs in (
        ("autoencoder", "linear autoencoder", model, ""), ("pca", "PCA", pca, "13.87 (30 numbers)")
    ):  # fmt: skip
        both = [squared_error_per_image(code.reconstruct(x), x) for x in (train, test)]
        error |= {f"{name}_{x}_squared_error_per_image": e for x, e in zip(("train", "test"), both, strict=True)}
        rows.append((label, *(f"{e:.3f}" for e in both), theirs))
    last = watch.angles[-1]
    metrics = error | {"principal_angles_degrees": last.tolist(), "largest_angle_degrees": float(last[-1])}
    figures.subspace(settings.out / "angles.png", np.array(watch.angles), watch.excess,
                     f"A linear autoencoder finds PCA's subspace of {k} dimensions")  # fmt: skip
    found = PCA(model.reconstruct(train).astype(np.float64), min(k, 16)).V
    found *= np.sign((found * pca.V[:, :16]).sum(axis=0))  # an axis has no direction: take PCA's
    panels = [("the decoder's columns", columns(model)), ("the axes of what it gives back", found), ("PCA", pca.V)]
    figures.filters(settings.out / "axes.png", [(name, V.T[:16]) for name, V in panels],
                    "One subspace, three bases", columns=4)  # fmt: skip
    save(settings.out / "pca.npz", model)
    common.table((f"{k} numbers, squared error an image", "training", "test", "published (60,000 digits)"), rows)
    print("Principal angles between the two subspaces, in degrees:", *(f"{a:.2f}" for a in last))
    return common.finish(settings, metrics, history)


if __name__ == "__main__":
    main()
