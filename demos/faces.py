"""Faces by a VAE, an AAE and a GAN.

Three convolutional models: a variational autoencoder, an adversarial autoencoder, and a GAN.

    VAE    z ~ q(z | x), 32 latents      J = −ln N(x; x̂, σ² I) + KL(q(z | x) ‖ N(0, 1)), σ = ¼
    AAE    32 codes                      J = −ln N(x; x̂, σ² I), and a discriminator of codes
    GAN    64 latents                    a discriminator of images

The Olivetti faces, photographs by AT&T Laboratories Cambridge (Samaria & Harter 1994), 64 × 64 grey pixels: 350 of 35
people for training, 50 of five other people for testing. Four convolutions of stride 2 (8, 16, 32, 128 channels) and as
many transposed ones (the GAN: upsampling and convolution), BatchNorm, leaky ReLU. Every epoch sees the photographs
mirrored at random and slightly warped; the saved θ is a moving average. To show that samples are no copies, each stands
above the nearest training image. Without the photographs, 2,000 digits take their place. The baseline, eigenfaces, is
PCA with 32 components.

    python -m demos.faces                    the Olivetti faces: $NPAE_DATA/olivetti/olivetti.npz
    python -m demos.faces --folder DIR       a folder of pictures: their central squares, the last eighth for testing

Expected: ‖x − x̂‖² = 21.31 (VAE), 22.60 (AAE), 21.32 (eigenfaces) per test photograph. 13 minutes.
Pictures: reconstructions.png, samples.png, interpolations.png.
"""

import numpy as np

from demos import common, figures
from demos.baselines import PCA, nearest
from npae import Autoencoder, VariationalAutoencoder, mnist
from npae.backend import array_module, as_path, fit_text
from npae.data import Warp, image_folder, olivetti
from npae.layers import Dense, LeakyReLU, Sequential, Sigmoid
from npae.losses import GaussianNLL
from npae.models import GAN, AdversarialAutoencoder, GaussianPrior, conv_decoder, conv_encoder, latent
from npae.models.adversarial.game import diversity
from npae.optim import Adam, Cosine, WarmUp
from npae.train import ExponentialMovingAverage

CREDIT = "Photographs: Olivetti faces, AT&T Laboratories Cambridge"
OPTIONS = {"folder": {"type": as_path, "metavar": "DIR", "help": "pictures in place of the Olivetti faces"}}
SIZE, CODE, NOISE, STD, SHOWN = 64, 32, 64, 0.25, 10
COLUMNS = {
    "test_squared_error_per_image": ("‖x − x̂‖² per image, test", ".2f"),
    "distance_to_the_nearest_grey_levels": ("grey levels to the nearest training image", ".1f"),
    "diversity": ("diversity", ".3f"),
    "seconds": ("seconds", ".0f"),
}


class MirrorAndWarp(Warp):
    """Every image or its mirror image, with probability ½ each, slightly warped, without a change of contrast."""

    def __init__(self, image, std=0.04):
        super().__init__(std, share=1, contrast=1, image=image)

    def __call__(self, x):
        """A new array, the variants of the images x (B, 1, height, width)."""
        mirrored = self.stream.uniform(x[:, :, :1, :1]) < 0.5
        return super().__call__(array_module(x).where(mirrored, x[..., ::-1], x))

    def config(self):
        return {"image": list(self.image), "std": self.std}


@common.demo("faces", __doc__, epochs=120, quick_epochs=2, own=OPTIONS)
def main(settings):
    """Train the three models, measure their samples and reconstructions."""
    train, test, faces, credit = pictures(settings)
    settings.metrics["credit"] = credit
    print(fit_text(f"Data: {len(train):,} training {'faces' if faces else 'digits'}, {len(test):,} test images."))

    half = min(2, settings.epochs / 2)
    recipes = {
        name: (model, {
            "optimizer": optimizer, "batch_size": min(32, len(train)), "callbacks": ExponentialMovingAverage(0.98),
            "schedule": WarmUp(half, Cosine(settings.epochs - half, end=0.05)),
            "augment": MirrorAndWarp(train.shape[2:]) if faces else None,
        })
        for name, (model, optimizer) in networks(train.shape[1:], settings).items()
    }  # fmt: skip
    x, known = test / np.float32(255), np.concatenate([train, train[..., ::-1]]) if faces else train
    table, samples, x_hats = settings.table("images", COLUMNS, published=None), {}, {}
    for name, model, history in common.compare(settings, recipes, train):
        samples[name] = model.sample(100, settings.seed)
        measures = {"seconds": sum(history["seconds"])} | measure(samples[name], train, known)
        if name != "GAN":
            x_hats[name] = autoencoder_of(model).reconstruct(test)
            measures["test_squared_error_per_image"] = squared_error(x_hats[name], x)
        table.add(name, measures, prefix=name)
    x_hats["eigenfaces"] = eigenfaces(train, test)
    table.add("eigenfaces", {"test_squared_error_per_image": squared_error(x_hats["eigenfaces"], x)})
    table.add(f"test {'photographs' if faces else 'digits'}", measure(x, train, known), prefix="photographs")
    models = {name: recipes[name][0] for name in samples}
    style = {"cmap": "gray" if faces else "gray_r", "caption": credit}
    draw(settings.out, style, train, x, known, models, samples, x_hats)


def measure(images, train, known):
    """Mean distance to the nearest known image, and diversity relative to that of the training images."""
    return {"distance_to_the_nearest_grey_levels": float(nearest(images, known)[1].mean()),
            "diversity": diversity(images, train / 255)}  # fmt: skip


def squared_error(x_hat, x):
    """Mean over the images of ‖x̂ − x‖²."""
    return float(((x_hat - x) ** 2).sum(axis=(1, 2, 3)).mean())


def pictures(settings):
    """(train, test, are they faces?, credit): images (n, 1, size, size) of uint8, fewer and smaller in a quick run."""
    folder, credit = settings.own.folder, ""
    if folder is not None:
        try:
            images = image_folder(folder, SIZE).images
        except (OSError, ValueError, ImportError) as error:
            raise SystemExit(f"--folder: {error}") from error
        if len(images) < 16:
            raise SystemExit(f"--folder: expected at least 16 pictures in {folder}, got {len(images)}.")
        (train, test), faces = np.split(images, [-(len(images) // 8)]), True
    else:
        try:
            data, faces, credit = olivetti(), True, CREDIT
        except FileNotFoundError as error:
            print(fit_text(f"{error} Digits instead."))
            data, faces = mnist(which="sample"), False
        train, test = data.train_images[:2000, None], data.test_images[:500, None]
    if settings.quick:
        step = 2 if faces else 1
        train, test = train[:200, :, ::step, ::step], test[:20, :, ::step, ::step]
    return train, test, faces, credit


def networks(shape, settings):
    """{name: (model, optimizer)}: three models with encoders and decoders of the same architecture."""
    channels = [4, 8] if settings.quick else [16, 128] if shape[1] % 16 else [8, 16, 32, 128]
    seed, leaky = settings.seed, LeakyReLU(0.2)

    def encoder(outputs):
        return conv_encoder(channels, [outputs], shape, leaky, normalised=True)

    def decoder(code, transposed=True):
        return Sequential(*conv_decoder(code, channels[::-1], shape, leaky, True, transposed), Sigmoid())

    critic = Sequential(Dense(CODE, 256, leaky), Dense(256, 256, leaky), Dense(256, 1))
    plain = Autoencoder(encoder(CODE), decoder(CODE), GaussianNLL(STD), seed)
    fast, slow = Adam(1e-3, beta1=0.5), Adam(4e-4, beta1=0.5)
    return {
        "VAE": (VariationalAutoencoder(encoder(2 * CODE), decoder(CODE), GaussianNLL(STD), seed=seed), Adam(3e-3)),
        "AAE": (AdversarialAutoencoder(plain, critic, GaussianPrior(CODE), seed=seed),
                {"reconstruction": Adam(3e-3), "discriminator": fast, "generator": fast}),
        "GAN": (GAN(decoder(NOISE, transposed=False), encoder(1), GaussianPrior(NOISE), real=0.9, seed=seed),
                {"discriminator": slow, "generator": slow}),
    }  # fmt: skip


def autoencoder_of(model):
    """The autoencoder of an adversarial model, or the model itself."""
    return getattr(model, "autoencoder", model)


def eigenfaces(train, test):
    """Test images reconstructed from CODE principal components."""
    train, x = (images.reshape(len(images), -1) / np.float32(255) for images in (train, test))
    return PCA(train, CODE).reconstruct(x).reshape(test.shape)


def draw(out, style, train, x, known, models, samples, x_hats):
    """Reconstructions of test images; samples above their nearest training images; interpolations."""
    some = np.linspace(0, len(x) - 1, SHOWN).astype(int)
    rows = [("test image", x[some]), *((name, images[some]) for name, images in x_hats.items())]
    figures.digit_rows(out / "reconstructions.png", rows, f"Reconstructions, code size {CODE}", **style)
    rows = [("training images", train[np.linspace(0, len(train) - 1, SHOWN).astype(int)] / 255)]
    for name, images in samples.items():
        which, _ = nearest(images[:SHOWN], known)
        rows += [(f"samples, {name}", images[:SHOWN]), ("nearest in training set", known[which] / 255)]
    figures.digit_rows(out / "samples.png", rows, "Samples, each above the nearest training image", **style)
    rows, z = [], np.random.default_rng(0).standard_normal((2, NOISE))
    for name, model in models.items():
        if name == "GAN":
            rows.append((name, model(latent.slerp(*z, SHOWN))))
        else:
            a, b = autoencoder_of(model).encode(x[[0, -1]])
            rows.append((name, autoencoder_of(model).decode(latent.slerp(a, b, SHOWN))))
    figures.digit_rows(out / "interpolations.png", rows, "Spherical interpolation between two codes", **style)


if __name__ == "__main__":
    main()
