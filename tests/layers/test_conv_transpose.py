"""Transposed convolution: the contract, stamps by loops, the adjoint of Conv2D, PyTorch, sizes, first weights."""

import numpy as np
import pytest

from npae import gradcheck
from npae.layers import Conv2D, ConvTranspose2D, Layer, ReLU
from tests.contract import check_layer, inputs, made
from tests.devices import each_device
from tests.layers.test_conv import pair
from tests.layers.test_dense import each_kind

CASES = [  # c_in, c_out, kernel, stride, padding, height, width
    (2, 3, 3, 1, "valid", 4, 3),
    (2, 3, 3, 1, "same", 4, 5),
    (3, 2, 3, 2, "same", 4, 3),
    (1, 2, (2, 4), (2, 3), "same", 3, 4),
    (2, 1, (4, 3), (2, 3), "valid", 3, 3),
    (2, 2, 2, 3, "valid", 3, 2),  # pixels between the stamps
    (2, 2, 1, 1, "same", 3, 3),
]
each_case = pytest.mark.parametrize(("c_in", "c_out", "kernel", "stride", "padding", "height", "width"), CASES)


def by_stamps(x, W, b, stride, pad, shape):
    """Every pixel of x stamps the kernel W (kh, kw, O, C) into y; what falls outside is lost."""
    y = np.zeros((len(x), W.shape[2], *shape)) + b[:, None, None]
    for p, q, i, j in np.ndindex(*x.shape[2:], *W.shape[:2]):
        r, s = p * stride[0] + i - pad[0], q * stride[1] + j - pad[1]
        if 0 <= r < shape[0] and 0 <= s < shape[1]:
            y[:, :, r, s] += x[:, :, p, q] @ W[i, j].T
    return y


@each_device
@each_case
def test_contract(c_in, c_out, kernel, stride, padding, height, width, device):
    check_layer(lambda: ConvTranspose2D(c_in, c_out, kernel, stride, padding), (2, c_in, height, width), device)


@each_device
@each_kind
def test_contract_with_an_activation(activation, device):
    check_layer(lambda: ConvTranspose2D(3, 2, 3, 2, "same", activation), (2, 3, 3, 4), device)


@each_case
def test_the_values_are_those_of_stamps(c_in, c_out, kernel, stride, padding, height, width):
    layer = made(lambda: ConvTranspose2D(c_in, c_out, kernel, stride, padding), np.float64)
    x, (kh, kw), (sh, sw) = inputs((2, c_in, height, width)), pair(kernel), pair(stride)
    shape = (height * sh, width * sw)
    pad = (max(kh - sh, 0) // 2, max(kw - sw, 0) // 2)
    if padding == "valid":
        shape, pad = (shape[0] + max(kh - sh, 0), shape[1] + max(kw - sw, 0)), (0, 0)
    y = by_stamps(x, layer.W.value, layer.b.value.ravel(), (sh, sw), pad, shape)
    np.testing.assert_allclose(layer(x), y, rtol=1e-12, atol=1e-13)
    assert layer.out_shape(x.shape[1:]) == y.shape[1:]


@each_case
def test_it_is_the_adjoint_of_the_convolution(c_in, c_out, kernel, stride, padding, height, width):
    up = made(lambda: ConvTranspose2D(c_in, c_out, kernel, stride, padding), np.float64)
    down = made(lambda: Conv2D(c_out, c_in, kernel, stride, padding), np.float64)
    down.W.value[...] = up.W.value
    down.b.value[...] = up.b.value[...] = 0
    u = inputs((2, c_in, height, width), 1)
    v = inputs(up(u).shape, 2)
    assert down(v).shape == u.shape
    assert np.sum(down(v) * u) == pytest.approx(np.sum(v * up(u)), rel=1e-12)
    _, cache = down.forward(v)
    np.testing.assert_array_equal(up(u), down.backward(u, cache), "forward of the one, backward of the other")


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (4, 2), (3, 1), (5, 3), (2, 2)])
def test_values_and_gradients_are_those_of_pytorch(kernel, stride):
    """PyTorch cuts `padding` off both sides; its whole image, cut as ours, is the same."""
    torch = pytest.importorskip("torch")
    layer = made(lambda: ConvTranspose2D(2, 3, kernel, stride, "same"), np.float64)
    x = inputs((2, 2, 4, 5))
    y, cache = layer.forward(x)
    R = inputs(y.shape, 4)
    dx = layer.backward(R, cache)
    xt, W, b = (torch.tensor(a, requires_grad=True) for a in (
        x, layer.W.value.transpose(3, 2, 0, 1).copy(), layer.b.value.ravel()))  # fmt: skip
    a = (kernel - stride) // 2
    yt = torch.nn.functional.conv_transpose2d(xt, W, b, stride)[:, :, a : a + 4 * stride, a : a + 5 * stride]
    yt.backward(torch.tensor(R))
    np.testing.assert_allclose(y, yt.detach().numpy(), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(dx, xt.grad.numpy(), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(layer.W.grad, W.grad.numpy().transpose(2, 3, 1, 0), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(layer.b.grad.ravel(), b.grad.numpy(), rtol=1e-11, atol=1e-12)


def test_odd_sizes_come_back_larger():
    down, up = Conv2D(1, 1, 3, 2, "same"), ConvTranspose2D(1, 1, 3, 2, "same")
    for size, half, back in ((7, 4, 8), (8, 4, 8), (28, 14, 28)):
        assert down.out_shape((1, size, size)) == (1, half, half)
        assert up.out_shape((1, half, half)) == (1, back, back)


def test_first_weights_count_the_inputs_of_this_layer():
    layer = ConvTranspose2D(32, 4, 3, 2, activation=ReLU).initialize()
    assert layer.W.shape == (3, 3, 4, 32)
    assert np.var(layer.W.value) == pytest.approx(2 / (32 * 9), rel=0.1)
    assert layer.config()["initializer"] == "he_uniform"


def test_a_gradient_of_the_kernel_with_channels_exchanged_is_found():
    class Exchanged(ConvTranspose2D):
        def backward(self, dy, cache, needs_dx=True):
            dx = super().backward(dy, cache, needs_dx)
            self.W.grad[...] = self.W.grad.swapaxes(2, 3).copy()
            return dx

    del Layer.registry["Exchanged"]
    layer = made(lambda: Exchanged(2, 2, 3, 2, "same"), np.float64)
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(layer, inputs((2, 2, 3, 3)))


def test_bad_input_is_named():
    layer = ConvTranspose2D(2, 3, 3).initialize()
    with pytest.raises(ValueError, match=r"ConvTranspose2D\(2 -> 3.*channels last"):
        layer(np.zeros((4, 8, 9, 2), np.float32))
