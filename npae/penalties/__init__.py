"""Penalties: terms λΩ of the objective J beside the reconstruction loss.

Reading order: `base.py` (the contract), `sparsity.py`, `l0.py`, `weight_decay.py`, `contractive.py`, `gaussian_kl.py`
(for variational autoencoders).
"""

from npae.penalties.base import Penalty
from npae.penalties.contractive import Contractive
from npae.penalties.gaussian_kl import GaussianKL
from npae.penalties.l0 import L0
from npae.penalties.sparsity import L1, KLSparsity
from npae.penalties.weight_decay import WeightDecay

__all__ = ["Penalty", "KLSparsity", "L1", "L0", "WeightDecay", "Contractive", "GaussianKL"]
