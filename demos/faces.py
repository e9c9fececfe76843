"""Faces by a VAE, an AAE and a GAN.

Three convolutional models: a variational autoencoder, an adversarial autoencoder, and a GAN.

    VAE    z ~ q(z | x), 64 latents      J = −ln N(x; x̂, σ² I) + KL(q(z | x) ‖ N(0, 1)), σ = 0.08
    AAE    64 codes                      J = −ln N(x; x̂, σ² I), and a discriminator of codes
    GAN    64 latents                    a discriminator of images

Labeled Faces in the Wild: 12,164 photographs for training, 1,069 of other people for testing, 64 × 64 grey pixels.
Every epoch sees the photographs mirrored at random; the saved θ is a moving average. The networks are in
faces_networks.py. With this σ the codes are strongly correlated, so samples of VAE and AAE are drawn from a Gaussian
that is fitted to the training codes (beside them, those of the prior). faces_measures.py compares samples with the
photographs of strangers, and reconstructions with those of eigenfaces (PCA with 64 components).

    python -m demos.faces                    LFW: $NPAE_DATA/lfw/lfw_64.npz
    python -m demos.faces --olivetti         400 photographs: $NPAE_DATA/olivetti/olivetti.npz
    python -m demos.faces --folder DIR       pictures, their central squares; in folders by person, if there are any
    python -m demos.faces --trained DIR      the models of an earlier run, measured and drawn again

Without LFW the demo takes the Olivetti faces, and without these 2,000 digits.

Expected: ‖x − x̂‖² = 18.49 per photograph of a stranger (VAE), 19.79 (AAE), 22.08 (eigenfaces). Two-sample accuracies
in the spaces of eigenfaces and of the random network: 0.562 and 0.682 (VAE), 0.579 and 0.684 (AAE), 0.670 and 0.593
(GAN), 0.519 and 0.517 (training photographs). 38 minutes on one core.
Pictures: samples.png (the first sixteen), interpolations.png, directions.png; with photographs, for your own use,
nearest.png and reconstructions.png.
"""

import csv

import numpy as np

from demos import common, faces_pictures, results
from demos.baselines import squared_error_per_image
from demos.faces_measures import COLUMNS, Judge
from demos.faces_networks import CODE, FittedCodes, autoencoder_of, networks
from npae import load, mnist
from npae.backend import array_module, as_path, fit_text
from npae.data import Warp, image_folder, lfw, olivetti
from npae.optim import Cosine, WarmUp
from npae.train import ExponentialMovingAverage

CREDITS = {
    "lfw": "Photographs: Labeled Faces in the Wild, University of Massachusetts",
    "olivetti": "Photographs: Olivetti faces, AT&T Laboratories Cambridge",
}
OPTIONS = {
    "olivetti": {"action": "store_true", "help": "the Olivetti faces in place of LFW"},
    "folder": {"type": as_path, "metavar": "DIR", "help": "pictures in place of LFW"},
    "trained": {"type": as_path, "metavar": "DIR", "help": "models of an earlier run in place of training"},
}  # fmt: skip
SIZE, FEW = 64, 2000
SHARES = {"VAE": 1, "AAE": 0.5, "GAN": 0.4}  # of the epochs: their steps cost more
ALL_COLUMNS = {
    "strangers_squared_error_per_image": ("‖x − x̂‖² of strangers", ".2f"), **COLUMNS, "seconds": ("seconds", ".0f"),
}  # fmt: skip


class MirrorAndWarp(Warp):
    """Every image or its mirror image, with probability ½ each; slightly warped, unless std is 0."""

    def __init__(self, image, std=0.04):
        super().__init__(std, share=1, contrast=1, image=image)

    def __call__(self, x):
        """A new array, the variants of the images x (B, 1, height, width)."""
        mirrored = self.stream.uniform(x[:, :, :1, :1]) < 0.5
        x = array_module(x).where(mirrored, x[..., ::-1], x)
        return super().__call__(x) if self.std else x

    def config(self):
        return {"image": list(self.image), "std": self.std}


@common.demo("faces", __doc__, epochs=30, quick_epochs=2, own=OPTIONS)
def main(settings):
    """Train the three models, measure their samples and reconstructions."""
    train, test, kind = pictures(settings)
    faces, credit = kind != "digits", CREDITS.get(kind, "")
    settings.metrics |= {"data_set": kind, "credit": credit, "code_size": CODE}
    print(fit_text(f"Data: {len(train):,} training {'faces' if faces else 'digits'}, {len(test):,} test images."))

    judge, x = Judge(train, test, CODE), test / np.float32(255)
    table, generators, samples, x_hats = settings.table("images", ALL_COLUMNS, published=None), {}, {}, {}
    by_eigenfaces = judge.eigenfaces.reconstruct(x.reshape(len(x), -1)).reshape(x.shape)
    linear = squared_error_per_image(by_eigenfaces, x)
    for name, model, seconds in trained(settings, train, faces):
        prior, measures = model.sample(len(test), settings.seed), {"seconds": seconds}
        if name == "GAN":
            generators[name], samples[name] = model, prior
        else:
            x_hats[name] = autoencoder_of(model).reconstruct(test)
            error = squared_error_per_image(x_hats[name], x)
            measures |= {"strangers_squared_error_per_image": error,
                         "below_eigenfaces_percent": 100 - 100 * error / linear}  # fmt: skip
            table.add(f"{name}, codes of the prior", judge.samples(prior))
            generators[name] = FittedCodes(model, train)
            samples[name] = generators[name].sample(len(test), settings.seed)
        table.add(name, measures | judge.samples(samples[name]), prefix=name)
    x_hats["eigenfaces"] = by_eigenfaces
    table.add("eigenfaces", {"strangers_squared_error_per_image": linear})
    some = np.random.default_rng(settings.seed).permutation(len(train))[: len(test)]
    table.add("training photographs" if faces else "training digits", judge.photographs(train[some]), prefix="training")
    faces_pictures.draw(settings.out, faces, credit, judge, train, x, generators, samples, x_hats)


def trained(settings, train, faces):
    """Yield (name, model, seconds of training): each model, trained on the images or loaded from --trained."""
    made, folder = networks(train.shape[1:], settings), settings.own.trained
    if folder is not None:
        for name in made:
            yield name, load(folder / f"{results.key(name)}.npz"), earlier_seconds(folder, name)
        return
    recipes = {}
    for name, (model, optimizer) in made.items():
        epochs = max(1, round(SHARES[name] * settings.epochs))
        half = min(1, epochs / 2)
        recipes[name] = model, {
            "epochs": epochs, "optimizer": optimizer, "batch_size": 32, "callbacks": ExponentialMovingAverage(0.99),
            "schedule": WarmUp(half, Cosine(epochs - half, end=0.03)),
            "augment": MirrorAndWarp(train.shape[2:], 0.04 if len(train) < FEW else 0) if faces else None,
        }  # fmt: skip
    for name, model, history in common.compare(settings, recipes, train):
        history.to_csv(settings.out / f"{results.key(name)}.csv")
        yield name, model, sum(history["seconds"])


def earlier_seconds(folder, name):
    """The seconds of training from the history of an earlier run."""
    with (folder / f"{results.key(name)}.csv").open(encoding="utf-8", newline="") as file:
        return sum(float(row["seconds"]) for row in csv.DictReader(file))


def pictures(settings):
    """(train, test, data set): images (n, 1, size, size) of uint8, fewer and smaller in a quick run."""
    own = settings.own
    if own.folder is not None:
        (train, test), kind = people_apart(own.folder), "folder"
    else:
        data, kind = None, "digits"
        for known, read in (("lfw", lfw), ("olivetti", olivetti)):
            if data is None and not (own.olivetti and known == "lfw"):
                try:
                    data, kind = read(), known
                except FileNotFoundError as error:
                    print(fit_text(str(error)))
        data = data or mnist(which="sample")
        limits = (2000, 500) if kind == "digits" else (None, None)
        train, test = data.train_images[: limits[0], None], data.test_images[: limits[1], None]
    if settings.quick:
        step = 1 if kind == "digits" else 2
        train, test = train[:200, :, ::step, ::step], test[:20, :, ::step, ::step]
    return train, test, kind


def people_apart(folder):
    """[train, test] of a folder's pictures: every tenth sub-folder, a person, is for testing, else the last eighth."""
    try:
        found = image_folder(folder, SIZE)
    except (OSError, ValueError, ImportError) as error:
        raise SystemExit(f"--folder: {error}") from error
    if len(found) < 16:
        raise SystemExit(f"--folder: expected at least 16 pictures in {folder}, got {len(found)}.")
    test = found.labels % 10 == 9 if len(found.classes) >= 10 else np.arange(len(found)) >= len(found) * 7 // 8
    return found.images[~test], found.images[test]


if __name__ == "__main__":
    main()
