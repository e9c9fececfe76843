"""Pooling: the contract, windows by nested loops, PyTorch, ties, borders, errors."""

import numpy as np
import pytest

from npae import gradcheck
from npae.backend import Arena, images
from npae.layers import AveragePool2D, Layer, MaxPool2D
from tests.contract import check_layer, inputs
from tests.devices import each_device, on, with_fake
from tests.fake_gpu.fake_cupy import fake_cupy
from tests.layers.test_conv import pair

CASES = [  # size, stride, padding, height, width
    (2, None, "valid", 6, 4),
    (2, None, "valid", 7, 5),  # the last row and column are left out
    (2, None, "same", 7, 6),  # the last windows reach beyond
    (3, 2, "same", 6, 7),  # windows overlap, and reach beyond on both sides
    (3, 1, "valid", 5, 5),
    ((1, 3), (2, 2), "valid", 5, 6),  # rows that no window sees
    ((3, 2), (3, 1), "same", 7, 4),
]
each_case = pytest.mark.parametrize(("size", "stride", "padding", "height", "width"), CASES)


def by_loops(x, of, size, stride, padding):
    """of(numbers of a window) for every window, where only pixels of the image are numbers of a window."""
    (kh, kw), (sh, sw) = pair(size), pair(stride or size)
    h, w = x.shape[2:]
    oh, ow, above, left = (h - kh) // sh + 1, (w - kw) // sw + 1, 0, 0
    if padding == "same":
        oh, ow = -(-h // sh), -(-w // sw)
        above, left = max((oh - 1) * sh + kh - h, 0) // 2, max((ow - 1) * sw + kw - w, 0) // 2
    y = np.zeros((*x.shape[:2], oh, ow))
    for p, q in np.ndindex(oh, ow):
        r, s = p * sh - above, q * sw - left
        y[:, :, p, q] = of(x[:, :, max(r, 0) : r + kh, max(s, 0) : s + kw], axis=(2, 3))
    return y


@each_device
@pytest.mark.parametrize("layer", [MaxPool2D, AveragePool2D])
@each_case
def test_contract(layer, size, stride, padding, height, width, device):
    check_layer(lambda: layer(size, stride, padding), (2, 3, height, width), device)


@pytest.mark.parametrize(("layer", "of"), [(MaxPool2D, np.max), (AveragePool2D, np.mean)])
@each_case
def test_the_values_are_those_of_nested_loops(layer, of, size, stride, padding, height, width):
    x = inputs((2, 3, height, width))
    y = by_loops(x, of, size, stride, padding)
    for order in "CF":
        np.testing.assert_allclose(layer(size, stride, padding)(np.asarray(x, order=order)), y, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", ["max", "avg"])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (2, 1), (3, 4)])
def test_values_and_gradients_are_those_of_pytorch(name, size, stride):
    torch = pytest.importorskip("torch")
    layer = (MaxPool2D if name == "max" else AveragePool2D)(size, stride)
    x = inputs((2, 3, 9, 8))
    y, cache = layer.forward(x)
    R = inputs(y.shape, 4)
    xt = torch.tensor(x, requires_grad=True)
    yt = getattr(torch.nn.functional, f"{name}_pool2d")(xt, size, stride)
    yt.backward(torch.tensor(R))
    np.testing.assert_allclose(y, yt.detach().numpy(), rtol=1e-13)
    np.testing.assert_allclose(layer.backward(R, cache), xt.grad.numpy(), rtol=1e-13, atol=1e-15)


@each_device
def test_of_equal_numbers_the_first_gets_the_gradient(device):
    """The first is the leftmost column's, and in it the topmost."""
    x = np.array([[0.0, 0, 1, 2], [0, 0, 2, 0], [3, 5, 4, 4], [5, 0, 4, 4]])[None, None]
    with on(device) as place:
        layer = MaxPool2D(2)
        y, cache = layer.forward(place.put(x))
        dx = place.get(layer.backward(place.put(np.array([[[[1.0, 2], [3, 4]]]])), cache))
        y = place.get(y)
    np.testing.assert_array_equal(y[0, 0], [[0, 2], [5, 4]])
    np.testing.assert_array_equal(dx[0, 0], [[1, 0, 0, 0], [0, 0, 2, 0], [0, 0, 4, 0], [3, 0, 0, 0]])


def test_negative_images_and_their_borders():
    """Beyond the border are no zeros: they would be larger than everything, and would draw means to them."""
    x = inputs((1, 2, 7, 7)) - 10
    assert MaxPool2D(2, padding="same")(x).max() < 0
    np.testing.assert_allclose(AveragePool2D(3, 2, "same")(np.full((1, 1, 7, 7), -2.0)), -2, rtol=1e-14)


def test_the_networks_of_keras_get_their_sizes():
    shape, sizes = (8, 28, 28), []
    for _ in range(3):
        shape = MaxPool2D(2, padding="same").out_shape(shape)
        sizes.append(shape[1])
    assert sizes == [14, 7, 4]


def test_a_gradient_that_goes_to_all_is_found():
    class ToAll(MaxPool2D):
        def _backward(self, dy, cache):
            *_, rows, columns = cache
            return AveragePool2D(2)._backward(dy, (rows, columns)) * 4

    del Layer.registry["ToAll"]
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(ToAll(2), inputs((2, 1, 4, 4)))


@pytest.mark.parametrize("layer", [MaxPool2D, AveragePool2D])
def test_errors(layer):
    for arguments in ((0,), (2, 0), ((2, -1),), (2, 2, "full")):
        with pytest.raises(ValueError, match="size and stride of at least 1"):
            layer(*arguments)
    with pytest.raises(ValueError, match=r"\(batch, channels, height, width\), got \(4, 28, 28\)"):
        layer(2)(np.zeros((4, 28, 28)))
    with pytest.raises(ValueError, match=r"at least 5 x 5 pixels.*4 x 4. Take a smaller window"):
        layer(5)(np.zeros((2, 1, 4, 4)))
    for shape in ((), (5,), (3, 4), (1, 2, 3, 4)):
        with pytest.raises(ValueError, match=r"2D.*expected inputs of .*\(channels, height, width\), got .*Reshape"):
            layer(2).out_shape(shape)
    with pytest.raises(TypeError, match=r"2D.*expected x of float32 or float64, got uint8. Scale it first: x / 255"):
        layer(2)(np.zeros((2, 1, 4, 4), np.uint8))


@with_fake
@pytest.mark.parametrize("layer", [MaxPool2D(2), MaxPool2D(3, 2), AveragePool2D(2)], ids=repr)
def test_in_a_step_nothing_is_copied_or_allocated(layer):
    """A ufunc of CuPy copies an input that shares memory with its output and is another object: views taken twice."""
    with on("fake") as place:
        x = images(place.put(np.random.default_rng(0).standard_normal((2, 8, 8, 3)).astype("f")))
        arena = Arena()
        for _ in range(2):
            with arena.frame(2), fake_cupy.count() as counted:
                y, cache = layer.forward(x, training=True)
                forward = counted.kernels, counted.allocations
                layer.backward(y, cache)
    assert forward[1] == counted.allocations == 0
    assert forward[0] == 1 and counted.kernels <= 3
