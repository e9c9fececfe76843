"""Gated sparse autoencoders: terms, the gradient with a fixed decoder in the third term, training, files, errors."""

import copy

import numpy as np
import pytest

from npae import GatedSparseAutoencoder, fit, gradcheck, load, save
from tests.contract import inputs
from tests.devices import each_device, on
from tests.models.sparse.test_model import mixtures

X = inputs((9, 6), 1)


def made(strength=0.2):
    model = GatedSparseAutoencoder(6, 15, strength, dtype=np.float64)
    model.theta.value[...] += 0.2 * inputs(model.theta.size, 5)
    return model


def terms_by_hand(model, x, fixed):
    """The three terms of J; `fixed` is the model whose decoder the third one uses."""
    W, b, rho, d, c = (p.value for p in model.first.parameters)
    pi = (x - c) @ W.T
    gate, m = pi + b, np.exp(rho) * pi + d
    h, positive = (gate > 0) * np.maximum(m, 0), np.maximum(gate, 0)
    error = h @ model.decoder.directions + model.decoder.c.value - x
    fixed_error = positive @ fixed.decoder.directions + fixed.decoder.c.value - x
    B = len(x)
    return 0.5 / B * (error**2).sum(), model.strength / B * positive.sum(), 0.5 / B * (fixed_error**2).sum()


@each_device
def test_the_terms_are_the_formulas(device):
    expected = terms_by_hand(made(), X, made())
    with on(device) as place:
        model = made().to(place.name)
        terms = model.backpropagate(place.put(X))
        assert list(terms) == ["reconstruction", "gate_l1", "gate_reconstruction"]
        np.testing.assert_allclose([float(value) for value in terms.values()], expected, rtol=1e-12)
        np.testing.assert_allclose(list(model.evaluate(place.put(X)).values()), expected, rtol=1e-12)


def test_the_gradient_is_measured_with_a_decoder_that_is_a_constant_in_the_third_term():
    model, fixed = made(), made()
    with model.theta.fresh_grad():
        model.backpropagate(X)
    places = {"θ": (model.theta.value, model.theta.grad.copy())}
    assert gradcheck.check_gradient(lambda: sum(terms_by_hand(model, X, fixed)), places) < 1e-6
    with pytest.raises(gradcheck.GradientError):  # as long as the third term's decoder moves, it is another gradient
        gradcheck.check_gradient(lambda: sum(terms_by_hand(model, X, model)), places)


def test_the_gates_learn():
    """Without the second and third term, their biases would have no gradient."""
    model = made()
    with model.theta.fresh_grad():
        model.backpropagate(X)
    assert (model.first.b.grad != 0).any() and (model.first.rho.grad != 0).any() and (model.first.d.grad != 0).any()


def test_a_step_leaves_the_decoder_trainable():
    model = made()
    model.backpropagate(X)
    assert all(p.trainable for _, p in model.named_parameters())


def test_it_learns_and_a_larger_strength_leaves_fewer_units_active():
    x, active = mixtures(), []
    for strength in (0.02, 4.0):
        model = GatedSparseAutoencoder(6, 20, strength)
        history = fit(model, x, epochs=40, batch_size=50, progress="none")
        active.append(history["active_units"][-1])
        assert history["loss"][-1] < history["loss"][0]
    assert active[1] < 0.7 * active[0] and history["fvu"][-1] < 0.5


def test_saved_and_loaded(tmp_path):
    model, x = GatedSparseAutoencoder(6, 20, 0.1, dead_after=7), mixtures().astype(np.float32)
    fit(model, x, epochs=2, progress="none")
    save(tmp_path / "model.npz", model)
    again = load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.reconstruct(x), model.reconstruct(x))
    assert again.config() == model.config() and again.first.c is again.decoder.c
    np.testing.assert_array_equal(again.since_active.value, model.since_active.value)
    assert copy.deepcopy(again).first.c is not again.first.c


@pytest.mark.parametrize(
    ("settings", "message"),
    [((6, 20, 0), "strength λ of Gated"), ((0, 20, 1), "n_in of Gated"), ((6, 20, 1, 0), "dead_after of Gated")],
)
def test_impossible_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        GatedSparseAutoencoder(*settings)
