"""How parameters are stored in PyTorch, and back; every layer has a twin, or the sentence that it has none."""

import numpy as np
import pytest

from npae.export.pytorch import TWINS, Tensor, Twin
from npae.layers import ConvTranspose2D, Dense, GaussianSample, Slice, SoftmaxHead, TopK
from tests.export.common import disturbed
from tests.export.onnx_graph.test_translators import concrete, layers

SPARSE = {layers.BatchTopK, layers.JumpReLU, layers.UnitDense, layers.CenteredDense, layers.GatedDense}
WITHOUT = {TopK, Slice, SoftmaxHead, GaussianSample, layers.Sequential} | SPARSE


@pytest.mark.parametrize("axes, shape", [((1, 0), None), (None, (6,)), (None, None)])
def test_a_tensor_comes_back(axes, shape):
    tensor = Tensor(disturbed(Dense(3, 2)).W, axes, shape)
    assert tensor.values.shape == tensor.expected and tensor.values.flags.c_contiguous
    assert np.array_equal(tensor.back(tensor.values), tensor.parameter.value)
    assert not np.shares_memory(tensor.values, tensor.parameter.value)


def test_the_axes_of_kernels_come_back():
    tensor = Tensor(disturbed(ConvTranspose2D(4, 3, (2, 5))).W, (3, 2, 0, 1))
    assert tensor.values.shape == tensor.expected == (4, 3, 2, 5)
    assert tensor.values[3, 2, 1, 4] == tensor.parameter.value[1, 4, 2, 3]
    assert np.array_equal(tensor.back(tensor.values), tensor.parameter.value)


@pytest.mark.parametrize("cls", concrete(layers, layers.Layer), ids=lambda cls: cls.__name__)
def test_every_layer_has_a_twin_or_is_refused(cls):
    if cls in WITHOUT:
        with pytest.raises(TypeError, match=f"{cls.__name__} has no twin in PyTorch. Convert the layers before and"):
            TWINS.find(object.__new__(cls))
    else:
        assert callable(TWINS.find(object.__new__(cls)))


def test_modules_without_parameters_share_nothing_that_can_be_changed():
    twin = Twin(lambda shape: ("ReLU", {}))
    for table in (twin.tensors, twin.counters):
        assert dict(table) == {}
        with pytest.raises(TypeError, match="does not support item assignment"):
            table["weight"] = None
