"""The graph in the making: names, constants, shapes. Nothing here needs the package onnx."""

import numpy as np

from npae import dense_autoencoder
from npae.export.onnx_graph import Graph
from npae.layers import Dense, Sequential
from tests.devices import each_device, on


def test_equal_constants_are_stored_once_and_dtypes_are_those_of_the_graph():
    graph = Graph("float64", Dense(2, 2))
    assert graph.constant(0.5) == graph.constant(0.5) != graph.constant(1.0) != graph.constant(1)
    assert [c.dtype.name for c in graph.constants.values()] == ["float64", "float64", "int64"]
    assert graph.constant(0.5, "float32") not in (graph.constant(0.5), graph.constant(1))


def test_names_are_places_in_the_network_and_unique():
    model = dense_autoencoder([6, 4])
    graph = Graph("float32", model)
    first = graph.parameter(model.encoder[0].W)
    assert first == "encoder.0.W" == graph.parameter(model.encoder[0].W)
    assert graph.parameter(model.encoder[0].W, (1, 0)) == "encoder.0.W_1"
    assert graph.constants["encoder.0.W_1"].shape == (4, 6)
    graph.here = "encoder.0"
    assert [graph.node("Gemm", "x") for _ in range(3)] == ["encoder.0.Gemm", "encoder.0.Gemm_1", "encoder.0.Gemm_2"]


@each_device
def test_parameters_are_copies_on_the_cpu(device):
    with on(device) as place:
        layer = Dense(3, 2).initialize(seed=0).to(place.name)
        graph = Graph("float32", Sequential(layer))
        values = graph.constants[graph.parameter(layer.W)]
        before = values.copy()
        layer.W.value[...] = 0
        assert type(values) is np.ndarray and before.any() and np.array_equal(values, before)


def test_an_input_never_has_the_name_of_a_constant():
    layer = Sequential(Dense(2, 2).initialize(seed=0))
    graph = Graph("float32", layer)
    graph.constants[graph.parameter(layer[0].W)]
    assert graph.input("0.W", (2,)) == "0.W_1" and graph.inputs[0].name == "0.W_1"
