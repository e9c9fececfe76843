"""The registry: a class is entered when it is defined, and a class of npae cannot be replaced."""

import pytest

from npae.layers import Layer
from npae.optim import Optimizer


def test_a_class_of_npae_cannot_be_replaced():
    dense = Layer.registry["Dense"]
    with pytest.raises(TypeError, match="npae has a class Dense already.*another name"):
        type("Dense", (Layer,), {"__module__": "mine"})
    assert Layer.registry["Dense"] is dense


def test_families_do_not_share_names():
    mine = type("Adam", (Layer,), {"__module__": "mine"})
    try:
        assert Layer.registry["Adam"] is mine and Optimizer.registry["Adam"] is not mine
    finally:
        del Layer.registry["Adam"]


def test_a_class_of_the_user_may_be_defined_again():
    try:
        for _ in range(2):  # as in a notebook
            again = type("Mine", (Layer,), {"__module__": "mine"})
        assert Layer.registry["Mine"] is again
    finally:
        del Layer.registry["Mine"]
