"""Optimizers: how ∂J/∂θ changes θ.

Reading order: `base.py` (the contract), `sgd.py`, `adam.py`, `clipping.py`, `schedules.py` (of the learning rate),
`phased.py` (models with several objectives).
"""

from npae.optim.adam import Adam, AdamW
from npae.optim.base import Optimizer
from npae.optim.clipping import clip_by_global_norm
from npae.optim.phased import Phased, for_phases
from npae.optim.schedules import Constant, Cosine, Plateau, Schedule, Step, WarmUp, as_schedule
from npae.optim.sgd import SGD

Optimizer.example = 'an optimizer such as Adam() or "adam"'

__all__ = [
    "Optimizer", "SGD", "Adam", "AdamW", "Phased", "for_phases", "clip_by_global_norm",
    "as_schedule", "Schedule", "Constant", "WarmUp", "Step", "Cosine", "Plateau",
]  # fmt: skip
