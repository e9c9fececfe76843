"""Frey's face: a map of two latents.

The frames of a video, 28 × 20 grey pixels, by a variational autoencoder with two latents.

    z ~ q(z | x) = N(μ(x), σ(x)²)        J = −ELBO = E[−ln p(x | z)] + KL(q(z | x) ‖ N(0, 1))
    p(x | z) = N(x; x̂(z), σ² I)           σ = 0.2

560-200-2 and back, tanh, the network of figure 4a of Kingma & Welling 2014, "Auto-encoding variational Bayes". The last
tenth of the frames is for testing. The map decodes a grid of codes. Right, the codes of all frames, coloured by time.

    python -m demos.frey            1,965 frames: $NPAE_DATA/frey/frey.npz

Without the frames, 2,000 digits take their place.

Expected: −ELBO = −320.9 nats per test frame and ‖x − x̂‖² = 4.88; PCA with two components: 5.22. 10 seconds.
Pictures: map.png, reconstructions.png.
"""

import numpy as np

from demos import common, figures
from demos.baselines import PCA, squared_error_per_image
from npae import VariationalAutoencoder, mnist, save
from npae.backend import fit_text
from npae.data import frey
from npae.layers import Dense, Sequential
from npae.losses import GaussianNLL
from npae.models import latent
from npae.optim import Adam, Cosine, WarmUp

GRID, SHOWN, STD = 10, 12, 0.2
COLUMNS = {"test_nats": ("−ELBO, nats per frame", ".1f"), "test_squared_error_per_image": ("‖x − x̂‖²", ".2f")}


def network(pixels=560, hidden=200, seed=0):
    """The variational autoencoder of two latents, with pixels in (0, 1)."""
    encoder = Sequential(Dense(pixels, hidden, "tanh"), Dense(hidden, 2 * 2))
    decoder = Sequential(Dense(2, hidden, "tanh"), Dense(hidden, pixels, "sigmoid"))
    return VariationalAutoencoder(encoder, decoder, GaussianNLL(STD), seed=seed)


@common.demo("frey", __doc__, epochs=200, quick_epochs=3)
def main(settings):
    """Train, measure the bound, draw the map."""
    try:
        images, what = frey(), "frames"
    except FileNotFoundError as error:
        print(fit_text(f"{error} Digits instead."))
        images, what = mnist(which="sample").train_images[:2000], "digits"
    images = images[:500] if settings.quick else images
    rows, shape = images.reshape(len(images), -1), images.shape[1:]
    train, test = np.split(rows, [len(rows) * 9 // 10])
    print(fit_text(f"Data: {len(train):,} training {what}, {len(test):,} test {what}."))

    model = network(rows.shape[1], 50 if settings.quick else 200, settings.seed)
    common.train(settings, model, train, batch_size=64, optimizer=Adam(5e-3),
                 schedule=WarmUp(1, Cosine(max(1, settings.epochs - 1), end=0.02)))  # fmt: skip
    save(settings.out / "frey.npz", model)

    table = settings.table(f"test {what}, two numbers", COLUMNS, published=None)
    table.add("variational autoencoder", {
        "test_nats": sum(model.evaluate(test).values()),
        "test_squared_error_per_image": squared_error_per_image(model.reconstruct(test), test),
    }, prefix="")  # fmt: skip
    linear = PCA(train, 2).reconstruct(test)
    table.add("PCA", {"test_squared_error_per_image": squared_error_per_image(linear, test)})
    draw(settings.out, model, rows, test, shape)


def draw(out, model, rows, test, shape):
    """The map, codes of all frames beside it, and reconstructions of test frames."""
    decoded = model.decode(latent.grid(GRID)).reshape(-1, *shape)
    title = "Left: decoded grid of the two latents. Right: codes of the frames, from first (dark) to last (light)"
    figures.manifold(out / "map.png", decoded, model.encode(rows), None, title, "gray", times=np.arange(len(rows)))
    some = np.linspace(0, len(test) - 1, SHOWN).astype(int)
    panels = [("test frames", test / 255), ("reconstructions", model.reconstruct(test))]
    panels = [(name, images[some].reshape(-1, *shape)) for name, images in panels]
    figures.digit_rows(out / "reconstructions.png", panels, "Frames through two numbers", cmap="gray")


if __name__ == "__main__":
    main()
