"""fit: train a model on data with one call. prepare: build the Trainer that fit runs."""

import numpy as np

from npae.backend import as_int, device_of
from npae.data.minibatches import LabelledMinibatches, Minibatches
from npae.data.sources import Labelled, check_source, fingerprint, split
from npae.optim import Adam, Constant, for_phases
from npae.serialization import describe
from npae.train.callbacks import Callback
from npae.train.checkpoint import resume_run
from npae.train.cuda_graph import CapturedStep
from npae.train.history import History
from npae.train.interrupt import Interrupt
from npae.train.parallel.data_parallel import DataParallelStep
from npae.train.parallel.process_group import ProcessGroup
from npae.train.progress import make_progress
from npae.train.step import Step
from npae.train.trainer import Trainer


def prepare(model, data, validation=None, *, batch_size=None, optimizer=None, schedule=None, clip_norm=None,
            callbacks=(), seed=0, progress="auto", augment=None, group=None, graph=False):  # fmt: skip
    """A Trainer of `model` on `data`. It checks everything and takes no step. Arguments as for `fit`."""
    schedule, group, seed = schedule or Constant(), group or ProcessGroup(), as_int(seed, "seed", least=0)
    optimizer = for_phases(Adam() if optimizer is None else optimizer, model.phases, schedule)
    callbacks = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
    data, validation = _sources(model, data, validation)
    batches = _batches(model, data, batch_size, seed, augment)
    if validation is not None:
        rows = batches.source.shape[1:]
        if validation.shape[1:] != rows:
            raise ValueError(f"validation: expected rows of the data's shape {rows}, got {validation.shape}.")
        check_source(validation, model.check_targets, "validation")
    identity = {
        "architecture": describe(model), "dtype": str(model.theta.value.dtype), "optimizer": describe(optimizer),
        "schedule": describe(schedule), "clip_norm": clip_norm, "seed": seed, "batch_size": batches.batch_size,
        "data": fingerprint(data), "validation": None if validation is None else fingerprint(validation),
        "augment": repr(augment), "callbacks": [[type(c).__name__, c.config()] for c in callbacks],
    }  # fmt: skip
    return Trainer(
        model, batches, _step(model, batches, optimizer, clip_norm, group, graph), optimizer, schedule,
        validation=validation, callbacks=callbacks, seed=seed, history=History(), group=group, interrupt=Interrupt(),
        progress=make_progress(progress if group.rank == 0 else "none"), identity=identity,
    )  # fmt: skip


def _sources(model, data, validation):
    """(data, validation) as the model takes them. A fraction as validation is split off the end of the data."""
    if isinstance(validation, (float, np.floating)):
        data, validation = split(model.as_data(data), validation)
    return model.as_data(data), None if validation is None else model.as_data(validation, "validation")


def _batches(model, data, batch_size, seed, augment):
    value, kind = model.theta.value, LabelledMinibatches if isinstance(data, Labelled) else Minibatches
    batch_size = min(128, len(data)) if batch_size is None else batch_size
    return kind(data, batch_size, value.dtype, device_of(value), seed, model.check_targets, augment=augment)


def _step(model, batches, optimizer, clip_norm, group, graph):
    if group.size > 1:
        if graph:
            raise ValueError(f"graph=True is for one process, got {group.size}: leave out one of the two.")
        return DataParallelStep(model, batches, optimizer, clip_norm, group)
    return (CapturedStep if graph else Step)(model, batches, optimizer, clip_norm)


def fit(model, data, validation=None, *, epochs, batch_size=None, optimizer=None, schedule=None, clip_norm=None,
        callbacks=(), seed=0, progress="auto", resume=None, augment=None, group=None, graph=False):  # fmt: skip
    """Train `model` on `data` for `epochs` epochs; returns the History.

    data, validation: arrays (n, …) of uint8 images, bool or floats, in memory or memory-mapped; pairs (x, labels) for
    a Classifier. validation may also be a fraction such as 0.1: the last rows of data, which are then not trained on.
    batch_size: rows per step, by default 128 (all rows, if there are fewer); the last, shorter batch is kept.
    optimizer: Adam() by default, or one for each phase of a model that has several, {phase: optimizer}. schedule: of
    its learning rate, in epochs. clip_norm: upper bound of ‖∂J/∂θ‖. callbacks: see npae.train.callbacks.
    seed: of the order of the rows. progress: "auto", "bar", "lines" or "none".
    resume: a checkpoint file to go on from, with the same settings (epochs may be more).
    augment: fresh variants of the samples in every epoch, such as data.Binarize() or data.Warp(0.06).
    group: train.parallel.from_environment() to share every batch among the processes that mpiexec started.
    graph: on a GPU, capture the step once and replay it (experimental: not yet run on a real GPU; one process).
    Ctrl-C stops after the current step. Raises Diverged if the objective becomes NaN or infinite, ValueError and
    TypeError for data, sizes and settings that cannot be right.
    """
    trainer = prepare(
        model, data, validation, batch_size=batch_size, optimizer=optimizer, schedule=schedule, clip_norm=clip_norm,
        callbacks=callbacks, seed=seed, progress=progress, augment=augment, group=group, graph=graph,
    )  # fmt: skip
    if resume is not None:
        resume_run(trainer, resume)
    return trainer.run(epochs)
