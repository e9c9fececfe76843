"""Sparse autoencoders.

L1 and Kullback-Leibler penalties, the k largest activations, and a stack of sparse layers.

    L1          784-32-784, ReLU codes        J = binary cross-entropy + λ Σ_j |h_j|, λ = 784 · 10⁻⁴
    KL          784-32-784, logistic codes    J = binary cross-entropy + λ Σ_j KL(ρ ‖ ρ̂_j), ρ̂_j the mean of h_j
    top-k       784-1000-784, linear          x̂ = (the k largest of (x − c) Wᵀ + b) Ŵ + c; 4k of them at inference
    stacked     784-200-200-10, logistic      KL penalty and weight decay, pretrained layer by layer, then fine-tuned

The networks of "Building autoencoders in Keras" (2016; its 10⁻⁴ is the penalty per pixel), of Makhzani & Frey 2013, and
of Ng's UFLDL exercise, with cross-entropy. A code unit counts as active above a tenth of its largest value.

    python -m demos.sparse              the embedded 10,000 digits
    python -m demos.sparse --full       all 60,000
    python -m demos.sparse --full --only top-k      one part

Expected with --full: L1 0.0924 nats per pixel at a mean code of 1.76 (published 0.10, 3.33); error of a linear
classifier on 1000 top-k units 2.03 % (1.35 %); stacked 2.45 % linear, 1.40 % fine-tuned (12.3 %, 2.4 %). 13 minutes.
Picture: filters.png.
"""

import numpy as np

from demos import common, figures
from npae import Autoencoder, SparseAutoencoder, save
from npae.layers import Dense, Sequential, TopK
from npae.models import Classifier, Stacked
from npae.optim import Adam, AdamW, Cosine
from npae.penalties import L1, KLSparsity, WeightDecay

PENALTIES = {  # name: (activation of the code, penalties, learning rate, published)
    "ReLU": ("relu", [], 2e-3, "mean code 7.30"),
    "ReLU, L1": ("relu", [L1(784e-4)], 2e-3, "0.10 nats, mean code 3.33"),
    "logistic, KL": ("sigmoid", [KLSparsity(30.0, rho=0.1)], 8e-3, ""),
}
COLUMNS = {
    "test_cross_entropy_nats_per_pixel": ("nats per pixel", ".4f"),
    "mean_code": ("mean code", ".2f"),
    "active_percent": ("active units, %", ".1f"),
}


PARTS = ("penalties", "top-k", "stacked")


@common.demo("sparse", __doc__, epochs=50, quick_epochs=3,
             own={"only": {"choices": PARTS, "help": "one part of the demo"}})  # fmt: skip
def main(settings):
    """Train all networks, count active units, classify codes."""
    data, (penalties, one, two) = common.digits(settings), (settings.own.only in (None, part) for part in PARTS)
    if penalties:
        penalised(settings, data, settings.table("784-32-784, test digits", COLUMNS))
    if one or two:
        errors = settings.table("test digits", {"test_error_percent": ("error, %", ".2f")})
        panels = [part(settings, data, errors) for part, on in ((top_k, one), (stacked, two)) if on]
        figures.filters(settings.out / "filters.png", panels, "Weights of hidden units of sparse autoencoders")


def recipe(settings, learning_rate, epochs=None):
    """Adam; its rate falls along a cosine."""
    epochs = epochs or settings.epochs
    return {"epochs": epochs, "batch_size": 32 if settings.quick else 256, "optimizer": Adam(learning_rate),
            "schedule": Cosine(epochs, end=0.02)}  # fmt: skip


def penalised(settings, data, table):
    """784-32-784 with each penalty."""
    train, _, test, _ = data
    networks = {}
    for name, (activation, penalties, learning_rate, _) in PENALTIES.items():
        model = Autoencoder(Dense(784, 32, activation), Dense(32, 784), seed=settings.seed, penalties=penalties)
        networks[name] = model, recipe(settings, learning_rate)
    for name, model, _ in common.compare(settings, networks, train):
        codes = model.encode(test)
        table.add(name, {
            "test_cross_entropy_nats_per_pixel": model.evaluate(test)["reconstruction"] / 784,
            "mean_code": float(codes.mean()),
            "active_percent": 100 * float((codes > 0.1 * codes.max(axis=0)).mean()),
        }, PENALTIES[name][-1])  # fmt: skip


def top_k(settings, data, errors):
    """784-1000-784 with the k largest activations, and a classifier on its codes. Returns a panel of weights."""
    k, units, train = 25, 300 if settings.quick else 1000, data[0]
    model = SparseAutoencoder(784, units, TopK(k, alpha=4), aux_k=100, dead_after=len(train) // 3, seed=settings.seed)
    model.first.W.value *= 0.3  # small codes at first: more units stay alive than with W = Ŵ
    model.center([train[:10_000] / np.float32(255)])
    few = recipe(settings, 2e-3, epochs=max(3, settings.epochs // 6))
    common.train(settings, model, train, name=f"784-{units}-784, k = {k}", **few)
    save(settings.out / "top_k.npz", model)
    scale = model.encode(train[:10_000]).std(axis=0) + np.float32(1e-3)
    epochs = max(3, settings.epochs // 4)
    decaying = {"optimizer": AdamW(3e-3, weight_decay=0.5), "epochs": epochs, "schedule": Cosine(epochs, end=0.02)}
    _, error = classify(settings, lambda x: model.encode(x) / scale, data, **decaying)
    errors.add(f"top {k} of {units} units, linear classifier", {"test_error_percent": error}, "1.35 (1000 units)",
               "top_k_linear_classifier")  # fmt: skip
    return f"top {k}, 64 of {units} units", model.decoder.directions[:64]


def stacked(settings, data, errors):
    """784-200-200 pretrained layer by layer, and classifiers. Returns a panel of weights."""
    train, labels, test, test_labels = data
    stack = Stacked([784, 200, 200], penalties=lambda: [KLSparsity(3.0, rho=0.1), WeightDecay(3e-3)],
                    seed=settings.seed)  # fmt: skip
    for k, (autoencoder, codes) in enumerate(stack.stages(train)):
        common.train(settings, autoencoder, codes, name=f"784-200-200, layer {k + 1}", **recipe(settings, 3e-3))
    unrolled = stack.unroll()
    linear, error = classify(settings, unrolled.encode, data)
    errors.add("784-200-200, linear classifier", {"test_error_percent": error}, "12.3", "stacked_before_fine_tuning")
    name, tuned = "784-200-200-10, fine-tuned", Classifier(Sequential(*unrolled.encoder, linear.network), 10)
    common.train(settings, tuned, (train, labels), name=name, **recipe(settings, 1e-3))
    error = 100 * tuned.error_rate((test, test_labels))
    errors.add(name, {"test_error_percent": error}, "2.4", "stacked_after_fine_tuning")
    return "KL penalty, 64 of 200 units", stack.autoencoders[0].encoder[-1].W.value.T[:64]


def classify(settings, encode, data, **options):
    """(a linear classifier on codes, its error on test digits in percent). options: replace those of recipe()."""
    train, labels, test, test_labels = data
    codes = encode(train)
    linear = Classifier(Dense(codes.shape[1], 10), 10, settings.seed)
    common.train(settings, linear, (codes, labels), **recipe(settings, 1e-2) | options)
    return linear, 100 * linear.error_rate((encode(test), test_labels))


if __name__ == "__main__":
    main()
