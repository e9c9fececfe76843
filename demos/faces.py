"""Faces, by three convolutional models: a variational autoencoder, an adversarial one, and a GAN.

The Olivetti photographs, 64 × 64 grey pixels: 350 of 35 people to learn from, and 50 of five other people. Without that
file, and without --folder, 2,000 digits are learnt instead. All models have the same halves: four convolutions of
stride 2 (8, 16, 32, 128 channels, 3 × 3 kernels), and as many transposed ones back; BatchNorm, leaky ReLU, a sigmoid.
The GAN's generator doubles pixels and convolves instead: transposed, it printed a chequered grain on every face.

350 photographs are few, so every epoch sees them anew, mirrored or not and a little warped (σ = 0.04: a pixel or two at
the edge). The autoencoders have codes of 32 numbers and a Gaussian likelihood with σ = ¼, where pixels go from 0 to 1:
neighbours are nearly equal, and 4,096 of them counted as independent with a smaller σ outvote the divergence, so that
draws of the prior fall between all codes. (Without warps most draws were no faces at ¼, and blurred ones at ½.) Adam;
the learning rate warms up over two epochs and falls along a cosine, and what is kept is θ's average over the last fifty
steps or so, since a GAN does not come to rest. All of that was settled by looking at what was drawn, for want of a
better measure.

Few photographs and many parameters: does a model imagine faces, or remember them? So every face that was drawn is
shown above the training face (or its mirror image) that is nearest to it, and the mean distance is printed beside that
of other people's photographs. Beside the autoencoders stand as many principal components: eigenfaces.

    python -m demos.faces                    the Olivetti faces: NPAE_DATA/olivetti/olivetti.npz
    python -m demos.faces --folder DIR       any folder of pictures: squares from the middle, the last eighth to test
"""

from pathlib import Path

import numpy as np

from demos import common, figures
from demos.baselines import PCA, nearest
from npae import Autoencoder, VariationalAutoencoder, fit, mnist, save
from npae.backend import array_module
from npae.data import Warp, image_folder, olivetti
from npae.layers import Dense, LeakyReLU, Sequential, Sigmoid
from npae.losses import Gaussian
from npae.models import GAN, AdversarialAutoencoder, GaussianPrior, conv_decoder, conv_encoder, latent
from npae.models.adversarial.game import diversity
from npae.optim import Adam, Cosine, WarmUp
from npae.train import ExponentialMovingAverage

SIZE, CODE, NOISE, STD = 64, 32, 64, 0.25
SHOWN = 10


class MirrorAndWarp(Warp):
    """Every image, or its mirror image, with probability ½ each; a little warped, without more contrast."""

    def __init__(self, image, std=0.04):
        super().__init__(std, share=1, contrast=1, image=image)

    def __call__(self, x):
        """A new array, the variants of the images x (B, 1, height, width)."""
        turned = self.stream.uniform(x[:, :, :1, :1]) < 0.5
        return super().__call__(array_module(x).where(turned, x[..., ::-1], x))

    def config(self):
        return {"image": list(self.image), "std": self.std}


def main(argv=None):
    """Train the three, draw faces, see how near they are to known ones. Worker 0 returns what metrics.json holds."""
    own = {"folder": {"type": Path, "metavar": "DIR", "help": "learn these pictures instead of the Olivetti faces"}}
    settings = common.parse("faces", __doc__.split("\n")[0], epochs=120, quick_epochs=2, argv=argv, own=own)
    train, test, faces = pictures(settings, settings.own.folder)
    print(f"Data: {len(train):,} {'faces' if faces else 'digits'} to learn from, {len(test):,} to test on.")

    metrics, drawn, back = {}, {}, {"eigenfaces": eigenfaces(train, test)}
    half = min(2, settings.epochs / 2)
    models = networks(train.shape[1:], settings)
    for name, (model, optimizer) in models.items():
        print(name)
        history = fit(model.to(settings.device), train, epochs=settings.epochs, optimizer=optimizer,
                      batch_size=min(32, len(train)), callbacks=[ExponentialMovingAverage(0.98)],
                      schedule=WarmUp(half, Cosine(settings.epochs - half, end=0.05)), seed=settings.seed,
                      augment=MirrorAndWarp(train.shape[2:]) if faces else None, progress=settings.progress,
                      workers=settings.workers)  # fmt: skip
        common.require(history)
        model.to("cpu")
        drawn[name] = model.sample(100, settings.seed)
        if name != "GAN":
            back[name] = decoder_of(model).reconstruct(test)
        metrics[f"{name}_seconds"] = sum(history["seconds"])
        save(settings.out / f"{name.lower()}.npz", model)
    if settings.workers.rank:
        return None

    x, known = test / np.float32(255), np.concatenate([train, train[..., ::-1]]) if faces else train
    for name, made in back.items():
        metrics[f"{name}_test_squared_error_per_image"] = float(((made - x) ** 2).sum(axis=(1, 2, 3)).mean())
    for name, made in {**drawn, "photographs": x}.items():
        metrics[f"{name}_distance_to_the_nearest_grey_levels"] = float(nearest(made, known)[1].mean())
        metrics[f"{name}_diversity"] = diversity(made, train / 255)
    draw(settings.out, "gray" if faces else "gray_r", train, x, known, models, drawn, back)
    measures = ("test_squared_error_per_image", "distance_to_the_nearest_grey_levels", "diversity", "seconds")
    common.table(
        ("", "squared error an image, test", "grey levels to the nearest known", "diversity", "seconds"),
        [(name, *(f"{metrics[f'{name}_{m}']:.4g}" if f"{name}_{m}" in metrics else "" for m in measures))
         for name in (*models, "eigenfaces", "photographs")],
    )  # fmt: skip
    return common.finish(settings, metrics, history)


def pictures(settings, folder):
    """(train, test, are they faces?): images (n, 1, size, size) of uint8, fewer and smaller ones in a quick run."""
    if folder is not None:
        try:
            images = image_folder(folder, SIZE)
        except (OSError, ValueError, ImportError) as error:
            raise SystemExit(f"--folder: {error}") from error
        if len(images) < 16:
            raise SystemExit(f"--folder: expected at least 16 pictures in {folder}, got {len(images)}.")
        (train, test), faces = np.split(images, [-(len(images) // 8)]), True
    else:
        try:
            data, faces = olivetti(), True
        except FileNotFoundError as error:
            print(f"{error} Digits instead.")
            data, faces = mnist(which="sample"), False
        train, test = data.train_images[:2000, None], data.test_images[:500, None]
    if settings.quick:
        step = 2 if faces else 1
        train, test = train[:200, :, ::step, ::step], test[:20, :, ::step, ::step]
    return train, test, faces


def networks(shape, settings):
    """{name: (model, optimizer)}: three models of the same halves."""
    channels = [4, 8] if settings.quick else [16, 128] if shape[1] % 16 else [8, 16, 32, 128]
    seed = settings.seed

    def leaky():
        return LeakyReLU(0.2)

    def encoder(outputs):
        return conv_encoder(channels, [outputs], shape, leaky, normalised=True)

    def decoder(code, transposed=True):
        return Sequential(*conv_decoder(code, channels[::-1], shape, leaky, True, transposed), Sigmoid())

    judge = Sequential(Dense(CODE, 256), leaky(), Dense(256, 256), leaky(), Dense(256, 1))
    plain = Autoencoder(encoder(CODE), decoder(CODE), Gaussian(STD), seed)
    fast, slow = Adam(1e-3, beta1=0.5), Adam(4e-4, beta1=0.5)
    return {
        "VAE": (VariationalAutoencoder(encoder(2 * CODE), decoder(CODE), Gaussian(STD), seed=seed), Adam(3e-3)),
        "AAE": (AdversarialAutoencoder(plain, judge, GaussianPrior(CODE), seed=seed),
                {"reconstruction": Adam(3e-3), "discriminator": fast, "generator": fast}),
        "GAN": (GAN(decoder(NOISE, transposed=False), encoder(1), GaussianPrior(NOISE), real=0.9, seed=seed),
                {"discriminator": slow, "generator": slow}),
    }  # fmt: skip


def decoder_of(model):
    """What encodes, decodes and reconstructs: the model itself, or the autoencoder of an adversarial one."""
    return getattr(model, "autoencoder", model)


def eigenfaces(train, test):
    """Test images from their CODE principal components."""
    train, x = (images.reshape(len(images), -1) / np.float32(255) for images in (train, test))
    return PCA(train, CODE).reconstruct(x).reshape(test.shape)


def draw(out, cmap, train, x, known, models, drawn, back):
    """Reconstructions of test images; what was drawn above what is nearest to it; ways from one image to another."""
    some = np.linspace(0, len(x) - 1, SHOWN).astype(int)
    rows = [("another photograph", x[some]), *((name, images[some]) for name, images in back.items())]
    figures.digit_rows(out / "reconstructions.png", rows, f"Through {CODE} numbers", cmap=cmap)
    rows = [("photographs", train[np.linspace(0, len(train) - 1, SHOWN).astype(int)] / 255)]
    for name, images in drawn.items():
        which, _ = nearest(images[:SHOWN], known)
        rows += [(f"drawn by the {name}", images[:SHOWN]), ("nearest known", known[which] / 255)]
    figures.digit_rows(
        out / "samples.png", rows, "Drawn from nothing, above the nearest of the training set", cmap=cmap
    )
    rows, z = [], np.random.default_rng(0).standard_normal((2, NOISE))
    for name, (model, _) in models.items():
        if name == "GAN":
            rows.append((name, model(latent.slerp(*z, SHOWN))))
        else:
            a, b = decoder_of(model).encode(x[[0, -1]])
            rows.append((name, decoder_of(model).decode(latent.slerp(a, b, SHOWN))))
    figures.digit_rows(out / "interpolations.png", rows, "From one to another", cmap=cmap)


if __name__ == "__main__":
    main()
