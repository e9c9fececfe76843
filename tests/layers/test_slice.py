"""Slice: the contract, the columns that are read and those with gradient zero, and errors."""

import numpy as np
import pytest

from npae.layers import Dense, Sequential, Slice
from tests.contract import check_layer, inputs
from tests.devices import each_device


@each_device
@pytest.mark.parametrize("ends", [(0, 3), (2, 5), (4, 6), (0, 6)], ids=str)
def test_contract(device, ends):
    check_layer(lambda: Slice(*ends), (4, 6), device)
    check_layer(lambda: Sequential(Dense(5, 6), Slice(*ends)), (4, 5), device)


def test_nothing_flows_back_through_the_others():
    x, dy = inputs((4, 6)), inputs((4, 2), 1)
    y, cache = Slice(1, 3).forward(x)
    np.testing.assert_array_equal(y, x[:, 1:3])
    np.testing.assert_array_equal(Slice(1, 3).backward(dy, cache), np.pad(dy, ((0, 0), (1, 3))))


def test_what_does_not_fit_is_said():
    for ends in ((2, 2), (-1, 3), (3, 1)):
        with pytest.raises(ValueError, match="expected 0 <= start < stop, got"):
            Slice(*ends)
    with pytest.raises(TypeError, match="stop of Slice: expected an integer, got 2.5"):
        Slice(0, 2.5)
    for wrong in (np.zeros((4, 2)), np.zeros((4, 3, 3))):
        with pytest.raises(ValueError, match=r"Slice\(start=1, stop=3\): expected rows of 3 numbers or more, got"):
            Slice(1, 3)(wrong)
