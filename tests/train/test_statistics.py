"""Running statistics through a run: resumed, given back with the best θ, averaged, of several processes, captured."""

import numpy as np
import pytest

from npae import Autoencoder, fit
from npae.data import Binarize
from npae.layers import BatchNorm, Conv2D, ConvTranspose2D, Dense, Dropout, ReLU, Sequential, Tanh
from npae.losses import SquaredError
from npae.optim import Adam
from npae.serialization.model_files import load, load_all
from npae.train import Callback, Checkpoint, EarlyStopping, ExponentialMovingAverage, prepare, resume_run
from npae.train.cuda_graph import CapturedStep
from npae.train.step import Step
from tests.devices import each_device, each_gpu, on
from tests.train.cuda_graph.test_captured_step import SameProducts, graph_of, trainer
from tests.train.parallel.test_process_group import together

RNG = np.random.default_rng(0)
X, V = RNG.normal(2, 3, (48, 6)), RNG.normal(2, 3, (20, 6))


def network(seed=0, dtype=np.float64, activation=Tanh, n=6):
    encoder = Sequential(Dense(n, 5), BatchNorm(5), activation(), Dense(5, 3), BatchNorm(3, momentum=0.3))
    return Autoencoder(encoder, Dense(3, n), SquaredError(), seed=seed, dtype=dtype)


class Path(Callback):
    """Keeps the statistics after every step."""

    def __init__(self):
        self.kept = []

    def on_step(self, trainer):
        self.kept.append(trainer.model.statistics.value.copy())


def run(*callbacks, epochs=3, seed=0, **arguments):
    model = network(seed)
    fit(model, X, validation=V, epochs=epochs, batch_size=16, callbacks=callbacks, progress="none", **arguments)
    return model


def test_training_moves_them_and_evaluation_does_not():
    path, model = Path(), network()
    fit(model, X, validation=V, epochs=2, batch_size=16, callbacks=path, progress="none")
    assert len(path.kept) == 6 and all((a != b).all() for a, b in zip(path.kept, path.kept[1:], strict=False))
    np.testing.assert_array_equal(model.statistics.value, path.kept[-1])
    model.reconstruct(X)
    np.testing.assert_array_equal(model.statistics.value, path.kept[-1])


def test_a_resumed_run_ends_with_the_bits_of_one_that_was_not_interrupted(tmp_path):
    whole = run(Checkpoint(tmp_path / "whole.npz"), epochs=5)
    run(Checkpoint(tmp_path / "c.npz"), epochs=2)
    resumed = run(Checkpoint(tmp_path / "c.npz"), epochs=5, seed=9, resume=tmp_path / "c.npz")
    assert (resumed.statistics.value == whole.statistics.value).all()
    assert (resumed.theta.value == whole.theta.value).all()
    np.testing.assert_array_equal(load(tmp_path / "c.npz").statistics.value, whole.statistics.value)


class Rising(Callback):
    """A validation loss that is best in epoch 2."""

    def on_epoch_end(self, trainer, row):
        row["val_loss"] = abs(row["epoch"] - 2.0)


def test_early_stopping_gives_back_those_of_the_best_epoch(tmp_path):
    def callbacks(path):
        return [Rising(), stop := EarlyStopping(9), Checkpoint(path)], stop

    path = Path()
    with_stop, _ = callbacks(tmp_path / "a.npz")
    model = run(path, *with_stop, epochs=4)
    assert (path.kept[-1] != path.kept[5]).all()
    np.testing.assert_array_equal(model.statistics.value, path.kept[5])  # of 3 steps per epoch, the last of the second
    run(*callbacks(tmp_path / "b.npz")[0], epochs=3)
    resumed = run(*callbacks(tmp_path / "b.npz")[0], epochs=4, resume=tmp_path / "b.npz")
    np.testing.assert_array_equal(resumed.statistics.value, path.kept[5])
    np.testing.assert_array_equal(load_all(tmp_path / "b.npz").arrays["1.best_statistics"], path.kept[5])


@each_device
def test_the_average_of_theta_takes_their_average(device):
    with on(device) as place:
        path, average, model = Path(), ExponentialMovingAverage(0.8), network().to(place.name)
        fit(model, X, epochs=2, batch_size=16, callbacks=[path, average], progress="none")
        kept = np.array([place.get(statistics) for statistics in path.kept])
        weights = 0.2 * 0.8 ** np.arange(5, -1, -1) / (1 - 0.8**6)
        np.testing.assert_allclose(place.get(model.statistics.value), weights @ kept, rtol=1e-12)


def test_an_average_that_was_resumed_has_the_same_bits(tmp_path):
    whole = run(ExponentialMovingAverage(0.8), Checkpoint(tmp_path / "whole.npz"), epochs=5)
    run(ExponentialMovingAverage(0.8), Checkpoint(tmp_path / "c.npz"), epochs=2)
    resumed = run(ExponentialMovingAverage(0.8), Checkpoint(tmp_path / "c.npz"), epochs=5, resume=tmp_path / "c.npz")
    assert (resumed.statistics.value == whole.statistics.value).all()


@pytest.mark.parametrize("decay", [0.9, 0.99])
def test_the_averages_statistics_fit_the_average_better_than_the_last_ones(decay):
    """Beside the mean and the variance that the training data give θ̄'s first layer."""
    path, average, model, rng = Path(), ExponentialMovingAverage(decay), network(), np.random.default_rng(1)
    x = rng.normal(2, 3, (400, 6)) @ rng.normal(0, 0.5, (6, 6))
    fit(model, x, epochs=20, batch_size=16, optimizer=Adam(0.01), callbacks=[path, average], progress="none")
    a = model.encoder[0](x)

    def distance(statistics):
        mean, variance = statistics[:5], statistics[5:10]
        return (np.abs(mean - a.mean(axis=0)) / a.std(axis=0) + np.abs(np.log(variance / a.var(axis=0)))).mean()

    assert distance(model.statistics.value) < 0.7 * distance(path.kept[-1])


# ---------------------------------------------------------------------- several processes


def shared(group, path=None, epochs=3, first=0, resume=None, batch_size=16):
    model = network(seed=first + group.rank)
    model.statistics.value[...] += group.rank
    callbacks = [ExponentialMovingAverage(0.8), Path()] + ([] if path is None else [Checkpoint(path)])
    one = prepare(model, X, validation=V, batch_size=batch_size, group=group, progress="none", callbacks=callbacks)
    if resume is not None:
        resume_run(one, resume)
    one.run(epochs)
    return one


@pytest.mark.parametrize("size", [2, 3])
def test_all_processes_have_the_same_at_every_step(size):
    runs = together(size, shared)
    for one in runs:
        np.testing.assert_array_equal(one.callbacks[1].kept, runs[0].callbacks[1].kept)
        np.testing.assert_array_equal(one.model.statistics.value, runs[0].model.statistics.value)
        assert one.history["val_loss"] == runs[0].history["val_loss"]
    assert len({tuple(s) for s in runs[0].callbacks[1].kept}) == len(runs[0].callbacks[1].kept)


def test_a_step_of_uneven_shares_takes_their_weighted_mean():
    """And so the batch's own mean, for the layer that sees the same in one process as in three."""
    kept = together(3, lambda g: shared(g, epochs=1, batch_size=48)).pop().callbacks[1].kept
    alone, path = network(), Path()
    fit(alone, X, epochs=1, batch_size=48, callbacks=path, progress="none")
    np.testing.assert_allclose(kept[0][:5], path.kept[0][:5], rtol=1e-12)
    rows = next(prepare(network(), X, batch_size=48).batches.rows(0))
    shares = network().encoder[0](X[rows]).reshape(3, 16, 5)
    np.testing.assert_allclose(kept[0][5:10], 0.9 + 0.1 * shares.var(axis=1, ddof=1).mean(axis=0), rtol=1e-12)
    uneven = together(3, lambda g: shared(g, epochs=1, batch_size=7)).pop().callbacks[1].kept  # shares of 2, 2, 3
    fit(network(), X, epochs=1, batch_size=7, callbacks=(path := Path()), progress="none")
    np.testing.assert_allclose(uneven[0][:5], path.kept[0][:5], rtol=1e-12)
    assert (uneven[0][5:10] != path.kept[0][5:10]).all()


def test_processes_resume_with_the_same_bits(tmp_path):
    whole = together(2, lambda g: shared(g, tmp_path / "whole.npz", 4))
    together(2, lambda g: shared(g, tmp_path / "c.npz", 2))
    resumed = together(2, lambda g: shared(g, tmp_path / "c.npz", 4, first=7, resume=tmp_path / "c.npz"))
    for a, b in zip(whole, resumed, strict=True):
        assert (a.model.statistics.value == b.model.statistics.value).all()
        assert (a.model.theta.value == b.model.theta.value).all()


def test_a_share_of_one_row_is_refused():
    errors = together(2, lambda g: shared(g, batch_size=2))
    assert all(isinstance(e, ValueError) and "2 rows for every process" in str(e) for e in errors)


# ---------------------------------------------------------------------- a last batch that is too small


def test_one_row_left_over_is_said_before_the_first_step():
    steps = []
    with pytest.raises(ValueError, match="at least 2 values .* batch size that leaves no single row over"):
        fit(network(), X[:33], epochs=1, batch_size=16, callbacks=(Steps(steps),), progress="none")
    assert steps == []
    fit(network(), X[:34], epochs=1, batch_size=16, callbacks=(Steps(steps),), progress="none")
    assert len(steps) == 3


class Steps(Callback):
    """Notes every step in a list."""

    def __init__(self, steps):
        self.steps = steps

    def on_step(self, trainer):
        self.steps.append(trainer.epoch)


def test_a_share_of_one_row_of_the_last_batch_stops_all_before_the_first_step():
    steps = []
    trained = [network() for _ in range(2)]
    before = trained[0].theta.value.copy()

    def work(group):
        model = trained[group.rank]
        fit(model, X[:35], epochs=1, batch_size=16, callbacks=(Steps(steps),), progress="none", group=group)

    errors = together(2, work)  # shares of 1 and 2 rows
    assert all(isinstance(e, ValueError) and "2 rows for every process" in str(e) for e in errors)
    assert steps == [] and all((model.theta.value == before).all() for model in trained)


def test_one_image_left_over_is_enough_and_trying_it_out_leaves_no_trace(monkeypatch):
    """Its pixels are many values a feature."""
    x = RNG.random((9, 1, 4, 4))

    def trained():
        encoder = Sequential(Dropout(0.3), Conv2D(1, 2, 3), BatchNorm(2))
        model = Autoencoder(encoder, ConvTranspose2D(2, 1, 3), SquaredError(), dtype=np.float64)
        fit(model, x, epochs=2, batch_size=8, augment=Binarize(), progress="none")
        return model

    tried = trained()
    monkeypatch.setattr(Step, "_dry_run", lambda self, size: None)
    same = trained()
    assert (tried.theta.value == same.theta.value).all()
    assert (tried.statistics.value == same.statistics.value).all()


# ---------------------------------------------------------------------- captured


DATA = RNG.normal(2, 3, (110, 20))


def act_between(act):
    """A Callback that calls act(trainer) after the first epoch."""

    class Between(Callback):
        def on_epoch_done(self, trainer, row):
            if row["epoch"] == 1:
                act(trainer)

    return Between()


def other_memory(trainer):
    """The statistics at another address, as if they had been moved away and back."""
    statistics = trainer.model.statistics
    statistics._bind(statistics.value.copy())


@each_gpu
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("act", [lambda trainer: None, other_memory], ids=["in place", "moved"])
def test_a_captured_step_moves_them_at_every_launch(act, device, dtype):
    def after(kind):
        path = Path()
        one = trainer(kind, network(1, dtype, ReLU, n=20), DATA, callbacks=[path, act_between(act)])
        one.run(3)
        assert kind is not CapturedStep or graph_of(one) is not None
        return np.array([place.get(statistics) for statistics in path.kept])

    with on(device) as place:
        captured, same, ordinary = (after(kind) for kind in (CapturedStep, SameProducts, Step))
        assert len(captured) == 12 and (np.diff(captured, axis=0) != 0).all()
        np.testing.assert_array_equal(captured, same)
        tolerance = 1e-5 if dtype == "float32" or not place.is_fake else 1e-12
        np.testing.assert_allclose(captured, ordinary, rtol=tolerance, atol=tolerance)
