"""Layers: differentiable functions with hand-written derivatives.

Reading order: `base.py` (the contract), `activations.py`, `initializers.py` (first weights), `dense.py`,
`rectifiers.py`, `sequential.py`; then `stochastic.py` (layers with random numbers), `corruption.py` (denoising),
`dropout.py`, `normalization.py` (batch normalization), `reshape.py`, `slice.py` (a part of a code), `top_k.py`
(k-sparse codes), `sparse/` (sparse autoencoders), `tied.py` (tied weights), `output.py` (the activation at a network's
output), `softmax.py`. Images: `patches.py` (im2col), `convolve.py` (matrix products of patches), `conv.py`,
`conv_transpose.py`, `windows.py` (maxima and sums over windows), `pooling.py`, `upsample.py`; `sampling.py` (Gaussian
codes).
"""

from npae.layers.activations import Activation, Identity, Sigmoid, Tanh
from npae.layers.base import Layer
from npae.layers.conv import Conv2D
from npae.layers.conv_transpose import ConvTranspose2D
from npae.layers.corruption import Corruption, GaussianNoise, MaskingNoise, SaltAndPepper
from npae.layers.dense import Dense
from npae.layers.dropout import Dropout
from npae.layers.normalization import BatchNorm
from npae.layers.pooling import AveragePool2D, MaxPool2D
from npae.layers.rectifiers import ELU, LeakyReLU, ReLU, SiLU, Softplus
from npae.layers.reshape import Flatten, Reshape
from npae.layers.sampling import GaussianSample
from npae.layers.sequential import Sequential
from npae.layers.slice import Slice
from npae.layers.softmax import SoftmaxHead
from npae.layers.sparse import BatchTopK, CenteredDense, GatedDense, JumpReLU, UnitDense
from npae.layers.tied import TiedDense
from npae.layers.top_k import TopK
from npae.layers.upsample import Upsample2D

__all__ = [
    "Layer", "Dense", "TiedDense", "Sequential", "Flatten", "Reshape", "Slice", "SoftmaxHead", "TopK",
    "BatchTopK", "JumpReLU", "UnitDense", "CenteredDense", "GatedDense", "BatchNorm",
    "Conv2D", "ConvTranspose2D", "MaxPool2D", "AveragePool2D", "Upsample2D",
    "Corruption", "MaskingNoise", "GaussianNoise", "SaltAndPepper", "Dropout", "GaussianSample",
    "Activation", "Identity", "Sigmoid", "Tanh", "ReLU", "LeakyReLU", "ELU", "SiLU", "Softplus",
]  # fmt: skip
