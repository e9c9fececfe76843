"""Training sparse autoencoders: the health of the code after every epoch, an early warning, and resampling.

`fit` adds SparseCode by itself. It measures the code on ROWS rows of the training data (evaluate.sparse_health), and
takes the dead units from the model, which counts them over all samples of training (models/sparse/dictionary.py).
Units that are dead early stay dead, so the warning comes when there are many, not when training stops.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from npae.backend import Config, array_module, as_int, warn
from npae.data.minibatches import Sample
from npae.evaluate.sparse_health import health_of
from npae.models.sparse.dictionary import Dictionary
from npae.models.sparse.gated import GatedSparseAutoencoder
from npae.models.sparse.resample import resample_from
from npae.train.callbacks import Callback
from npae.train.health import ROWS, DeadUnitWarning

if TYPE_CHECKING:
    from npae.models.base import Model
    from npae.train.trainer import Trainer

MANY = 0.1  # of the units are dead: then it warns
CANDIDATES = 4096  # rows of the training data among which resampling chooses


class SparseCode(Callback):
    """The columns "active_units" (L0), "fvu" and "dead_fraction"; and DeadUnitWarning, once, if many units are dead.

    Args:
        center: before the first step let c be the mean of ROWS rows, if all parameters are as they were drawn.
    """

    observes = True

    def __init__(self, center: bool = True) -> None:
        self.center, self._warned = center, False

    @staticmethod
    def concerns(model: "Model") -> bool:
        """Is this a sparse autoencoder?"""
        return isinstance(model, Dictionary)

    def on_start(self, trainer: "Trainer") -> None:
        model: Any = trainer.model
        self._warned = False
        free = all(p.trainable for _, p in model.named_parameters())
        if trainer.group.gather(self.center and trainer.means.begins and free and model.has_first_values)[0]:
            with np.errstate(over="ignore", invalid="ignore"):
                model.center(Sample(trainer.batches, ROWS))
            trainer.group.broadcast_(model.theta.value)

    def on_epoch_end(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        model: Any = trainer.model
        health = health_of(model, Sample(trainer.batches, ROWS))
        row["active_units"], row["fvu"] = health.l0, health.fvu
        row["dead_fraction"] = float(array_module(model.dead).mean(model.dead))
        helped = self._warned or any(isinstance(callback, Resample) for callback in trainer.callbacks)
        if row["dead_fraction"] > MANY and not helped and trainer.group.rank == 0:
            self._warned = True
            cure = "give it an auxiliary loss (aux_k), add the callback train.Resample(), or take a larger k"
            if isinstance(model, GatedSparseAutoencoder):
                cure = "add the callback train.Resample(), or take a smaller strength"
            warn(
                f"{row['dead_fraction']:.0%} of the {model.n_units} units are dead in epoch {row['epoch']}: 0 on the "
                f"last {model.dead_after:,} samples. Few recover by themselves: {cure}.",
                DeadUnitWarning,
            )


class Resample(Callback):
    """Lets dead units begin anew after every `every` epochs, at samples that are reconstructed badly (models.resample).

    The rows are 4096 of the training data. The column "resampled" counts the units.

    Args:
        every: how many epochs lie between two times.
        until: the last epoch after which it is done, so that the units can settle; None: no last one.

    Example:
        >>> import numpy as np
        >>> from npae import SparseAutoencoder, fit
        >>> from npae.layers import TopK
        >>> from npae.train import Resample
        >>> x = np.random.default_rng(0).normal(size=(200, 8))
        >>> model = SparseAutoencoder(8, 512, TopK(1), aux_k=0, dead_after=400)
        >>> history = fit(model, x, epochs=12, callbacks=Resample(every=5, until=10), progress="none")
        >>> history["resampled"][4] > 0, history["resampled"][5]
        (True, 0)
    """

    def __init__(self, every: int = 1, until: int | None = None):
        self.every = as_int(every, "every of Resample", least=1)
        self.until = None if until is None else as_int(until, "until of Resample", least=1)

    def on_start(self, trainer: "Trainer") -> None:
        if not isinstance(trainer.model, Dictionary):
            raise TypeError(f"Resample: expected a sparse autoencoder, got "
                            f"{type(trainer.model).__name__}.")  # fmt: skip

    def on_epoch_end(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        model: Any = trainer.model
        row["resampled"], epoch = 0, row["epoch"]
        if epoch % self.every or self.until is not None and epoch > self.until:
            return
        inputs = Sample(trainer.batches, CANDIDATES)
        row["resampled"] = resample_from(model, inputs, [trainer.seed, epoch], trainer.optimizer)
        for vector in (model.theta.value, model.statistics.value):
            trainer.group.broadcast_(vector)

    def config(self) -> Config:
        return {"every": self.every, "until": self.until}
