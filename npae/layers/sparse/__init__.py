"""Layers of sparse autoencoders: activations that leave few units active, and linear maps with a row for each unit.

Reading order: `batch_top_k.py` (the largest numbers of a batch), `jump_relu.py` (a learned threshold for each unit),
`unit_dense.py` (the decoder: directions of unit norm), `centered_dense.py` (the encoder: inputs without the decoder's
bias), `gated_dense.py` (gates and magnitudes). TopK, in layers/top_k.py, is simpler.
"""

from npae.layers.sparse.batch_top_k import BatchTopK
from npae.layers.sparse.centered_dense import CenteredDense
from npae.layers.sparse.gated_dense import GatedDense
from npae.layers.sparse.jump_relu import JumpReLU
from npae.layers.sparse.unit_dense import UnitDense

__all__ = ["BatchTopK", "CenteredDense", "GatedDense", "JumpReLU", "UnitDense"]
