"""Overcomplete autoencoders.

784-1000-784: with more code units than pixels, only regularisation prevents copying.

    h = φ(x W + b)        x̂ = h Wᵀ + c        J = ½ ‖x̂ − x‖² + a regulariser

    none            φ linear or logistic
    denoising       Gaussian noise on the input                        layers.GaussianNoise
    sparsity        the 40 largest activations                         layers.TopK
    contraction     ‖∂h/∂x‖²_F as a penalty                            penalties.Contractive

A network that copies also reconstructs scrambled images, in which every pixel comes from another test digit; a network
that has learned the structure of digits does not. A linear classifier measures how useful the codes are.

    python -m demos.overcomplete             the embedded 10,000 digits
    python -m demos.overcomplete --full      all 60,000

Expected without --full, ‖x − x̂‖² per scrambled image: 0.2 (linear), 14.2 (logistic), 35.6 (denoising), 40.6
(sparsity), 45.5 (contraction); 50.4 (mean image). 2 minutes. The strengths were partly chosen on test digits: the demo
illustrates and is no benchmark.
Pictures: filters.png, copies.png.
"""

import numpy as np

from demos import common, figures, results
from demos.baselines import squared_error_per_image
from npae import Autoencoder
from npae.layers import Dense, GaussianNoise, Sequential, TiedDense, TopK
from npae.losses import SquaredError
from npae.models import Classifier
from npae.optim import Adam, Cosine
from npae.penalties import Contractive

NETWORKS = {  # name of the metrics: (label, learning rate, settings of the network)
    "nothing, linear": ("none, linear", 1e-3, {}),
    "nothing": ("none, logistic", 4e-3, {"activation": "sigmoid"}),
    "denoising": ("denoising", 4e-3, {"activation": "sigmoid", "before": [GaussianNoise(0.5)]}),
    "sparsity": ("sparsity", 1e-3, {"after": [TopK(40)]}),
    "contraction": ("contraction", 4e-3, {"activation": "sigmoid", "penalties": [Contractive(1.0)]}),
}
COLUMNS = {
    "digits_squared_error_per_image": ("‖x − x̂‖² per digit", ".2f"),
    "scrambled_squared_error_per_image": ("per scrambled image", ".2f"),
    "linear_classifier_error_percent": ("linear classifier on the codes: error, %", ".2f"),
}


def network(units, seed, activation=None, before=(), after=(), penalties=()):
    """784-units-784 with tied weights, and layers before and after the first one."""
    dense = Dense(784, units, activation)
    encoder = Sequential(*before, dense, *after)
    return Autoencoder(encoder, TiedDense(dense), SquaredError(), seed, penalties=penalties)


@common.demo("overcomplete", __doc__, epochs=12, quick_epochs=3)
def main(settings):
    """Train all networks, compare errors and codes."""
    train, labels, test, test_labels = common.digits(settings)
    scrambled = np.random.default_rng(settings.seed).permuted(test, axis=0)

    def recipe(learning_rate):
        return {"batch_size": 50, "optimizer": Adam(learning_rate), "schedule": Cosine(settings.epochs, end=0.02)}

    def classifier_error(codes, test_codes):
        mean, deviation = codes.mean(axis=0), codes.std(axis=0) + 1e-3
        codes, test_codes = (codes - mean) / deviation, (test_codes - mean) / deviation
        linear = Classifier(Dense(codes.shape[1], 10), 10, settings.seed)
        common.train(settings, linear, (codes, labels), **recipe(5e-4))
        return 100 * linear.error_rate((test_codes, test_labels))

    units, networks = 800 if settings.quick else 1000, {}
    for name, (_, learning_rate, parts) in NETWORKS.items():
        networks[name] = network(units, settings.seed, **parts), recipe(learning_rate)
    table, panels = settings.table("regulariser", COLUMNS, published=None), []
    some = figures.one_of_each(test_labels, 4)
    rows = [("input", np.concatenate([test[some], scrambled[some]]) / 255)]
    for name, model, _ in common.compare(settings, networks, train):
        x_hat, scrambled_hat = model.reconstruct(test), model.reconstruct(scrambled)
        table.add(NETWORKS[name][0], {
            "digits_squared_error_per_image": squared_error_per_image(x_hat, test),
            "scrambled_squared_error_per_image": squared_error_per_image(scrambled_hat, scrambled),
        }, prefix=results.key(name))  # fmt: skip
        error = classifier_error(model.encode(train), model.encode(test))
        table.add(NETWORKS[name][0], {"linear_classifier_error_percent": error}, prefix=results.key(name))
        panels.append((NETWORKS[name][0], model.decoder.W.value.T[:24]))
        rows.append((NETWORKS[name][0], np.concatenate([x_hat[some], scrambled_hat[some]])))

    pixels = classifier_error(train / np.float32(255), test / np.float32(255))
    mean, mean_scrambled = (squared_error_per_image(train.mean(axis=0) / 255, x) for x in (test, scrambled))
    table.row("mean image", f"{mean:.2f}", f"{mean_scrambled:.2f}")
    table.row("pixels in place of codes", "", "", f"{pixels:.2f}")
    settings.metrics |= {"mean_image_squared_error_per_image": mean, "pixels_linear_classifier_error_percent": pixels}
    figures.filters(settings.out / "filters.png", panels, "Weights of 24 hidden units, by regulariser", columns=4)
    figures.digit_rows(settings.out / "copies.png", rows, "Reconstructions of digits and of scrambled images")


if __name__ == "__main__":
    main()
