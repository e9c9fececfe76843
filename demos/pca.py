"""A linear autoencoder finds the subspace of PCA.

PCA is principal component analysis.

    h = x W + b        x̂ = h V + c        J = ½ ‖x̂ − x‖²        no activations, h of k numbers

The best x̂ of this form is the projection of x − μ onto the k leading eigenvectors of the covariance, and J has no
other local minima, only saddle points (Baldi & Hornik 1989, "Neural networks and principal component analysis: learning
from examples without local minima"). V is determined up to an invertible k × k matrix A, since (h A⁻¹)(A V) = h V:
the demo compares subspaces, by their principal angles.

    python -m demos.pca                 the embedded 10,000 digits
    python -m demos.pca --full          all 60,000

Expected with --full: ‖x − x̂‖² = 13.866 per test image, equal to PCA with 30 components; the largest angle between the
subspaces is 0.14 degrees. 3.5 minutes.
Pictures: angles.png, axes.png.
"""

import numpy as np

from demos import common, figures
from demos.baselines import PCA, principal_angles, squared_error_per_image
from npae import dense_autoencoder, save
from npae.backend import to_device
from npae.losses import SquaredError
from npae.optim import Adam, Cosine
from npae.train import Callback


class SubspaceDistance(Callback):
    """After every epoch: principal angles to the span of pca.V, and the error on `data` minus that of PCA."""

    def __init__(self, pca, data):
        self.pca, self.data, self.angles, self.excess = pca, data, [], []
        self.least = squared_error_per_image(pca.reconstruct(data), data)

    def on_epoch_end(self, trainer, row):
        self.angles.append(principal_angles(decoder_weights(trainer.model), self.pca.V))
        x_hat = trainer.model.reconstruct(self.data)
        self.excess.append(squared_error_per_image(x_hat, self.data) - self.least)


def decoder_weights(model):
    """Vᵀ, (784, k): a column per code unit."""
    return to_device(model.decoder[0].W.value, "cpu").T


@common.demo("pca", __doc__, epochs=50, quick_epochs=30)
def main(settings):
    """Train a linear autoencoder and compare it with PCA."""
    train, _, test, _ = common.digits(settings)
    k = 6 if settings.quick else 30

    model, pca = dense_autoencoder([784, k], "linear", "linear", SquaredError(), seed=settings.seed), PCA(train, k)
    distance = SubspaceDistance(pca, train)
    common.train(settings, model, train, batch_size=20 if settings.quick else 64, optimizer=Adam(3e-3),
                 schedule=Cosine(settings.epochs), callbacks=distance)  # fmt: skip
    save(settings.out / "pca.npz", model)

    table = settings.table(f"‖x − x̂‖² per image, code size {k}", {
        f"{part}_squared_error_per_image": (f"{part} digits", ".3f") for part in ("train", "test")
    })  # fmt: skip
    for name, code, published in (("autoencoder", model, ""), ("PCA", pca, "13.87 (30 components)")):
        errors = {f"{part}_squared_error_per_image": squared_error_per_image(code.reconstruct(x), x)
                  for part, x in (("train", train), ("test", test))}  # fmt: skip
        table.add(name, errors, published)
    angles = distance.angles[-1]
    settings.metrics |= {"principal_angles_degrees": angles.tolist(), "largest_angle_degrees": float(angles[-1])}
    between = settings.table("principal angles between the two subspaces", ["degrees"], published=None)
    for name, angle in (("smallest", angles[0]), ("median", np.median(angles)), ("largest", angles[-1])):
        between.row(name, f"{angle:.2f}")
    figures.subspace(settings.out / "angles.png", np.array(distance.angles), distance.excess,
                     f"A linear autoencoder converges to the PCA subspace of {k} dimensions")  # fmt: skip
    axes = PCA(model.reconstruct(train).astype(np.float64), min(k, 16)).V
    axes *= np.sign((axes * pca.V[:, :16]).sum(axis=0))  # eigenvectors have no sign: take that of PCA
    bases = {"decoder weights": decoder_weights(model), "PCA of the reconstructions": axes, "PCA of the data": pca.V}
    figures.filters(settings.out / "axes.png", [(name, V.T[:16]) for name, V in bases.items()],
                    "Three bases of one subspace", columns=4)  # fmt: skip


if __name__ == "__main__":
    main()
