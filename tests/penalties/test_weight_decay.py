"""Weight decay: the contract, the parameters it acts on, and the shrinking that it is named after."""

import numpy as np
import pytest

from npae import Autoencoder, fit
from npae.layers import Dense, Sequential, Tanh, TiedDense
from npae.losses import SquaredError
from npae.optim import SGD
from npae.penalties import Penalty, WeightDecay
from tests.contract import check_penalty, inputs, penalised
from tests.devices import each_device


def encoder():
    return Sequential(Dense(6, 5, Tanh), Dense(5, 4, Tanh))


def half_squares(model, x):
    matrices = [model.encoder[0].W, model.encoder[1].W, model.decoder.W]
    return 0.5 * sum(float(v) ** 2 for W in matrices for v in W.value.ravel())


@each_device
def test_contract(device):
    check_penalty(WeightDecay, encoder, half_squares, device)


def test_the_gradient_is_the_weights_and_biases_are_left_alone():
    model = penalised(encoder, WeightDecay(0.3))
    model.theta.zero_grad()
    model.penalties[0].value_and_gradient(model, None, None)
    gradient = model.theta.grad.copy()
    for (name, shape, start), p in zip(model.theta.table, model.theta.parameters, strict=True):
        expected = 0.3 * p.value if name.endswith("W") else np.zeros(shape)
        np.testing.assert_allclose(gradient[start : start + p.size], expected.ravel(), rtol=1e-14, err_msg=name)


def test_it_does_not_depend_on_the_data():
    model = penalised(encoder, WeightDecay(0.3))
    values = {model.evaluate(inputs((n, 6), seed=n), batch_size=2)["weight_decay"] for n in (1, 3, 8)}
    assert max(values) == pytest.approx(min(values), rel=1e-14)


def test_shared_weights_count_once():
    first = Dense(6, 4)
    model = Autoencoder(first, TiedDense(first), SquaredError(), dtype=np.float64, penalties=[WeightDecay(2.0)])
    value = model.evaluate(inputs((3, 6)))["weight_decay"]
    assert value == pytest.approx(float((first.W.value**2).sum()), rel=1e-12)
    model.theta.zero_grad()
    model.penalties[0].value_and_gradient(model, None, None)
    np.testing.assert_allclose(first.W.grad, 2 * first.W.value)


def test_under_sgd_it_shrinks_the_weights():
    """No input and no bias: the loss has no gradient, and a step multiplies W by 1 − ηλ."""
    model = Autoencoder(Dense(6, 4), Dense(4, 6), SquaredError(), dtype=np.float64, penalties=[WeightDecay(0.5)])
    before = model.encoder.W.value.copy()
    fit(model, np.zeros((4, 6)), epochs=3, batch_size=4, optimizer=SGD(0.1), progress="none")
    np.testing.assert_allclose(model.encoder.W.value, before * (1 - 0.1 * 0.5) ** 3, rtol=1e-12)


def test_a_version_that_decays_biases_is_found():
    class Greedy(WeightDecay):
        def value(self, model, h, cache):
            return 0.5 * self.strength * (model.theta.value**2).sum()

    del Penalty.registry["Greedy"]
    with pytest.raises(AssertionError, match="not the value of the formula"):
        check_penalty(Greedy, encoder, half_squares, "cpu")


def test_a_version_that_overwrites_the_gradient_is_found():
    class Overwriting(WeightDecay):
        def value_and_gradient(self, model, h, cache):
            for _, p in model.named_parameters():
                if p.name == "W":
                    p.grad[...] = self.strength * p.value
                    p.grad_is_set = True
            return self.value(model, h, cache), None

    del Penalty.registry["Overwriting"]
    with pytest.raises(AssertionError, match="along a random direction|must add"):
        check_penalty(Overwriting, encoder, half_squares, "cpu")
