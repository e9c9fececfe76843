"""Checkpoints: a training run in one file, from which it resumes and ends with the same bits.

The file has everything that the rest of the run depends on. The order of the rows and the random numbers of each epoch
depend on its number and the seed alone. So a run that was killed resumes from its last checkpoint as if it had not been
interrupted (on the CPU, with the same machine, libraries and number of processes).
"""

import math

from npae.backend import check_place, device_of, to_device
from npae.serialization import load_all, save
from npae.train.callbacks import Callback, check_monitor, monitored
from npae.train.history import History


def save_run(trainer, path):
    """Write model, optimizer, schedule, history and callbacks of a Trainer to one file, for resume_run.

    Of several processes the first writes the file for all, and each one reads it to resume.
    Raises RuntimeError in the middle of an epoch, from where a run cannot be resumed exactly.
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
        "history": trainer.history.rows, "schedule": trainer.schedule.state(),
        "callbacks": [c.state() for c in trainer.callbacks],
    }  # fmt: skip
    arrays = {f"{k}.{name}": a for k, c in enumerate(trainer.callbacks) for name, a in c.arrays().items()}
    save(path, trainer.model, trainer.optimizer, extra, arrays)


def resume_run(trainer, path):
    """Restore the run saved at `path` in a Trainer. Raises ValueError, naming the difference, if it is another run."""
    saved = load_all(path)
    if "identity" not in saved.extra:
        raise ValueError(f"{path} holds a model but no training run: load it with npae.load and start a new fit.")
    for name, here in trainer.identity.items():
        there = saved.extra["identity"].get(name)
        if there != here:
            raise ValueError(
                f"{path} is a checkpoint of another run: its {name} is {there}, here it is {here}. "
                "Resume with the same settings, or start a new fit from npae.load."
            )
    trainer.model.theta.assign(saved.model.theta.value)
    trainer.model.statistics.assign(saved.model.statistics.value)
    device = device_of(trainer.model.theta.value)
    trainer.optimizer.t = saved.optimizer.t
    trainer.optimizer.state = {name: to_device(v, device) for name, v in saved.optimizer.state.items()}
    trainer.epoch, trainer.history = saved.extra["epoch"], History(saved.extra["history"])
    trainer.stopped = saved.extra["stopped"]
    trainer.schedule.restore(saved.extra["schedule"])
    for k, (callback, state) in enumerate(zip(trainer.callbacks, saved.extra["callbacks"], strict=True)):
        own = {n.partition(".")[2]: a for n, a in saved.arrays.items() if n.partition(".")[0] == str(k)}
        callback.restore(state, own)


class Checkpoint(Callback):
    """Write a checkpoint (see save_run) to `path` every `every` epochs.

    With best=True the file is written only when `monitor` (see EarlyStopping) is at its best so far, so it contains the
    best model.
    """

    def __init__(self, path, every=1, best=False, monitor=None):
        if every < 1:
            raise ValueError(f"Checkpoint: expected every >= 1 epochs, got {every}.")
        self.path, self.every, self.only_best, self.monitor = path, every, best, monitor
        self.best = math.inf

    def on_start(self, trainer):
        if self.only_best:
            check_monitor(self, trainer)
        if trainer.epoch == 0:  # discard the best of an earlier run
            self.best = math.inf
        check_place(self.path)  # raises now, not after the first epoch

    def on_epoch_done(self, trainer, row):
        if self.only_best:
            value = row[monitored(self, row)]
            if value >= self.best:
                return
            self.best = value
        elif row["epoch"] % self.every:
            return
        save_run(trainer, self.path)

    def config(self):
        return {"every": self.every, "best": self.only_best, "monitor": self.monitor}

    def state(self):
        return {"best": self.best}

    def restore(self, state, arrays):
        self.best = state["best"]
