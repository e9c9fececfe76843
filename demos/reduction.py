"""Thirty numbers a digit: the autoencoder of Hinton & Salakhutdinov 2006, beside PCA.

784-1000-500-250-30 and back, figure 2B of the paper, without its pretraining: ELU units, a linear code, pixels from a
sigmoid, squared error, Adam, batches of 128, a warm-up, then a cosine. With 2.8 million parameters it learns its digits
by heart: left alone for 30 epochs it errs by 2.3 on a digit that it has learnt, and by 3.3 on another. So half of the
digits are warped a little each time they come (npae/data/warp.py), except in the last fifth of the epochs, which are
for the digits as they are.

Chosen on the last 5,000 training digits (30 epochs, one seed; squared error an image): no warps 3.29; half of the
digits warped by 0.06 3.13, with the contrast that interpolation takes away given back 3.09; nine tenths of them without
it 3.08. Gaussian noise on the input and masked inputs, over 40 epochs, did less, or harm.

    python -m demos.reduction             the embedded 10,000 digits
    python -m demos.reduction --full      all 60,000: the data of the published numbers
"""

from demos import common, figures
from demos.baselines import beside_pca
from demos.codes2d import network
from npae import save
from npae.data import Warp
from npae.optim import Adam, Cosine, WarmUp
from npae.train import Trainer

SIZES, QUICK_SIZES = [784, 1000, 500, 250, 30], [784, 200, 100, 50, 30]


def main(argv=None):
    """Train, compare with PCA, draw, save. Worker 0 returns what metrics.json holds."""
    settings = common.parse("reduction", __doc__.split("\n")[0], epochs=80, quick_epochs=10, argv=argv)
    train, labels, test, test_labels = common.digits(settings)
    model = network(QUICK_SIZES if settings.quick else SIZES, settings.seed).to(settings.device)
    trainer = Trainer(model, train, test, batch_size=32 if settings.quick else 128, optimizer=Adam(1e-3),
                      schedule=WarmUp(1, Cosine(max(1, settings.epochs - 1))), augment=Warp(0.06), seed=settings.seed,
                      progress=settings.progress, workers=settings.workers)  # fmt: skip
    history = trainer.run(max(1, settings.epochs * 4 // 5))
    common.require(history)
    if history.stopped is None:
        trainer.batches.augment = None
        trainer.run(settings.epochs)
    model.to("cpu")
    if settings.workers.rank:
        return None

    some = figures.one_of_each(test_labels, 10)
    metrics, arms = beside_pca(model, 30, train, labels, test, test_labels)
    metrics["train_squared_error_per_image"] = 2 * model.evaluate(train)["reconstruction"]
    rows, pictures = [], []
    published = ("3.00 (Hinton 2006)", ""), ("13.87", "2.45")
    for (name, code, error, wrong), theirs in zip(arms, published, strict=True):
        rows.append((name, f"{error:.2f}", theirs[0], f"{wrong:.2f}", theirs[1]))
        pictures.append((f"{name}\n{error:.1f}", code.reconstruct(test[some]).clip(0, 1)))
    figures.digit_rows(settings.out / "reconstructions.png", [("original", test[some] / 255), *pictures],
                       "Through thirty numbers: test digits, and their squared error an image")  # fmt: skip
    curves = [("training, warped at first", [2 * v for v in history["loss"]], ":"),
              ("test", [2 * v for v in history["val_loss"]], "-")]  # fmt: skip
    figures.learning_curves(settings.out / "loss.png", curves, "squared error an image", "Learning to reconstruct",
                            [("PCA", metrics["pca_squared_error_per_image"]), ("Hinton 2006", 3.0)])  # fmt: skip
    save(settings.out / "reduction.npz", model)
    common.table(
        ("30 numbers, test digits", "squared error an image", "60,000 digits", "5-NN error, %", "60,000 digits"), rows
    )
    return common.finish(settings, metrics, history)


if __name__ == "__main__":
    main()
