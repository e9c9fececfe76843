"""Layers of rows in ONNX compute what they compute here, in both dtypes, for batches of any size."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from npae.export import to_onnx  # noqa: E402
from npae.layers import (  # noqa: E402
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    GaussianSample,
    MaskingNoise,
    Reshape,
    SaltAndPepper,
    Sequential,
    Slice,
    SoftmaxHead,
    TiedDense,
    TopK,
)
from tests.export.common import difference, disturbed, normal, run  # noqa: E402

each_dtype = pytest.mark.parametrize("dtype, bound", [("float32", 1e-6), ("float64", 1e-14)])
ENCODER = Dense(6, 4, "tanh")
LAYERS = {
    "dense": lambda: Dense(6, 4),
    "dense, activation": lambda: Dense(6, 4, "tanh"),
    "tied": lambda: Sequential(ENCODER, TiedDense(ENCODER, "sigmoid")),
    "batch norm": lambda: BatchNorm(6),
    "batch norm, large epsilon": lambda: BatchNorm(6, epsilon=0.3),
    "slice": lambda: Slice(2, 5),
    "softmax head": lambda: SoftmaxHead(4),
    "softmax head, no other columns": lambda: SoftmaxHead(6),
    "top k": lambda: TopK(2),
    "top k, more at inference": lambda: TopK(2, alpha=1.5),
    "reshape": lambda: Sequential(Reshape((2, 3)), Flatten(), Dense(6, 1)),
    "code": lambda: GaussianSample(),
    "noise": lambda: Sequential(GaussianNoise(1.0), MaskingNoise(0.5), SaltAndPepper(0.5), Dropout(0.5), Dense(6, 2)),
    "nested": lambda: Sequential(Sequential(Dense(6, 5, "relu")), Sequential(Dense(5, 2))),
}


@each_dtype
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_computed(name, dtype, bound):
    network = LAYERS[name]()
    if network.parameter_count:
        disturbed(network, dtype)
    assert difference(network, normal(7, 6, dtype=dtype), dtype=dtype) <= bound


def test_images_are_normalised_by_channel_and_flattened():
    network = disturbed(Sequential(BatchNorm(3), Flatten(), Dense(60, 2)))
    assert difference(network, normal(7, 3, 4, 5)) <= 1e-6


def test_units_that_tie_are_all_kept():
    x = np.array([[3, 1, 3, 2], [5, 5, 5, 5]], np.float32)
    y = run(to_onnx(TopK(1), input_shape=(4,)), x)
    assert y.tolist() == [[3, 0, 3, 0], [5, 5, 5, 5]] and np.array_equal(y, TopK(1)(x))


def test_tied_weights_are_stored_once():
    dense = Dense(6, 4)
    proto = to_onnx(disturbed(Sequential(dense, TiedDense(dense))))
    assert [tensor.name for tensor in proto.graph.initializer] == ["0.W", "0.b", "1.b"]


def test_a_small_variance_is_not_lost_in_float64():
    layer = disturbed(BatchNorm(3), "float64")
    layer.variance.value[...] = 1e-7  # beside ε = 1e-5, whose 32 bits would be wrong by 1e-8
    assert difference(layer, normal(5, 3, dtype="float64")) <= 1e-14
