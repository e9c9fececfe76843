"""Contraction: a code that hardly answers to small changes of a digit, and yet tells it from the others.

784-1000-784, logistic units, tied weights, cross-entropy, as in Rifai et al. 2011: plain, and with λ‖∂h/∂x‖²_F added
to J, once a little of it and once more. How much a code answers is measured by the Jacobian ‖∂h/∂x‖_F of test digits,
how sharply its units decide by their saturation: the share of codes below 0.05 or above 0.95. A contractive unit is
flat nearly everywhere and steep only where the data need it. The codes are put to use by a classifier: linear on top of
them, and then all fine-tuned.

The size of the published Jacobians depends on conventions that the paper does not spell out; so compare ratios.

    python -m demos.contractive         the embedded 10,000 digits
    python -m demos.contractive --full  all 60,000: the data of the published numbers
"""

import numpy as np

from demos import common, figures
from npae import Autoencoder, fit, save
from npae.evaluate import jacobian_norm
from npae.layers import Dense, Sequential, Sigmoid, TiedDense
from npae.models import Classifier
from npae.optim import Adam, Cosine
from npae.penalties import Contractive

# λ was tried at 3, 10 and 30 on the last 5,000 training digits, the first 10,000 learnt from: 3 gave the least error,
# 10 a flatter code that reconstructs less, 30 one that forgot the digits. The learning rates were not searched.
ARMS = {  # name: (penalties, published Jacobian, saturation in percent, test error in percent after fine-tuning)
    "plain": ([], "17.5e-4", "49.90", "1.78"),
    "contractive": ([Contractive(3.0)], "0.73e-4", "86.36", "1.14"),
    "strongly": ([Contractive(10.0)], "", "", ""),
}


def main(argv=None):
    """Train all three, measure, classify, draw, save. Worker 0 returns what metrics.json holds."""
    settings = common.parse("contractive", __doc__.split("\n")[0], epochs=30, quick_epochs=5, argv=argv)
    train, labels, test, test_labels = common.digits(settings)
    units = 100 if settings.quick else 1000

    def run(model, data, learning_rate, epochs=settings.epochs):
        history = fit(model.to(settings.device), data, epochs=epochs, batch_size=32 if settings.quick else 128,
                      optimizer=Adam(learning_rate), schedule=Cosine(epochs, end=0.02), seed=settings.seed,
                      progress=settings.progress, workers=settings.workers)  # fmt: skip
        common.require(history)
        return history

    def misread(classifier, x):
        return 100 * classifier.to("cpu").error_rate((x, test_labels))

    metrics, rows, panels = {}, [], []
    for name, (penalties, *published) in ARMS.items():
        print(f"784-{units}-784, {name}")
        there = Dense(784, units)
        model = Autoencoder(Sequential(there, Sigmoid()), TiedDense(there), None, settings.seed, penalties=penalties)
        history = run(model, train, 1e-2 if settings.quick else 3e-3)
        model.to("cpu")
        codes = model.encode(test)
        some = figures.one_of_each(test_labels, 100)
        found = {
            "jacobian_norm": jacobian_norm(model, test[some] / np.float32(255)),
            "saturated_percent": 100 * float(((codes < 0.05) | (codes > 0.95)).mean()),
            "test_cross_entropy_nats_per_pixel": model.evaluate(test)["reconstruction"] / 784,
        }
        panels.append((name, there.W.value.T[:64].copy()))
        save(settings.out / f"{name}.npz", model)
        print("a classifier on its codes, linear, then fine-tuned")
        linear = Classifier(Dense(units, 10), 10, settings.seed)
        run(linear, (model.encode(train), labels), 3e-3)
        found["linear_classifier_test_error_percent"] = misread(linear, codes)
        tuned = Classifier(Sequential(*model.encoder, linear.network), 10)
        run(tuned, (train, labels), 1e-3)
        found["fine_tuned_test_error_percent"] = misread(tuned, test)
        metrics |= {f"{name}_{key}": value for key, value in found.items()}
        rows.append((name, *(f"{v:.{d}f}" for v, d in zip(found.values(), (4, 1, 4, 2, 2), strict=True))))
        if any(published):
            rows.append(("  published, 60,000 digits", published[0], published[1], "", "", published[2]))
    if settings.workers.rank:
        return None
    figures.filters(settings.out / "filters.png", panels, "What logistic units look for")
    for name in list(ARMS)[1:]:
        ratio = metrics[f"{name}_jacobian_norm"] / metrics["plain_jacobian_norm"]
        metrics[f"{name}_jacobian_norm_ratio"] = ratio
        rows.append((f"{name} / plain", f"{ratio:.3f}", "", "", "", ""))
    rows.append(("  published", "0.042", "", "", "", ""))
    common.table(("test digits", "‖∂h/∂x‖", "saturated, %", "nats a pixel", "misread, %: linear", "fine-tuned"), rows)
    return common.finish(settings, metrics, history)


if __name__ == "__main__":
    main()
