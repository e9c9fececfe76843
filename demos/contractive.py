"""Contractive autoencoders.

784-1000-784, with codes that are insensitive to small changes of the input.

    h = sigmoid(x W + b)        x̂ = sigmoid(h Wᵀ + c)        J = binary cross-entropy of x̂ and x + λ ‖∂h/∂x‖²_F

λ = 0, 3 and 10; the network of Rifai et al. 2011. Measured on test digits: the norm of the Jacobian ∂h/∂x, the share of
saturated code units (below 0.05 or above 0.95), and the error of a classifier, linear on the codes and then fine-tuned.
The convention behind the published norms is not stated: compare the ratios.

    python -m demos.contractive                        the embedded 10,000 digits
    python -m demos.contractive --full --epochs 12     all 60,000

Expected with --full --epochs 12: ratio of the Jacobian norms to λ = 0: 0.163 (λ = 3) and 0.088 (λ = 10), published
0.042; errors after fine-tuning: 2.06, 1.43 and 1.71 %, published 1.78 % (λ = 0) and 1.14 %. 7 minutes.
Picture: filters.png.
"""

import numpy as np

from demos import common, figures
from npae import Autoencoder
from npae.evaluate import jacobian_norm
from npae.layers import Dense, Sequential, TiedDense
from npae.models import Classifier
from npae.optim import Adam, Cosine
from npae.penalties import Contractive

STRENGTHS = {"plain": 0.0, "contractive": 3.0, "strongly": 10.0}  # name of the metrics: λ
COLUMNS = {
    "jacobian_norm": ("‖∂h/∂x‖_F", ".4f"),
    "jacobian_norm_ratio": ("ratio to λ = 0", ".3f"),
    "saturated_percent": ("saturated, %", ".1f"),
    "test_cross_entropy_nats_per_pixel": ("nats per pixel", ".4f"),
    "linear_classifier_test_error_percent": ("error, %: linear", ".2f"),
    "fine_tuned_test_error_percent": ("fine-tuned", ".2f"),
}


def network(units, strength, seed):
    """784-units-784, logistic, tied weights."""
    dense = Dense(784, units, "sigmoid")
    return Autoencoder(dense, TiedDense(dense), seed=seed, penalties=[Contractive(strength)] if strength else [])


@common.demo("contractive", __doc__, epochs=30, quick_epochs=5, compared_epochs=12)
def main(settings):
    """Train three autoencoders and classifiers on their codes."""
    train, labels, test, test_labels = common.digits(settings)
    units, some = 100 if settings.quick else 1000, figures.one_of_each(test_labels, 100)

    def recipe(learning_rate):
        return {"batch_size": 32 if settings.quick else 128, "optimizer": Adam(learning_rate),
                "schedule": Cosine(settings.epochs, end=0.02)}  # fmt: skip

    networks = {name: (network(units, strength, settings.seed), recipe(1e-2 if settings.quick else 3e-3))
                for name, strength in STRENGTHS.items()}  # fmt: skip
    table, panels = settings.table("test digits", COLUMNS, published=None), []
    for name, model, _ in common.compare(settings, networks, train):
        panels.append((f"λ = {STRENGTHS[name]:g}", model.encoder.W.value.T[:64].copy()))
        codes, norm = model.encode(test), jacobian_norm(model, test[some] / np.float32(255))
        label, measures = f"λ = {STRENGTHS[name]:g}", {
            "jacobian_norm": norm,
            "saturated_percent": 100 * float(((codes < 0.05) | (codes > 0.95)).mean()),
            "test_cross_entropy_nats_per_pixel": model.evaluate(test)["reconstruction"] / 784,
        }  # fmt: skip
        if name != "plain":
            measures["jacobian_norm_ratio"] = norm / table.metrics["plain_jacobian_norm"]
        table.add(label, measures, prefix=name)
        linear = Classifier(Dense(units, 10), 10, settings.seed)
        common.train(settings, linear, (model.encode(train), labels), **recipe(3e-3))
        error = 100 * linear.error_rate((codes, test_labels))
        table.add(label, {"linear_classifier_test_error_percent": error}, prefix=name)
        tuned = Classifier(Sequential(model.encoder, linear.network), 10)
        common.train(settings, tuned, (train, labels), **recipe(1e-3))
        error = 100 * tuned.error_rate((test, test_labels))
        table.add(label, {"fine_tuned_test_error_percent": error}, prefix=name)
    table.cite("published (60,000 digits), λ = 0", "17.5e-4", "", "49.90", "", "", "1.78")
    table.cite("published (60,000 digits), contractive", "0.73e-4", "0.042", "86.36", "", "", "1.14")
    figures.filters(settings.out / "filters.png", panels, "Weights of 64 hidden units of contractive autoencoders")


if __name__ == "__main__":
    main()
