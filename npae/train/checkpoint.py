"""Checkpoints: a training run in one file, from which it resumes and ends with the same bits.

The file has everything that the rest of the run depends on. The rows and the random numbers of a step depend on its
number in the epoch, the number of the epoch, and the seed alone. So a run that was killed resumes from its last
checkpoint, also in the middle of an epoch, as if it had not been interrupted (on the CPU, with the same machine,
libraries and number of processes).
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npae.backend import Array, Config, as_int, check_place, device_of, to_device
from npae.serialization import ModelFileError, load_all, save
from npae.serialization.archive import reason
from npae.serialization.places import place_to_read, place_to_write
from npae.train.callbacks import Callback, check_monitor, monitored
from npae.train.differences import differences, plain, short
from npae.train.history import History
from npae.train.saved_run import SavedRun, check_fit, is_number, restored, restored_means, saved_run

if TYPE_CHECKING:
    from npae.train.trainer import Trainer


def save_run(trainer: "Trainer", path: str | os.PathLike[str]) -> None:
    """Write model, optimizer, schedule, history and callbacks of a Trainer to one file, for resume_run.

    The weights are those of the last step, even if a callback has assigned others when training stopped (npae.save
    writes these). The learning rate is the configured one, not that of the schedule at this moment.

    Of several processes the first writes the file for all, and each one reads it to resume.

    Args:
        trainer: a run that npae.train.prepare has built.
        path: of the file; ".npz" is added to a name without a suffix.

    Raises RuntimeError within a step: call it from on_step_done, on_epoch_done, or between two calls of `run`.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.train import prepare, resume_run, save_run
        >>> x = np.random.default_rng(0).random((200, 8))
        >>> first, second = (prepare(dense_autoencoder([8, 3]), x, progress="none") for _ in range(2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     history = first.run(3)
        ...     save_run(first, folder + "/run")
        ...     resume_run(second, folder + "/run")
        >>> second.run(5)["epoch"]
        [1, 2, 3, 4, 5]
    """
    trainer.last_step.check_whole("save_run")
    if trainer.group.rank:
        return
    trainer.step.read_terms()
    optimizer, rates = trainer.optimizer, [part.lr for part in trainer.optimizer.parts]
    extra = {
        "identity": trainer.identity, "epoch": trainer.epoch, "stopped": trainer.stopped,
        "means": trainer.means.state(),
        "history": trainer.history.rows, "terms": trainer.history.terms, "schedule": trainer.schedule.state(),
        "callbacks": [c.state() for c in trainer.callbacks], "observes": [c.observes for c in trainer.callbacks],
    }  # fmt: skip
    arrays = {f"{k}.{name}": a for k, c in enumerate(trainer.callbacks) for name, a in c.arrays().items()}
    optimizer.lr = trainer.base_lr  # as it was configured; the schedule's rate of this moment may be 0
    try:
        with trainer.last_step.restored():
            save(path, trainer.model, optimizer, extra, arrays)
    finally:
        for part, lr in zip(optimizer.parts, rates, strict=True):
            part.lr = lr


def resume_run(trainer: "Trainer", path: str | os.PathLike[str]) -> None:
    """Restore a saved run in a Trainer. Callbacks that only observe, such as Checkpoint, may differ.

    Args:
        trainer: a run that npae.train.prepare has built, with the same settings.
        path: a file of save_run; or "auto": the file of the trainer's own Checkpoint, if there is one yet (of several,
            the one with the most steps). If not, nothing is changed.

    Raises ValueError, naming the differences, if it is another run, and ModelFileError, which is one, for a damaged
    file. Then nothing is changed either: the file is read and checked wholly before anything of it is applied.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.train import Checkpoint, prepare, resume_run
        >>> x = np.random.default_rng(0).random((200, 8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     checkpoint = Checkpoint(folder + "/run")
        ...     first, second = (
        ...         prepare(dense_autoencoder([8, 3]), x, callbacks=checkpoint, progress="none") for _ in range(2)
        ...     )
        ...     history = first.run(3)
        ...     resume_run(second, "auto")
        >>> second.epoch
        3
    """
    if isinstance(path, str) and path == "auto":
        found = [_load(place) for place in _own_places(trainer) if place.is_file()]
        if not found:
            return
        path, saved, run = max(found, key=lambda one: (one[2].epoch, one[2].means["taken"]))
    else:
        path, saved, run = _load(path)
    with _checking(path):
        phrases = differences(run.identity, trainer.identity) + _other_callbacks(run, trainer)
    if phrases:
        raise ValueError(
            f"{path} is a checkpoint of another run: {'; '.join(phrases)}. Resume with the same settings. Or start a "
            "new fit from its model, npae.load(path); serialization.load_all(path) also returns its optimizer."
        )
    with _checking(path):
        check_fit(saved, trainer)
        device = device_of(trainer.model.theta.value)
        state = {name: to_device(v, device) for name, v in saved.optimizer.state.items()}
        copies, means = restored(saved, run, trainer), restored_means(run, trainer)
    trainer.model.theta.assign(saved.model.theta.value)
    trainer.model.statistics.assign(saved.model.statistics.value)
    trainer.optimizer.t, trainer.optimizer.state = saved.optimizer.t, state
    trainer.epoch, trainer.stopped = run.epoch, run.stopped
    trainer.means, trainer.last_step.is_whole = means, True
    trainer.history = History(run.history, trainer.history.seen, run.terms)
    for thing, copied in copies:
        vars(thing).update(vars(copied))


def _load(path: str | os.PathLike[str]) -> "tuple[Path, Any, SavedRun]":
    """(the file that is read, its content, the run that it describes)."""
    try:
        path, saved = place_to_read(path), load_all(path)
    except FileNotFoundError as error:
        cure = 'With resume="auto" a run starts anew if its Checkpoint has no file yet.'
        raise FileNotFoundError(f"{error} {cure}") from None
    if saved.optimizer is None or "identity" not in saved.extra:
        raise ValueError(f"{path} holds a model but no training run: load it with npae.load and start a new fit.")
    with _checking(path):
        return path, saved, saved_run(saved)


@contextmanager
def _checking(path: Path) -> Iterator[None]:
    """Raise ModelFileError for whatever the block raises about a checkpoint."""
    try:
        yield
    except (MemoryError, Warning):
        raise
    except Exception as error:  # restore() of the user's own callbacks may raise any kind
        cause = f"it has no {error}" if isinstance(error, KeyError) else reason(error)
        raise ModelFileError(
            f"{path} is a damaged checkpoint, or one of another version ({cause}). Nothing was changed: take an "
            "earlier checkpoint, or load its model with npae.load and start a new fit."
        ) from error


def _own_places(trainer: "Trainer") -> list[Path]:
    """The paths of the trainer's Checkpoints."""
    places = [c.path for c in trainer.callbacks if isinstance(c, Checkpoint)]
    if not places:
        raise ValueError('resume="auto": expected a callback Checkpoint(path) to read. Add one, or name a file.')
    return places


def _other_callbacks(run: SavedRun, trainer: "Trainer") -> list[str]:
    """[how the callbacks that act on a run differ], a phrase or none."""

    def acting(names, observes):
        return [name for name, only in zip(names, observes, strict=True) if not only]

    there = acting(run.identity["callbacks"], run.observes)
    here = acting(plain(trainer.identity["callbacks"]), [c.observes for c in trainer.callbacks])
    if there == here:
        return []
    a, b = (", ".join(short({"class": c, "config": x}) for c, x in some) or "none" for some in (there, here))
    return [f"its callbacks were {a}, here {b} (besides those that only observe, which may differ)"]


class Checkpoint(Callback):
    """Write a checkpoint (see save_run) every few epochs or steps. fit(…, resume="auto") goes on from it.

    Args:
        path: of the file; ".npz" is added to a name without a suffix.
        every: epochs from one checkpoint to the next.
        best: write the file only when `monitor` is at its best so far, so that it contains the best model.
        monitor: a column of the history that should decrease; None: as for EarlyStopping.
        steps: for long epochs, steps from one checkpoint within an epoch to the next; None: none within epochs.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.train import Checkpoint
        >>> x = np.random.default_rng(0).random((200, 8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     settings = {"callbacks": Checkpoint(folder + "/run"), "resume": "auto", "progress": "none"}
        ...     history = fit(dense_autoencoder([8, 3]), x, epochs=2, **settings)  # there is no file yet: begins
        ...     history = fit(dense_autoencoder([8, 3]), x, epochs=5, **settings)  # goes on
        >>> history["epoch"]
        [1, 2, 3, 4, 5]
    """

    observes = True

    def __init__(self, path: str | os.PathLike[str], every: int = 1, best: bool = False, monitor: str | None = None,
                 steps: int | None = None):  # fmt: skip
        self.every = as_int(every, "every of Checkpoint", least=1)
        self.steps = None if steps is None else as_int(steps, "steps of Checkpoint", least=1)
        if best and steps is not None:
            raise ValueError(
                "Checkpoint: expected best=True or steps=, not both: a file within an epoch would replace the best. "
                "Use two Checkpoints with two paths."
            )
        self.path = place_to_write(path, "Checkpoint")
        self.only_best, self.monitor = best, monitor
        self.best = math.inf

    def on_start(self, trainer: "Trainer") -> None:
        if self.only_best:
            check_monitor(self, trainer)
        if trainer.means.begins:  # discard the best of an earlier run
            self.best = math.inf
        check_place(self.path)  # raises now, not after the first epoch

    def on_epoch_done(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        if self.only_best:
            value = row[monitored(self, row)]
            if not value < self.best:  # NaN is no improvement
                return
            self.best = value
        elif row["epoch"] % self.every:
            return
        save_run(trainer, self.path)

    def on_step_done(self, trainer: "Trainer") -> None:
        taken = trainer.means.taken
        if self.steps is not None and taken % self.steps == 0 and taken < len(trainer.batches):
            save_run(trainer, self.path)

    def config(self) -> Config:
        return {"every": self.every, "best": self.only_best, "monitor": self.monitor, "steps": self.steps}

    def state(self) -> dict[str, Any]:
        return {"best": self.best}

    def restore(self, state: dict[str, Any], arrays: dict[str, Array]) -> None:
        if not is_number(state["best"]):
            raise ValueError(f"Checkpoint: expected its best value as a number, got {state['best']!r}")
        self.best = state["best"]
