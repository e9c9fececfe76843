"""Layers of images in ONNX compute what they compute here, for every kernel, stride, padding and size."""

import itertools

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from npae.export import to_onnx  # noqa: E402
from npae.layers import AveragePool2D, Conv2D, ConvTranspose2D, MaxPool2D, Upsample2D  # noqa: E402
from tests.export.common import by_reference, difference, disturbed, normal, relative, run  # noqa: E402

KERNELS = [1, 2, 3, 4, 5, (2, 3), (4, 1)]
STRIDES = [1, 2, 3, (1, 2), (3, 1)]
CASES = list(itertools.product(KERNELS, STRIDES, ("same", "valid"), ((7, 8), (6, 5))))


@pytest.mark.parametrize("kind", [Conv2D, ConvTranspose2D])
def test_convolutions_are_computed(kind):
    worst = {}
    for kernel, stride, padding, size in CASES:
        layer = disturbed(kind(2, 3, kernel, stride, padding, "relu"))
        worst[kernel, stride, padding, size] = difference(layer, normal(3, 2, *size))
    assert len(worst) == 140 and {case: d for case, d in worst.items() if d > 1e-6} == {}


@pytest.mark.parametrize("kind", [MaxPool2D, AveragePool2D])
def test_pooling_is_computed(kind):
    for kernel, stride, padding, size in CASES:
        x = normal(3, 2, *size) - 3  # a zero in place of a missing pixel would be the maximum
        assert difference(kind(kernel, stride, padding), x) <= 1e-6, (kernel, stride, padding, size)


@pytest.mark.parametrize("factor", [1, 2, 3, (1, 4), (2, 3)])
def test_upsampling_is_computed(factor):
    assert difference(Upsample2D(factor), normal(3, 2, 4, 5)) == 0


@pytest.mark.parametrize("layer", [Conv2D(2, 3, 3, 2, "same"), ConvTranspose2D(2, 3, 3, 2, "same"),
                                   AveragePool2D(2), Upsample2D(2)], ids=repr)  # fmt: skip
def test_float64_is_exact_in_other_runtimes_and_warned_of_for_onnxruntime(layer):
    if layer.parameter_count:
        disturbed(layer, "float64")
    x = normal(2, 2, 6, 6, dtype="float64")
    with pytest.warns(UserWarning, match=r'onnxruntime has \w+ in float32 only\. Export with dtype="float32"'):
        proto = to_onnx(layer, input_shape=x.shape[1:], dtype="float64")
    assert relative(by_reference(proto, x), layer(x)) <= 1e-14
    with pytest.raises(Exception, match="NOT_IMPLEMENTED"):  # the day that this fails, the warning is out of date
        run(proto, x)
    small = to_onnx(layer, input_shape=x.shape[1:], dtype="float32")
    assert relative(run(small, x.astype("float32")).astype("float64"), layer(x)) <= 1e-6


def test_max_pooling_in_float64_needs_no_warning():
    assert difference(MaxPool2D(2), normal(2, 2, 6, 6, dtype="float64"), dtype="float64") == 0


def test_images_of_another_shape_are_refused_by_the_layer():
    with pytest.raises(ValueError, match=r"Conv2D\(2 -> 3.*expected inputs of shape \(2, height, width\), got \(3, 8,"):
        to_onnx(disturbed(Conv2D(2, 3, 3)), input_shape=(3, 8, 8))
    assert np.isfinite(run(to_onnx(disturbed(Conv2D(2, 3, 3)), input_shape=(2, 8, 8)), normal(1, 2, 8, 8))).all()
