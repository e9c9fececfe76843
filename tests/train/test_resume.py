"""A run that was killed and resumed ends with the bits of a run that was not; another run's checkpoint is refused."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from npae import dense_autoencoder, fit, optim, save
from npae.layers import Tanh
from npae.serialization.model_files import ModelFileError, load_all
from npae.train import Callback, Checkpoint, EarlyStopping, LearningRateLog, prepare, resume_run, save_run

ROOT = Path(__file__).resolve().parents[2]
X = np.random.default_rng(0).random((50, 6), np.float32)

PROGRAM = """
import os, signal, sys
import numpy as np
from npae import fit, dense_autoencoder, optim
from npae.train import Callback, Checkpoint, EarlyStopping

class Kill(Callback):
    steps = 0
    def on_step(self, trainer):
        self.steps += 1
        if self.steps == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

rng = np.random.default_rng(5)
data, validation = rng.random((70, 12), np.float32), rng.random((30, 12), np.float32)
checkpoint, resume = sys.argv[1], sys.argv[2] or None
history = fit(dense_autoencoder([12, 6, 3], seed=1), data, validation, epochs=9, batch_size=16,
              optimizer=optim.Adam(0.002), schedule=optim.Cosine(9), seed=11, progress="none", resume=resume,
              callbacks=[EarlyStopping(patience=4), Checkpoint(checkpoint), Kill()])
"""


def in_a_process(checkpoint, resume="", kill_at=-1):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(checkpoint), str(resume), str(kill_at)],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == (0 if kill_at < 0 else -signal.SIGKILL), done.stderr


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
    assert saved.extra["epoch"] == 9 and saved.optimizer.t == 45 and "0.best_theta" in saved.arrays
    assert_same_bits(tmp_path / "whole.npz", tmp_path / "parts.npz")


def settings(**changes):
    return {
        "batch_size": 16, "optimizer": optim.SGD(0.05, momentum=0.9), "schedule": optim.Plateau(1, threshold=0.05),
        "seed": 3, "progress": "none", "callbacks": [LearningRateLog(), EarlyStopping(patience=6)],
    } | changes  # fmt: skip


@pytest.fixture
def checkpoint(tmp_path):
    trainer = prepare(dense_autoencoder([6, 4, 2]), X, 0.2, **settings())
    trainer.run(4)
    save_run(trainer, tmp_path / "c.npz")
    return tmp_path / "c.npz"


def test_momentum_and_plateau_resume_with_the_same_bits(checkpoint, tmp_path):
    trainers = []
    for resume in (None, checkpoint):
        trainer = prepare(dense_autoencoder([6, 4, 2], seed=0 if resume is None else 99), X, 0.2, **settings())
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
    history = fit(model, X, 0.2, epochs=7, resume=checkpoint, **settings())
    assert history["epoch"] == [1, 2, 3, 4, 5, 6, 7]


def test_a_run_that_is_done_stays_as_it_was(checkpoint):
    model = dense_autoencoder([6, 4, 2])
    history = fit(model, X, 0.2, epochs=4, resume=checkpoint, **settings())
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


@pytest.mark.parametrize("what, change", [
    ("seed", {"seed": 4}), ("batch_size", {"batch_size": 8}), ("clip_norm", {"clip_norm": 1.0}),
    ("optimizer", {"optimizer": optim.Adam()}), ("optimizer", {"optimizer": optim.SGD(0.06, momentum=0.9)}),
    ("schedule", {"schedule": None}), ("schedule", {"schedule": optim.Plateau(2, threshold=0.05)}),
    ("callbacks", {"callbacks": []}), ("callbacks", {"callbacks": [EarlyStopping(), LearningRateLog()]}),
    ("data", {"data": X[:45]}), ("data", {"data": X + 0.001}),
    ("architecture", {"model": dense_autoencoder([6, 3, 2])}),
    ("architecture", {"model": dense_autoencoder([6, 4, 2], activation=Tanh)}),
    ("dtype", {"model": dense_autoencoder([6, 4, 2], dtype=np.float64)}),
])  # fmt: skip
def test_another_run_is_refused_by_naming_what_differs_and_nothing_is_changed(checkpoint, what, change):
    model, data = change.pop("model", None) or dense_autoencoder([6, 4, 2]), change.pop("data", X)
    arguments = settings(**change)
    before, t = model.theta.value.copy(), arguments["optimizer"].t
    with pytest.raises(ValueError, match=f"is a checkpoint of another run: its {what} is .*, here it is"):
        fit(model, data, 0.2, epochs=9, resume=checkpoint, **arguments)
    assert (model.theta.value == before).all() and arguments["optimizer"].t == t


def test_a_model_file_is_no_checkpoint(tmp_path):
    model = dense_autoencoder([6, 4, 2])
    save(tmp_path / "m.npz", model)
    with pytest.raises(ValueError, match="m.npz holds a model but no training run: load it with npae.load"):
        fit(model, X, epochs=2, resume=tmp_path / "m.npz", **settings())


def test_a_missing_checkpoint_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file .*nowhere.npz"):
        fit(dense_autoencoder([6, 4, 2]), X, epochs=2, resume=tmp_path / "nowhere.npz", **settings())


def test_a_damaged_checkpoint_leaves_the_model_as_it_was(checkpoint):
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 255
    checkpoint.write_bytes(content)
    model = dense_autoencoder([6, 4, 2])
    before = model.theta.value.copy()
    with pytest.raises(ModelFileError, match="c.npz"):
        fit(model, X, 0.2, epochs=9, resume=checkpoint, **settings())
    assert (model.theta.value == before).all()
