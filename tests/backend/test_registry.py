"""The registry: a class is entered when it is defined, and a class of npae cannot be replaced."""

import sys
import types

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
        assert Layer.registry["Mine"] is again and again.replaced is None
    finally:
        del Layer.registry["Mine"]


def test_a_class_knows_that_it_took_the_name_of_another(monkeypatch):
    def define(module):
        return type("Mine", (Layer,), {"__module__": module})

    for name in ("__program__", "program"):  # one file under two names, such as __main__ and its import
        module = types.ModuleType(name)
        module.__file__ = "/home/me/program.py"
        monkeypatch.setitem(sys.modules, name, module)
    try:
        assert [define(m).replaced for m in ("__program__", "program", "program")] == [None] * 3
        assert [define(m).replaced for m in ("other", "other")] == ["program.Mine"] * 2
        assert define("program").replaced == "other.Mine"
        assert type("Another", (Layer.registry["Mine"],), {"__module__": "mine"}).replaced is None
    finally:
        del Layer.registry["Mine"], Layer.registry["Another"]
