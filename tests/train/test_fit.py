"""fit, the front door: what goes by keyword, targets, fractions, names, and what is refused with which cure."""

from types import SimpleNamespace

import numpy as np
import pytest

from npae import Classifier, convolutional_autoencoder, dense_autoencoder, fit, gradcheck, layers, losses, optim
from npae.data.sources import as_pairs
from npae.layers import BatchNorm, Dense, Dropout, Sequential, Tanh
from npae.penalties import L1
from npae.train import EarlyStopping, prepare

RNG = np.random.default_rng(0)
CLEAN = RNG.random((60, 8), np.float32)
NOISY = CLEAN + RNG.normal(0, 0.3, CLEAN.shape).astype(np.float32)


def train(model, x, **settings):
    return fit(model, x, **({"epochs": 3, "batch_size": 16, "progress": "none"} | settings))


# ---------------------------------------------------------------------- targets


def test_the_reconstruction_is_compared_with_the_target():
    model = dense_autoencoder([8, 4], loss="mse", dtype=np.float64)
    batch = NOISY[:6].astype(float), CLEAN[:6].astype(float)
    value = float(model.backpropagate(batch)["reconstruction"])
    assert value == pytest.approx(0.5 * ((model(batch[0]) - batch[1]) ** 2).sum() / 6, rel=1e-12)
    assert gradcheck.check_model(model, batch) < 1e-6


def test_training_on_noisy_samples_with_clean_targets_cleans():
    direction = RNG.normal(size=(1, 8))
    clean = (RNG.normal(size=(2000, 1)) @ direction).astype(np.float32)
    noisy = clean + RNG.normal(0, 0.5, clean.shape).astype(np.float32)
    model, copier = dense_autoencoder([8, 4], loss="mse"), dense_autoencoder([8, 4], loss="mse")
    settings = {"epochs": 60, "optimizer": optim.Adam(0.01)}
    train(model, noisy, target=clean, **settings)
    train(copier, noisy, **settings)
    error, copied = (((m.reconstruct(noisy) - clean) ** 2).sum(axis=1).mean() for m in (model, copier))
    assert error < 0.5 * copied and error < 0.6 * ((noisy - clean) ** 2).sum(axis=1).mean()


@pytest.mark.parametrize("kind", ["rows of floats", "uint8 rows", "uint8 images", "float target of uint8"])
def test_targets_in_any_form(kind):
    x = RNG.integers(0, 256, (40, 1, 8, 8), dtype=np.uint8)
    target = x[:, :, ::-1].copy()
    if kind != "uint8 images":
        x, target = x.reshape(40, -1), target.reshape(40, -1)
    if kind == "rows of floats":
        x, target = x / np.float32(255), target / np.float32(255)
    if kind == "float target of uint8":
        target = target / np.float32(255)
    model = convolutional_autoencoder([2], (1, 8, 8)) if x.ndim == 4 else dense_autoencoder([64, 4])
    plain = convolutional_autoencoder([2], (1, 8, 8)) if x.ndim == 4 else dense_autoencoder([64, 4])
    history = train(model, x, target=target, validation=(x[:9], target[:9]))
    train(plain, x)
    assert (model.theta.value != plain.theta.value).any()
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(as_pairs(x[:9], target[:9]))["reconstruction"])


def test_a_target_that_is_the_data_changes_nothing():
    a, b = dense_autoencoder([8, 4], loss="mse"), dense_autoencoder([8, 4], loss="mse")
    train(a, NOISY, validation=0.2)
    train(b, NOISY, target=NOISY.copy(), validation=0.2)
    np.testing.assert_array_equal(a.theta.value, b.theta.value)


# ---------------------------------------------------------------------- names


def test_names_classes_and_instances_are_the_same():
    thetas = []
    for optimizer, schedule, loss, activation in (
        ("adam", "cosine", "mse", "tanh"), (optim.Adam, optim.Cosine, losses.SquaredError, Tanh),
        (optim.Adam(), optim.Cosine(3), losses.SquaredError(), Tanh()),
    ):  # fmt: skip
        model = dense_autoencoder([8, 6, 2], activation, loss=loss)
        train(model, CLEAN, optimizer=optimizer, schedule=schedule)
        thetas.append(model.theta.value)
    np.testing.assert_array_equal(thetas[0], thetas[1])
    np.testing.assert_array_equal(thetas[0], thetas[2])


def test_cosine_by_name_falls_to_zero_over_all_epochs():
    trainer = prepare(dense_autoencoder([8, 4]), CLEAN, schedule="cosine", epochs=7, progress="none")
    assert trainer.schedule.config() == {"epochs": 7, "end": 0.0}


def test_every_phase_has_the_optimizer_that_is_named():
    phases = [SimpleNamespace(name=name) for name in "ab"]
    assert [type(o) for o in optim.for_phases("sgd", phases, optim.Constant()).parts] == [optim.SGD, optim.SGD]


# ---------------------------------------------------------------------- the dense builder


def test_the_code_is_linear():
    for loss in (None, "bce", "mse"):
        assert isinstance(dense_autoencoder([8, 4, 2], loss=loss).encoder[-1].activation, layers.Identity)
    assert isinstance(dense_autoencoder([8, 4, 2], code_activation="relu").encoder[-1].activation, layers.ReLU)


def test_dropout_batch_norm_and_penalties_in_the_dense_builder():
    model = dense_autoencoder([8, 6, 4, 2], dropout=0.2, batch_norm=True, penalties=[L1(0.1)])
    kinds = [type(layer) for layer in model.encoder]
    assert kinds == [Dense, BatchNorm, layers.ReLU, Dropout, Dense, BatchNorm, layers.ReLU, Dropout, Dense]
    assert [type(layer) for layer in model.decoder] == kinds
    assert set(train(model, CLEAN).columns) >= {"reconstruction", "l1"}
    plain = dense_autoencoder([8, 6, 2], dropout=0.5)
    assert [type(layer) for layer in plain.encoder] == [Dense, Dropout, Dense]
    with pytest.raises(ValueError, match="expected no dropout and batch_norm with tied=True"):
        dense_autoencoder([8, 2], tied=True, dropout=0.5)


def test_summary_says_what_was_chosen():
    text = dense_autoencoder([8, 4, 2], loss="mse", penalties=[L1(0.1)]).summary()
    assert "Dense(8 -> 4, ReLU())" in text and "Dense(4 -> 2)" in text
    assert "loss SquaredError()" in text and "L1(strength=0.1)" in text


# ---------------------------------------------------------------------- what is refused


def test_a_second_array_is_refused_with_both_cures():
    with pytest.raises(TypeError, match=r"fit\(model, noisy, target=clean\).*fit\(model, x, validation=x_val\)"):
        fit(dense_autoencoder([8, 4]), NOISY, CLEAN, epochs=1)


@pytest.mark.parametrize("settings, error, words", [
    ({"learning_rate": 0.1}, TypeError, r"unexpected argument 'learning_rate'. Write optimizer=optim.Adam"),
    ({"validation_split": 0.1}, TypeError, "Write validation=0.1"),
    ({"verbose": 0}, TypeError, 'Write progress="none"'),
    ({"y": CLEAN}, TypeError, r"target=y for clean samples"),
    ({"colour": 1}, TypeError, "unexpected argument 'colour'.$"),
    ({"optimizer": "adamm"}, ValueError, "optimizer: unknown optimizer 'adamm'. Expected one of adam, adamw"),
    ({"schedule": "cos"}, ValueError, "schedule: unknown schedule 'cos'. Expected one of constant, cosine"),
    ({"schedule": 3}, TypeError, r"schedule: expected a schedule such as optim.Cosine\(10\) or \"cosine\", got 3"),
    ({"callbacks": [print]}, TypeError, r"callbacks: expected callbacks such as EarlyStopping\(\), got <built-in"),
    ({"target": CLEAN[:5]}, ValueError, "target: expected one for each of the 60 samples, got 5"),
    ({"target": CLEAN, "validation": CLEAN}, TypeError, r"expected a pair \(x, target\) beside target="),
    ({"target": CLEAN, "augment": len}, ValueError, "augment: expected none beside target="),
    ({"target": CLEAN[:, :5]}, ValueError, r"expected targets of the outputs' shape \(16, 8\), got \(16, 5\)"),
])  # fmt: skip
def test_settings_that_cannot_be_right(settings, error, words):
    with pytest.raises(error, match=words):
        train(dense_autoencoder([8, 4], loss="mse"), NOISY, **settings)


def test_only_an_autoencoder_has_a_target():
    model = Classifier(Sequential(Dense(8, 2)), 2)
    with pytest.raises(TypeError, match=r"target: expected none for a Classifier; only an Autoencoder .* \(x, y\)"):
        train(model, NOISY, target=CLEAN)


# ---------------------------------------------------------------------- what other libraries take


def test_a_batch_larger_than_the_data_is_all_of_it():
    a, b = dense_autoencoder([8, 4]), dense_autoencoder([8, 4])
    train(a, CLEAN, batch_size=1000)
    train(b, CLEAN, batch_size=60)
    np.testing.assert_array_equal(a.theta.value, b.theta.value)


def test_progress_may_be_true_or_false(capsys):
    train(dense_autoencoder([8, 4]), CLEAN, progress=False, epochs=1)
    assert capsys.readouterr().out == ""
    train(dense_autoencoder([8, 4]), CLEAN, progress=True, epochs=1)
    assert "epoch 1/1" in "".join(capsys.readouterr())


def test_a_single_callback_needs_no_list():
    assert len(train(dense_autoencoder([8, 4]), CLEAN, callbacks=EarlyStopping(9))) == 3
