"""Activations in ONNX: standard operators, and formulas for all others."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from npae.backend import absolute, cos, exp, expm1, log, log1p, maximum, minimum, sin, sqrt  # noqa: E402
from npae.export import to_onnx  # noqa: E402
from npae.layers import ELU, Activation, Identity, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh  # noqa: E402
from tests.export.common import by_reference, difference, normal  # noqa: E402

ACTIVATIONS = [ReLU(), LeakyReLU(0.2), LeakyReLU(0), ELU(), ELU(0.5), SiLU(), Softplus(), Sigmoid(), Tanh(), Identity()]
X = np.concatenate([4 * normal(6, 8), 40 * normal(2, 8), np.zeros((1, 8))])


class ShiftedTanh(Tanh):
    """A subclass that computes something else."""

    def f(self, a):
        return 1 + super().f(a)


class EveryOperation(Activation):
    """All operations that a formula may consist of, in one."""

    def f(self, a):
        b = minimum(absolute(a), 3) + 0.5
        c = sin(b) * cos(b) - sqrt(b) / (1 + exp(-b)) + expm1(-b) * log1p(b) + log(b)
        return maximum(c, -2) * (a > 0) + b * (a < 0) - 2 * (a >= 1) - (a <= -1)

    def derivative(self, a, h):
        return 0 * a


@pytest.mark.parametrize("dtype, bound", [("float32", 1e-6), ("float64", 1e-14)])
@pytest.mark.parametrize("layer", [*ACTIVATIONS, ShiftedTanh()], ids=repr)
def test_an_activation_is_computed(layer, dtype, bound):
    assert difference(layer, X.astype(dtype), dtype=dtype) <= bound


@pytest.mark.parametrize("dtype, bound", [("float32", 1e-6), ("float64", 1e-14)])
def test_every_operation_of_formulas_is_translated(dtype, bound):
    assert difference(EveryOperation(), X.astype(dtype), by_reference, dtype=dtype) <= bound


def operators(layer, dtype):
    return [node.op_type for node in to_onnx(layer, input_shape=(3,), dtype=dtype).graph.node][:-1]


def test_standard_operators_are_taken_where_onnxruntime_has_them():
    assert operators(ELU(), "float32") == ["Elu"] and operators(Softplus(), "float32") == ["Softplus"]
    assert operators(LeakyReLU(), "float32") == ["LeakyRelu"] and operators(LeakyReLU(), "float64") == ["Mul", "Max"]
    assert "Softplus" not in operators(Softplus(), "float64") and "Elu" not in operators(ELU(), "float64")
    assert operators(ShiftedTanh(), "float32") == ["Tanh", "Add"]
