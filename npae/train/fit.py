"""fit: train a model on data with one call. prepare: build the Trainer that fit runs."""

import os
from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np

from npae.backend import ArrayLike, Progress, as_float, as_int, device_of
from npae.data.augment import Augmentation
from npae.data.minibatches import LabelledMinibatches, Minibatches, PairedMinibatches
from npae.data.sources import Labelled, as_pairs, check_source, fingerprint, split
from npae.models.autoencoder import Autoencoder
from npae.models.base import Model
from npae.optim import Optimizer, Schedule, as_schedule, for_phases
from npae.serialization import describe
from npae.train.callbacks import Callback
from npae.train.checkpoint import resume_run
from npae.train.cuda_graph import CapturedStep
from npae.train.health import DataInit, DeadUnits
from npae.train.history import History
from npae.train.interrupt import Interrupt
from npae.train.last_step import LastStep
from npae.train.parallel.data_parallel import DataParallelStep
from npae.train.parallel.process_group import ProcessGroup
from npae.train.progress import Guarded, make_progress
from npae.train.sparse import SparseCode
from npae.train.step import Step
from npae.train.trainer import Trainer

Data: TypeAlias = ArrayLike | tuple[ArrayLike, ArrayLike]  # samples, or pairs (x, labels)
OneOptimizer: TypeAlias = Optimizer | type[Optimizer] | str


def prepare(model: Model, data: Data, *, target: ArrayLike | None = None, validation: Data | float | None = None,
            epochs: int | None = None, batch_size: int | None = None,
            optimizer: OneOptimizer | dict[str, OneOptimizer] | None = None,
            schedule: Schedule | type[Schedule] | str | None = None, clip_norm: float | None = None,
            callbacks: Callback | Sequence[Callback] = (), seed: int = 0, progress: Progress = "auto",
            augment: Augmentation | None = None, group: ProcessGroup | None = None, graph: bool = False,
            data_init: bool = True) -> Trainer:  # fmt: skip
    """A Trainer of `model` on `data`. It checks everything and takes no step.

    Args:
        model, data, target, validation: as for `fit`.
        epochs: how long a schedule lasts that is given by name.
        batch_size, optimizer, schedule, clip_norm, callbacks, seed, progress, augment, group, graph, data_init: as for
            `fit`.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.train import prepare
        >>> x = np.random.default_rng(0).random((200, 8))
        >>> trainer = prepare(dense_autoencoder([8, 3]), x, batch_size=50, progress="none")
        >>> len(trainer.batches), len(trainer.run(2))
        (4, 2)
    """
    clip_norm = None if clip_norm is None else as_float(clip_norm, "clip_norm", above=0, cure="None: no clipping.")
    epochs = None if epochs is None else as_int(epochs, "epochs", least=1)
    schedule, group = as_schedule(schedule, epochs), group or ProcessGroup()
    seed = as_int(seed, "seed", least=0, most=None)
    optimizer = for_phases("adam" if optimizer is None else optimizer, model.phases, schedule)
    callbacks = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks: expected callbacks such as EarlyStopping(), got {callback!r}.")
    callbacks += [DataInit()] * (data_init and DataInit.concerns(model)) + [DeadUnits()] * DeadUnits.concerns(model)
    callbacks += [SparseCode(center=data_init)] * SparseCode.concerns(model)
    given, data = (data, validation), _source(model, data, target)
    train, only, validation = _validation(model, data, validation, target is not None, seed)
    batches = _batches(model, train, target is not None, batch_size, seed, augment, only)
    seen = model.examine(given[0], data, given[1])
    identity = {
        "architecture": describe(model), "dtype": str(model.theta.value.dtype), "optimizer": describe(optimizer),
        "schedule": describe(schedule), "clip_norm": clip_norm, "seed": seed, "batch_size": batches.batch_size,
        "data": fingerprint(data), "validation": None if validation is None else fingerprint(validation),
        "order": batches.order_settings(), "augment": repr(augment),
        "callbacks": [[type(c).__name__, c.config()] for c in callbacks],
    }  # fmt: skip
    trainer = Trainer(
        model, batches, _step(model, batches, optimizer, clip_norm, group, graph), optimizer, schedule,
        validation=validation, callbacks=callbacks, seed=seed, history=History(seen=seen), group=group,
        interrupt=Interrupt(), last_step=LastStep(model), identity=identity,
        progress=Guarded(make_progress(progress if group.rank == 0 else "none")),
    )  # fmt: skip
    model.remember(seen)
    return trainer


def _source(model: Model, data: Any, target: Any, name: str = "data") -> Any:
    """The data as the model takes them; with a target for each sample, pairs."""
    if target is None:
        return model.as_data(data, name)
    if not isinstance(model, Autoencoder):
        raise TypeError(
            f"target: expected none for a {type(model).__name__}; only an Autoencoder compares with a target. Labels "
            "go beside the samples: fit(model, (x, y))."
        )
    return as_pairs(data, target, name)


def _validation(model: Model, data: Any, validation: Any, paired: bool, seed: int) -> tuple[Any, Any, Any]:
    """(the data to train on; the numbers of their rows to use, or None for all; the validation data, or None)."""
    if validation is None:
        return data, None, None
    if isinstance(validation, (float, np.floating)):
        return split(data, float(validation), seed)
    if paired and not (isinstance(validation, tuple) and len(validation) == 2):
        raise TypeError("validation: expected a pair (x, target) beside target=, or a fraction such as 0.1.")
    x, target = validation if paired else (validation, None)
    validation = _source(model, x, target, "validation")
    if validation.shape[1:] != data.shape[1:]:
        raise ValueError(f"validation: expected rows of the data's shape {data.shape[1:]}, got {validation.shape}.")
    dtype = model.theta.value.dtype
    if paired:
        check_source(validation.x, None, "validation", dtype)
    check_source(validation.y if paired else validation, model.check_targets, "validation", dtype)
    return data, None, validation


def _batches(model: Model, data: Any, paired: bool, batch_size: int | None, seed: int, augment: Augmentation | None,
             only: Any) -> Minibatches:  # fmt: skip
    value = model.theta.value
    kind: Any = PairedMinibatches if paired else LabelledMinibatches if isinstance(data, Labelled) else Minibatches
    return kind(data, 128 if batch_size is None else batch_size, value.dtype, device_of(value), seed,
                model.check_targets, augment=augment, only=only)  # fmt: skip


def _step(model: Model, batches: Minibatches, optimizer: Optimizer, clip_norm: float | None, group: ProcessGroup,
          graph: bool) -> Step:  # fmt: skip
    if group.size > 1:
        if graph:
            raise ValueError(f"graph=True is for one process, got {group.size}: leave out one of the two.")
        return DataParallelStep(model, batches, optimizer, clip_norm, group)
    return (CapturedStep if graph else Step)(model, batches, optimizer, clip_norm)


def fit(model: Model, data: Data, *more: NoReturn, epochs: int, target: ArrayLike | None = None,
        validation: Data | float | None = None, batch_size: int | None = None,
        optimizer: OneOptimizer | dict[str, OneOptimizer] | None = None,
        schedule: Schedule | type[Schedule] | str | None = None, clip_norm: float | None = None,
        callbacks: Callback | Sequence[Callback] = (), seed: int = 0, progress: Progress = "auto",
        resume: str | os.PathLike[str] | None = None, augment: Augmentation | None = None,
        group: ProcessGroup | None = None, graph: bool = False, data_init: bool = True,
        **others: NoReturn) -> History:  # fmt: skip
    """Train `model` on `data` for `epochs` epochs; returns the History. Everything after the data goes by keyword.

    Args:
        model: an Autoencoder or another model (npae.models), which is changed.
        data: an array (n, …) of uint8 images, bool or floats, in memory or memory-mapped; a pair (x, labels) for a
            Classifier.
        *more: nothing; a second array is refused, with the keyword that it needs.
        epochs: how often all rows are used.
        target: what reconstructions are compared with, by default the data: fit(model, noisy, target=clean).
        validation: data to evaluate after every epoch (with target=, a pair); or a fraction such as 0.1 of the rows,
            drawn by the seed, which are then not trained on.
        batch_size: rows per step, by default 128 (all rows, if there are fewer); the last, shorter batch is kept.
        optimizer: "adam" by default; a name, an Optimizer, or one for each phase of a model that has several,
            {phase: optimizer}.
        schedule: of its learning rate, in epochs; "cosine" falls to zero over all epochs.
        clip_norm: upper bound of ‖∂J/∂θ‖.
        callbacks: one or several, such as EarlyStopping() (npae.train).
        seed: of the order of the rows and of all noise.
        progress: "auto" (a bar on a terminal and in a notebook, else lines), "bar", "lines" or "none"; True and False
            are "auto" and "none".
        resume: a checkpoint file to go on from, with the same settings (epochs may be more); or "auto": the file of
            the callback Checkpoint, if there is one yet.
        augment: fresh variants of the samples in every epoch, such as data.Binarize() or data.Warp(0.06).
        group: train.parallel.from_environment() to share every batch among the processes that mpiexec started.
        graph: on a GPU, capture the step once and replay it (experimental: not yet run on a real GPU; one process).
        data_init: rescale the first weights of a dense Autoencoder by 1000 rows of the data (npae.train.health), and
            centre a sparse one on their mean (npae.train.sparse); False: begin with the weights as they were drawn.
            Weights that were trained, loaded or set by hand stay as they are.
        **others: nothing; names from other libraries are refused, with the name here.

    Warns (DeadUnitWarning) of units of a rectified or k-sparse code that are 0 on all data; the history counts them. Of
    a sparse autoencoder it has the mean number of active units, the unexplained variance and the dead fraction.
    Ctrl-C stops after the step under way, and history.stopped is "interrupted …". Raises Diverged if the objective
    becomes NaN or infinite, ValueError and TypeError for data, sizes and settings that cannot be right.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.train import EarlyStopping
        >>> x = np.random.default_rng(0).random((500, 8))
        >>> model = dense_autoencoder([8, 3])
        >>> history = fit(model, x, validation=0.1, epochs=20, callbacks=EarlyStopping(), progress="none")
        >>> history["val_loss"][-1] < history["val_loss"][0]
        True
    """
    _refuse(more, others)
    epochs = as_int(epochs, "epochs", least=1)
    trainer = prepare(
        model, data, target=target, validation=validation, epochs=epochs, batch_size=batch_size, optimizer=optimizer,
        schedule=schedule, clip_norm=clip_norm, callbacks=callbacks, seed=seed, progress=progress, augment=augment,
        group=group, graph=graph, data_init=data_init,
    )  # fmt: skip
    if resume is not None:
        resume_run(trainer, resume)
    return trainer.run(epochs)


ELSEWHERE = {  # names of other libraries -> what to write here
    "learning_rate": "optimizer=optim.Adam(1e-3)", "lr": "optimizer=optim.Adam(1e-3)", "verbose": 'progress="none"',
    "validation_split": "validation=0.1", "validation_data": "validation=x_val", "x": "data",
    "y": "fit(model, (x, y)) for labels, target=y for clean samples",
    "metrics": "model.evaluate(x_test) after training", "shuffle": "seed=0: rows are always shuffled",
}  # fmt: skip


def _refuse(more: tuple[Any, ...], others: dict[str, Any]) -> None:
    """Raise TypeError for positional arguments after the data and for unknown names, with the cure."""
    if more:
        raise TypeError(
            "fit: everything after the data goes by keyword. If the second array is the clean target of noisy data, "
            "write fit(model, noisy, target=clean); if it is validation data, fit(model, x, validation=x_val); labels "
            "of a Classifier go beside the samples, fit(model, (x, y))."
        )
    for name in others:
        cure = f" Write {ELSEWHERE[name]}." if name in ELSEWHERE else ""
        raise TypeError(f"fit: unexpected argument {name!r}.{cure}")
