"""What a checkpoint says of a run, checked before anything of it is applied.

    saved_run(saved)         its values are there, of their types, and do not contradict each other
    check_fit(...)           its vectors are those of the run that shall go on
    restored_means(...)      the means of the epoch under way
    restored(...)            copies of the schedule and the callbacks, with their state

Each of them raises an error for a damaged file. Only then resume_run assigns, and no assignment can fail.
"""

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from npae.backend import Array
from npae.train.differences import plain

if TYPE_CHECKING:
    from npae.serialization import Saved
    from npae.train.epoch_means import EpochMeans
    from npae.train.trainer import Trainer


@dataclass
class SavedRun:
    """A run as a checkpoint describes it.

    Attributes:
        identity: the settings that a resumed run must share.
        epoch: the number of finished epochs.
        means: the state of the means over the epoch under way.
        stopped: why training ended, or None.
        history: a row per epoch.
        terms: the names of the terms of J.
        schedule: the state of the schedule.
        callbacks: the state of each callback.
        observes: for each callback, does it only observe?
    """

    identity: dict[str, Any]
    epoch: int
    means: dict[str, Any]
    stopped: str | None
    history: list[dict[str, Any]]
    terms: list[str]
    schedule: dict[str, Any]
    callbacks: list[dict[str, Any]]
    observes: list[bool]


def saved_run(saved: "Saved") -> SavedRun:
    """The SavedRun of a file. Raises KeyError for a value that is missing, ValueError for one that cannot be right."""
    run = SavedRun(**{name: saved.extra[name] for name in SavedRun.__annotations__})
    for name, kind in (("identity", dict), ("history", list), ("terms", list), ("schedule", dict),
                       ("callbacks", list), ("observes", list), ("means", dict)):  # fmt: skip
        _expect(isinstance(getattr(run, name), kind), f"a {kind.__name__}", name, getattr(run, name))
    _expect(type(run.epoch) is int and run.epoch >= 0, "an integer of 0 or more", "epoch", run.epoch)
    taken = run.means["taken"]
    _expect(type(taken) is int and taken >= 0, "0 steps or more", "means", taken)
    _expect(run.stopped is None or isinstance(run.stopped, str), "a text or nothing", "stopped", run.stopped)
    _expect(all(isinstance(name, str) for name in run.terms), "texts", "terms", run.terms)
    _expect(all(isinstance(state, dict) for state in run.callbacks), "tables", "callbacks", run.callbacks)
    _expect(all(isinstance(only, bool) for only in run.observes), "truth values", "observes", run.observes)
    names, steps = run.identity["callbacks"], saved.optimizer.t if saved.optimizer else 0
    pairs = isinstance(names, list) and all(isinstance(n, list) and len(n) == 2 for n in names)
    same = pairs and len(names) == len(run.callbacks) == len(run.observes)
    _expect(same, "one entry per callback", "callbacks", names)
    _expect(len(run.history) == run.epoch, f"{run.epoch} rows", "history", len(run.history))
    _expect(steps >= run.epoch + taken, f"{run.epoch + taken} steps or more", "optimizer", steps)
    for k, row in enumerate(run.history):
        _expect(isinstance(row, dict) and row.get("epoch") == k + 1, f"the row of epoch {k + 1}", "history", row)
        for name in ("lr", "seconds", "loss", *run.terms):
            _expect(is_number(row[name]) and math.isfinite(row[name]), f"a finite {name}", "history", row[name])
    return run


def is_number(value: Any) -> bool:
    """Is this a number of JSON, other than NaN?"""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _expect(true: bool, expected: str, name: str, got: Any) -> None:
    if not true:
        text = repr(got)
        raise ValueError(f"its {name}: expected {expected}, got {text if len(text) <= 80 else text[:77] + '…'}")


def check_vector(name: str, vector: Array, like: Array) -> None:
    """Raise ValueError unless a vector of a checkpoint is finite, and has the shape and the dtype of another one.

    Args:
        name: of the vector.
        vector: on the CPU.
        like: θ or the running statistics of the model.
    """
    _expect((vector.shape, vector.dtype) == (like.shape, like.dtype), f"{like.dtype} {like.shape}", name,
            f"{vector.dtype} {vector.shape}")  # fmt: skip
    _expect(bool((abs(vector) < math.inf).all()), "finite numbers", name, "NaN or Inf")


def check_vectors(found: dict[str, Array], names: tuple[str, str], trainer: "Trainer", there: bool) -> None:
    """Raise ValueError unless a callback has one vector like θ and one like the running statistics.

    Args:
        found: {name: vector} of the callback.
        names: of the two.
        trainer: the run that shall go on.
        there: False: it should have neither.
    """
    likes = (trainer.model.theta.value, trainer.model.statistics.value)
    expected = {name: like for name, like in zip(names, likes, strict=True) if there and like.size}
    _expect(found.keys() == expected.keys(), ", ".join(expected) or "no arrays", "callbacks", list(found))
    for name, like in expected.items():
        check_vector(name, found[name], like)
    for (name, _, start), (_, p) in zip(trainer.model.statistics.table, trainer.model.named_buffers(), strict=True):
        if names[1] in expected:
            smallest = found[names[1]][start : start + p.size].min()
            _expect(bool(smallest >= p.least), f"{name} of {p.least:g} or more", names[1], smallest)


def check_fit(saved: "Saved", trainer: "Trainer") -> None:
    """Raise ValueError unless the model and the state of the optimizer have the sizes of the trainer's."""
    check_vector("θ", saved.model.theta.value, trainer.model.theta.value)
    check_vector("running statistics", saved.model.statistics.value, trainer.model.statistics.value)
    state: Any = saved.optimizer.state if saved.optimizer else {}
    expected, found = trainer.optimizer.state_sizes(trainer.model), {name: v.size for name, v in state.items()}
    _expect(found == (expected if saved.optimizer and saved.optimizer.t else found), str(expected), "optimizer", found)


def restored_means(run: SavedRun, trainer: "Trainer") -> "EpochMeans":
    """The means of the epoch under way. Raises ValueError if they are not those of an epoch of the trainer.

    Args:
        run: of the file.
        trainer: the run that shall go on. Nothing of it is changed.
    """
    means = trainer.history.begin_epoch(run.epoch)
    means.restore(run.means)
    _expect(means.taken <= len(trainer.batches), f"at most {len(trainer.batches)} steps", "means", means.taken)
    return means


def restored(saved: "Saved", run: SavedRun, trainer: "Trainer") -> list[tuple[Any, Any]]:
    """[(object, a copy of it with the state of the file)] of the schedule and of each callback that the file has.

    A callback that was added has no state there and starts anew.

    Args:
        saved: the content of the file.
        run: its SavedRun.
        trainer: the run that shall go on. Nothing of it is changed.
    """
    schedule, names = copy.deepcopy(trainer.schedule), list(run.identity["callbacks"])
    schedule.restore(run.schedule)
    pairs: list[tuple[Any, Any]] = [(trainer.schedule, schedule)]
    for name, callback in zip(plain(trainer.identity["callbacks"]), trainer.callbacks, strict=True):
        if name in names:
            k = names.index(name)
            names[k] = None  # each of them once
            own = {n.partition(".")[2]: a for n, a in saved.arrays.items() if n.partition(".")[0] == str(k)}
            pairs.append((callback, copy.copy(callback)))
            pairs[-1][1].restore(run.callbacks[k], own)
            pairs[-1][1].check_restored(trainer, run.epoch)
    return pairs
