"""Live pages of three autoencoders.

Each page is one HTML file in which the network can be touched: drag a point over the map of test digits and watch what
is decoded there, change each number of the code, draw a digit, walk from one digit to another, remove noise.

    vae.html           784-200-100-2, variational: a code of two numbers, ELBO
    autoencoder.html   784-200-64-8: a code of eight numbers, binary cross-entropy
    denoiser.html      784-256, Gaussian noise of 0.5 on the input

A page has the network's weights as 8-bit integers. The table compares each network with its page's: −ELBO of the
variational one, cross-entropy of the others, for the denoiser from noisy digits.

    python -m demos.latent           the embedded 10,000 digits
    python -m demos.latent --full    all 60,000

Expected with --full, nats per test image: 142.58 (with 8-bit weights 142.96), 86.02 (87.02) and 76.83 (76.95). 5 to 10
minutes. Open the files with a browser; they need no server and no network.
Picture: reconstructions.png.
"""

from demos import common, figures
from demos.denoising import corrupted, cross_entropy
from npae import dense_autoencoder, variational_autoencoder
from npae.export import save_page
from npae.export.page import quantized
from npae.layers import GaussianNoise
from npae.optim import Adam, Cosine, WarmUp

SHOWN = 500  # test digits on each map
NOISE = GaussianNoise(0.5, clip=(0, 1))
TITLES = {"vae": "Variational autoencoder", "autoencoder": "Deep autoencoder", "denoiser": "Denoising autoencoder"}
COLUMNS = {
    "test_nats": ("nats per image", ".2f"),
    "page_test_nats": ("8-bit weights", ".2f"),
    "page_kilobytes": ("page, kB", ".0f"),
}


@common.demo("latent", __doc__, epochs=20, quick_epochs=20)
def main(settings):
    """Train three networks, and write their pages."""
    train, _, test, test_labels = common.digits(settings)

    def recipe():
        return {"batch_size": 32 if settings.quick else 64, "optimizer": Adam(2e-3),
                "schedule": WarmUp(0.5, Cosine(max(0.5, settings.epochs - 0.5), end=0.02))}  # fmt: skip

    models = {name: (model, recipe()) for name, model in networks(settings.seed).items()}
    noisy = corrupted(NOISE, test, [settings.seed, 1])
    some = figures.one_of_each(test_labels, 10)
    rows, table = [("original", test[some] / 255)], settings.table("test digits", COLUMNS, published=None)
    for name, model, _ in common.compare(settings, models, train):
        title = f"{TITLES[name]} of digits"
        path = save_page(settings.out / f"{name}.html", model, test[:SHOWN], test_labels[:SHOWN], title)
        rounded = quantized(model)
        x = noisy if name == "denoiser" else test
        table.add(name, {
            "test_nats": nats(model, x, test), "page_test_nats": nats(rounded, x, test),
            "page_kilobytes": path.stat().st_size / 1000,
        })  # fmt: skip
        if name == "denoiser":
            rows.append(("noisy", noisy[some]))
        rows += [(name, model.reconstruct(x[some])), (f"{name}, 8 bits", rounded.reconstruct(x[some]))]
    figures.digit_rows(settings.out / "reconstructions.png", rows, "Reconstructions: float32 and 8-bit weights")


def networks(seed):
    """The three networks by name."""
    return {
        "vae": variational_autoencoder([784, 200, 100, 2], "elu", seed=seed),
        "autoencoder": dense_autoencoder([784, 200, 64, 8], seed=seed),
        "denoiser": dense_autoencoder([784, 256], code_activation="relu", seed=seed, corruption=NOISE),
    }


def nats(model, x, target):
    """The cross-entropy of reconstructions of x, in nats per image; of a VAE, whose x is the target, −ELBO."""
    if hasattr(model, "elbo"):
        return sum(model.evaluate(target).values())
    return 784 * cross_entropy(model.reconstruct(x), target / 255)


if __name__ == "__main__":
    main()
