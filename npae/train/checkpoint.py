"""Checkpoints: a training run in one file, from which it resumes and ends with the same bits.

The file has everything that the rest of the run depends on. The order of the rows and the random numbers of each epoch
depend on its number and the seed alone. So a run that was killed resumes from its last checkpoint as if it had not been
interrupted (on the CPU, with the same machine, libraries and number of processes).
"""

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npae.backend import Array, Config, check_place, device_of, to_device
from npae.serialization import load_all, save
from npae.serialization.places import place_to_read, place_to_write
from npae.train.callbacks import Callback, check_monitor, monitored
from npae.train.differences import differences, plain, short
from npae.train.history import History

if TYPE_CHECKING:
    from npae.serialization import Saved
    from npae.train.trainer import Trainer


def save_run(trainer: "Trainer", path: str | os.PathLike[str]) -> None:
    """Write model, optimizer, schedule, history and callbacks of a Trainer to one file, for resume_run.

    Of several processes the first writes the file for all, and each one reads it to resume.

    Args:
        trainer: a run that npae.train.prepare has built.
        path: of the file; ".npz" is added to a name without a suffix.

    Raises RuntimeError in the middle of an epoch, from where a run cannot be resumed exactly.

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
    if not trainer.between_epochs:
        raise RuntimeError(
            "save_run: training is in the middle of an epoch, from where it cannot be resumed exactly. "
            "Save the model with npae.save, or use the last checkpoint."
        )
    if trainer.group.rank:
        return
    extra = {
        "identity": trainer.identity, "epoch": trainer.epoch, "stopped": trainer.stopped,
        "history": trainer.history.rows, "terms": trainer.history.terms, "schedule": trainer.schedule.state(),
        "callbacks": [c.state() for c in trainer.callbacks], "observes": [c.observes for c in trainer.callbacks],
    }  # fmt: skip
    arrays = {f"{k}.{name}": a for k, c in enumerate(trainer.callbacks) for name, a in c.arrays().items()}
    save(path, trainer.model, trainer.optimizer, extra, arrays)


def resume_run(trainer: "Trainer", path: str | os.PathLike[str]) -> None:
    """Restore a saved run in a Trainer. Callbacks that only observe, such as Checkpoint, may differ.

    Args:
        trainer: a run that npae.train.prepare has built, with the same settings.
        path: a file of save_run; or "auto": the file of the trainer's own Checkpoint, if there is one yet (of several,
            the one with the most epochs). If not, nothing is changed.

    Raises ValueError, naming the differences, if it is another run; then nothing is changed either.

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
        found = [(place, load_all(place)) for place in _own_places(trainer) if place.is_file()]
        if not found:
            return
        path, saved = max(found, key=lambda one: one[1].extra.get("epoch", 0))
    else:
        path, saved = _load(path)
    if saved.optimizer is None or "identity" not in saved.extra:
        raise ValueError(f"{path} holds a model but no training run: load it with npae.load and start a new fit.")
    phrases = differences(saved.extra["identity"], trainer.identity) + _other_callbacks(saved, trainer)
    if phrases:
        raise ValueError(
            f"{path} is a checkpoint of another run: {'; '.join(phrases)}. Resume with the same settings. Or start a "
            "new fit from its model, npae.load(path); serialization.load_all(path) also returns its optimizer."
        )
    trainer.model.theta.assign(saved.model.theta.value)
    trainer.model.statistics.assign(saved.model.statistics.value)
    device = device_of(trainer.model.theta.value)
    trainer.optimizer.t = saved.optimizer.t
    trainer.optimizer.state = {name: to_device(v, device) for name, v in saved.optimizer.state.items()}
    trainer.epoch, trainer.stopped = saved.extra["epoch"], saved.extra["stopped"]
    trainer.history = History(saved.extra["history"], trainer.history.seen, saved.extra.get("terms", ()))
    trainer.schedule.restore(saved.extra["schedule"])
    _restore_callbacks(saved, trainer)


def _load(path: str | os.PathLike[str]) -> "tuple[Path, Saved]":
    """(the file that is read, its content)."""
    try:
        return place_to_read(path), load_all(path)
    except FileNotFoundError as error:
        cure = 'With resume="auto" a run starts anew if its Checkpoint has no file yet.'
        raise FileNotFoundError(f"{error} {cure}") from None


def _own_places(trainer: "Trainer") -> list[Path]:
    """The paths of the trainer's Checkpoints."""
    places = [c.path for c in trainer.callbacks if isinstance(c, Checkpoint)]
    if not places:
        raise ValueError('resume="auto": expected a callback Checkpoint(path) to read. Add one, or name a file.')
    return places


def _other_callbacks(saved: "Saved", trainer: "Trainer") -> list[str]:
    """[how the callbacks that act on a run differ], a phrase or none."""

    def acting(names, observes):
        return [name for name, only in zip(names, observes, strict=True) if not only]

    names = saved.extra["identity"]["callbacks"]
    there = acting(names, saved.extra.get("observes", [False] * len(names)))
    here = acting(plain(trainer.identity["callbacks"]), [c.observes for c in trainer.callbacks])
    if there == here:
        return []
    a, b = (", ".join(short({"class": c, "config": x}) for c, x in some) or "none" for some in (there, here))
    return [f"its callbacks were {a}, here {b} (besides those that only observe, which may differ)"]


def _restore_callbacks(saved: "Saved", trainer: "Trainer") -> None:
    """Give every callback the state of the saved one with its name and settings. One that was added starts anew."""
    names = list(saved.extra["identity"]["callbacks"])
    for name, callback in zip(plain(trainer.identity["callbacks"]), trainer.callbacks, strict=True):
        if name in names:
            k = names.index(name)
            names[k] = None  # each of them once
            own = {n.partition(".")[2]: a for n, a in saved.arrays.items() if n.partition(".")[0] == str(k)}
            callback.restore(saved.extra["callbacks"][k], own)


class Checkpoint(Callback):
    """Write a checkpoint (see save_run) every few epochs. fit(…, resume="auto") goes on from it.

    Args:
        path: of the file; ".npz" is added to a name without a suffix.
        every: epochs from one checkpoint to the next.
        best: write the file only when `monitor` is at its best so far, so that it contains the best model.
        monitor: a column of the history that should decrease; None: as for EarlyStopping.

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

    def __init__(self, path: str | os.PathLike[str], every: int = 1, best: bool = False, monitor: str | None = None):
        if every < 1:
            raise ValueError(f"Checkpoint: expected every >= 1 epochs, got {every}.")
        self.path, self.every = place_to_write(path, "Checkpoint"), every
        self.only_best, self.monitor = best, monitor
        self.best = math.inf

    def on_start(self, trainer: "Trainer") -> None:
        if self.only_best:
            check_monitor(self, trainer)
        if trainer.epoch == 0:  # discard the best of an earlier run
            self.best = math.inf
        check_place(self.path)  # raises now, not after the first epoch

    def on_epoch_done(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        if self.only_best:
            value = row[monitored(self, row)]
            if value >= self.best:
                return
            self.best = value
        elif row["epoch"] % self.every:
            return
        save_run(trainer, self.path)

    def config(self) -> Config:
        return {"every": self.every, "best": self.only_best, "monitor": self.monitor}

    def state(self) -> dict[str, Any]:
        return {"best": self.best}

    def restore(self, state: dict[str, Any], arrays: dict[str, Array]) -> None:
        self.best = state["best"]
