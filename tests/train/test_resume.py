"""A run that was killed and resumed ends with the bits of a run that was not; another run's checkpoint is refused."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from npae import GAN, dense_autoencoder, fit, optim, save, variational_autoencoder
from npae.data import Binarize
from npae.layers import Dense, GaussianNoise, Sequential, Tanh
from npae.models import GaussianPrior
from npae.serialization.model_files import ModelFileError, load_all
from npae.train import (
    Callback,
    Checkpoint,
    EarlyStopping,
    ExponentialMovingAverage,
    LearningRateLog,
    prepare,
    resume_run,
    save_run,
)

ROOT = Path(__file__).resolve().parents[2]
X = np.random.default_rng(0).random((50, 6), np.float32)
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows, SIGTERM ends a process at once

PROGRAM = """
import os, sys
import numpy as np
from npae import fit, dense_autoencoder, optim
from npae.train import Callback, Checkpoint, EarlyStopping, ExponentialMovingAverage

class Kill(Callback):
    steps = 0
    def on_step(self, trainer):
        self.steps += 1
        if self.steps == int(sys.argv[3]):
            os.kill(os.getpid(), int(sys.argv[4]))

rng = np.random.default_rng(5)
data, validation = rng.random((70, 12), np.float32), rng.random((30, 12), np.float32)
checkpoint, resume = sys.argv[1], sys.argv[2] or None
history = fit(dense_autoencoder([12, 6, 3], seed=1), data, validation=validation, epochs=9,
              batch_size=16,
              optimizer=optim.Adam(0.002), schedule=optim.Cosine(9), seed=11, progress="none", resume=resume,
              callbacks=[Checkpoint(checkpoint, steps=int(sys.argv[5]) or None), EarlyStopping(patience=4),
                         ExponentialMovingAverage(0.9), Kill()])
"""


def in_a_process(checkpoint, resume="", kill_at=-1, steps=0):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM,
         str(checkpoint), str(resume), str(kill_at), str(int(KILL)), str(steps)],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert abs(done.returncode) == (0 if kill_at < 0 else KILL), done.stderr  # the status is −KILL, on Windows KILL


def assert_same_bits(path, other):
    a, b = load_all(path), load_all(other)
    assert (a.model.theta.value == b.model.theta.value).all()
    assert a.optimizer.t == b.optimizer.t and set(a.optimizer.state) == set(b.optimizer.state)
    assert all((a.optimizer.state[k] == b.optimizer.state[k]).all() for k in a.optimizer.state)
    assert a.arrays.keys() == b.arrays.keys() and all((a.arrays[k] == b.arrays[k]).all() for k in a.arrays)
    for saved in (a, b):
        for row in saved.extra["history"]:
            del row["seconds"]
    assert a.extra == b.extra


def test_a_process_killed_in_the_middle_of_an_epoch_and_resumed_in_another_ends_with_the_same_bits(tmp_path):
    in_a_process(tmp_path / "whole.npz")
    in_a_process(tmp_path / "parts.npz", kill_at=5 * 4 + 2)
    assert load_all(tmp_path / "parts.npz").extra["epoch"] == 4
    in_a_process(tmp_path / "parts.npz", resume=tmp_path / "parts.npz")
    saved = load_all(tmp_path / "whole.npz")
    assert saved.extra["epoch"] == 9 and saved.optimizer.t == 45 and "1.best_theta" in saved.arrays
    assert_same_bits(tmp_path / "whole.npz", tmp_path / "parts.npz")


def test_a_killed_process_goes_on_from_the_last_saved_step_of_an_epoch_with_the_same_bits(tmp_path):
    in_a_process(tmp_path / "whole.npz", steps=3)
    in_a_process(tmp_path / "parts.npz", kill_at=2, steps=1)  # in the first epoch
    in_a_process(tmp_path / "parts.npz", resume=tmp_path / "parts.npz", kill_at=5 * 4 + 4, steps=2)
    saved = load_all(tmp_path / "parts.npz")
    means = saved.extra["means"]
    assert (saved.extra["epoch"], means["taken"], saved.optimizer.t) == (4, 4, 24)
    assert means["seconds"] > 0 and set(means["sums"]) == {"reconstruction"}
    in_a_process(tmp_path / "parts.npz", resume=tmp_path / "parts.npz", steps=3)
    assert_same_bits(tmp_path / "whole.npz", tmp_path / "parts.npz")


class CtrlC(Callback):
    """Presses Ctrl-C after a step."""

    observes = True

    def __init__(self, at):
        self.at = at

    def on_step(self, trainer):
        if trainer.optimizer.t == self.at:
            signal.raise_signal(signal.SIGINT)


def a_gan():
    return GAN(Sequential(Dense(2, 6)), Sequential(Dense(6, 1)), GaussianPrior(2))


RANDOM = {
    "noise and dropout": lambda: dense_autoencoder([6, 4, 2], corruption=GaussianNoise(0.3), dropout=0.2),
    "a variational model": lambda: variational_autoencoder([6, 4, 2]),
    "several phases": a_gan,
    "augmentation": lambda: dense_autoencoder([6, 4, 2]),
}


@pytest.mark.parametrize("kind", RANDOM)
def test_random_models_resume_within_an_epoch_with_the_same_bits(kind, tmp_path):
    def begin(name, press=-1):
        augment = Binarize() if kind == "augmentation" else None
        return prepare(RANDOM[kind](), X, batch_size=8, seed=5, augment=augment, schedule="cosine", epochs=3,
                       callbacks=[CtrlC(press), Checkpoint(tmp_path / name, steps=2)], progress="none")  # fmt: skip

    whole, parts, resumed = begin("whole"), begin("parts", press=12), begin("parts")
    whole.run(3)
    assert parts.run(3).stopped == "interrupted in epoch 2 after 5 of 7 steps"
    resume_run(resumed, "auto")
    assert (resumed.epoch, resumed.means.taken, resumed.optimizer.t) == (1, 4, 11)
    resumed.run(3)
    assert_same_bits(tmp_path / "whole.npz", tmp_path / "parts.npz")
    assert (resumed.model.theta.value != parts.model.theta.value).any()


SUMS = "the sums of its term 'reconstruction'"


@pytest.mark.parametrize("changes, message", [
    ({"taken": -1}, "its means: expected 0 steps or more"), ({"taken": 2.0}, "its means: expected 0 steps or more"),
    ({"taken": 9}, "its optimizer: expected 10 steps or more"), ({"taken": 5}, "its means: expected at most 4 steps"),
    ({"sums": {}}, "2 steps of .* seconds with the terms"), ({"seconds": -1.0}, "2 steps of -1.0 seconds"),
    ({"sums": {"reconstruction": [float("inf"), 32, 2]}}, SUMS), ({"sums": {"reconstruction": [1.0, 32, 0]}}, SUMS),
    ({"sums": {"reconstruction": 1}}, "damaged checkpoint"), ({"seconds": None}, "2 steps of None seconds"),
])  # fmt: skip
def test_a_damaged_state_within_an_epoch_is_refused_and_changes_nothing(changes, message, tmp_path):
    def begin():
        return prepare(dense_autoencoder([6, 3]), X, batch_size=16, callbacks=CtrlC(6), progress="none")

    trainer, fresh = begin(), begin()
    trainer.run(4)
    save_run(trainer, tmp_path / "c.npz")
    saved = load_all(tmp_path / "c.npz")
    saved.extra["means"] |= changes
    save(tmp_path / "c.npz", saved.model, saved.optimizer, saved.extra, saved.arrays)
    before = fresh.model.theta.value.copy()
    with pytest.raises(ModelFileError, match=message):
        resume_run(fresh, tmp_path / "c.npz")
    assert (fresh.model.theta.value == before).all() and (fresh.epoch, fresh.means.taken) == (0, 0)


def test_a_checkpoint_within_an_epoch_does_not_replace_the_best():
    with pytest.raises(ValueError, match="expected best=True or steps=, not both"):
        Checkpoint("c", best=True, steps=3)


def settings(**changes):
    return {
        "batch_size": 16, "optimizer": optim.SGD(0.01, momentum=0.9), "schedule": optim.Plateau(1, threshold=0.05),
        "seed": 3, "progress": "none", "callbacks": [LearningRateLog(), EarlyStopping(patience=6)],
    } | changes  # fmt: skip


@pytest.fixture
def checkpoint(tmp_path):
    trainer = prepare(dense_autoencoder([6, 4, 2]), X, validation=0.2, **settings())
    trainer.run(4)
    save_run(trainer, tmp_path / "c.npz")
    return tmp_path / "c.npz"


def test_momentum_and_plateau_resume_with_the_same_bits(checkpoint, tmp_path):
    trainers = []
    for resume in (None, checkpoint):
        model = dense_autoencoder([6, 4, 2], seed=0 if resume is None else 99)
        trainer = prepare(model, X, validation=0.2, **settings())
        if resume is not None:
            resume_run(trainer, resume)
        trainer.run(9)
        save_run(trainer, tmp_path / f"{len(trainers)}.npz")
        trainers.append(trainer)
    assert_same_bits(tmp_path / "0.npz", tmp_path / "1.npz")
    whole, resumed = (t.callbacks[0].rates for t in trainers)
    assert whole == resumed and len(set(whole)) > 1
    assert trainers[0].schedule.state() == trainers[1].schedule.state()


def test_fit_resumes_and_more_epochs_may_be_asked_for(checkpoint):
    model = dense_autoencoder([6, 4, 2])
    history = fit(model, X, validation=0.2, epochs=7, resume=checkpoint, **settings())
    assert history["epoch"] == [1, 2, 3, 4, 5, 6, 7]


def test_a_run_that_is_done_stays_as_it_was(checkpoint):
    model = dense_autoencoder([6, 4, 2])
    history = fit(model, X, validation=0.2, epochs=4, resume=checkpoint, **settings())
    assert len(history) == 4


def test_early_stopping_goes_on_from_what_it_saw(tmp_path):
    class Falling(Callback):
        def on_epoch_end(self, trainer, row):
            row["loss"] = [5, 1, 2, 3, 4, 5][row["epoch"] - 1]

    def callbacks():
        return [Falling(), EarlyStopping(patience=3), Checkpoint(tmp_path / "c.npz")]

    whole, resumed = dense_autoencoder([6, 2]), dense_autoencoder([6, 2], seed=5)
    expected = fit(whole, X, epochs=6, callbacks=callbacks(), batch_size=16, progress="none")
    fit(dense_autoencoder([6, 2]), X, epochs=3, callbacks=callbacks(), batch_size=16, progress="none")
    history = fit(resumed, X, epochs=6, callbacks=callbacks(), batch_size=16, progress="none",
                  resume=tmp_path / "c.npz")  # fmt: skip
    assert history.stopped == expected.stopped and "in epoch 2" in history.stopped and len(history) == 5
    assert (whole.theta.value == resumed.theta.value).all()


@pytest.mark.parametrize("phrase, change", [
    ("its seed was 3, here it is 4", {"seed": 4}), ("its batch size was 16, here it is 8", {"batch_size": 8}),
    ("its clip_norm was None, here it is 1.0", {"clip_norm": 1.0}),
    (r"its optimizer was SGD\(lr=0.01, momentum=0.9, nesterov=False\), here it is Adam\(lr=0.001, .*\)",
     {"optimizer": optim.Adam()}),
    ("its learning rate was 0.01, here it is 0.06", {"optimizer": optim.SGD(0.06, momentum=0.9)}),
    (r"its schedule was Plateau\(patience=1, .*\), here it is Constant\(\)", {"schedule": None}),
    ("its schedule.patience was 1, here it is 2", {"schedule": optim.Plateau(2, threshold=0.05)}),
    (r"its callbacks were EarlyStopping\(patience=6, .*\), here none \(besides those that only observe",
     {"callbacks": []}),
    (r"its callbacks were EarlyStopping\(patience=6, .*\), here EarlyStopping\(patience=5, .*\) \(besides",
     {"callbacks": [EarlyStopping(), LearningRateLog()]}),
    (r"its data had the shape \(50, 6\), here it is \(45, 6\)", {"data": X[:45]}),
    ("its data had other values", {"data": X + 0.001}), ("its data had the dtype float32", {"data": X.astype("f8")}),
    ("it had some validation data, here it has none", {"validation": None}),
    ("its network was 6-4-2-4-6, here it is 6-3-2-3-6", {"model": lambda: dense_autoencoder([6, 3, 2])}),
    (r"its encoder.layers.0.activation was ReLU\(\), here it is Tanh\(\)",
     {"model": lambda: dense_autoencoder([6, 4, 2], activation=Tanh)}),
    ("its dtype was float32, here it is float64", {"model": lambda: dense_autoencoder([6, 4, 2], dtype=np.float64)}),
])  # fmt: skip
def test_another_run_is_refused_in_words_and_nothing_is_changed(checkpoint, phrase, change):
    model, data = change.get("model", lambda: dense_autoencoder([6, 4, 2]))(), change.get("data", X)
    rest = {name: value for name, value in change.items() if name not in ("model", "data")}
    arguments = {"validation": 0.2} | settings(**rest)
    before, t = model.theta.value.copy(), arguments["optimizer"].t
    with pytest.raises(ValueError, match=f"c.npz is a checkpoint of another run: .*{phrase}") as error:
        fit(model, data, epochs=9, resume=checkpoint, **arguments)
    assert "npae.load(path); serialization.load_all(path)" in str(error.value)
    assert len(str(error.value)) < 700 and not any(sign in str(error.value) for sign in ("{", "[[", "'class'"))
    assert (model.theta.value == before).all() and arguments["optimizer"].t == t


def test_every_difference_is_named_once(checkpoint):
    with pytest.raises(ValueError) as error:
        fit(dense_autoencoder([6, 3, 2]), X, validation=0.2, epochs=9, resume=checkpoint,
            **settings(batch_size=8, optimizer=optim.SGD(0.02, momentum=0.5)))  # fmt: skip
    assert (
        "another run: its network was 6-4-2-4-6, here it is 6-3-2-3-6; its learning rate was 0.01, here it is 0.02; "
        "its optimizer.momentum was 0.9, here it is 0.5; its batch size was 16, here it is 8. Resume with"
    ) in str(error.value)


# ---------------------------------------------------------------------- callbacks that only observe


class Watch(Callback):
    """Only looks, but does not declare it."""


class Count(Callback):
    """Counts epochs."""

    observes, epochs = True, 0

    def on_epoch_end(self, trainer, row):
        self.epochs += 1

    def state(self):
        return {"epochs": self.epochs}

    def restore(self, state, arrays):
        self.epochs = state["epochs"]


def test_callbacks_that_only_observe_may_be_added_dropped_and_moved(tmp_path):
    def run(callbacks, epochs, resume=None):
        model = dense_autoencoder([6, 4, 2])
        history = fit(model, X, validation=0.2, epochs=epochs, resume=resume, **settings(callbacks=callbacks))
        return model.theta.value, [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]

    place = tmp_path / "c.npz"
    stop, log = lambda: EarlyStopping(patience=6), LearningRateLog()
    theta, rows = run([stop()], 6)
    run([Count(), Checkpoint(place), stop()], 3)
    count, more = Count(), Checkpoint(tmp_path / "other.npz", every=2, best=True)
    for callbacks in ([stop()], [log, stop(), more, count]):
        again, same = run(callbacks, 6, place)
        assert (again == theta).all() and same == rows
    assert count.epochs == 6 and len(log.rates) == 3 * 3 and (tmp_path / "other.npz").exists()
    with pytest.raises(ValueError, match=r"its callbacks were .*EarlyStopping.*, here EarlyStopping\(.*\), Watch\(\) "):
        run([stop(), Watch()], 6, place)


def test_settings_that_json_changes_are_the_same_settings(tmp_path):
    class Pair(Callback):
        def config(self):
            return {"pair": (1, np.float32(0.5))}

    arguments = settings(callbacks=[Pair(), Checkpoint(tmp_path / "c.npz")])
    fit(dense_autoencoder([6, 4, 2]), X, validation=0.2, epochs=1, **arguments)
    again = settings(callbacks=[Pair(), Checkpoint(tmp_path / "c.npz")])
    assert len(fit(dense_autoencoder([6, 4, 2]), X, validation=0.2, epochs=2, resume=tmp_path / "c.npz", **again)) == 2


# ---------------------------------------------------------------------- resume="auto"


def test_auto_starts_anew_and_then_resumes_with_the_same_bits(tmp_path):
    def run(name, epochs):
        model = dense_autoencoder([6, 4, 2])
        callbacks = [EarlyStopping(patience=6), Checkpoint(tmp_path / name)]
        history = fit(model, X, validation=0.2, epochs=epochs, resume="auto", **settings(callbacks=callbacks))
        return model.theta.value, history

    expected, whole = run("whole", 6)
    assert len(run("parts", 2)[1]) == 2 and (tmp_path / "parts.npz").exists()
    theta, history = run("parts", 6)
    assert len(history) == 6 and history["loss"] == whole["loss"] and (theta == expected).all()
    assert history["seconds"][:2] != whole["seconds"][:2]  # its first epochs are those of the first run
    assert len(run("parts", 6)[1]) == 6  # all done: nothing is trained
    assert_same_bits(tmp_path / "whole.npz", tmp_path / "parts.npz")


def test_auto_takes_the_file_with_the_most_epochs(tmp_path):
    def run(epochs, *callbacks):
        return fit(dense_autoencoder([6, 4, 2]), X, epochs=epochs, resume="auto",
                   **settings(callbacks=callbacks, schedule=None))  # fmt: skip

    rare, often = Checkpoint(tmp_path / "rare.npz", every=3), Checkpoint(tmp_path / "often.npz")
    first = run(4, rare, often)
    assert load_all(tmp_path / "rare.npz").extra["epoch"] == 3
    second = run(5, rare, often)
    assert second["seconds"][:4] == first["seconds"] and len(second) == 5


def test_auto_without_a_checkpoint_and_with_the_file_of_another_run(checkpoint):
    with pytest.raises(ValueError, match=r'resume="auto": expected a callback Checkpoint\(path\) to read. Add one'):
        fit(dense_autoencoder([6, 4, 2]), X, epochs=2, resume="auto", **settings())
    with pytest.raises(ValueError, match="c.npz is a checkpoint of another run: its seed was 3, here it is 4"):
        fit(dense_autoencoder([6, 4, 2]), X, validation=X, epochs=2, resume="auto",
            **settings(seed=4, callbacks=[EarlyStopping(patience=6), Checkpoint(checkpoint)]))  # fmt: skip


def test_a_checkpoint_has_a_suffix_and_is_not_a_folder(tmp_path):
    assert Checkpoint(tmp_path / "run").path == tmp_path / "run.npz"
    with pytest.raises(OSError, match="it is a folder. Choose another place"):
        Checkpoint(tmp_path)


def test_a_model_file_is_no_checkpoint(tmp_path):
    model = dense_autoencoder([6, 4, 2])
    save(tmp_path / "m.npz", model)
    with pytest.raises(ValueError, match="m.npz holds a model but no training run: load it with npae.load"):
        fit(model, X, epochs=2, resume=tmp_path / "m.npz", **settings())


def test_a_missing_checkpoint_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match='no model file .*nowhere.npz. .*resume="auto"'):
        fit(dense_autoencoder([6, 4, 2]), X, epochs=2, resume=tmp_path / "nowhere.npz", **settings())


def test_a_damaged_checkpoint_leaves_the_model_as_it_was(checkpoint):
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 255
    checkpoint.write_bytes(content)
    model = dense_autoencoder([6, 4, 2])
    before = model.theta.value.copy()
    with pytest.raises(ModelFileError, match="c.npz"):
        fit(model, X, validation=0.2, epochs=9, resume=checkpoint, **settings())
    assert (model.theta.value == before).all()


# ---------------------------------------------------------------------- learning rates of the moment


@pytest.mark.parametrize("schedule, epochs, batch_size", [
    (lambda: optim.Cosine(3), (3, 4, 5), 16), (lambda: optim.WarmUp(5), (1, 2), 50),
    (lambda: optim.Step(0.01, 1e-30), (1, 2), 16),
])  # fmt: skip
def test_a_checkpoint_at_a_learning_rate_of_0_can_be_read(schedule, epochs, batch_size, tmp_path):
    checkpoint, rates = Checkpoint(tmp_path / "c.npz"), LearningRateLog()
    for n in epochs:
        fit(dense_autoencoder([6, 4, 2]), X, epochs=n, batch_size=batch_size, optimizer=optim.Adam(0.02),
            schedule=schedule(), callbacks=[checkpoint, rates], resume="auto", progress="none")  # fmt: skip
        assert load_all(tmp_path / "c.npz").optimizer.lr == 0.02
    assert min(rates.rates) == 0 or rates.rates[-1] == 0


def test_saving_changes_no_learning_rate_of_several_phases(tmp_path):
    trainer = prepare(dense_autoencoder([6, 2]), X, progress="none")
    optimizer = optim.Phased({"a": optim.SGD(0.3), "b": optim.Adam(0.07)})
    before = [part.lr for part in optimizer.parts]
    optimizer.lr = 0.1
    moment, seen = [part.lr for part in optimizer.parts], []
    trainer.optimizer, trainer.base_lr = optimizer, before[0]
    trainer.model.theta.value[0] = np.nan  # so that saving fails
    with pytest.raises(ModelFileError):
        save_run(trainer, tmp_path / "c.npz")
    seen = [part.lr for part in optimizer.parts]
    assert seen == moment != before


# ---------------------------------------------------------------------- damaged checkpoints


def edited(path, change):
    """Write a checkpoint again, its `extra` changed by a function."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file}
    about = json.loads(bytes(arrays["about"]))
    change(about["extra"], arrays)
    np.savez(path, **arrays | {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)})


def state_of(trainer):
    """All that resume_run changes, as values that can be compared."""
    model, optimizer = trainer.model, trainer.optimizer
    return (
        model.theta.value.tobytes(), model.statistics.value.tobytes(), optimizer.t, optimizer.lr,
        {name: v.tobytes() for name, v in optimizer.state.items()}, trainer.epoch, trainer.stopped,
        trainer.history.rows, trainer.schedule.state(), [c.state() for c in trainer.callbacks],
        [{name: a.tobytes() for name, a in c.arrays().items()} for c in trainer.callbacks],
    )  # fmt: skip


class Fragile(Callback):
    """Raises a kind of error that no one documents."""

    def state(self):
        return {"n": 1}

    def restore(self, state, arrays):
        self.half = True
        raise ZeroDivisionError(f"n is {state['n']}")


def of_everything(**more):
    """Callbacks with all kinds of state."""
    callbacks = [LearningRateLog(), EarlyStopping(6), ExponentialMovingAverage(0.9), *more.get("more", [])]
    return prepare(dense_autoencoder([6, 4, 2], batch_norm=True), X, validation=0.2, **settings(callbacks=callbacks))


def without(name):
    return lambda extra, arrays: extra.pop(name)


def put(name, value):
    return lambda extra, arrays: extra.__setitem__(name, value)


def callback(k, name, value):
    return lambda extra, arrays: extra["callbacks"][k].__setitem__(name, value)


def array(name, value):
    return lambda extra, arrays: arrays.__setitem__(f"extra.{name}", value(arrays[f"extra.{name}"]))


@pytest.mark.parametrize("change", [
    *map(without, ("epoch", "stopped", "history", "terms", "schedule", "callbacks", "observes")),
    put("epoch", "4"), put("epoch", 3), put("epoch", True), put("epoch", -1), put("history", 3),
    put("history", [3] * 4), put("history", [{}] * 4), put("history", []), put("stopped", 3), put("terms", "ab"),
    put("terms", [1]),
    put("schedule", {}), put("schedule", {"current": "1", "best": 1.0, "waited": 0}), put("schedule", None),
    put("schedule", {"current": 1.0, "best": None, "waited": 0}),
    put("schedule", {"current": 1.0, "best": float("nan"), "waited": 0}),
    put("schedule", {"current": 1.0, "best": 1.0, "waited": 1}),
    put("schedule", {"current": -1.0, "best": 1.0, "waited": 0}), put("callbacks", []), put("callbacks", None),
    put("callbacks", [{}] * 5), put("callbacks", [None] * 5), put("observes", []), put("observes", [0] * 5),
    put("identity", 3), put("identity", {}),
    callback(0, "rates", 3), callback(0, "rates", ["a"]), callback(1, "best", "a"), callback(1, "best", float("nan")),
    callback(1, "best_epoch", 10**9), callback(1, "best_epoch", 1.5), callback(1, "best_epoch", None),
    callback(2, "steps", -1), callback(2, "steps", "3"), callback(2, "steps", 0), callback(2, "steps", 2.5),
    array("1.best_theta", lambda a: a[:-1]), array("1.best_theta", lambda a: a.astype("f8")),
    array("1.best_theta", lambda a: a * np.float32(np.nan)), array("2.average", lambda a: a[None]),
    array("2.average_statistics", lambda a: -a - 1), array("2.average", lambda a: a.astype("i4")),
    lambda extra, arrays: arrays.pop("extra.2.average"),
])  # fmt: skip
def test_a_checkpoint_that_is_not_whole_changes_nothing(change, tmp_path):
    trainer = of_everything()
    trainer.run(4)
    save_run(trainer, tmp_path / "c.npz")
    edited(tmp_path / "c.npz", change)
    trainer = of_everything()
    before = state_of(trainer)
    with pytest.raises(ModelFileError, match="c.npz is a damaged checkpoint, .*Nothing was changed"):
        resume_run(trainer, tmp_path / "c.npz")
    assert state_of(trainer) == before
    assert len(trainer.run(1)) == 1


def test_the_files_that_these_tests_edit_can_be_resumed(tmp_path):
    trainer = of_everything()
    trainer.run(4)
    expected = state_of(trainer)
    save_run(trainer, tmp_path / "c.npz")
    edited(tmp_path / "c.npz", lambda extra, arrays: None)
    again = of_everything()
    resume_run(again, tmp_path / "c.npz")
    assert state_of(again)[2:] == expected[2:]


def test_a_callback_that_cannot_restore_its_state_changes_nothing(tmp_path):
    trainer = of_everything(more=[Fragile()])
    trainer.run(2)
    save_run(trainer, tmp_path / "c.npz")
    fragile = Fragile()
    trainer = of_everything(more=[fragile])
    before = state_of(trainer)
    with pytest.raises(ModelFileError, match=r"c.npz is a damaged checkpoint, .*n is 1\). Nothing was changed"):
        resume_run(trainer, tmp_path / "c.npz")
    assert state_of(trainer) == before and not hasattr(fragile, "half")


def test_auto_refuses_a_damaged_file_among_several(tmp_path):
    paths = [tmp_path / "a.npz", tmp_path / "b.npz"]

    def run(epochs):
        return fit(dense_autoencoder([6, 2]), X, epochs=epochs, batch_size=16, resume="auto", progress="none",
                   callbacks=[Checkpoint(path) for path in paths])  # fmt: skip

    run(2)
    edited(paths[1], put("epoch", "two"))
    with pytest.raises(ModelFileError, match="b.npz is a damaged checkpoint"):
        run(3)


# ---------------------------------------------------------------------- runs that go on in memory


@pytest.mark.parametrize("make", [lambda: ExponentialMovingAverage(0.9), lambda: EarlyStopping(50, min_delta=99)])
def test_a_run_in_parts_has_the_bits_of_a_whole_one(make, tmp_path):
    def begin():
        return prepare(dense_autoencoder([6, 4, 3], batch_norm=True, seed=2), X, validation=0.2, batch_size=8,
                       optimizer=optim.Adam(0.05), callbacks=make(), progress="none")  # fmt: skip

    whole, parts, resumed = begin(), begin(), begin()
    whole.run(8)
    parts.run(3)
    save_run(parts, tmp_path / "c.npz")
    assigned = parts.model.theta.value.copy()
    parts.run(8)
    resume_run(resumed, tmp_path / "c.npz")
    assert (resumed.model.theta.value != assigned).any()  # the file has the weights of the last step
    resumed.run(8)
    for trainer in (parts, resumed):
        assert (trainer.model.theta.value == whole.model.theta.value).all()
        assert (trainer.model.statistics.value == whole.model.statistics.value).all()
        assert trainer.history["loss"] == whole.history["loss"]


def test_weights_that_were_set_between_two_runs_stay():
    trainer = prepare(dense_autoencoder([6, 3]), X, optimizer=optim.SGD(1e-30), progress="none", data_init=False,
                      callbacks=ExponentialMovingAverage(0.9))  # fmt: skip
    trainer.run(1)
    trainer.model.theta.value[:] = 0.25
    trainer.run(2)
    assert np.allclose(trainer.callbacks[0].average, trainer.model.theta.value) and len(trainer.history) == 2
    trainer.last_step.restore()
    assert (trainer.model.theta.value == 0.25).all()


@pytest.mark.parametrize("at", [1, 6, 8])
def test_a_run_that_was_interrupted_in_an_epoch_goes_on_with_the_next_step(at):
    def begin(at):
        return prepare(dense_autoencoder([6, 3]), X, validation=0.2, batch_size=16, schedule="cosine", epochs=4,
                       callbacks=[CtrlC(at), EarlyStopping(), ExponentialMovingAverage(0.9)],
                       progress="none")  # fmt: skip

    whole, parts = begin(-1), begin(at)
    whole.run(4)
    assert parts.run(4).stopped == f"interrupted in epoch {(at - 1) // 3 + 1} after {(at - 1) % 3 + 1} of 3 steps"
    assert parts.run(4).stopped is None and parts.optimizer.t == whole.optimizer.t == 12
    assert (parts.model.theta.value == whole.model.theta.value).all()
    assert all(parts.history[name] == whole.history[name] for name in whole.history.columns if name != "seconds")


def test_after_an_error_within_a_step_the_run_cannot_go_on(tmp_path):
    class Fails(Callback):
        def on_step(self, trainer):
            if trainer.optimizer.t == 6:
                raise ZeroDivisionError

    trainer = prepare(dense_autoencoder([6, 3]), X, batch_size=16, callbacks=Fails(), progress="none")
    with pytest.raises(ZeroDivisionError):
        trainer.run(4)
    with pytest.raises(RuntimeError, match="Trainer.run: not possible within a step.* resume the last"):
        trainer.run(4)
    with pytest.raises(RuntimeError, match="save_run: not possible"):
        save_run(trainer, tmp_path / "c.npz")
    assert trainer.optimizer.t == 6 and not (tmp_path / "c.npz").exists()
