"""Training: the loop, what it records, and what may happen beside it.

Reading order: `trainer.py` (the loop), `step.py`, `history.py`, `callbacks.py`, `averaging.py` (of θ), `progress.py`,
`interrupt.py`; then `captured.py` (a step as one CUDA graph), `shared.py` and `workers.py` (several processes).
"""

from npae.train.averaging import ExponentialMovingAverage
from npae.train.callbacks import Callback, Checkpoint, EarlyStopping, LearningRateLog
from npae.train.history import Diverged, History
from npae.train.trainer import Trainer, fit

__all__ = [
    "fit", "Trainer", "History", "Diverged",
    "Callback", "EarlyStopping", "Checkpoint", "ExponentialMovingAverage", "LearningRateLog",
]  # fmt: skip
