"""Classifier: contract, derivative, use; and labelled data through everything that training does."""

import numpy as np
import pytest

from npae import fit, gradcheck, layers, load, optim, save
from npae.data.minibatches import LabelledMinibatches
from npae.data.sources import as_labelled, split
from npae.layers import Dense, Flatten, Sequential, Sigmoid, Tanh
from npae.models import Autoencoder, Classifier, dense_autoencoder
from npae.train import Checkpoint, prepare
from npae.train.cuda_graph import CapturedStep
from tests.contract import check_layer
from tests.devices import each_device, each_gpu, on
from tests.train.parallel.test_process_group import together

RNG = np.random.default_rng(0)
CENTRES = RNG.standard_normal((3, 6))
Y = RNG.integers(0, 3, 90)
X = (CENTRES[Y] + 0.5 * RNG.standard_normal((90, 6))).astype(np.float32)
ONE_HOT = np.eye(3, dtype=bool)[Y]


def classifier(dtype=np.float32, seed=0):
    return Classifier(Sequential(Dense(6, 5, Tanh), Dense(5, 3)), 3, seed, dtype)


def run(model, data, **arguments):
    defaults = {"epochs": 3, "batch_size": 16, "optimizer": optim.Adam(0.02), "seed": 4, "progress": "none"}
    return fit(model, data, **(defaults | arguments))


# ---------------------------------------------------------------------- as a model


@each_device
def test_contract(device):
    check_layer(lambda: Classifier(Sequential(Dense(6, 5, Tanh), Dense(5, 3)), 3, seed=None), (4, 6), device)


@each_device
@pytest.mark.parametrize("labels", [Y, ONE_HOT.astype(float)], ids=["numbers", "one-hot"])
def test_the_derivative_of_the_whole(device, labels):
    with on(device) as place:
        model = classifier("float64").to(place.name)
        assert gradcheck.check_model(model, (place.put(X[:8].astype(float)), place.put(labels[:8]))) < 1e-6


def test_a_wrong_derivative_is_found():
    class Wrong(Tanh):
        def derivative(self, a, h):
            return 1.01 * super().derivative(a, h)

    del layers.Layer.registry["Wrong"]
    model = Classifier(Sequential(Dense(6, 5, Wrong), Dense(5, 3)), 3, dtype="float64")
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_model(model, (X[:8].astype(float), Y[:8]))


def test_it_learns_and_predicts():
    model = classifier()
    before = model.error_rate((X, Y))
    run(model, (X, Y), epochs=30)
    p, k = model.predict_proba(X, batch_size=7), model.predict(X, batch_size=7)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(k, p.argmax(axis=1))
    assert model.error_rate((X, Y)) == (k != Y).mean() == model.error_rate((X, ONE_HOT)) < 0.1 < before
    expected = -np.log(p[np.arange(90), Y]).mean()
    for labels in (Y, Y.astype(np.uint8), ONE_HOT, ONE_HOT.astype(float)):
        assert model.evaluate((X, labels), 7) == {"cross_entropy": pytest.approx(expected, rel=1e-5)}


def test_images_are_classified_too(tmp_path):
    model = Classifier(Sequential(Flatten(), Dense(6, 3)), 3)
    images = np.round(np.abs(X[:, ::-1]) * 50).astype(np.uint8).reshape(-1, 2, 3)
    run(model, (images, Y), epochs=1)
    save(tmp_path / "model.npz", model)
    again = load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict_proba(images), model.predict_proba(images))
    assert "Dense(6 -> 3)" in again.summary((2, 3)) and "classes=3" in repr(again)


# ---------------------------------------------------------------------- labelled data in training


def test_labels_in_any_form_train_alike():
    thetas = []
    for labels in (Y, list(Y), Y.astype(np.uint8), Y.astype(">i4"), ONE_HOT, ONE_HOT.astype(np.float64), ONE_HOT[:, :]):
        model = classifier()
        run(model, (X, labels))
        thetas.append(model.theta.value)
    for theta in thetas[1:]:
        np.testing.assert_array_equal(theta, thetas[0])


def test_validation_by_a_pair_or_by_a_fraction():
    _, rows, held_out = split(as_labelled((X, Y)), 0.2, 4)
    pair = run(classifier(), (X[rows], Y[rows]), validation=tuple(held_out))
    fraction = run(classifier(), (X, Y), validation=0.2)
    assert pair["val_cross_entropy"] == pair["val_loss"] == fraction["val_loss"]
    assert pair["loss"] == fraction["loss"] and pair["val_loss"] != pair["loss"]


def test_a_resumed_run_ends_with_the_same_bits_and_other_labels_are_another_run(tmp_path):
    whole, halves = classifier(), classifier()
    run(whole, (X, Y), epochs=4)
    path = tmp_path / "run.npz"
    run(halves, (X, Y), epochs=2, callbacks=[Checkpoint(path)])
    run(again := classifier(seed=9), (X, Y), epochs=4, callbacks=[Checkpoint(path)], resume=path)
    np.testing.assert_array_equal(again.theta.value, whole.theta.value)
    with pytest.raises(ValueError, match="another run: its data's labels or targets had other values"):
        run(classifier(), (X, (Y + 1) % 3), callbacks=[Checkpoint(path)], resume=path)


def test_two_processes_share_labelled_batches():
    alone = classifier("float64")
    run(alone, (X, Y), validation=(X[:7], Y[:7]))

    def work(group):
        model = classifier("float64")
        run(model, (X, Y), validation=(X[:7], Y[:7]), group=group)
        return model.theta.value

    for theta in together(2, work):
        np.testing.assert_allclose(theta, alone.theta.value, rtol=1e-9, atol=1e-12)


@each_gpu
@pytest.mark.parametrize("graph", [False, True], ids=["steps", "captured"])
@pytest.mark.parametrize("labels", [Y, ONE_HOT], ids=["numbers", "one-hot"])
def test_a_gpu_gives_the_numbers_of_the_cpu(device, graph, labels):
    here = classifier("float64", seed=2)
    history = run(here, (X, labels), validation=0.2)
    with on(device) as place:
        there = classifier("float64", seed=2).to(place.name)
        trainer = prepare(there, (X, labels), validation=0.2, batch_size=16, optimizer=optim.Adam(0.02), seed=4,
                          progress="none", graph=graph)  # fmt: skip
        on_gpu = trainer.run(3)
        if graph:
            assert isinstance(trainer.step, CapturedStep) and trainer.step._graph is not None
        np.testing.assert_allclose(place.get(there.theta.value), here.theta.value, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(on_gpu["val_loss"], history["val_loss"], rtol=1e-9)


@each_gpu
def test_a_step_neither_waits_nor_uploads(device):
    with on(device) as place:
        trainer = prepare(classifier().to(place.name), (X, Y), batch_size=16, progress="none")
        first, second, *_ = trainer.batches.rows(0)
        trainer.step(first, lambda terms, size: None)
        held = trainer.step.arena.nbytes
        with place.no_waiting():
            trainer.step(second, lambda terms, size: None)
        assert trainer.step.arena.nbytes == held > 0


def test_a_memory_mapped_x_with_labels_in_memory(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped, here = classifier(), classifier()
    run(mapped, (np.load(tmp_path / "x.npy", mmap_mode="r"), Y))
    run(here, (X, Y))
    np.testing.assert_array_equal(mapped.theta.value, here.theta.value)


def test_batches_are_the_rows_of_both():
    numbers = np.arange(10)
    for seed in (None, 3):
        batches = LabelledMinibatches((numbers[:, None] * 1.0, numbers), 4, np.float32, seed=seed)
        taken = [batches.take(rows) for rows in batches.rows(0)]
        for x, y in taken:
            assert x.dtype == np.float32 and y.dtype == np.int64
            np.testing.assert_array_equal(x[:, 0], y)
        assert sorted(np.concatenate([y for _, y in taken])) == list(numbers)


# ---------------------------------------------------------------------- what cannot be right


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (X, TypeError, r"data: expected a pair \(samples, labels\), got ndarray: write \(x, y\)"),
        ((X, Y, Y), TypeError, "got a tuple of 3"),
        ((X, Y[:-1]), ValueError, r"expected labels of shape \(90,\) .* got \(89,\)"),
        ((X, Y[:, None]), ValueError, r"expected labels of shape \(90,\) .* got \(90, 1\)"),
        ((X, Y.astype(float)), ValueError, r"expected labels of shape \(90, classes\) .* got \(90,\)"),
        ((X, np.array(["a"] * 90)), TypeError, "integers, bool or floats, got <U1: number the classes"),
        ((X, Y + 1), ValueError, "expected labels from 0 to 2, got 1 to 3"),
        ((X, np.eye(4)[Y]), ValueError, "expected rows of 3 probabilities"),
        ((np.full_like(X, np.nan), Y), ValueError, "data: row 0 contains NaN or Inf"),
        ((X[:, 0], Y), ValueError, r"expected an array \(samples, features…\)"),
    ],
)
def test_labelled_data_that_cannot_be_right(data, error, words):
    with pytest.raises(error, match=words):
        run(classifier(), data)


def test_validation_is_looked_at_as_closely():
    with pytest.raises(TypeError, match="validation: expected a pair"):
        run(classifier(), (X, Y), validation=X)
    with pytest.raises(ValueError, match="got 1 to 3"):
        run(classifier(), (X, Y), validation=(X, Y + 1))
    with pytest.raises(ValueError, match="validation: expected rows of the data's shape"):
        run(classifier(), (X, Y), validation=(X[:, :2], Y))


def test_an_autoencoder_wants_no_labels():
    for use in (lambda model: run(model, (X, Y)), lambda model: model.encode((X, Y))):
        with pytest.raises(TypeError, match="Labels are for models that learn them, such as models.Classifier"):
            use(dense_autoencoder([6, 2]))


def test_a_network_with_another_number_of_outputs_is_named():
    model = Classifier(Sequential(Dense(6, 4)), 3)
    with pytest.raises(ValueError, match=r"SoftmaxCrossEntropy\(classes=3\): expected logits of shape \(batch, 3\)"):
        run(model, (X, Y))


def test_a_pretrained_encoder_keeps_its_values():
    auto = Autoencoder(Sequential(Dense(6, 4, Sigmoid)), Sequential(Dense(4, 6)), seed=5)
    W = auto.encoder[0].W.value.copy()
    model = Classifier(Sequential(*auto.encoder, Dense(4, 3)), 3)
    np.testing.assert_array_equal(model.network[0].W.value, W)
    assert np.shares_memory(model.network[0].W.value, model.theta.value)
