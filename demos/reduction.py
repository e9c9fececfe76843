"""Dimensionality reduction to 30 numbers.

The autoencoder of Hinton & Salakhutdinov 2006, and PCA.

    784-1000-500-250-30 and back: ELU, a linear code, sigmoid output, J = ½ ‖x̂ − x‖²

The network of figure 2B of the paper, without pretraining. Against overfitting, half of the training digits are warped
a little in every epoch (npae/data/warp.py), except in the last fifth of the epochs.

    python -m demos.reduction             the embedded 10,000 digits
    python -m demos.reduction --full      all 60,000

Expected with --full: ‖x − x̂‖² = 2.51 per test image (published: 3.00; PCA: 13.87). 31 minutes.
Pictures: reconstructions.png, loss.png.
"""

from demos import common, figures, results
from demos.baselines import CODE, PCA, measure_code
from demos.codes2d import network
from npae import save
from npae.data import Warp
from npae.optim import Adam, Cosine, WarmUp
from npae.train import Callback

SIZES, QUICK_SIZES = [784, 1000, 500, 250, 30], [784, 200, 100, 50, 30]


class EndAugmentation(Callback):
    """Train without augmentation after `epochs` epochs."""

    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_end(self, trainer, row):
        if row["epoch"] == self.epochs:
            trainer.batches.augment = None


@common.demo("reduction", __doc__, epochs=80, quick_epochs=10)
def main(settings):
    """Train, compare with PCA."""
    data = train, _, test, test_labels = common.digits(settings)

    model = network(QUICK_SIZES if settings.quick else SIZES, settings.seed)
    history = common.train(
        settings, model, train, test, batch_size=32 if settings.quick else 128, optimizer=Adam(1e-3),
        schedule=WarmUp(1, Cosine(max(1, settings.epochs - 1))), augment=Warp(0.06),
        callbacks=EndAugmentation(max(1, settings.epochs * 4 // 5)),
    )  # fmt: skip
    save(settings.out / "reduction.npz", model)

    table, some = settings.table("test digits, code size 30", CODE), figures.one_of_each(test_labels, 10)
    rows = [("original", test[some] / 255)]
    for name, code, published in (("autoencoder", model, "3.00"), ("PCA", PCA(train, 30), "13.87; 2.45 %")):
        table.add(name, measure_code(code, *data), published)
        error = table.metrics[f"{results.key(name)}_squared_error_per_image"]
        rows.append((f"{name}\n{error:.1f}", code.reconstruct(test[some]).clip(0, 1)))
    settings.metrics["train_squared_error_per_image"] = 2 * model.evaluate(train)["reconstruction"]
    title = "Reconstructions, code size 30, with the mean of ‖x − x̂‖²"
    figures.digit_rows(settings.out / "reconstructions.png", rows, title)
    curves = [("training, augmented at first", [2 * v for v in history["loss"]], ":"),
              ("test", [2 * v for v in history["val_loss"]], "-")]  # fmt: skip
    levels = [("PCA", error), ("Hinton & Salakhutdinov 2006", 3.0)]
    figures.learning_curves(settings.out / "loss.png", curves, "‖x − x̂‖² per image", levels=levels)


if __name__ == "__main__":
    main()
