"""A convolutional variational autoencoder: all digits on one sheet, by two numbers.

keras.io's example: two convolutions of stride 2 (32, 64 channels), 16 units, a code of two numbers; back by a dense
layer and transposed convolutions (64, 32), 3 × 3 kernels, ReLU, Bernoulli pixels, Adam, batches of 128, 30 epochs. Its
146.95 nats are of training digits, and it trains on the test digits too; here the test digits are only for testing.

The learning rate warms up to 2 · 10⁻³ over half an epoch and falls along a cosine; nothing else was tried.

    python -m demos.conv_vae           the embedded 10,000 digits
    python -m demos.conv_vae --full    all 60,000
"""

from demos import common, figures
from demos.conv import as_images
from npae import VariationalAutoencoder, fit, save
from npae.models import conv_decoder, conv_encoder, latent
from npae.optim import Adam, Cosine, WarmUp


def main(argv=None):
    """Train, measure both bounds, draw the sheet and the map, save. Worker 0 returns what metrics.json holds."""
    settings = common.parse("conv_vae", __doc__.split("\n")[0], epochs=30, quick_epochs=4, argv=argv)
    train, _, test, test_labels = common.digits(settings)
    train, test = as_images(train), as_images(test)
    channels = [8, 16] if settings.quick else [32, 64]
    model = VariationalAutoencoder(conv_encoder(channels, [16, 4]), conv_decoder(2, channels[::-1]), seed=settings.seed)
    if not settings.quick:
        print(model.summary(train.shape[1:]))
    history = fit(model.to(settings.device), train, epochs=settings.epochs, optimizer=Adam(2e-3),
                  batch_size=16 if settings.quick else 128,
                  schedule=WarmUp(0.5, Cosine(settings.epochs - 0.5, end=0.01)), seed=settings.seed,
                  progress=settings.progress, workers=settings.workers)  # fmt: skip
    common.require(history)
    if settings.workers.rank:
        return None
    terms, metrics, rows = model.to("cpu").evaluate(test), {}, []
    for name, published in (("reconstruction", 140.15), ("kl", 6.80)):
        metrics |= {f"train_{name}_nats": history[name][-1], f"test_{name}_nats": terms[name]}
        rows.append((name, f"{history[name][-1]:.2f}", f"{terms[name]:.2f}", f"{published:.2f}"))
    metrics |= {"train_nats": history["loss"][-1], "test_nats": sum(terms.values())}
    rows.append(("together: minus the bound", f"{metrics['train_nats']:.2f}", f"{metrics['test_nats']:.2f}", "146.95"))
    figures.manifold(settings.out / "manifold.png", model.decode(latent.grid(20)), model.encode(test), test_labels,
                     "All digits on one sheet: what two numbers mean, and where test digits lie")  # fmt: skip
    save(settings.out / "conv_vae.npz", model)
    common.table(("nats an image", "training, last epoch", "test", "published, training on both"), rows)
    return common.finish(settings, metrics, history)


if __name__ == "__main__":
    main()
