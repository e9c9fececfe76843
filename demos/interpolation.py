"""From one digit to another: mixing pixels, walking through the codes of a plain autoencoder, and of a variational one.

784-500-250-20 and back, the same for both, trained alike. Between two images of different digits lie mixtures: in
pixels two faint digits at once; in a code space what the decoder makes of codes between theirs. How much that is still
a digit is told by a classifier that learnt the training digits, 784-300-10: the share of 1,000 midpoints that it takes
for one with a probability of at least 0.9. The same of digits drawn from nothing: decoded from N(0, 1) by the
variational autoencoder; by the plain one from a Gaussian with the mean and covariance of its codes, and from a mixture
of 50 Gaussians fitted to them (with scikit-learn, the extra "sample"; left out without). Nothing was chosen by these.

    python -m demos.interpolation           the embedded 10,000 digits
    python -m demos.interpolation --full    all 60,000
"""

import numpy as np

from demos import common, figures
from npae import Classifier, dense_autoencoder, fit, save, variational_autoencoder
from npae.layers import Dense, Identity, ReLU, Sequential
from npae.models import CodeMixture, latent
from npae.optim import Adam, Cosine, WarmUp


def main(argv=None):
    """Train three networks, walk, draw, ask the classifier. Worker 0 returns what metrics.json holds."""
    settings = common.parse("interpolation", __doc__.split("\n")[0], epochs=15, quick_epochs=4, argv=argv)
    train, labels, test, test_labels = common.digits(settings)
    sizes, count, shown = ([784, 100, 20], 200, 1) if settings.quick else ([784, 500, 250, 20], 1000, 3)

    def run(model, data):
        history = fit(model.to(settings.device), data, epochs=settings.epochs, batch_size=20 if settings.quick else 100,
                      optimizer=Adam(2e-3), schedule=WarmUp(0.5, Cosine(settings.epochs - 0.5)), seed=settings.seed,
                      progress=settings.progress, workers=settings.workers)  # fmt: skip
        common.require(history)
        return history, model.to("cpu")

    history, vae = run(variational_autoencoder(sizes, seed=settings.seed), train)
    _, plain = run(dense_autoencoder(sizes, ReLU, Identity, seed=settings.seed), train)
    judge = Classifier(Sequential(Dense(784, 300), ReLU(), Dense(300, 10)), 10, seed=settings.seed)
    _, judge = run(judge, (train, labels))
    if settings.workers.rank:
        return None

    x = test / np.float32(255)
    a, b = pairs(test_labels, count, settings.seed)
    found = {
        "test digits themselves": x,
        "midpoint of pixels": (x[a] + x[b]) / 2,
        "midpoint of plain codes": plain.decode((plain.encode(x[a]) + plain.encode(x[b])) / 2),
        "midpoint of variational codes": vae.decode((vae.encode(x[a]) + vae.encode(x[b])) / 2),
        "drawn, plain codes, one Gaussian": plain.decode(gaussian_codes(plain.encode(train), count, settings.seed)),
        "drawn, plain codes, a mixture": mixture_samples(plain, train, count, settings),
        "drawn, variational codes": vae.sample(count, settings.seed),
    }
    found = {name: images for name, images in found.items() if images is not None}
    sure = {name: judge.predict_proba(images).max(axis=1) >= 0.9 for name, images in found.items()}
    shares = {name: 100 * float(yes.mean()) for name, yes in sure.items()}
    metrics = {name.replace(",", "").replace(" ", "_") + "_percent": share for name, share in shares.items()}
    metrics["judge_test_error_percent"] = 100 * judge.error_rate((test, test_labels))
    walk(settings.out / "interpolation.png", plain, vae, x, a[:shown], b[:shown])
    drawn = [(name.removeprefix("drawn, "), images[:64]) for name, images in found.items() if name.startswith("drawn")]
    figures.sheets(settings.out / "samples.png", drawn, "Digits drawn from nothing, by how codes are drawn")
    for name, model in (("plain", plain), ("variational", vae)):
        save(settings.out / f"{name}.npz", model)
    common.table(("what a classifier is sure of, p ≥ 0.9", "%"), [(k, f"{v:.1f}") for k, v in shares.items()])
    return common.finish(settings, metrics, history)


def pairs(labels, count, seed):
    """Indices of `count` pairs of images with different labels: two arrays."""
    a, b = np.random.default_rng(seed).integers(0, len(labels), (2, 2 * count))
    different = np.flatnonzero(labels[a] != labels[b])[:count]
    return a[different], b[different]


def gaussian_codes(codes, count, seed):
    """Codes from one Gaussian with the mean and covariance of `codes`."""
    factor = np.linalg.cholesky(np.cov(codes.T) + 1e-6 * np.eye(codes.shape[1]))
    noise = np.random.default_rng(seed).standard_normal((count, len(factor)))
    return (codes.mean(axis=0) + noise @ factor.T).astype(np.float32)


def mixture_samples(model, train, count, settings):
    """Samples by a mixture of Gaussians over the codes; None, with a sentence, without scikit-learn."""
    try:
        return CodeMixture(model, train, 10 if settings.quick else 50, settings.seed).sample(count, settings.seed)
    except ImportError as error:
        print(f"Left out: {error}")
        return None


def walk(path, plain, vae, x, a, b):
    """Draw the ways from x[a] to x[b], one below the other."""
    rows = []
    for start, end in zip(x[a], x[b], strict=True):
        rows.append(("pixels", latent.lerp(start, end, 11)))
        for name, model, way in (
            ("plain", plain, latent.lerp), ("variational", vae, latent.lerp), ("on an arc", vae, latent.slerp)
        ):  # fmt: skip
            rows.append((name, model.decode(way(*model.encode(np.stack([start, end])), 11))))
    figures.digit_rows(path, rows, "From one digit to another: mixing pixels, and walking through codes")


if __name__ == "__main__":
    main()
