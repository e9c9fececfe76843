"""Training: the loop, its history, callbacks and checkpoints.

Reading order: `step.py` (one step), `trainer.py` (the loop), `learning_curves.py` (a picture), `epoch_means.py`,
`history.py`, `differences.py` (of two runs), `saved_run.py` (what a checkpoint says), `callbacks.py`, `logs.py` (lists,
tables, TensorBoard), `averaging.py` (of θ), `bar.py`, `progress.py`, `interrupt.py`, `last_step.py` (its weights),
`checkpoint.py`, `health.py` (first weights, dead units), `sparse.py` (sparse autoencoders), `cuda_graph/` (a step as
one CUDA graph), `parallel/` (several processes), `fit.py` (puts all of this together).
"""

from npae.train import parallel
from npae.train.averaging import ExponentialMovingAverage
from npae.train.callbacks import Callback, EarlyStopping
from npae.train.checkpoint import Checkpoint, resume_run, save_run
from npae.train.epoch_means import Diverged
from npae.train.fit import fit, prepare
from npae.train.health import DeadUnitWarning
from npae.train.history import History
from npae.train.logs import CSVLog, LearningRateLog, TensorBoard
from npae.train.sparse import Resample
from npae.train.trainer import Trainer

__all__ = [
    "fit", "prepare", "Trainer", "History", "Diverged", "parallel", "resume_run", "save_run",
    "Callback", "EarlyStopping", "Checkpoint", "CSVLog", "ExponentialMovingAverage", "LearningRateLog", "TensorBoard",
    "DeadUnitWarning", "Resample",
]  # fmt: skip
