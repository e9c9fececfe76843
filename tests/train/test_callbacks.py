"""Callbacks: early stopping, checkpoints."""

import numpy as np
import pytest

from npae import dense_autoencoder, fit, load, optim
from npae.serialization.model_files import load_all
from npae.train import Callback, Checkpoint, EarlyStopping
from npae.train.callbacks import monitored

RNG = np.random.default_rng(0)
X, V = RNG.random((40, 6), np.float32), RNG.random((20, 6), np.float32)


class Thetas(Callback):
    """Keeps θ after every epoch."""

    def __init__(self):
        self.kept = []

    def on_epoch_end(self, trainer, row):
        self.kept.append(trainer.model.theta.value.copy())


class Losses(Callback):
    """Replaces the losses of the epochs by given ones."""

    def __init__(self, values, column="loss"):
        self.values, self.column = values, column

    def on_epoch_end(self, trainer, row):
        row[self.column] = self.values[row["epoch"] - 1]


def run(*callbacks, epochs=8, model=None, **arguments):
    model = model or dense_autoencoder([6, 3])
    return model, fit(model, X, epochs=epochs, batch_size=16, callbacks=callbacks, progress="none", **arguments)


# ---------------------------------------------------------------------- order of calls


def test_callbacks_are_called_in_order_and_may_end_training():
    calls = []

    class Log(Callback):
        def on_start(self, trainer):
            calls.append("start")

        def on_step(self, trainer):
            calls.append("step")

        def on_epoch_end(self, trainer, row):
            calls.append(f"end {row['epoch']}")

        def on_epoch_done(self, trainer, row):
            calls.append("done")
            if row["epoch"] == 2:
                trainer.stop("enough")

        def on_stop(self, trainer):
            calls.append("stop")

    _, history = run(Log())
    assert calls == ["start", *["step"] * 3, "end 1", "done", *["step"] * 3, "end 2", "done", "stop"]
    assert history.stopped == "enough" and len(history) == 2


def test_a_callback_may_add_to_the_row():
    _, history = run(Losses(["a", "b"], "letter"), epochs=2)
    assert history["letter"] == ["a", "b"]


# ---------------------------------------------------------------------- early stopping


def test_early_stopping_waits_for_patience_and_gives_back_the_best_theta():
    thetas, stop = Thetas(), EarlyStopping(patience=2)
    model, history = run(Losses([5, 3, 4, 3.5, 1]), stop, thetas)
    assert len(history) == 4 and stop.best == 3 and stop.best_epoch == 2
    assert history.stopped == "early stopping: loss was best, 3, in epoch 2"
    assert (model.theta.value == thetas.kept[1]).all() and not (thetas.kept[1] == thetas.kept[3]).all()


def test_early_stopping_watches_the_validation_loss_where_there_is_one():
    thetas, stop = Thetas(), EarlyStopping(patience=2)
    model, history = run(Losses([9, 8, 7, 6]), Losses([2, 3, 4, 5], "val_loss"), stop, thetas, validation=V)
    assert "val_loss was best, 2, in epoch 1" in history.stopped and len(history) == 3
    assert (model.theta.value == thetas.kept[0]).all()


def test_early_stopping_on_real_overfitting_gives_the_model_of_the_smallest_validation_loss():
    stop = EarlyStopping(patience=3)
    model, history = run(stop, epochs=300, validation=V, optimizer=optim.Adam(0.05))
    assert "early stopping" in history.stopped
    assert model.evaluate(V)["reconstruction"] == min(history["val_loss"]) == stop.best


def test_the_best_theta_is_given_back_also_when_the_epochs_are_over():
    thetas = Thetas()
    model, history = run(Losses([5, 3, 4]), EarlyStopping(patience=9), thetas, epochs=3)
    assert history.stopped is None and (model.theta.value == thetas.kept[1]).all()


def test_a_small_improvement_does_not_count_under_min_delta():
    _, history = run(Losses([5, 4.9, 4.8, 4.7]), EarlyStopping(patience=3, min_delta=0.5))
    assert len(history) == 4 and "in epoch 1" in history.stopped


def test_a_callback_that_is_used_again_does_not_remember_the_other_run():
    stop, save = EarlyStopping(patience=2), Losses([1, 1, 1])
    run(save, stop)
    model = dense_autoencoder([6, 2], seed=1)
    _, history = run(Losses([9, 8, 7]), stop, model=model, epochs=3)
    assert stop.best == 7 and history.stopped is None and np.isfinite(model.theta.value).all()


@pytest.mark.parametrize(
    "callback", [EarlyStopping(monitor="accuracy"), Checkpoint("x", best=True, monitor="accuracy")]
)
def test_an_unknown_column_to_watch_raises_with_those_there_are(callback):
    with pytest.raises(ValueError, match=f"{type(callback).__name__}: no column 'accuracy'.*loss, reconstruction"):
        run(callback)


def test_the_monitor_is_the_given_column_or_the_loss():
    assert monitored(EarlyStopping(), {"loss": 1}) == "loss"
    assert monitored(EarlyStopping(), {"loss": 1, "val_loss": 1}) == "val_loss"
    assert monitored(EarlyStopping(monitor="loss"), {"loss": 1, "val_loss": 1}) == "loss"


@pytest.mark.parametrize("make", [lambda: EarlyStopping(patience=0), lambda: Checkpoint("x", every=0)])
def test_durations_below_one_raise(make):
    with pytest.raises(ValueError, match="expected"):
        make()


# ---------------------------------------------------------------------- checkpoints


def test_a_checkpoint_every_few_epochs(tmp_path):
    thetas = Thetas()
    run(Checkpoint(tmp_path / "new" / "c.npz", every=3), thetas, epochs=8)
    saved = load_all(tmp_path / "new" / "c.npz")
    assert saved.extra["epoch"] == 6 and (saved.model.theta.value == thetas.kept[5]).all()
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["c.npz"]


def test_a_checkpoint_of_the_best_model_only(tmp_path):
    thetas = Thetas()
    run(Losses([5, 3, 4, 3.5]), Checkpoint(tmp_path / "best.npz", best=True), thetas, epochs=4)
    saved = load_all(tmp_path / "best.npz")
    assert saved.extra["epoch"] == 2 and (saved.model.theta.value == thetas.kept[1]).all()


def test_a_best_checkpoint_that_is_used_again_writes_again(tmp_path):
    checkpoint = Checkpoint(tmp_path / "best.npz", best=True)
    run(Losses([1]), checkpoint, epochs=1)
    model, _ = run(Losses([9]), checkpoint, epochs=1, model=dense_autoencoder([6, 2], seed=7))
    assert (load(tmp_path / "best.npz").theta.value == model.theta.value).all()


def test_a_checkpoint_is_a_model_file(tmp_path):
    model, _ = run(Checkpoint(tmp_path / "c.npz"), epochs=1)
    assert (load(tmp_path / "c.npz").reconstruct(X) == model.reconstruct(X)).all()


def test_a_checkpoint_that_cannot_be_written_says_so_before_anything_is_trained(tmp_path):
    (tmp_path / "file").write_text("")
    model = dense_autoencoder([6, 3])
    before = model.theta.value.copy()
    with pytest.raises(OSError, match="Cannot write .*file.c.npz.*Choose another place"):
        run(Checkpoint(tmp_path / "file" / "c.npz"), model=model)
    np.testing.assert_array_equal(model.theta.value, before)


def test_numpy_numbers_in_the_settings_can_be_saved(tmp_path):
    run(Checkpoint(tmp_path / "c.npz"), epochs=1, seed=np.int64(3), optimizer=optim.Adam(np.float32(0.01)))
    model = dense_autoencoder([6, 3])
    _, history = run(Checkpoint(tmp_path / "c.npz"), epochs=2, model=model, seed=3,
                     optimizer=optim.Adam(np.float32(0.01)), resume=tmp_path / "c.npz")  # fmt: skip
    assert history["epoch"] == [1, 2]


def test_a_checkpoint_of_the_best_keeps_it_when_the_column_becomes_nan(tmp_path):
    class Score(Callback):
        def on_epoch_end(self, trainer, row):
            row["score"] = [float("nan"), 2.0, float("nan"), 3.0][row["epoch"] - 1]

    best = Checkpoint(tmp_path / "best", best=True, monitor="score")
    x = np.random.default_rng(0).random((20, 6), np.float32)
    fit(dense_autoencoder([6, 2]), x, epochs=4, callbacks=[Score(), best], progress="none")
    assert best.best == 2.0 and load_all(best.path).extra["epoch"] == 2
