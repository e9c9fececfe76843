"""The training loop.

    for each epoch:  for each minibatch x, in an order drawn from [seed, epoch]:
        a step                      npae.train.step

Everything that the rest of a run depends on is in a checkpoint, and every epoch's order can be drawn by itself; so a
run that was killed goes on from its last checkpoint and ends with the same bits (CPU; same machine and libraries,
and as many workers, if there are several).
"""

import math
import time

import numpy as np

from npae.backend import array_module, as_int, device_of, to_device
from npae.data.minibatches import LabelledMinibatches, Minibatches
from npae.data.sources import Labelled, check_source, fingerprint, split
from npae.optim import Adam, Constant, for_phases
from npae.serialization.architecture import describe
from npae.serialization.model_files import load_all, save
from npae.train.callbacks import Callback
from npae.train.cuda_graph import CapturedStep
from npae.train.history import EpochMeans, History, diverged
from npae.train.interrupt import Interrupt
from npae.train.parallel.data_parallel import DataParallelStep
from npae.train.parallel.process_group import ProcessGroup
from npae.train.progress import make_progress
from npae.train.step import Step


class Trainer:
    """A run: a model, data, an optimizer, and all that happened so far. `fit` makes one and runs it.

    Arguments as for `fit`. Attributes: model, optimizer, schedule, workers, history, epoch (how many are done).
    """

    def __init__(self, model, data, validation=None, *, batch_size=None, optimizer=None, schedule=None,
                 clip_norm=None, callbacks=(), seed=0, progress="auto", augment=None, workers=None,
                 graph=False):  # fmt: skip
        self.model, self.schedule, self.clip_norm = model, schedule or Constant(), clip_norm
        self.optimizer = for_phases(Adam() if optimizer is None else optimizer, model.phases, self.schedule)
        self.base_lr, self._optimizer_begins = self.optimizer.lr, describe(self.optimizer)
        self.callbacks = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
        self.seed = as_int(seed, "seed", least=0)
        value, check = model.theta.value, model.check_targets
        if isinstance(validation, (float, np.floating)):
            data, validation = split(model.as_data(data), validation)
        data = model.as_data(data)
        batch_size = min(128, len(data)) if batch_size is None else batch_size
        batches = LabelledMinibatches if isinstance(data, Labelled) else Minibatches
        self.batches = batches(data, batch_size, value.dtype, device_of(value), self.seed, check,
                               augment=augment)  # fmt: skip
        self.validation = None if validation is None else model.as_data(validation, "validation")
        if self.validation is not None:
            rows = self.batches.source.shape[1:]
            if self.validation.shape[1:] != rows:
                raise ValueError(f"validation: expected rows of the data's shape {rows}, got {self.validation.shape}.")
            check_source(self.validation, check, "validation")
        self.history, self.epoch, self._stopped, self.workers = History(), 0, None, workers or ProcessGroup()
        self._progress = make_progress(progress if self.workers.rank == 0 else "none")
        self._step = (CapturedStep if graph else Step)(self.model, self.batches, self.optimizer, clip_norm)
        if self.workers.size > 1:
            if graph:
                raise ValueError(f"graph=True is for one worker, got {self.workers.size}: leave out one of the two.")
            self._step = DataParallelStep(self.model, self.batches, self.optimizer, clip_norm, self.workers)
        self._between_epochs, self._fingerprint = True, fingerprint(data)

    def stop(self, reason):
        """End training after this epoch; `reason` is kept in history.stopped."""
        self._stopped = reason

    def run(self, epochs):
        """Train until `epochs` epochs are done in all. Returns the history."""
        epochs = as_int(epochs, "epochs", least=1)
        if self.workers.size > 1:
            self.workers.check_same(self._identity() | {"epoch": self.epoch, "epochs": epochs})
            self.workers.broadcast_(self.model.theta.value)
            if self.model.statistics.size:
                self.workers.broadcast_(self.model.statistics.value)
        for callback in self.callbacks:
            callback.on_start(self)
        try:
            with Interrupt() as interrupt, np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                while self.epoch < epochs and self._stopped is None:
                    self._run_epoch(epochs, interrupt)
                    if interrupt.requested and self._stopped is None and self.epoch < epochs:
                        self.stop(f"interrupted after epoch {self.epoch}")
                    self._stopped = self.workers.first(self._stopped)
        finally:
            self._progress.close()
            self.optimizer.lr = self.base_lr
        self.history.stopped, self._stopped = self._stopped, None  # a later run goes on
        for callback in self.callbacks:
            callback.on_stop(self)
        return self.history

    def _run_epoch(self, epochs, interrupt):
        began, sums = time.perf_counter(), EpochMeans(self.epoch)
        self._progress.epoch_starts(self.epoch, epochs, len(self.batches))
        drawing = [layer for _, layer in self.model.leaves()] + [self.batches]
        for k, part in enumerate(drawing):
            part.reseed([self.seed, self.epoch, k, self.workers.rank])
        self._step.epoch_starts()
        for k, rows in enumerate(self.batches.rows(self.epoch)):
            self.optimizer.lr = self.base_lr * float(self.schedule.factor(self.epoch + k / len(self.batches)))
            self._between_epochs = False
            self._step(rows, sums.add)
            for callback in self.callbacks:
                callback.on_step(self)
            self._progress.step()
            if self.workers.first(interrupt.requested or None):
                self.stop(f"interrupted in epoch {self.epoch + 1} after {k + 1} of {len(self.batches)} steps")
                return
        self._end_epoch(sums, began)

    def _end_epoch(self, sums, began):
        means, theta, now = sums.means(), self.model.theta.value, f"in epoch {self.epoch + 1}, step {sums.steps}"
        if not bool(array_module(theta).isfinite(theta).all()):
            raise diverged("θ", "NaN or infinite", now)
        if self.validation is not None:
            rows, weight = self.workers.share(len(self.validation))
            terms = self.workers.weighted_sum(self.model.evaluate(self.validation[rows]), weight)
            terms = {f"val_{name}": float(value) for name, value in terms.items()}
            for name, value in terms.items():
                if not math.isfinite(value):
                    raise diverged(name, value, now)
            means |= {"val_loss": sum(terms[name] for name in terms if name[4:] in means)} | terms
        self.epoch, self._between_epochs = self.epoch + 1, True
        row = {"epoch": self.epoch, "lr": self.optimizer.lr, "seconds": time.perf_counter() - began} | means
        self.schedule.observe(row.get("val_loss", row["loss"]))
        self.history.rows.append(row)
        for callback in self.callbacks:
            callback.on_epoch_end(self, row)
        for callback in self.callbacks:
            callback.on_epoch_done(self, row)
        self._progress.epoch_ends(row)

    # ------------------------------------------------------------------ checkpoints

    def _identity(self):
        """What must be the same in the run that goes on, for it to end with the same bits."""
        return {
            "architecture": describe(self.model), "dtype": str(self.model.theta.value.dtype),
            "optimizer": self._optimizer_begins, "schedule": describe(self.schedule), "clip_norm": self.clip_norm,
            "seed": self.seed, "batch_size": self.batches.batch_size, "data": self._fingerprint,
            "validation": None if self.validation is None else fingerprint(self.validation),
            "augment": repr(self.batches.augment),
            "callbacks": [[type(c).__name__, c.config()] for c in self.callbacks],
        }  # fmt: skip

    def save(self, path):
        """Write model, optimizer, schedule, history and callbacks to one file, from which `resume` goes on.

        Of several workers the first writes, for all of them; at `resume` each one reads.
        Raises RuntimeError in the middle of an epoch, where a run cannot be taken up exactly.
        """
        if not self._between_epochs:
            raise RuntimeError(
                "Trainer.save: training stands in the middle of an epoch, from where it cannot go on exactly. "
                "Keep the model with npae.save, or take the last checkpoint."
            )
        if self.workers.rank:
            return
        extra = {
            "identity": self._identity(), "epoch": self.epoch, "stopped": self._stopped,
            "history": self.history.rows, "schedule": self.schedule.state(),
            "callbacks": [c.state() for c in self.callbacks],
        }  # fmt: skip
        arrays = {f"{k}.{name}": a for k, c in enumerate(self.callbacks) for name, a in c.arrays().items()}
        save(path, self.model, self.optimizer, extra, arrays)

    def resume(self, path):
        """Take up the run that was saved at `path`. Raises ValueError, naming what differs, if it is another run."""
        saved = load_all(path)
        if "identity" not in saved.extra:
            raise ValueError(f"{path} holds a model but no training run: load it with npae.load and start a new fit.")
        for name, here in self._identity().items():
            there = saved.extra["identity"].get(name)
            if there != here:
                raise ValueError(
                    f"{path} is a checkpoint of another run: its {name} is {there}, here it is {here}. "
                    "Resume with the same settings, or start a new fit from npae.load."
                )
        self.model.theta.assign(saved.model.theta.value)
        self.model.statistics.assign(saved.model.statistics.value)
        device = device_of(self.model.theta.value)
        self.optimizer.t = saved.optimizer.t
        self.optimizer.state = {name: to_device(v, device) for name, v in saved.optimizer.state.items()}
        self.epoch, self.history = saved.extra["epoch"], History(saved.extra["history"])
        self._stopped = saved.extra["stopped"]
        self.schedule.restore(saved.extra["schedule"])
        for k, (callback, state) in enumerate(zip(self.callbacks, saved.extra["callbacks"], strict=True)):
            mine = {n.partition(".")[2]: a for n, a in saved.arrays.items() if n.partition(".")[0] == str(k)}
            callback.restore(state, mine)


def fit(model, data, validation=None, *, epochs, batch_size=None, optimizer=None, schedule=None, clip_norm=None,
        callbacks=(), seed=0, progress="auto", resume=None, augment=None, workers=None, graph=False):  # fmt: skip
    """Train `model` on `data` for `epochs` epochs; returns the History.

    data, validation: arrays (n, …) of uint8 images, bool or floats, in memory or memory-mapped; pairs (x, labels) for
    a Classifier. validation may also be a fraction such as 0.1: the last rows of data, which are then not trained on.
    batch_size: rows a step, by default 128 (all rows, if there are fewer); the last, shorter batch is kept.
    optimizer: Adam() by default, or one for each phase of a model that has several, {phase: optimizer}. schedule: of
    its learning rate, in epochs. clip_norm: upper bound of ‖∂J/∂θ‖. callbacks: see npae.train.callbacks.
    seed: of the order of the rows. progress: "auto", "bar", "lines" or "none".
    resume: a checkpoint file to go on from, with the same settings (epochs may be more).
    augment: fresh variants of the samples in every epoch, such as data.Binarize() or data.Warp(0.06).
    workers: train.workers.from_environment() to share every batch among the processes that mpiexec started.
    graph: on a GPU, capture the step once and replay it (not yet run on a real GPU; one worker; see train.captured).
    Ctrl-C stops after the step under way. Raises Diverged if the objective becomes NaN or infinite, ValueError and
    TypeError for data, sizes and settings that cannot be right.
    """
    trainer = Trainer(model, data, validation, batch_size=batch_size, optimizer=optimizer, schedule=schedule,
                      clip_norm=clip_norm, callbacks=callbacks, seed=seed, progress=progress,
                      augment=augment, workers=workers, graph=graph)  # fmt: skip
    if resume is not None:
        trainer.resume(resume)
    return trainer.run(epochs)
