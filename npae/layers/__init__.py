"""Layers: differentiable functions with hand-written derivatives.

Reading order: `base.py` (the contract), `dense.py`, `activations.py`, `reshape.py`, `sequential.py`.
"""

from npae.layers.activations import ELU, Activation, Identity, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh
from npae.layers.base import Layer
from npae.layers.dense import Dense
from npae.layers.reshape import Flatten, Reshape
from npae.layers.sequential import Sequential

__all__ = [
    "Layer", "Dense", "Sequential", "Flatten", "Reshape",
    "Activation", "Identity", "Sigmoid", "Tanh", "ReLU", "LeakyReLU", "ELU", "SiLU", "Softplus",
]  # fmt: skip
