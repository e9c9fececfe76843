"""Contractive penalty: against a Jacobian by finite differences, for every activation, and wrong versions."""

import numpy as np
import pytest

from npae import Autoencoder, gradcheck, layers
from npae.layers import ELU, Dense, Flatten, Reshape, Sequential, Sigmoid, Tanh
from npae.losses import SquaredError
from npae.penalties import Contractive, Penalty
from tests.contract import check_penalty, inputs, penalised
from tests.devices import each_device, on

ACTIVATIONS = {
    "sigmoid": Sigmoid, "tanh": Tanh, "elu": ELU, "elu_0.5": lambda: ELU(0.5), "silu": layers.SiLU,
    "softplus": layers.Softplus, "identity": layers.Identity, "relu": layers.ReLU,
    "leaky_relu": lambda: layers.LeakyReLU(0.2),
}  # fmt: skip


def squared_norm(encoder, x, eps=1e-6):
    """1/B Σ_i ‖∂h_i/∂x_i‖² by central differences, an input at a time: slow, and sure."""
    total = 0.0
    for k in range(x.shape[1]):
        step = np.zeros_like(x)
        step[:, k] = eps
        total += (((encoder(x + step) - encoder(x - step)) / (2 * eps)) ** 2).sum()
    return total / len(x)


def by_formula(model, x):
    """1/B Σ_i ‖A_i‖², each Jacobian A formed in full from rows of the identity that go through the encoder's backward.
    """
    h, cache = model.encoder.forward(x)
    total = 0.0
    for j in range(h.shape[1]):
        dh = np.zeros_like(h)
        dh[:, j] = 1
        total += (model.encoder.backward(dh, cache) ** 2).sum()
    return total / len(x)


def encoder(activation):
    return lambda: Sequential(Dense(6, 4, activation))


@each_device
@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_contract(activation, device):
    check_penalty(Contractive, encoder(activation), by_formula, device)


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_the_value_is_that_of_a_jacobian_by_finite_differences(activation):
    model, x = penalised(encoder(activation), Contractive(2.5)), inputs((9, 6))
    assert model.evaluate(x)["contraction"] == pytest.approx(2.5 * squared_norm(model.encoder, x), rel=1e-7)


ENCODERS = {
    "dense": lambda: Dense(6, 4),
    "linear": lambda: Sequential(Dense(6, 4)),
    "dense with an activation": lambda: Dense(6, 4, Sigmoid),
    "flattened": lambda: Sequential(Flatten(), Dense(6, 4, Tanh)),
    "reshaped": lambda: Sequential(Reshape((2, 3)), Flatten(), Dense(6, 4, Tanh)),
}


@each_device
@pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)
def test_what_may_come_before_the_dense_layer(make, device):
    check_penalty(Contractive, make, by_formula, device)


def test_images_are_taken_through_flatten():
    model = Autoencoder(
        Sequential(Flatten(), Dense(6, 4, Tanh)), Sequential(Dense(4, 6), Reshape((2, 3))), SquaredError(),
        dtype=np.float64, penalties=[Contractive(0.5)],
    )  # fmt: skip
    assert gradcheck.check_model(model, inputs((5, 2, 3))) < 1e-6


@each_device
def test_under_a_corruption_the_jacobian_is_that_at_the_corrupted_input(device):
    def make():
        return Sequential(layers.MaskingNoise(0.5).freeze(u), Dense(6, 4, Tanh))

    x, u = inputs((7, 6)), np.random.default_rng(0).random((7, 6))
    clean = penalised(encoder(Tanh)).encoder
    with on(device) as place:
        model = penalised(make, Contractive(1.0), device=place.name)
        value = float(model.backpropagate(place.put(x))["contraction"])
        assert gradcheck.check_model(model, place.put(x)) < 1e-6
    assert value == pytest.approx(squared_norm(clean, x * (u >= 0.5)), rel=1e-7)
    assert value != pytest.approx(squared_norm(clean, x), rel=1e-3)


def test_with_tied_weights_all_parts_of_the_gradient_meet():
    dense = Dense(6, 4, Sigmoid)
    model = Autoencoder(Sequential(dense), layers.TiedDense(dense), SquaredError(), dtype=np.float64,
                        penalties=[Contractive(2.0)])  # fmt: skip
    assert gradcheck.check_model(model, inputs((7, 6))) < 1e-6


def test_a_linear_encoder_is_contracted_by_weight_decay():
    model = penalised(lambda: Dense(6, 4), Contractive(0.5))
    assert model.evaluate(inputs((3, 6)))["contraction"] == pytest.approx(0.5 * (model.encoder.W.value**2).sum())


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sequential(Dense(6, 5, Tanh), Dense(5, 4, Tanh)),
        lambda: Sequential(Dense(6, 5), Dense(5, 4)),
        lambda: Sequential(Tanh(), Dense(6, 4)),
        lambda: Sequential(Dense(6, 4), Tanh()),
        lambda: Sequential(Dense(6, 4, Tanh), Tanh()),
        lambda: Sequential(Dense(6, 4), layers.TopK(2)),
        lambda: Sequential(Sequential(Dense(6, 4, Tanh))),
    ],
)
def test_other_encoders_are_named(make):
    model = penalised(make, Contractive(1.0))
    names = ", ".join(map(repr, model.encoder))
    with pytest.raises(ValueError, match="expected an encoder of one Dense layer, for which .* has a closed") as raised:
        model.backpropagate(inputs((3, 6)))
    assert f"got {names}. Give the activation to the layer, Dense(n, m, Sigmoid), and train" in str(raised.value)


def test_an_encoder_without_weights_is_named():
    model = Autoencoder(Sequential(Flatten()), Dense(6, 6), SquaredError(), penalties=[Contractive(1.0)])
    with pytest.raises(ValueError, match=r"got Flatten\(\)\. Give"):
        model.backpropagate(np.ones((2, 6), np.float32))


# ---------------------------------------------------------------------- wrong versions are found


class WithoutTheSecondDerivative(Contractive):
    def value_and_gradient(self, model, h, cache):
        value, dh = super().value_and_gradient(model, h, cache)
        return value, 0 * dh


class WithoutTheDirectPart(Contractive):
    def value_and_gradient(self, model, h, cache):
        value, dh, *_ = self._parts(model, h, cache)
        return value, dh


class WithoutSquaringTheDerivative(Contractive):
    def value(self, model, h, cache):
        (dense,), ((_, kept),) = model.encoder, cache
        derivative, _ = dense.activation.derivatives(h, kept)
        return self.strength / len(h) * (derivative * (dense.W.value**2).sum(axis=0)).sum()

    def value_and_gradient(self, model, h, cache):
        return self.value(model, h, cache), super().value_and_gradient(model, h, cache)[1]


for _name in ("WithoutTheSecondDerivative", "WithoutTheDirectPart", "WithoutSquaringTheDerivative"):
    del Penalty.registry[_name]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (WithoutTheSecondDerivative, "along a random direction"),
        (WithoutTheDirectPart, "along a random direction"),
        (WithoutSquaringTheDerivative, "not the value of the formula"),
    ],
)
def test_wrong_versions_are_found(wrong, words):
    with pytest.raises(AssertionError, match=words):
        check_penalty(wrong, encoder(Sigmoid), by_formula, "cpu")
