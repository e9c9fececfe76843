"""Upsampling: the contract, its values, the adjoint, PyTorch, errors."""

import numpy as np
import pytest

from npae.layers import AveragePool2D, Upsample2D
from tests.contract import check_layer, inputs
from tests.devices import each_device


@each_device
@pytest.mark.parametrize("factor", [1, 2, 3, (2, 1), (1, 3)])
def test_contract(factor, device):
    check_layer(lambda: Upsample2D(factor), (2, 3, 4, 5), device)


def test_every_pixel_becomes_a_square():
    x = inputs((2, 3, 4, 5))
    y = np.kron(x, np.ones((2, 3)))
    np.testing.assert_array_equal(Upsample2D((2, 3))(x), y)
    assert Upsample2D((2, 3)).out_shape((3, 4, 5)) == y.shape[1:]


def test_backward_is_the_adjoint_and_the_mean_its_inverse():
    layer, x, R = Upsample2D(2), inputs((2, 3, 4, 5)), inputs((2, 3, 8, 10), 2)
    y, cache = layer.forward(x)
    assert np.sum(y * R) == pytest.approx(np.sum(x * layer.backward(R, cache)), rel=1e-12)
    np.testing.assert_allclose(AveragePool2D(2)(y), x, rtol=1e-14)


def test_values_and_gradients_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    layer, x, R = Upsample2D(2), inputs((2, 3, 4, 5)), inputs((2, 3, 8, 10), 2)
    y, cache = layer.forward(x)
    xt = torch.tensor(x, requires_grad=True)
    yt = torch.nn.functional.interpolate(xt, scale_factor=2, mode="nearest")
    yt.backward(torch.tensor(R))
    np.testing.assert_array_equal(y, yt.detach().numpy())
    np.testing.assert_allclose(layer.backward(R, cache), xt.grad.numpy(), rtol=1e-13)


def test_errors():
    with pytest.raises(ValueError, match=r"Upsample2D\(0x0\): expected a factor of at least 1"):
        Upsample2D(0)
    with pytest.raises(ValueError, match=r"got \(4, 28, 28\)"):
        Upsample2D(2)(np.zeros((4, 28, 28)))


@pytest.mark.parametrize("shape", [(12,), (3, 4), (1, 2, 3, 4)])
def test_shapes_that_are_no_images_are_named(shape):
    with pytest.raises(ValueError, match=r"Upsample2D\(2x2\): expected inputs of shape \(channels, height, width\)"):
        Upsample2D(2).out_shape(shape)
