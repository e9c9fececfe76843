"""The dense layer: the contract with several activations, its formulas, first weights, and its errors."""

import numpy as np
import pytest

from npae import load, save
from npae.layers import ELU, Activation, Dense, Identity, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh, initializers
from npae.serialization.architecture import build, describe
from tests.contract import check_layer, inputs, made
from tests.devices import each_device, on

# Linear; one whose cache keeps h, one that keeps a, one that keeps both; and a rectifier, which keeps h.
EACH_KIND = [None, Tanh, Softplus, SiLU, ReLU]
each_kind = pytest.mark.parametrize("activation", EACH_KIND, ids=["linear", "Tanh", "Softplus", "SiLU", "ReLU"])


@each_device
@each_kind
@pytest.mark.parametrize("sizes", [(5, 3), (1, 4), (4, 1)])
def test_contract(sizes, activation, device):
    check_layer(lambda: Dense(*sizes, activation), (6, sizes[0]), device)


def test_value_and_gradients_are_the_formulas():
    layer = Dense(2, 2).initialize(dtype="float64")
    layer.W.value[...] = [[1, 2], [3, 4]]
    layer.b.value[...] = [10, 20]
    y, cache = layer.forward(np.array([[1.0, 0], [0, 1], [1, 1]]))
    np.testing.assert_array_equal(y, [[11, 22], [13, 24], [14, 26]])
    dx = layer.backward(np.array([[1.0, 0], [0, 1], [1, 1]]), cache)
    np.testing.assert_array_equal(layer.W.grad, [[2, 1], [1, 2]])  # Σ_i x_ik da_ij
    np.testing.assert_array_equal(layer.b.grad, [2, 2])
    np.testing.assert_array_equal(dx, [[1, 3], [2, 4], [3, 7]])


def test_with_an_activation_they_are_the_formulas_too():
    """h = tanh(x W + b), da = dh ⊙ (1 − h²), and the products of da, index by index."""
    layer, x = made(lambda: Dense(3, 2, Tanh), np.float64), inputs((4, 3))
    h, cache = layer.forward(x)
    W, b, dh = layer.W.value, layer.b.value, inputs((4, 2), 1)
    np.testing.assert_allclose(h, np.tanh(np.einsum("ik,kj->ij", x, W) + b), rtol=1e-13)
    dx = layer.backward(dh, cache)
    da = dh * (1 - h**2)
    np.testing.assert_allclose(layer.W.grad, np.einsum("ij,ik->kj", da, x), rtol=1e-12)
    np.testing.assert_allclose(layer.b.grad, np.einsum("ij->j", da), rtol=1e-12)
    np.testing.assert_allclose(dx, np.einsum("ij,kj->ik", da, W), rtol=1e-12)


@each_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", [Identity, Sigmoid, Tanh, ReLU, LeakyReLU, ELU, SiLU, Softplus])
def test_the_activation_within_is_the_activation_as_a_layer(device, dtype, activation):
    """Bit for bit, forward and backward."""
    with on(device) as place:
        within = made(lambda: Dense(4, 4, activation), dtype, place.name)
        linear, phi = made(lambda: Dense(4, 4), dtype, place.name), activation()
        x, dh = place.put(inputs((5, 4), dtype=dtype)), place.put(inputs((5, 4), 1, dtype))
        h, cache = within.forward(x)
        a, linear_cache = linear.forward(x)
        h_apart, phi_cache = phi.forward(a)
        np.testing.assert_array_equal(place.get(h), place.get(h_apart))
        dx = within.backward(dh, cache)
        dx_apart = linear.backward(phi.backward(dh, phi_cache), linear_cache)
        np.testing.assert_array_equal(place.get(dx), place.get(dx_apart))
        np.testing.assert_array_equal(place.get(within.theta.grad), place.get(linear.theta.grad))


def test_backward_skips_dx_when_it_is_not_needed():
    layer = Dense(3, 2).initialize()
    y, cache = layer.forward(np.ones((4, 3), np.float32))
    assert layer.backward(y, cache, needs_dx=False) is None


# ---------------------------------------------------------------------- activation and initializer


def lenient():
    return LeakyReLU(0.2)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "Identity()"), ("linear", "Identity()"), ("tanh", "Tanh()"), ("leaky_relu", "LeakyReLU(alpha=0.01)"),
        ("LeakyReLU", "LeakyReLU(alpha=0.01)"), (ReLU, "ReLU()"), (ELU(0.5), "ELU(alpha=0.5)"),
        (lenient, "LeakyReLU(alpha=0.2)"),
    ],
)  # fmt: skip
def test_the_activation_is_a_name_a_class_an_instance_or_a_function(given, expected):
    layer = Dense(3, 2, given)
    assert isinstance(layer.activation, Activation) and repr(layer.activation) == expected
    assert repr(layer) == ("Dense(3 -> 2)" if expected == "Identity()" else f"Dense(3 -> 2, {expected})")


def test_one_instance_may_serve_several_layers():
    shared = Tanh()
    first, second = Dense(3, 4, shared), Dense(4, 2, shared)
    assert first.activation is second.activation is shared
    x = inputs((5, 3), dtype=np.float32)
    first.initialize(1), second.initialize(2)
    np.testing.assert_array_equal(second(first(x)), Dense.forward(second, first.forward(x)[0])[0])


@pytest.mark.parametrize(
    ("activation", "initializer"),
    [
        (None, "glorot_uniform"), (Sigmoid, "glorot_uniform"), ("tanh", "glorot_uniform"),
        (ReLU, "he_uniform"), ("leaky_relu", "he_uniform"), (ELU(0.5), "he_uniform"), (SiLU, "he_uniform"),
        (Softplus, "he_uniform"),
    ],
    ids=str,
)  # fmt: skip
def test_first_weights_follow_from_the_activation(activation, initializer):
    layer = Dense(300, 100, activation)
    assert layer.W.initializer is initializers.BY_NAME[initializer]
    assert layer.config()["initializer"] == initializer
    variance = 2 / 300 if initializer == "he_uniform" else 2 / 400
    layer.initialize()
    assert np.var(layer.W.value) == pytest.approx(variance, rel=0.03) and (layer.b.value == 0).all()


@pytest.mark.parametrize("activation", [None, Tanh, ReLU])
def test_an_initializer_that_is_given_wins(activation):
    assert Dense(10, 10, activation, "sparse").W.initializer is initializers.sparse
    assert Dense(10, 10, activation, initializer=initializers.he_normal).W.initializer is initializers.he_normal


@pytest.mark.parametrize("layer", [
    Dense(4, 3), Dense(4, 3, ELU(0.5)), Dense(4, 3, "relu", "glorot_normal"), Dense(4, 3, None, "he_uniform"),
], ids=str)  # fmt: skip
def test_a_description_and_a_file_keep_activation_and_initializer(layer, tmp_path):
    save(tmp_path / "layer.npz", layer.initialize())
    for again in (build(describe(layer)), load(tmp_path / "layer.npz")):
        assert repr(again.activation) == repr(layer.activation) and repr(again) == repr(layer)
        assert again.W.initializer is layer.W.initializer
    x = inputs((2, 4), dtype=np.float32)
    np.testing.assert_array_equal(again(x), layer(x))


def test_a_function_of_your_own_as_initializer_is_not_kept():
    layer = Dense(4, 3, ReLU, initializer=lambda rng, shape: np.full(shape, 0.5))
    assert layer.config()["initializer"] is None
    assert build(describe(layer)).W.initializer is initializers.he_uniform
    assert (layer.initialize().W.value == 0.5).all()


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("activation", "error", "words"),
    [
        ("rlu", ValueError, r"Dense: unknown activation 'rlu'\. Expected one of .*\blinear\b.*\brelu\b.*\btanh\b"),
        (np.tanh, TypeError, "Dense: expected an activation .*got <ufunc 'tanh'>"),
        (3, TypeError, r'Dense: expected an activation such as layers\.ReLU or "relu", got 3'),
        (Dense(2, 2), TypeError, r"Dense: expected an activation .*got Dense\(2 -> 2\)"),
        (lambda: Dense(2, 2), TypeError, "Dense: expected an activation"),
        (Dense, TypeError, "Dense: expected an activation .*got <class"),
    ],
)
def test_what_is_not_an_activation_is_named(activation, error, words):
    with pytest.raises(error, match=words):
        Dense(3, 2, activation)


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((4, 5), np.float32), ValueError, ["Dense(3 -> 2, ReLU())", "(batch, 3)", "(4, 5)"]),
        (np.zeros((4, 28, 28), np.float32), ValueError, ["(4, 28, 28)", "Flatten"]),
        (np.zeros(3, np.float32), ValueError, ["(batch, 3)", "(3,)"]),
        (np.zeros((4, 3)), TypeError, ["float32", "float64", "astype"]),
        (np.zeros((4, 3), np.uint8), TypeError, ["float32", "uint8"]),
        ([[0.0, 0, 0]], TypeError, ["array", "list"]),
    ],
)
def test_bad_input_is_named(x, error, words):
    layer = Dense(3, 2, "relu").initialize()
    with pytest.raises(error) as raised:
        layer.forward(x)
    for word in words:
        assert word in str(raised.value)


def test_without_values_it_says_so():
    with pytest.raises(RuntimeError, match="initialize"):
        Dense(3, 2).forward(np.zeros((1, 3), np.float32))


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0), (-1, 2)])
def test_impossible_sizes(sizes):
    with pytest.raises(ValueError, match="n_(in|out) of Dense: expected 1 or more, got"):
        Dense(*sizes)
