"""Semi-supervised learning from 100 labels.

An adversarial autoencoder learns classes from 100 labels and all unlabelled digits.

    f(x̃) = (ŷ, h)        x̂ = g(ŷ, h)        ŷ: a softmax over the ten classes, h: a style of ten numbers

784-1000-1000-(10 + 10) and back, ReLU, a fifth of the pixels masked at the input, binary cross-entropy; two
discriminators 1000-1000 pull ŷ towards one-hot vectors and h towards a Gaussian; labelled digits add a cross-entropy
loss. The network of Makhzani et al. 2015. The baseline is the same encoder, trained on the labelled digits alone.

    python -m demos.semi_supervised                   the embedded 10,000 digits
    python -m demos.semi_supervised --full            all 60,000
    python -m demos.semi_supervised --labels 1000     the number of labels (default 100)

Expected: test error 14.25 %, baseline 25.85 %, 7 minutes; with --full 5.93 %, baseline 22.31 % (published: 1.90 %), an
hour on one core.
Picture: styles.png.
"""

import numpy as np

from demos import common, figures
from npae import Autoencoder, Classifier, SemiSupervisedAutoencoder, dense_autoencoder, save
from npae.data import hide_labels, oversample_labelled
from npae.layers import Dense, GaussianNoise, LeakyReLU, MaskingNoise, Sequential, SoftmaxHead
from npae.models import GaussianPrior
from npae.optim import Adam, Cosine

OPTIONS = {"labels": {"type": int, "default": 100, "help": "the number of labelled digits (default 100)"}}
PUBLISHED = {100: "1.90 ± 0.10", 1000: "1.60 ± 0.08"}  # Makhzani et al. 2015, table 2: test error in percent


def critic(n, width, noise=0.0):
    """A discriminator of n numbers, to which Gaussian noise of this standard deviation is added in training."""
    leaky = LeakyReLU(0.2)
    layers = Dense(n, width, leaky), Dense(width, width, leaky), Dense(width, 1)
    return Sequential(GaussianNoise(noise), *layers) if noise else Sequential(*layers)


def network(seed=0, width=1000, style=10):
    """The semi-supervised autoencoder of these sizes, for digits as rows."""
    dense = dense_autoencoder([784, width, width, 10 + style], "relu", "linear", seed=None)
    autoencoder = Autoencoder(Sequential(MaskingNoise(0.2), *dense.encoder, SoftmaxHead(10)), dense.decoder, seed=None)
    return SemiSupervisedAutoencoder(autoencoder, critic(10, width), critic(style, width), GaussianPrior(style), seed)


def baseline(seed=0, width=1000):
    """The same encoder as a classifier."""
    layers = Dense(784, width, "relu"), Dense(width, width, "relu"), Dense(width, 10)
    return Classifier(Sequential(MaskingNoise(0.2), *layers), 10, seed)


@common.demo("semi_supervised", __doc__, epochs=20, quick_epochs=3, own=OPTIONS)
def main(settings):
    """Train both networks, count errors."""
    x, y, test, test_y = common.digits(settings)
    n, width = settings.own.labels, 100 if settings.quick else 1000
    if not 10 <= n <= len(y):
        raise SystemExit(f"--labels: expected 10 to {len(y)} of these digits, got {n}.")
    few = hide_labels(y, n, settings.seed)

    def train(name, model, data, epochs, optimizer, **recipe):
        return common.train(settings, model, data, name=name, epochs=epochs, optimizer=optimizer,
                            batch_size=min(n, 25 if settings.quick else 50), schedule=Cosine(epochs, end=0.02),
                            **recipe)  # fmt: skip

    supervised, model = baseline(settings.seed, width), network(settings.seed, width)
    epochs = max(1, (5_000 if settings.quick else 50_000) // n)  # 1,000 steps of 50 digits
    train("labelled digits only", supervised, (x[few >= 0], y[few >= 0]), epochs, Adam(1e-3), progress="none")
    table = settings.table(f"{n} labels, test digits", {"test_error_percent": ("error, %", ".2f")})
    table.add("labelled digits only", {"test_error_percent": 100 * supervised.error_rate((test, test_y))},
              prefix="supervised")  # fmt: skip
    settings.metrics["labels"] = n

    game = Adam(5e-4, beta1=0.5)
    rates = {phase.name: game for phase in model.phases} | {"reconstruction": Adam(1e-3), "supervised": Adam(1e-3)}
    history = train("all digits", model, oversample_labelled(x, few, 0.2), settings.epochs, rates)
    save(settings.out / "semi_supervised.npz", model)
    history.to_csv(settings.out / "history.csv")
    table.add("all digits", {"test_error_percent": 100 * model.error_rate((test, test_y))}, PUBLISHED.get(n, ""),
              prefix="semi_supervised")  # fmt: skip
    images = test[figures.one_of_each(test_y)]
    rows = [("", np.concatenate([image[None] / 255, model.decode(np.arange(10), np.tile(style, (10, 1)))]))
            for image, style in zip(images, model.encode(images)[1], strict=True)]  # fmt: skip
    title = "A test digit (left), and the ten classes decoded in its style"
    figures.digit_rows(settings.out / "styles.png", rows, title)


if __name__ == "__main__":
    main()
