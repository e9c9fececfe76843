"""Dead units: first weights that avoid them, and a count of those that there are.

A rectified unit whose pre-activation is negative on every input is dead: it returns 0, its derivative is 0, and it
never learns again. So is a unit of a k-sparse code that is never among the k largest. In a narrow code one dead unit is
a large part of it. `fit` adds two callbacks:

DataInit rescales the weights of an autoencoder of dense layers before its first step, so that every hidden unit starts
with a pre-activation of mean 1 and variance 1 (models.data_dependent_init). It changes only weights that are as they
were drawn: never trained, loaded, frozen, or set by hand.

DeadUnits counts the dead units of the code after every epoch, and warns at the end if there are any.
"""

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from npae.backend import Parameterized, array_module, warn
from npae.data.minibatches import Sample
from npae.layers import BatchNorm, Layer, Sequential, TopK
from npae.layers.activations import Activation
from npae.layers.conv import Convolution
from npae.layers.output import output_activation
from npae.models.autoencoder import Autoencoder
from npae.models.data_dependent_init import rescale
from npae.models.rbm import RBM
from npae.models.sparse.dictionary import Dictionary
from npae.train.callbacks import Callback

if TYPE_CHECKING:
    from npae.models.base import Model
    from npae.train.trainer import Trainer

ROWS = 1000  # of the training data, on which a unit that is alive should be active at least once


class DeadUnitWarning(UserWarning):
    """Some units of a code are 0 on all data."""


class DataInit(Callback):
    """Before the first step, rescale first weights by ROWS rows of the training data. A resumed run keeps its own."""

    observes = True  # a resumed run does not depend on it

    @staticmethod
    def concerns(model: "Model") -> bool:
        """Is this an Autoencoder of layers one after the other, without convolutions and BatchNorm?

        Convolutions gain nothing by it, and BatchNorm does the same at every step.
        """
        if not isinstance(model, Autoencoder) or type(model).forward is not Autoencoder.forward:
            return False
        if isinstance(model, (Dictionary, RBM)):  # train/sparse.py; an RBM begins with small weights
            return False
        layers = [layer for _, layer in model.leaves()]
        other = any(isinstance(layer, (Convolution, BatchNorm)) for layer in layers)
        return _is_chain(model.encoder, model.decoder) and not other

    def on_start(self, trainer: "Trainer") -> None:
        model, group = trainer.model, trainer.group
        free = all(p.trainable for _, p in model.named_parameters())
        begins = trainer.means.begins and trainer.batches.n > 1 and free and model.has_first_values
        if not group.gather(begins)[0]:  # the weights are those of process 0
            return
        with np.errstate(over="ignore", invalid="ignore"):
            first = next(trainer.batches.rows())
            model.evaluate_batch(trainer.batches.take(first))  # raises what the first step would, before weights change
            rescale(model, Sample(trainer.batches, ROWS))
        group.broadcast_(model.theta.value)


def _is_chain(*layers: Parameterized) -> bool:
    """Does each layer within pass its output to the next one?"""
    return all(
        not layer.children
        or isinstance(layer, Sequential)
        and type(layer).forward is Sequential.forward
        and _is_chain(*(child for _, child in layer.children))
        for layer in layers
    )


class DeadUnits(Callback):
    """Counts the units of the code that are 0 on ROWS rows of the training data: the column "dead_units".

    Of a convolutional code it counts channels. Only rectified and k-sparse codes have such units. When training stops
    it counts once more, with the weights that the model has then, and warns (DeadUnitWarning).
    """

    observes = True

    @staticmethod
    def concerns(model: "Model") -> bool:
        """Is this an Autoencoder whose code can have dead units?"""
        if not isinstance(model, Autoencoder) or isinstance(model, Dictionary):
            return False
        *_, (_, last) = model.encoder.leaves()
        activation = output_activation(model.encoder)
        rectifies = isinstance(activation, Activation) and not activation(np.full((1, 1), -1.0)).any()
        return rectifies or isinstance(last, TopK)

    def on_epoch_end(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        row["dead_units"], _ = self._count(trainer)

    def on_stop(self, trainer: "Trainer") -> None:
        dead, units = self._count(trainer)
        if not dead or trainer.group.rank:
            return
        *_, (_, last) = _encoder(trainer).leaves()
        cure = (
            'A linear code has none: dense_autoencoder(sizes, code_activation="linear"). Or begin with '
            "models.data_dependent_init(model, x, mean=2), or take a lower learning rate."
        )
        if isinstance(last, TopK):
            cure = f"Take a larger k than {last.k}, at least in the first epochs, or fewer units."
        n = min(ROWS, trainer.batches.n)
        warn(
            f"{dead} of the {units} code units are dead: 0 on all of {n} rows of the training data. {cure}",
            DeadUnitWarning,
        )

    def _count(self, trainer: "Trainer") -> tuple[int, int]:
        """(dead units, all units) of the code."""
        active: Any = False
        for x in Sample(trainer.batches, ROWS):
            h = _encoder(trainer)(x)
            active |= array_module(h).any(h != 0, axis=(0, *range(2, h.ndim)))
        return int((~active).sum()), active.size


def _encoder(trainer: "Trainer") -> Layer:
    return cast(Autoencoder, trainer.model).encoder  # see concerns
