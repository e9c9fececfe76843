"""Data-parallel training: K processes take the steps of one, stop together, and leave one set of files.

In most tests the processes are threads of this one, which need no MPI; the last part starts real ones by mpiexec.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pytest

from npae import dense_autoencoder, layers, losses, optim
from npae.data.minibatches import Minibatches
from npae.serialization.model_files import load_all
from npae.train import Callback, Checkpoint, Diverged, EarlyStopping, prepare, resume_run
from npae.train.parallel.data_parallel import DataParallelStep
from npae.train.parallel.process_group import ProcessGroup
from npae.train.step import Step

ROOT = Path(__file__).resolve().parents[3]
RNG = np.random.default_rng(0)
X, V = RNG.random((50, 6)), RNG.random((20, 6))


class Threads(ProcessGroup):
    """The group as one of its processes sees it, where these are threads of this process and meet at a table."""

    def __init__(self, rank, table):
        self.rank, self.size, self.table = rank, len(table.places), table

    def gather(self, value):
        self.table.places[self.rank] = value
        self.table.barrier.wait()
        values = list(self.table.places)
        self.table.barrier.wait()
        return values

    def sum_(self, x):
        x[...] = sum(self.gather(x.copy()))

    def broadcast_(self, x):
        x[...] = self.gather(x.copy())[0]


def together(size, work):
    """[work(group) of each of `size` processes]; an exception takes the place of a result."""
    table = types.SimpleNamespace(places=[None] * size, barrier=threading.Barrier(size, timeout=5))
    results = [None] * size

    def one(rank):
        try:
            results[rank] = work(Threads(rank, table))
        except Exception as error:
            results[rank] = error

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def check_that_two_stay_together(work, epochs):
    """Two processes end with the same θ and saw the same in every epoch, and not always the same.

    work(group) -> (θ, what was seen after each of the epochs).
    """
    (theta, seen), (other, same) = together(2, work)
    np.testing.assert_array_equal(theta, other)
    assert seen == same and len(set(seen)) == epochs


def network(**arguments):
    return dense_autoencoder([6, 4, 2], activation=layers.Tanh, dtype=np.float64, **arguments)


class Watched(optim.SGD):
    """SGD that keeps the gradients it was given."""

    def update(self, value, grad, *numbers):
        self.seen = [*getattr(self, "seen", []), grad.copy()]
        super().update(value, grad, *numbers)


del optim.Optimizer.registry["Watched"]


def steps(make_step, batches_of=(7,), clip_norm=None):
    """(gradients that the optimizer got, terms, θ) of a few steps on the first rows of X."""
    model, optimizer, noted = network(), Watched(0.5), []
    step = make_step(model, Minibatches(X, 50, np.float64, seed=0), optimizer, clip_norm)
    for size in batches_of:
        step(np.arange(size), lambda terms, n: noted.append((terms, n)))
    return optimizer.seen, noted, model.theta.value.copy()


def steps_together(size, **arguments):
    def work(group):
        return steps(lambda *a: DataParallelStep(*a, group), **arguments)

    return together(size, work)


# ---------------------------------------------------------------------- shares


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [1, 2, 5, 7, 128])
def test_shares_cover_every_row_once_and_differ_by_one_row_at_most(size, n):
    table = types.SimpleNamespace(places=[None] * size)
    shares = [Threads(rank, table).share(n) for rank in range(size)]
    covered = [row for rows, weight in shares if weight for row in range(n)[rows]]
    assert covered == list(range(n))
    assert sum(weight for _, weight in shares) == pytest.approx(1, rel=1e-15)
    weights = [round(weight * n) for _, weight in shares]
    assert max(weights) - min(weights) <= 1
    assert all(rows == slice(0, 1) for rows, weight in shares if weight == 0)
    assert all(len(range(n)[rows]) == round(weight * n) for rows, weight in shares if weight)


def test_a_group_of_one_has_everything_and_changes_nothing():
    alone, x = ProcessGroup(), np.arange(3.0)
    alone.sum_(x)
    alone.broadcast_(x)
    assert alone.share(5) == (slice(0, 5), 1.0) and (x == [0, 1, 2]).all()
    assert alone.gather("a") == ["a"] and alone.first(None) is None and alone.first("b") == "b"
    assert alone.weighted_sum({"a": 0.1}, 1.0) == {"a": 0.1}


# ---------------------------------------------------------------------- the step


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_the_shares_gradients_and_terms_combine_to_those_of_the_batch(size):
    batches_of = (12, 7, 2, 1)  # even, uneven, and with fewer rows than processes
    seen, noted, theta = steps(Step, batches_of)
    for seen_k, noted_k, theta_k in steps_together(size, batches_of=batches_of):
        for g, g_k in zip(seen, seen_k, strict=True):
            np.testing.assert_allclose(g_k, g, rtol=1e-12, atol=1e-12 * np.abs(g).max())
        for (terms, n), (terms_k, n_k) in zip(noted, noted_k, strict=True):
            assert n_k == n and list(terms_k) == list(terms)
            assert terms_k["reconstruction"] == pytest.approx(float(terms["reconstruction"]), rel=1e-12)
        np.testing.assert_allclose(theta_k, theta, rtol=1e-11)


def test_every_process_takes_the_same_step_to_the_last_bit():
    results = steps_together(3, batches_of=(7, 5, 2), clip_norm=0.1)
    for seen, noted, theta in results[1:]:
        assert (theta == results[0][2]).all()
        assert all((g == h).all() for g, h in zip(seen, results[0][0], strict=True))
        assert noted == results[0][1]


def test_the_plain_average_of_uneven_shares_would_be_another_gradient():
    (whole,), _, _ = steps(Step, (7,))
    gradients = []
    for rows in (slice(0, 2), slice(2, 4), slice(4, 7)):
        model = network()
        model.backpropagate(X[rows])
        gradients.append(model.theta.grad.copy())
    np.testing.assert_allclose((2 * gradients[0] + 2 * gradients[1] + 3 * gradients[2]) / 7, whole, rtol=1e-10)
    assert np.abs(np.mean(gradients, axis=0) - whole).max() > 1e-3 * np.abs(whole).max()


def test_the_gradient_is_clipped_after_it_was_summed():
    (g,), _, theta = steps(Step, (7,), clip_norm=0.05)
    assert np.linalg.norm(g) == pytest.approx(0.05)
    for (g_k,), _, theta_k in steps_together(3, batches_of=(7,), clip_norm=0.05):
        np.testing.assert_allclose(g_k, g, rtol=1e-11)
        np.testing.assert_allclose(theta_k, theta, rtol=1e-12)


# ---------------------------------------------------------------------- a run


def train(group=None, data=X, validation=V, epochs=6, callbacks=(), seed=3, first=0, resume=None):
    """A Trainer that has run, `first` the seed of the first θ."""
    trainer = prepare(
        network(seed=first), data, validation=validation, batch_size=15, optimizer=optim.Adam(0.02), seed=seed,
        schedule=optim.Plateau(1, threshold=0.05), callbacks=callbacks, progress="lines", group=group,
    )  # fmt: skip
    if resume is not None:
        resume_run(trainer, resume)
    trainer.run(epochs)
    return trainer


def columns(trainer):
    """The numbers of the history without the times."""
    return np.array([[v for k, v in row.items() if k != "seconds"] for row in trainer.history.rows])


@pytest.mark.parametrize("size", [2, 3])
def test_a_run_is_that_of_one_process_to_rounding_and_the_same_in_all(size, tmp_path, capsys):
    alone = train(callbacks=[EarlyStopping(2), Checkpoint(tmp_path / "alone.npz")])
    printed = capsys.readouterr().out
    runs = together(size, lambda g: train(g, callbacks=[EarlyStopping(2), Checkpoint(tmp_path / f"{g.rank}.npz")]))
    for run in runs:
        np.testing.assert_allclose(columns(run), columns(alone), rtol=1e-11)
        np.testing.assert_allclose(run.model.theta.value, alone.model.theta.value, rtol=1e-9)
        assert (columns(run) == columns(runs[0])).all() and run.history.stopped == alone.history.stopped
        assert (run.model.theta.value == runs[0].model.theta.value).all()
    assert len(set(columns(alone)[:, 1])) > 1, "the schedule has not moved"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.npz", "alone.npz"]
    assert len(capsys.readouterr().out.splitlines()) == len(printed.splitlines()) == len(alone.history)


def test_all_start_from_the_theta_of_process_0():
    alone = train(first=1)
    for run in together(2, lambda g: train(g, first=1 + g.rank)):
        np.testing.assert_allclose(run.model.theta.value, alone.model.theta.value, rtol=1e-9)


def test_a_resumed_run_ends_with_the_bits_of_one_that_was_not_interrupted(tmp_path):
    path = tmp_path / "c.npz"

    def callbacks():
        return [EarlyStopping(9), Checkpoint(path)]

    whole = together(2, lambda g: train(g, callbacks=callbacks()))
    together(2, lambda g: train(g, callbacks=callbacks(), epochs=2))
    resumed = together(2, lambda g: train(g, callbacks=callbacks(), resume=path))
    for a, b in zip(whole, resumed, strict=True):
        assert (a.model.theta.value == b.model.theta.value).all() and (columns(a) == columns(b)).all()
    assert load_all(path).extra["epoch"] == 6


def test_validation_data_may_have_fewer_rows_than_there_are_processes():
    alone = train(validation=V[:2])
    for run in together(3, lambda g: train(g, validation=V[:2])):
        np.testing.assert_allclose(run.history["val_loss"], alone.history["val_loss"], rtol=1e-11)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("seed", (0, 1), "seed is 0 in process 0 and 1 in process 1"),
        ("epochs", (4, 5), "epochs is 4 in process 0 and 5 in process 1"),
        ("data", (X, X[1:]), "data is .* in process 0 and .* in process 1"),
        ("callbacks", ([], [EarlyStopping()]), "callbacks is .* in process 0 and .* in process 1"),
    ],
)
def test_processes_of_different_settings_do_not_begin(name, given, words):
    for error in together(2, lambda g: train(g, **{name: given[g.rank]})):
        with pytest.raises(ValueError, match=words):
            raise error


@pytest.mark.filterwarnings("ignore::npae.DataWarning")
def test_nan_in_one_share_stops_all_with_the_same_words_and_theta_as_it_was():
    data = X.copy()
    data[33] = 1e200
    models = {}

    def work(group):
        trainer = prepare(network(loss=losses.SquaredError()), data, batch_size=50, group=group, progress="none",
                          data_init=False)  # fmt: skip
        models[group.rank] = trainer.model
        trainer.run(2)

    errors = together(3, work)
    assert {type(e) for e in errors} == {Diverged} and len({str(e) for e in errors}) == 1
    assert "'reconstruction' became inf in epoch 1, step 1" in str(errors[0])
    assert all((model.theta.value == network().theta.value).all() for model in models.values())


def test_a_stop_in_one_process_stops_all_after_the_epoch():
    class Impatient(Callback):
        def __init__(self, rank):
            self.rank = rank

        def on_step(self, trainer):
            if self.rank == 1 and trainer.epoch == 2:
                trainer.stop("no more time")

    for run in together(3, lambda g: train(g, callbacks=Impatient(g.rank))):
        assert run.history.stopped == "no more time" and len(run.history) == 3


# ---------------------------------------------------------------------- real processes

MPIEXEC = shutil.which("mpiexec", path=os.path.dirname(sys.executable)) or shutil.which("mpiexec")
needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or importlib.util.find_spec("mpi4py") is None, reason="could not import 'mpi4py'"
)

PROGRAM = """
import json, signal, sys
from pathlib import Path
from npae.train import Callback, Checkpoint, EarlyStopping
from npae.train.parallel import from_environment
from tests.train.parallel.test_process_group import np, columns, train

class InProcess1(Callback):
    steps = 0
    def on_step(self, trainer):
        self.steps += 1
        if self.steps == 7 and trainer.group.rank == 1:
            self.act()

class CtrlC(InProcess1):
    def act(self):
        signal.raise_signal(signal.SIGINT)

class Fail(InProcess1):
    def act(self):
        raise OSError("process 1 is unwell")

out, group = Path(sys.argv[1]), from_environment()
def keep(name, run):
    np.savez(out / f"{name}{group.rank}.npz", theta=run.model.theta.value, columns=columns(run))
    (out / f"{name}{group.rank}.json").write_text(json.dumps([group.size, run.history.stopped]))

if sys.argv[2] == "fail":
    train(group, callbacks=Fail())
    keep("failed", None)
callbacks = lambda: [EarlyStopping(9), Checkpoint(out / "c.npz")]
keep("whole", train(group, callbacks=callbacks()))
train(group, callbacks=callbacks(), epochs=2)
keep("resumed", train(group, callbacks=callbacks(), resume=out / "c.npz"))
keep("stopped", train(group, callbacks=CtrlC()))
"""


def mpiexec(*arguments, **variables):
    """The finished job of two processes, python with these arguments. One that hangs raises TimeoutExpired.

    variables: of the environment; None removes one.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | variables
    return subprocess.run(
        [MPIEXEC, "-n", "2", sys.executable, "-W", "error", *map(str, arguments)], cwd=ROOT, timeout=60, text=True,
        env={name: value for name, value in environment.items() if value is not None}, capture_output=True,
    )  # fmt: skip


@needs_mpi
def test_two_processes_train_as_one_resume_and_stop_together(tmp_path):
    done = mpiexec("-c", PROGRAM, tmp_path, "train")
    assert done.returncode == 0, done.stderr
    alone = train()
    found = {name: [np.load(tmp_path / f"{name}{k}.npz") for k in (0, 1)] for name in ("whole", "resumed", "stopped")}
    for name, (a, b) in found.items():
        assert (a["theta"] == b["theta"]).all() and (a["columns"] == b["columns"]).all(), name
    whole, resumed, stopped = (found[name][0] for name in found)
    np.testing.assert_allclose(whole["theta"], alone.model.theta.value, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(whole["columns"], columns(alone), rtol=1e-10)
    assert (resumed["theta"] == whole["theta"]).all() and (resumed["columns"] == whole["columns"]).all()
    why = [json.loads((tmp_path / f"stopped{k}.json").read_text()) for k in (0, 1)]
    assert why == [[2, "interrupted in epoch 2 after 3 of 4 steps"]] * 2 and len(stopped["columns"]) == 1
    assert len(done.stdout.splitlines()) == 6 + 2 + 4 + 1, "only process 0 prints"


@needs_mpi
def test_an_exception_in_one_process_ends_the_other(tmp_path):
    done = mpiexec("-c", PROGRAM, tmp_path, "fail")
    assert done.returncode != 0
    assert "OSError: process 1 is unwell" in done.stderr
    assert not list(tmp_path.iterdir())
