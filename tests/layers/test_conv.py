"""Convolution: the contract, six nested loops, PyTorch, the order in memory, activations, steps, files, errors."""

import tracemalloc

import numpy as np
import pytest

from npae import Autoencoder, convolutional_autoencoder, fit, gradcheck, load, save
from npae.backend import is_channels_last
from npae.backend.formulas import on_numba
from npae.data.minibatches import Minibatches
from npae.layers import (
    ELU,
    Conv2D,
    ConvTranspose2D,
    Layer,
    MaxPool2D,
    ReLU,
    Sequential,
    SiLU,
    Tanh,
    Upsample2D,
    initializers,
)
from npae.layers import convolve as convolve_module
from npae.layers import patches as patches_module
from npae.losses import SquaredError
from npae.optim import Adam
from npae.train.cuda_graph import CapturedStep
from npae.train.step import Step
from tests.contract import check_layer, inputs, made
from tests.devices import each_device, each_gpu, on, with_fake
from tests.fake_gpu.streams import n_operations
from tests.layers.test_dense import each_kind

CASES = [  # c_in, c_out, kernel, stride, padding, height, width
    (2, 3, 3, 1, "valid", 6, 5),
    (2, 3, 3, 1, "same", 5, 6),
    (1, 4, 3, 2, "same", 7, 8),
    (3, 1, (2, 4), (1, 2), "same", 6, 7),
    (2, 2, (4, 1), (2, 3), "valid", 7, 8),
    (2, 2, 3, 3, "same", 8, 7),
    (1, 1, 2, 3, "valid", 8, 9),  # pixels that no window sees
    (3, 2, 1, 1, "valid", 4, 4),
    (12, 2, 3, 1, "same", 4, 3),  # long pixels: the other order of the patches
    (9, 1, 3, 2, "same", 5, 4),  # few outputs: products first
    (1, 9, 3, 2, "same", 5, 4),  # the same, backward
]
each_case = pytest.mark.parametrize(("c_in", "c_out", "kernel", "stride", "padding", "height", "width"), CASES)


def pair(a):
    return a if isinstance(a, tuple) else (a, a)


def by_loops(x, W, b, stride, padding):
    """Convolution, one product of two numbers at a time: x (B, C, H, W), W (kh, kw, C, O), b (O,)."""
    (kh, kw, c, o), (sh, sw) = W.shape, pair(stride)
    if padding == "same":
        for axis, k, s in ((2, kh, sh), (3, kw, sw)):
            n = x.shape[axis]
            zeros = max((-(-n // s) - 1) * s + k - n, 0)
            x = np.pad(x, [(zeros // 2, zeros - zeros // 2) if a == axis else (0, 0) for a in range(4)])
    oh, ow = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
    y = np.zeros((len(x), o, oh, ow))
    for k, p, q in np.ndindex(o, oh, ow):
        y[:, k, p, q] = b[k]
        for i, j, m in np.ndindex(kh, kw, c):
            y[:, k, p, q] += x[:, m, p * sh + i, q * sw + j] * W[i, j, m, k]
    return y


@each_device
@each_case
def test_contract(c_in, c_out, kernel, stride, padding, height, width, device):
    check_layer(lambda: Conv2D(c_in, c_out, kernel, stride, padding), (2, c_in, height, width), device)


@each_device
@each_kind
def test_contract_with_an_activation(activation, device):
    check_layer(lambda: Conv2D(2, 3, 3, 2, "same", activation), (2, 2, 5, 6), device)


@each_case
def test_the_values_are_those_of_nested_loops(c_in, c_out, kernel, stride, padding, height, width):
    layer = made(lambda: Conv2D(c_in, c_out, kernel, stride, padding), np.float64)
    x = inputs((3, c_in, height, width))
    y = by_loops(x, layer.W.value, layer.b.value.ravel(), stride, padding)
    np.testing.assert_allclose(layer(x), y, rtol=1e-12, atol=1e-13)
    assert layer.out_shape(x.shape[1:]) == y.shape[1:]


@each_case
def test_values_and_gradients_are_those_of_pytorch(c_in, c_out, kernel, stride, padding, height, width):
    torch = pytest.importorskip("torch")
    layer = made(lambda: Conv2D(c_in, c_out, kernel, stride, padding), np.float64)
    x = inputs((3, c_in, height, width))
    y, cache = layer.forward(x)
    R = inputs(y.shape, 4)
    dx = layer.backward(R, cache)
    xt, W, b = (torch.tensor(a, requires_grad=True) for a in (
        x, layer.W.value.transpose(3, 2, 0, 1).copy(), layer.b.value.ravel()))  # fmt: skip
    around = []
    for axis in layer.axes(height, width)[::-1]:
        around += [axis.pad, max(0, axis.span - axis.pad - axis.size)]
    yt = torch.nn.functional.conv2d(torch.nn.functional.pad(xt, around), W, b, stride)
    yt.backward(torch.tensor(R))
    np.testing.assert_allclose(y, yt.detach().numpy(), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(dx, xt.grad.numpy(), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(layer.W.grad, W.grad.numpy().transpose(2, 3, 1, 0), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(layer.b.grad.ravel(), b.grad.numpy(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("numbers", [1, 100, 1000])
def test_blocks_of_images_give_what_one_block_gives(numbers, monkeypatch):
    layer, x = made(lambda: Conv2D(2, 3, 3, 2, "same"), np.float64), inputs((7, 2, 5, 6))
    y, cache = layer.forward(x)
    R = inputs(y.shape, 4)
    layer.theta.zero_grad()
    whole = y, layer.backward(R, cache), layer.theta.grad.copy()
    monkeypatch.setattr(patches_module, "BLOCK", numbers)
    layer.theta.zero_grad()
    parts = layer(x), layer.backward(R, cache), layer.theta.grad.copy()
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-13, atol=1e-13)


@each_gpu
@each_case
@pytest.mark.parametrize("layer", [Conv2D, ConvTranspose2D])
@pytest.mark.parametrize("launch_costs", [0, 2**20])  # whether numbers saved are worth a kernel more
def test_the_gpu_computes_what_the_cpu_computes(launch_costs, layer, c_in, c_out, kernel, stride, padding, height,
                                                width, device, monkeypatch):  # fmt: skip
    monkeypatch.setattr(convolve_module, "LAUNCH", launch_costs)
    x = inputs((3, c_in, height, width))
    with on(device) as place:
        found = []
        for name, put, get in (("cpu", np.asarray, np.asarray), (place.name, place.put, place.get)):
            conv = made(lambda: layer(c_in, c_out, kernel, stride, padding), np.float64, name)
            conv.theta.zero_grad()
            y, cache = conv.forward(put(x))
            dx = conv.backward(put(inputs(y.shape, 4)), cache)
            found.append([get(a) for a in (y, dx, conv.theta.grad)])
    for on_cpu, on_gpu in zip(*found, strict=True):
        np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-12, atol=1e-13)


@each_kind
def test_between_convolutions_channels_are_last_in_memory(activation):
    x = inputs((2, 3, 6, 6))
    y, cache = made(lambda: Conv2D(3, 4, 3, 1, "valid", activation), np.float64).forward(x)
    assert y.shape == (2, 4, 4, 4) and is_channels_last(y)
    layer = made(lambda: Conv2D(4, 2, 3), np.float64)
    for order in "CF":  # whatever the order of what comes in, the numbers are the same
        np.testing.assert_allclose(layer(np.asarray(y, order=order)), layer(y), rtol=1e-13)


@each_device
@each_kind
@pytest.mark.parametrize("layer", [Conv2D, ConvTranspose2D])
def test_the_activation_within_is_the_activation_as_a_layer(layer, activation, device):
    """Bit for bit, forward and backward."""
    with on(device) as place:
        within, linear = (made(lambda a=a: layer(3, 4, 3, 2, "same", a), np.float64, place.name) for a in (
            activation, None))  # fmt: skip
        phi, x = within.activation, place.put(inputs((2, 3, 4, 4)))
        h, cache = within.forward(x)
        a, linear_cache = linear.forward(x)
        h_apart, phi_cache = phi.forward(a)
        np.testing.assert_array_equal(place.get(h), place.get(h_apart))
        dh = place.put(inputs(h.shape, 4))
        dx, dx_apart = within.backward(dh, cache), linear.backward(phi.backward(dh, phi_cache), linear_cache)
        np.testing.assert_array_equal(place.get(dx), place.get(dx_apart))
        np.testing.assert_array_equal(place.get(within.theta.grad), place.get(linear.theta.grad))


@pytest.mark.parametrize("layer", [Conv2D, ConvTranspose2D])
def test_first_weights_count_the_window_and_follow_from_the_activation(layer):
    rectified, linear, squashed = layer(8, 32, 3, activation="relu"), layer(8, 32, 3), layer(8, 32, 3, activation=Tanh)
    assert rectified.config()["initializer"] == "he_uniform"
    assert linear.config()["initializer"] == squashed.config()["initializer"] == "glorot_uniform"
    for conv, variance in ((rectified, 2 / (8 * 9)), (linear, 2 / (40 * 9)), (squashed, 2 / (40 * 9))):
        W = conv.initialize().W.value
        assert W.size == 3 * 3 * 8 * 32 and np.var(W) == pytest.approx(variance, rel=0.1)


@pytest.mark.parametrize("layer", [Conv2D, ConvTranspose2D])
def test_an_initializer_that_is_given_wins(layer, tmp_path):
    chosen = layer(8, 4, 3, activation=ELU(0.5), initializer="glorot_normal").initialize()
    assert chosen.initializer is initializers.glorot_normal
    save(tmp_path / "layer.npz", chosen)
    again = load(tmp_path / "layer.npz")
    assert repr(again) == repr(chosen) and "ELU(alpha=0.5)" in repr(again)
    assert again.initializer is initializers.glorot_normal
    x = inputs((2, 8, 4, 4), dtype=np.float32)
    np.testing.assert_array_equal(again(x), chosen(x))


@pytest.mark.parametrize("layer", [Conv2D, ConvTranspose2D])
def test_what_is_not_an_activation_is_named(layer):
    with pytest.raises(ValueError, match=f"{layer.__name__}: unknown activation 'rlu'"):
        layer(1, 1, 3, activation="rlu")
    with pytest.raises(TypeError, match=f"{layer.__name__}: expected an activation such as .*, got 3"):
        layer(1, 1, 3, activation=3)


def test_a_kernel_that_is_not_turned_around_is_found():
    class Straight(Conv2D):
        def backward(self, dy, cache, needs_dx=True):
            super().backward(dy, cache, needs_dx=False)
            other = made(lambda: Conv2D(2, 2, 3, 1, "same"), np.float64)
            other.W.value[...], other.b.value[...] = self.W.value.swapaxes(2, 3), 0
            return other(dy)

    del Layer.registry["Straight"]
    layer, x = made(lambda: Straight(2, 2, 3, 1, "same"), np.float64), inputs((2, 2, 5, 5))
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(layer, x)
    layer.W.value[...] = (layer.W.value + layer.W.value[::-1, ::-1]) / 2  # the same both ways: now it is right
    gradcheck.check_layer(layer, x)


def autoencoder(dtype=np.float32):
    first = Conv2D(1, 8, 3, 1, "same", ReLU)
    encoder = Sequential(first, MaxPool2D(2, padding="same"), Conv2D(8, 4, 3, 2, "same"))
    decoder = Sequential(ConvTranspose2D(4, 8, 3, 2, "same", SiLU), Upsample2D(2), Conv2D(8, 1, 3, 1, "same"))
    return Autoencoder(encoder, decoder, SquaredError(), dtype=dtype)


@each_device
def test_the_gradient_of_a_convolutional_autoencoder(device):
    with on(device) as place:
        assert gradcheck.check_model(autoencoder(np.float64).to(place.name), place.put(inputs((2, 1, 8, 8)))) < 1e-6


def test_a_step_allocates_no_arrays(monkeypatch):
    monkeypatch.setattr(on_numba, "PATIENCE", float("inf"))  # compiling allocates
    x = np.random.default_rng(0).integers(0, 256, (256, 1, 28, 28), dtype=np.uint8)
    step, order = Step(autoencoder(), Minibatches(x, 256, seed=0), Adam()), np.arange(256)
    for _ in range(2):
        step(order, lambda terms, size: None)
    tracemalloc.start()
    try:
        step(order, lambda terms, size: None)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        step(order, lambda terms, size: None)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    codes = 256 * 4 * 7 * 7 * 4  # bytes of the smallest array
    assert peak < 2**17 < codes  # what is left are views, and three times the 32 KB that a ufunc takes for itself


def test_the_networks_of_keras_have_their_sizes_and_parameter_counts():
    def conv(c_in, c_out, padding="same"):
        return Conv2D(c_in, c_out, 3, 1, padding)

    def pool():
        return MaxPool2D(2, padding="same")

    blog = (
        Sequential(conv(1, 16), pool(), conv(16, 8), pool(), conv(8, 8), pool()),
        Sequential(conv(8, 8), Upsample2D(2), conv(8, 8), Upsample2D(2), conv(8, 16, "valid"), Upsample2D(2),
                   conv(16, 1)),
    )  # fmt: skip
    site = (
        Sequential(conv(1, 32), pool(), conv(32, 32), pool()),
        Sequential(ConvTranspose2D(32, 32, 3, 2, "same"), ConvTranspose2D(32, 32, 3, 2, "same"), conv(32, 1)),
    )
    for (encoder, decoder), code, parameters in ((blog, (8, 4, 4), 4_385), (site, (32, 7, 7), 28_353)):
        assert encoder.out_shape((1, 28, 28)) == code
        assert decoder.out_shape(code) == (1, 28, 28)
        assert encoder.parameter_count + decoder.parameter_count == parameters


@each_gpu
def test_a_captured_step_is_the_step(device):
    """To the bit on the fake GPU. On a real one cuBLAS sums the loss in another order than CuPy."""
    x = np.random.default_rng(0).random((40, 1, 8, 8), dtype=np.float32)
    with on(device) as place:
        runs = [
            fit(autoencoder().to(place.name), x, epochs=2, batch_size=20, graph=graph, progress="none")["loss"]
            for graph in (False, True)
        ]
    assert runs[0] == runs[1] if place.is_fake else runs[0] == pytest.approx(runs[1], rel=1e-5)
    assert runs[0][1] < runs[0][0]


@with_fake
@pytest.mark.parametrize(("channels", "transposed", "most"), [([16, 8, 8], False, 90), ([32, 32], True, 60)])
def test_a_captured_step_has_few_operations(channels, transposed, most):
    """One kernel for im2col, for pooling, for upsampling and for their gradients: tap by tap it took 211 and 155."""
    x = np.random.default_rng(0).integers(0, 256, (128, 1, 28, 28), dtype=np.uint8)
    with on("fake") as place:
        model = convolutional_autoencoder(channels, transposed=transposed).to(place.name)
        step = CapturedStep(model, Minibatches(x, 128, device=place.name, seed=0), Adam())
        step(next(step.batches.rows(1)), lambda terms, size: None)
        assert n_operations(step._graph._graph) <= most


def test_a_model_file_brings_it_back(tmp_path):
    model, x = autoencoder(), inputs((3, 1, 8, 8), dtype=np.float32)
    save(tmp_path / "model.npz", model)
    again = load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.reconstruct(x), model.reconstruct(x))
    assert "Conv2D(8 -> 4, kernel 3x3, stride 2x2, same)" in again.summary((1, 8, 8))
    assert "(4, 2, 2)" in again.summary((1, 8, 8)) and "?" in again.summary()


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (
            np.zeros((4, 8, 9, 2), np.float32),
            ValueError,
            ["(batch, 2, height, width)", "(4, 8, 9, 2)", "channels last"],
        ),
        (np.zeros((4, 8, 9), np.float32), ValueError, ["Conv2D(2 -> 3", "(4, 8, 9)", "x[:, None]"]),
        (np.zeros((4, 144), np.float32), ValueError, ["(4, 144)", "layers.Reshape"]),
        (np.zeros((4, 2, 8, 2), np.float32), ValueError, ["at least 3 x 3 pixels", "8 x 2", "padding"]),
        (np.zeros((4, 2, 8, 8)), TypeError, ["float32", "float64", "astype"]),
        (np.zeros((4, 2, 8, 8), np.uint8), TypeError, ["float32", "uint8"]),
        (np.zeros((2, 8, 9), np.float32), ValueError, ["(2, 8, 9)", "One image alone is x[None]"]),
        (np.zeros((0, 2, 8, 8), np.float32), ValueError, ["at least one image", "(0, 2, 8, 8)"]),
        ([[0.0]], TypeError, ["array", "list"]),
    ],
)
def test_bad_input_is_named(x, error, words):
    with pytest.raises(error) as raised:
        Conv2D(2, 3, 3).initialize().forward(x)
    for word in words:
        assert word in str(raised.value)
    assert "network.astype('uint8')" not in str(raised.value), "that would be refused"


@pytest.mark.parametrize(
    "arguments", [(0, 3, 3), (3, 0, 3), (1, 1, 0), (1, 1, (3, -1)), (1, 1, 3, 0), (1, 1, 3, 1, "full")]
)
@pytest.mark.parametrize("layer", [Conv2D, ConvTranspose2D])
def test_impossible_arguments(layer, arguments):
    with pytest.raises(ValueError, match=f'{layer.__name__}.*of at least 1, and padding "valid" or "same"'):
        layer(*arguments)


def test_a_reconstruction_of_another_size_is_named():
    model = autoencoder()
    words = r"\(2, 1, 8, 8\), got \(2, 1, 7, 7\).*end in the shape that it begins with.*7 -> 4 -> 8: pad or crop them"
    with pytest.raises(ValueError, match=words):
        model.backpropagate(np.zeros((2, 1, 7, 7), np.float32))
