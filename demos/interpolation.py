"""Interpolation and sampling in code space.

A plain and a variational autoencoder, 784-500-250-20.

    between images    lerp: (1 − t) a + t b, of pixels or of codes; slerp: along a great circle
    samples           plain: codes from a Gaussian, or a mixture of 50, fitted to the codes; variational: z ~ N(0, 1)

The measure: the share of 1,000 midpoints or samples that a classifier (784-300-10) assigns to a class with a
probability of at least 0.9. The mixture needs scikit-learn (the extra "sample"); without it, it is left out.

    python -m demos.interpolation           the embedded 10,000 digits
    python -m demos.interpolation --full    all 60,000

Expected without --full: midpoints of pixels 35 %, of plain codes 42 %, of variational codes 49 %; samples 43 % (one
Gaussian) and 43 % (variational); test digits 88 %. 1 minute. There is no published number.
Pictures: interpolation.png, samples.png.
"""

import numpy as np

from demos import common, figures
from npae import Classifier, dense_autoencoder, save, variational_autoencoder
from npae.backend import fit_text
from npae.layers import Dense, Sequential
from npae.models import CodeMixture, latent
from npae.optim import Adam, Cosine, WarmUp


@common.demo("interpolation", __doc__, epochs=15, quick_epochs=4)
def main(settings):
    """Train two autoencoders and a classifier, interpolate, sample, classify."""
    train, labels, test, test_labels = common.digits(settings)
    sizes, count, shown = ([784, 100, 20], 200, 1) if settings.quick else ([784, 500, 250, 20], 1000, 3)

    vae = variational_autoencoder(sizes, seed=settings.seed)
    plain = dense_autoencoder(sizes, "relu", "linear", seed=settings.seed)
    classifier = Classifier(Sequential(Dense(784, 300, "relu"), Dense(300, 10)), 10, seed=settings.seed)
    for name, model, data in (
        ("variational", vae, train), ("plain", plain, train), ("classifier", classifier, (train, labels)),
    ):  # fmt: skip
        common.train(settings, model, data, name=name, batch_size=20 if settings.quick else 100, optimizer=Adam(2e-3),
                     schedule=WarmUp(0.5, Cosine(settings.epochs - 0.5)))  # fmt: skip
        if model is not classifier:
            save(settings.out / f"{name}.npz", model)

    table = settings.table("classified with p ≥ 0.9", {"percent": ("%", ".1f")}, published=None)

    def add(label, metric, images):
        sure = classifier.predict_proba(images).max(axis=1) >= 0.9
        table.add(label, {"percent": 100 * float(sure.mean())}, prefix=metric)

    x, (a, b) = test / np.float32(255), pairs(test_labels, count, settings.seed)
    add("test digits", "test_digits_themselves", x)
    add("midpoints of pixels", "midpoint_of_pixels", (x[a] + x[b]) / 2)
    for name, model in (("plain", plain), ("variational", vae)):
        middle = model.decode((model.encode(x[a]) + model.encode(x[b])) / 2)
        add(f"midpoints of {name} codes", f"midpoint_of_{name}_codes", middle)
    samples = {
        "plain codes, one Gaussian": plain.decode(gaussian_codes(plain.encode(train), count, settings.seed)),
        "plain codes, a mixture": mixture_samples(settings, plain, train, count),
        "variational codes": vae.sample(count, settings.seed),
    }
    samples = {name: images for name, images in samples.items() if images is not None}
    for name, images in samples.items():
        add(f"samples, {name}", f"drawn_{name.replace(',', '').replace(' ', '_')}", images)
    settings.metrics["judge_test_error_percent"] = 100 * classifier.error_rate((test, test_labels))
    draw_paths(settings.out / "interpolation.png", plain, vae, x, a[:shown], b[:shown])
    panels = [(name, images[:64]) for name, images in samples.items()]
    figures.sheets(settings.out / "samples.png", panels, "Samples, by the distribution of the codes")


def pairs(labels, count, seed):
    """Indices of up to `count` pairs of images with different labels: two arrays."""
    a, b = np.random.default_rng(seed).integers(0, len(labels), (2, 2 * count))
    different = np.flatnonzero(labels[a] != labels[b])[:count]
    return a[different], b[different]


def gaussian_codes(codes, count, seed):
    """Samples of the Gaussian with the mean and covariance of `codes`."""
    factor = np.linalg.cholesky(np.cov(codes.T) + 1e-6 * np.eye(codes.shape[1]))
    noise = np.random.default_rng(seed).standard_normal((count, len(factor)))
    return (codes.mean(axis=0) + noise @ factor.T).astype(np.float32)


def mixture_samples(settings, model, train, count):
    """Samples decoded from a mixture of Gaussians fitted to the codes; None, with a message, without scikit-learn."""
    try:
        return CodeMixture(model, train, 10 if settings.quick else 50, settings.seed).sample(count, settings.seed)
    except ImportError as error:
        print(fit_text(f"Left out: {error}"))
        return None


def draw_paths(path, plain, vae, x, a, b):
    """Draw the interpolations from x[a] to x[b], one below the other."""
    rows = []
    for start, end in zip(x[a], x[b], strict=True):
        rows.append(("pixels, lerp", latent.lerp(start, end, 11)))
        for name, model, between in (
            ("plain, lerp", plain, latent.lerp), ("variational, lerp", vae, latent.lerp),
            ("variational, slerp", vae, latent.slerp),
        ):  # fmt: skip
            rows.append((name, model.decode(between(*model.encode(np.stack([start, end])), 11))))
    figures.digit_rows(path, rows, "Interpolation between test digits, in pixels and in code space")


if __name__ == "__main__":
    main()
