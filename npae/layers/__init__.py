"""Layers: differentiable functions with hand-written derivatives.

Reading order: `base.py` (the contract), `dense.py`, `activations.py`, `rectifiers.py`, `reshape.py`, `sequential.py`;
then `columns.py` (a part of a code), `softmax.py` (probabilities within it), `top_k.py` (few units speak at a time),
`tied.py` (a decoder that shares the encoder's weights), `noisy.py` (random numbers, drawn or frozen), `corruption.py`
(noise on the input), `dropout.py` (silent units), `normalization.py` (features of one spread) and `sampling.py` (a code
that is drawn). Images: `patches.py` (what a window sees), `convolve.py` (products of patches), `conv.py`,
`conv_transpose.py` (its adjoint), `pooling.py`, `upsample.py`.
"""

from npae.layers.activations import Activation, Identity, Sigmoid, Tanh
from npae.layers.base import Layer
from npae.layers.conv import Conv2D
from npae.layers.conv_transpose import ConvTranspose2D
from npae.layers.corruption import Corruption, GaussianNoise, MaskingNoise, SaltAndPepper
from npae.layers.dense import Affine, Dense
from npae.layers.dropout import Dropout
from npae.layers.normalization import BatchNorm
from npae.layers.pooling import AveragePool2D, MaxPool2D
from npae.layers.rectifiers import ELU, LeakyReLU, ReLU, SiLU, Softplus
from npae.layers.reshape import Flatten, Reshape
from npae.layers.sampling import GaussianSample
from npae.layers.sequential import Sequential
from npae.layers.slice import Slice
from npae.layers.softmax import Softmax
from npae.layers.tied import TiedDense
from npae.layers.top_k import TopK
from npae.layers.upsample import Upsample2D

__all__ = [
    "Layer", "Affine", "Dense", "TiedDense", "Sequential", "Flatten", "Reshape", "Slice", "Softmax", "TopK",
    "BatchNorm",
    "Conv2D", "ConvTranspose2D", "MaxPool2D", "AveragePool2D", "Upsample2D",
    "Corruption", "MaskingNoise", "GaussianNoise", "SaltAndPepper", "Dropout", "GaussianSample",
    "Activation", "Identity", "Sigmoid", "Tanh", "ReLU", "LeakyReLU", "ELU", "SiLU", "Softplus",
]  # fmt: skip
