"""Flatten and Reshape: the contract, and their errors."""

import numpy as np
import pytest

from npae.layers import Flatten, Reshape
from tests.contract import check_layer
from tests.devices import each_device


@each_device
def test_contract(device):
    check_layer(Flatten, (3, 2, 4), device)
    check_layer(lambda: Reshape((2, 6)), (3, 12), device)
    check_layer(lambda: Reshape((12,)), (3, 3, 4), device)


def test_one_undoes_the_other():
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(Reshape((3, 4))(Flatten()(x)), x)


def test_wrong_size_is_named():
    with pytest.raises(ValueError, match=r"samples of 12 numbers, got x of shape \(2, 3, 5\) \(15 per sample\)"):
        Reshape((12,))(np.zeros((2, 3, 5)))


@pytest.mark.parametrize("shape", [70, "70", None, (2.5, 4)], ids=str)
def test_a_shape_that_is_none(shape):
    with pytest.raises(TypeError, match="Reshape: expected .* got |size of Reshape: expected an integer, got "):
        Reshape(shape)
