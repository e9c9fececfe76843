"""A convolutional variational autoencoder.

Its latent code has two dimensions.

    z ~ q(z | x) = N(μ(x), σ(x)²)        J = E[−ln p(x | z)] + KL(q(z | x) ‖ N(0, 1))        Bernoulli pixels

Encoder: two convolutions of stride 2 (32, 64 channels), 16 units; decoder: a dense layer and transposed convolutions
(64, 32); 3 × 3 kernels, ReLU. The network of keras.io, "Variational autoencoder".

    python -m demos.conv_vae           the embedded 10,000 digits
    python -m demos.conv_vae --full    all 60,000

Expected with --full: −ELBO = 141.8 nats per training image and 145.3 per test image (published: 146.95, trained on
both). 26 minutes.
Picture: manifold.png.
"""

from demos import common, figures
from demos.conv import as_images, recipe
from npae import VariationalAutoencoder, save
from npae.models import conv_decoder, conv_encoder, latent

COLUMNS = {
    "reconstruction_nats": ("reconstruction", ".2f"), "kl_nats": ("KL divergence", ".2f"), "nats": ("−ELBO", ".2f"),
}  # fmt: skip


@common.demo("conv_vae", __doc__, epochs=30, quick_epochs=2)
def main(settings):
    """Train, measure the bound, draw the latent space."""
    train, _, test, test_labels = common.digits(settings)
    train, test = as_images(train), as_images(test)

    channels = [8, 16] if settings.quick else [32, 64]
    model = VariationalAutoencoder(conv_encoder(channels, [16, 4]), conv_decoder(2, channels[::-1]), seed=settings.seed)
    if not settings.quick:
        print(model.summary(train.shape[1:]))
    history = common.train(settings, model, train, **recipe(settings, 128, 2e-3))
    save(settings.out / "conv_vae.npz", model)

    terms, table = model.evaluate(test), settings.table("nats per image", COLUMNS, published=None)
    table.add("training digits, last epoch", {"reconstruction_nats": history["reconstruction"][-1],
              "kl_nats": history["kl"][-1], "nats": history["loss"][-1]}, prefix="train")  # fmt: skip
    table.add("test digits", {"reconstruction_nats": terms["reconstruction"], "kl_nats": terms["kl"],
              "nats": sum(terms.values())}, prefix="test")  # fmt: skip
    table.cite("published, trained on all 70,000 digits", "140.15", "6.80", "146.95")
    figures.manifold(settings.out / "manifold.png", model.decode(latent.grid(20)), model.encode(test), test_labels,
                     "Left: decoded grid of the latent space. Right: codes of test digits")  # fmt: skip


if __name__ == "__main__":
    main()
