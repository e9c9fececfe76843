"""Activations as JavaScript text; test_browser.py computes them."""

import re

import pytest

from npae.backend import exp, minimum
from npae.export.page import javascript
from npae.export.page.formula import OPERATIONS
from npae.layers import Activation, Identity
from npae.layers.base import Layer
from tests.export.page.networks import ACTIVATIONS


@pytest.mark.parametrize("cls", ACTIVATIONS, ids=lambda cls: cls.__name__)
def test_every_activation_is_one_function_of_a(cls):
    text = javascript(cls())
    assert re.fullmatch(r"a => \{ (const (t\d+ = [^;=]+(, )?)+; )?return \w+; \}", text), text


def test_the_identity_returns_its_input():
    assert javascript(Identity()) == "a => { return a; }"


def test_negative_and_infinite_constants_are_numbers_of_javascript():
    class Odd(Activation):
        def f(self, a):
            return minimum(a - (-2.0), float("inf")) * exp(-1.5 * a)

    text = javascript(Odd())
    del Layer.registry["Odd"]
    assert "a - (-2.0)" in text and ", Infinity)" in text and "(-1.5) * a" in text


def test_every_operation_of_a_formula_has_a_text():
    from npae.export.onnx_graph.elementwise import OPERATORS

    assert OPERATORS.keys() | {"expm1", "log1p"} <= OPERATIONS.keys()
