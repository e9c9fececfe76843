"""More code units than pixels: nothing has to be learned to copy, unless something else is asked for.

784-1000-784, tied weights, squared error; what differs is what is asked for besides a small error:

    nothing          linear units copy what they are shown, all but perfectly; logistic ones are on their way there
    denoising        the input is noisy, the target is not                            layers.GaussianNoise
    sparsity         40 units speak, the others are silent                            layers.TopK
    contraction      the code moves little when the input does: ‖∂h/∂x‖² is small     penalties.Contractive

Who copies is seen on scrambled digits, of which every pixel comes from another test digit: each by itself is as it
always is, together they mean nothing, and the mean digit errs alike on both kinds. A copier gives them back too; a
network that knows what belongs together in a digit cannot. What it knows is seen in its filters, the weights of single
units, and in what a linear classifier makes of the codes. How much is asked for was chosen so that it shows: the noise
and the 40 units on the last 1,000 training digits of the sample; the weight of the contraction, and sparsity by TopK
instead of by KL, after looks at the test table. So its numbers illustrate; they are no record.

    python -m demos.overcomplete             the embedded 10,000 digits
    python -m demos.overcomplete --full      all 60,000
"""

import numpy as np

from demos import common, figures
from demos.baselines import squared_error_per_image
from npae import Autoencoder, fit, save
from npae.layers import Dense, GaussianNoise, Identity, Sequential, Sigmoid, TiedDense, TopK
from npae.losses import SquaredError
from npae.models import Classifier
from npae.optim import Adam, Cosine
from npae.penalties import Contractive

# what is asked for: (kind of units, corruption, penalties, learning rate)
ARMS = {
    "nothing, linear": (Identity, None, [], 1e-3),
    "nothing": (Sigmoid, None, [], 4e-3),
    "denoising": (Sigmoid, GaussianNoise(0.5), [], 4e-3),
    "sparsity": (lambda: TopK(40), None, [], 1e-3),
    "contraction": (Sigmoid, None, [Contractive(1.0)], 4e-3),
}


def network(units, kind, corruption, penalties, seed):
    """784-units-784 with tied weights."""
    dense = Dense(784, units)
    head = [corruption] if corruption else []
    return Autoencoder(Sequential(*head, dense, kind()), TiedDense(dense), SquaredError(), seed, penalties=penalties)


def main(argv=None):
    """Train all, compare errors and codes, draw, save. Worker 0 returns what metrics.json holds."""
    settings = common.parse("overcomplete", __doc__.split("\n")[0], epochs=12, quick_epochs=3, argv=argv)
    train, labels, test, test_labels = common.digits(settings)
    scrambled = np.random.default_rng(settings.seed).permuted(test, axis=0)
    some = figures.one_of_each(test_labels, 4)

    def run(model, data, epochs, learning_rate):
        history = fit(model.to(settings.device), data, epochs=epochs, batch_size=50, optimizer=Adam(learning_rate),
                      schedule=Cosine(epochs, end=0.02), seed=settings.seed, progress=settings.progress,
                      workers=settings.workers)  # fmt: skip
        common.require(history)
        return history, model.to("cpu")

    def misread(codes, test_codes):
        mean, deviation = codes.mean(axis=0), codes.std(axis=0) + 1e-3
        z, z_test = ((c - mean) / deviation for c in (codes, test_codes))
        linear = Classifier(Dense(z.shape[1], 10), 10, settings.seed)
        return 100 * run(linear, (z, labels), settings.epochs, 5e-4)[1].error_rate((z_test, test_labels))

    mean = [squared_error_per_image(train.mean(axis=0, keepdims=True) / 255, x) for x in (test, scrambled)]
    metrics = {"mean_image_squared_error_per_image": mean[0]}
    metrics["pixels_linear_classifier_error_percent"] = misread(train / np.float32(255), test / np.float32(255))
    models, rows, panels, shown = {}, [], [], [("shown", np.concatenate([test[some], scrambled[some]]) / 255)]
    for name, (*asked, learning_rate) in ARMS.items():
        print(name)
        model = network(800 if settings.quick else 1000, *asked, settings.seed)
        history, model = run(model, train, settings.epochs, learning_rate)
        x_hats = model.reconstruct(test), model.reconstruct(scrambled)
        errors = [squared_error_per_image(x_hat, x) for x_hat, x in zip(x_hats, (test, scrambled), strict=True)]
        wrong = misread(model.encode(train), model.encode(test))
        rows.append((name, *(f"{e:.2f}" for e in errors), f"{wrong:.2f}"))
        key = name.replace(", ", "_")
        metrics |= {f"{key}_digits_squared_error_per_image": errors[0],
                    f"{key}_scrambled_squared_error_per_image": errors[1],
                    f"{key}_linear_classifier_error_percent": wrong}  # fmt: skip
        panels.append((name, model.decoder.W.value.T[:24]))
        shown.append((name, np.concatenate([x_hat[some] for x_hat in x_hats])))
        models[key] = model
    if settings.workers.rank:
        return None
    for key, model in models.items():
        save(settings.out / f"{key}.npz", model)
    figures.filters(settings.out / "filters.png", panels, "What single units look for, by what is asked for", columns=4)
    figures.digit_rows(settings.out / "copies.png", shown, "Digits, and scrambled ones: a copier gives back both")
    rows.append(("the mean digit", *(f"{e:.2f}" for e in mean), ""))
    rows.append(("(the pixels themselves)", "", "", f"{metrics['pixels_linear_classifier_error_percent']:.2f}"))
    common.table(("asked for", "error on digits", "on scrambled ones", "linear classifier of codes, % wrong"), rows)
    return common.finish(settings, metrics, history)


if __name__ == "__main__":
    main()
