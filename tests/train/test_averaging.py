"""Exponential moving average: the value of the formula, given to the model at the end, kept in checkpoints."""

import numpy as np
import pytest

from npae import dense_autoencoder, fit, losses, optim
from npae.serialization.model_files import load_all
from npae.train import Callback, Checkpoint, EarlyStopping, ExponentialMovingAverage, prepare
from tests.devices import each_device, on

RNG = np.random.default_rng(0)
X, V = RNG.random((48, 6), np.float32), RNG.random((20, 6), np.float32)


class Thetas(Callback):
    """Keeps θ after every step."""

    def __init__(self):
        self.kept = []

    def on_step(self, trainer):
        self.kept.append(trainer.model.theta.value.copy())


def run(*callbacks, epochs=3, model=None, data=X, **arguments):
    model = model or dense_autoencoder([6, 3])
    history = fit(model, data, epochs=epochs, batch_size=16, callbacks=callbacks, progress="none", **arguments)
    return model, history


@each_device
@pytest.mark.parametrize("decay", [0, 0.5, 0.9, 0.999])
def test_the_model_gets_the_weighted_mean_of_all_thetas(device, decay):
    with on(device) as place:
        thetas, average = Thetas(), ExponentialMovingAverage(decay)
        model, _ = run(average, thetas, model=dense_autoencoder([6, 3], dtype=np.float64).to(place.name))
        kept = np.array([place.get(theta) for theta in thetas.kept])
        t = len(kept)
        weights = (1 - decay) * float(decay) ** np.arange(t - 1, -1, -1)  # m_t, as a sum
        expected = weights @ kept / (1 - decay**t)
        assert t == 9 == average.steps
        np.testing.assert_allclose(place.get(model.theta.value), expected, rtol=1e-12)
        assert (abs(expected - kept[-1]).max() > 1e-4) == (decay > 0)


@pytest.mark.parametrize("wrong", ["no correction", "from zero"])
def test_a_start_that_is_not_corrected_would_be_another_average(wrong):
    thetas, average = Thetas(), ExponentialMovingAverage(0.9)
    model, _ = run(average, thetas, epochs=2)
    m = thetas.kept[0] if wrong == "no correction" else 0 * thetas.kept[0]
    for theta in thetas.kept[wrong == "no correction" :]:
        m = 0.9 * m + 0.1 * theta
    assert abs(m - model.theta.value).max() > 1e-3


def test_a_slow_average_begins_as_the_plain_mean():
    thetas = Thetas()
    model, _ = run(ExponentialMovingAverage(1 - 1e-9), thetas, model=dense_autoencoder([6, 3], dtype=np.float64))
    np.testing.assert_allclose(model.theta.value, np.mean(thetas.kept, axis=0), rtol=1e-6)


def test_training_itself_is_left_as_it_was():
    averaged, plain = Thetas(), Thetas()
    _, history = run(ExponentialMovingAverage(0.9), averaged, validation=V)
    _, expected = run(plain, validation=V)
    np.testing.assert_array_equal(averaged.kept, plain.kept)
    assert history["val_loss"] == expected["val_loss"]


def test_in_a_noisy_valley_the_average_is_nearer_to_the_bottom():
    """A large learning rate goes round the minimum; the mean of the path does not."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((400, 2)) @ rng.standard_normal((2, 6)) + 0.3 * rng.standard_normal((400, 6))
    errors = []
    for callbacks in ([], [ExponentialMovingAverage(0.99)]):
        model = dense_autoencoder([6, 2], loss=losses.SquaredError(), dtype=np.float64, seed=1)
        run(*callbacks, epochs=40, model=model, data=x, optimizer=optim.Adam(0.05))
        errors.append(model.evaluate(x)["reconstruction"])
    assert errors[1] < errors[0]


def test_a_run_that_was_resumed_ends_with_the_same_bits(tmp_path):
    def trained(name, epochs, seed=0, resume=None):
        callbacks = ExponentialMovingAverage(0.9), Checkpoint(tmp_path / name)
        return run(*callbacks, epochs=epochs, model=dense_autoencoder([6, 3], seed=seed), resume=resume)[0].theta.value

    whole = trained("whole.npz", 5)
    trained("c.npz", 2)
    resumed = trained("c.npz", 5, seed=9, resume=tmp_path / "c.npz")
    np.testing.assert_array_equal(resumed, whole)
    a, b = load_all(tmp_path / "whole.npz"), load_all(tmp_path / "c.npz")
    np.testing.assert_array_equal(a.arrays["0.average"], b.arrays["0.average"])
    np.testing.assert_array_equal(a.arrays["0.average"], whole)
    assert (a.model.theta.value != whole).any()  # a checkpoint holds θ, to go on from, and the average beside it


@each_device
def test_an_average_in_a_checkpoint_goes_on_the_device(device, tmp_path):
    with on(device) as place:
        thetas = []
        for resume in (None, tmp_path / "c.npz"):
            callbacks = ExponentialMovingAverage(0.9), Checkpoint(tmp_path / "c.npz")
            epochs = 2 if resume is None else 4
            model, _ = run(*callbacks, epochs=epochs, model=dense_autoencoder([6, 3]).to(place.name), resume=resume)
            thetas.append(place.get(model.theta.value))
        straight, _ = run(ExponentialMovingAverage(0.9), epochs=4, model=dense_autoencoder([6, 3]).to(place.name))
        np.testing.assert_array_equal(thetas[1], place.get(straight.theta.value))


@each_device
def test_a_step_neither_waits_nor_uploads_and_writes_in_place(device):
    with on(device) as place:
        average = ExponentialMovingAverage(0.9)
        trainer = prepare(dense_autoencoder([6, 3]).to(place.name), X, callbacks=average)
        for _ in range(2):
            average.on_step(trainer)
        array = average.average
        with place.no_waiting():
            average.on_step(trainer)
        assert average.average is array


def test_another_run_begins_another_average():
    average = ExponentialMovingAverage(0.9)
    run(average)
    model, _ = run(average, model=dense_autoencoder([6, 2], seed=4))
    expected, _ = run(ExponentialMovingAverage(0.9), model=dense_autoencoder([6, 2], seed=4))
    np.testing.assert_array_equal(model.theta.value, expected.theta.value)


def test_the_last_callback_has_the_last_word():
    stop, average = EarlyStopping(9), ExponentialMovingAverage(0.9)
    model, _ = run(average, stop)
    np.testing.assert_array_equal(model.theta.value, stop.best_theta)
    model, _ = run(stop, average)
    np.testing.assert_array_equal(model.theta.value, average.average)


def test_a_resumed_run_must_have_the_same_decay(tmp_path):
    run(ExponentialMovingAverage(0.9), Checkpoint(tmp_path / "c.npz"))
    with pytest.raises(ValueError, match=r"its callbacks were .*Average\(decay=0.9\), here .*\(decay=0.8\)"):
        run(ExponentialMovingAverage(0.8), Checkpoint(tmp_path / "c.npz"), resume=tmp_path / "c.npz")


@pytest.mark.parametrize("decay", [1, 1.5, -0.1, float("nan")])
def test_an_impossible_decay_raises(decay):
    words = f"decay of ExponentialMovingAverage: expected a number of at least 0 and below 1, got {decay}"
    with pytest.raises(ValueError, match=words):
        ExponentialMovingAverage(decay)
