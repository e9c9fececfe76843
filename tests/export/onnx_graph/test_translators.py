"""Every layer of npae has a translation; one of the caller's gets one by registration, and is refused without."""

import inspect

import pytest

from npae import layers, losses
from npae.export import translator
from npae.export.onnx_graph import TRANSLATORS, Graph, apply
from npae.layers import Corruption, Dense, Layer
from npae.losses import Loss
from npae.models import Stacked
from tests.export.common import disturbed


def concrete(module, family):
    abstract = {"Layer", "Activation", "Corruption", "Loss"}
    return [cls for name, cls in vars(module).items()
            if inspect.isclass(cls) and issubclass(cls, family) and name not in abstract]  # fmt: skip


@pytest.mark.parametrize("cls", concrete(layers, Layer) + concrete(losses, Loss), ids=lambda cls: cls.__name__)
def test_every_class_has_a_translation(cls):
    assert callable(TRANSLATORS.find(object.__new__(cls)))


def test_nothing_else_has_one():
    assert len(concrete(layers, Layer)) >= 24
    with pytest.raises(TypeError, match="Layer has no translation into ONNX"):
        TRANSLATORS.find(Layer())
    with pytest.raises(TypeError, match="Stacked has no translation"):
        TRANSLATORS.find(Stacked([4, 2]))


def test_a_subclass_is_not_taken_for_its_base_class():
    class Positive(Dense):
        def forward(self, x, training=False):
            h, cache = super().forward(x, training)
            return abs(h), cache

    layer = disturbed(Positive(3, 2))
    graph = Graph("float32", layer)
    with pytest.raises(
        TypeError, match=r"Write one: a function \(graph, layer, x\) under @npae.export.translator\(Pos"
    ):
        apply(graph, layer, graph.input("x", (3,)))

    @translator(Positive)
    def positive(graph, layer, x):
        return graph.node("Abs", graph.node("Gemm", x, graph.parameter(layer.W), graph.parameter(layer.b)))

    assert graph.shapes[apply(graph, layer, "x")] == (2,) and [n.op for n in graph.nodes] == ["Gemm", "Abs"]


def test_a_corruption_of_ones_own_is_the_identity_unless_it_acts_at_inference():
    class Swap(Corruption):
        def corrupt(self, x, noise):
            return x[:, ::-1]

    class Always(Swap):
        def forward(self, x, training=False):
            return x[:, ::-1], None

    assert TRANSLATORS.find(Swap())(Graph("float32", Dense(1, 1)), Swap(), "x") == "x"
    with pytest.raises(TypeError, match="Always has no translation"):
        TRANSLATORS.find(Always())
