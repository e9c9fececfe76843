"""Sparse codes: of many units, few shall speak about any one digit. Three ways to ask for it.

784-32-784 with an L1 penalty on ReLU codes, as in the Keras tutorial (blog.keras.io, 2016), and with a Kullback-Leibler
penalty on logistic codes (Ng's UFLDL notes), beside plain ReLU codes. Keras adds 10⁻⁴ Σ_j |h_j| to the
cross-entropy of a *pixel*, npae's is that of an image: λ = 784 · 10⁻⁴. (The tutorial says that its term is worth about
0.01; 10⁻⁴ · 32 units · its mean code 3.33 is 0.011: so its sum goes over the units, and its mean over the batch, as
here.) The mean code alone says little, since a decoder with larger weights makes any code smaller; so the share of
active units is counted too: those above a tenth of the unit's largest code.

784-1000-784, tied and linear but for TopK (Makhzani & Frey 2013): the k largest of 1,000 units speak, 3k in inference,
and a linear classifier reads the digit from them. (What looks like noise in the picture are units that are never among
the k: a quarter of all, on the embedded digits.)

784-200-200 with the KL penalty and weight decay, one layer at a time (UFLDL's exercise, though with cross-entropy), a
linear classifier on top, before and after fine-tuning.

    python -m demos.sparse              the embedded 10,000 digits
    python -m demos.sparse --full       all 60,000: the data of the published numbers
"""

from demos import common, figures
from npae import Autoencoder, fit, save
from npae.layers import Dense, ReLU, Sequential, Sigmoid, TiedDense, TopK
from npae.losses import SquaredError
from npae.models import Classifier, Stacked
from npae.optim import Adam, Cosine
from npae.penalties import L1, KLSparsity, WeightDecay

# Chosen on the last 5,000 training digits, with the first 10,000 learnt from: the rate under L1, of 2 and 8 · 10⁻³; λ
# of KL, of 3 and 30, for a mean activity near ρ; for TopK, 2k or 3k in inference, with its learning rates.
# λ of L1, ρ, k and the penalties of 784-200-200 are as published; other rates were not searched.
SPARSITY = {  # name: (activation, penalties, learning rate)
    "ReLU": (ReLU, [], 2e-3),
    "ReLU, L1": (ReLU, [L1(784e-4)], 2e-3),
    "logistic, KL": (Sigmoid, [KLSparsity(30.0, rho=0.1)], 8e-3),
}


def main(argv=None):
    """Train all of them, count, classify, draw, save. Worker 0 returns what metrics.json holds."""
    settings = common.parse("sparse", __doc__.split("\n")[0], epochs=50, quick_epochs=3, argv=argv)
    train, labels, test, test_labels = common.digits(settings)

    def run(model, data, learning_rate, epochs=settings.epochs):
        history = fit(model.to(settings.device), data, epochs=epochs, batch_size=32 if settings.quick else 256,
                      optimizer=Adam(learning_rate), schedule=Cosine(epochs, end=0.02), seed=settings.seed,
                      progress=settings.progress, workers=settings.workers)  # fmt: skip
        common.require(history)
        return model.to("cpu"), history

    def read(model):
        """A linear classifier on the model's codes, and its error on the test digits in percent."""
        linear = Classifier(Dense(model.encode(train[:1]).shape[1], 10), 10, settings.seed)
        run(linear, (model.encode(train), labels), 1e-2)
        return linear, 100 * linear.error_rate((model.encode(test), test_labels))

    metrics, rows = {}, []
    for name, (activation, penalties, learning_rate) in SPARSITY.items():
        print(f"784-32-784, {name}")
        model = Autoencoder(Sequential(Dense(784, 32), activation()), Dense(32, 784), None, settings.seed,
                            penalties=penalties)  # fmt: skip
        model, history = run(model, train, learning_rate)
        codes = model.encode(test)
        found = {
            "test_cross_entropy_nats_per_pixel": model.evaluate(test)["reconstruction"] / 784,
            "mean_code": float(codes.mean()),
            "active_percent": 100 * float((codes > 0.1 * codes.max(axis=0)).mean()),
        }
        metrics |= {f"{name.replace(', ', '_').lower()}_{key}": value for key, value in found.items()}
        published = {"ReLU": "mean code 7.30", "ReLU, L1": "0.10, mean code 3.33"}.get(name, "")
        rows.append((name, *(f"{v:.{d}f}" for v, d in zip(found.values(), (4, 2, 1), strict=True)), published))

    k, units = (25, 300) if settings.quick else (25, 1000)
    print(f"784-{units}-784, the {k} largest")
    there, choice = Dense(784, units), TopK(4 * k, alpha=3)
    model = Autoencoder(Sequential(there, choice), TiedDense(there), SquaredError(), settings.seed)
    for choice.k in (4 * k, 2 * k, k):  # every unit learns something before few are chosen
        run(model, train, 3e-3, -(-settings.epochs // 3))
    _, metrics["top_k_linear_classifier_test_error_percent"] = read(model)
    save(settings.out / "top-k.npz", model)

    print("784-200-200-10")
    stack = Stacked([784, 200, 200], penalties=lambda: [KLSparsity(3.0, rho=0.1), WeightDecay(3e-3)],
                    seed=settings.seed)  # fmt: skip
    for autoencoder, codes in stack.depths(train):
        run(autoencoder, codes, 3e-3)
    deep = stack.unroll()
    linear, metrics["stacked_before_fine_tuning_test_error_percent"] = read(deep)
    tuned, _ = run(Classifier(Sequential(*deep.encoder, linear.network), 10), (train, labels), 1e-3)
    metrics["stacked_after_fine_tuning_test_error_percent"] = 100 * tuned.error_rate((test, test_labels))

    if settings.workers.rank:
        return None
    panels = [("KL, 64 units of 200", stack.autoencoders[0].encoder[0].W.value.T[:64]),
              (f"the {k} largest speak, 64 of {units}", there.W.value.T[:64])]  # fmt: skip
    figures.filters(settings.out / "filters.png", panels, "What units of a sparse code look for")
    common.table(("784-32-784, test", "nats a pixel", "mean code", "active, %", "published (60,000 digits)"), rows)
    common.table(
        ("test digits misread, %", "npae", "published (60,000 digits)"),
        [
            (f"{k} of {units} units, linear classifier", _two(metrics, "top_k_linear_classifier"), "1.35 (1000 units)"),
            ("784-200-200, linear classifier", _two(metrics, "stacked_before_fine_tuning"), "12.3"),
            ("784-200-200-10, fine-tuned", _two(metrics, "stacked_after_fine_tuning"), "2.4"),
        ],
    )  # fmt: skip
    return common.finish(settings, metrics, history)


def _two(metrics, name):
    return f"{metrics[f'{name}_test_error_percent']:.2f}"


if __name__ == "__main__":
    main()
