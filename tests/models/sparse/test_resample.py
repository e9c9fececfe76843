"""Resampling of dead units: where they begin anew, with which norms, the optimizer's moments, errors."""

import numpy as np
import pytest

from npae import SparseAutoencoder, dense_autoencoder, optim
from npae.layers import TopK
from npae.models import GatedSparseAutoencoder, resample
from tests.contract import inputs
from tests.devices import each_device, on

DEAD, ALIVE = [1, 4, 5], [j for j in range(12) if j not in (1, 4, 5)]
X = inputs((40, 6), 1)


def made(kind="top k"):
    model = SparseAutoencoder(6, 12, TopK(2), dtype=np.float64) if kind == "top k" else GatedSparseAutoencoder(
        6, 12, 0.1, dtype=np.float64)  # fmt: skip
    model.theta.value[...] += 0.3 * inputs(model.theta.size, 5)
    model.since_active.value[DEAD] = model.dead_after
    return model


@each_device
@pytest.mark.parametrize("kind", ["top k", "gated"])
def test_dead_units_point_at_samples_and_the_others_stay(kind, device):
    before = made(kind)
    with on(device) as place:
        model = made(kind).to(place.name)
        assert resample(model, place.put(X), seed=3) == 3
        assert not place.get(model.dead).any() and not place.get(model.since_active.value)[DEAD].any()
        W1, W2, b = (place.get(p.value) for p in (model.first.W, model.decoder.W, model.first.b))
    for p, old in ((W1, before.first.W.value), (W2, before.decoder.W.value), (b, before.first.b.value)):
        np.testing.assert_array_equal(p[ALIVE], old[ALIVE])
        assert (p[DEAD] != old[DEAD]).all()
    centred = X - before.first.c.value
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    assert (np.abs(W2[DEAD] @ centred.T).max(axis=1) > 1 - 1e-12).all(), "not the direction of a sample"
    scale = 0.2 * np.linalg.norm(before.first.W.value[ALIVE], axis=1).mean()
    np.testing.assert_allclose(W1[DEAD], scale * W2[DEAD], rtol=1e-12)
    assert not b[DEAD].any()


def test_samples_are_drawn_by_the_square_of_their_loss():
    """One sample has nearly all of the loss: every unit is pointed at it."""
    x = np.concatenate([1e-3 * X, [[90.0, 0, 0, 0, 0, 0]]])
    model = made()
    model.first.c.value[...] = 0
    resample(model, x)
    np.testing.assert_allclose(model.decoder.W.value[DEAD], [[1, 0, 0, 0, 0, 0]] * 3, atol=1e-12)


def test_a_seed_gives_the_same_units_and_another_seed_others():
    models = [made(), made(), made()]
    for model, seed in zip(models, (0, 0, 1), strict=True):
        resample(model, X, seed)
    np.testing.assert_array_equal(models[0].theta.value, models[1].theta.value)
    assert (models[0].theta.value != models[2].theta.value).any()


def test_the_moments_of_the_new_weights_are_0():
    model, adam = made(), optim.Adam()
    with model.theta.fresh_grad():
        model.backpropagate(X)
    model.theta.grad[...] = 1
    adam.step(model.theta)
    model.since_active.value[DEAD] = model.dead_after
    resample(model, X, optimizer=adam)
    for vector in adam.state.values():
        zero = vector == 0
        assert zero.sum() == 3 * (6 + 6 + 1)
        for p in (model.first.W, model.decoder.W, model.first.b):
            rows = zero[p.start : p.start + p.size].reshape(p.shape)
            assert rows[DEAD].all() and not rows[ALIVE].any()


def test_without_dead_units_nothing_changes():
    model = made()
    model.since_active.value[...] = 0
    before = model.theta.value.copy()
    assert resample(model, X) == 0
    np.testing.assert_array_equal(model.theta.value, before)


def test_impossible_models_and_data():
    with pytest.raises(TypeError, match="resample: expected a SparseAutoencoder or GatedSparseAutoencoder, got"):
        resample(dense_autoencoder([6, 2]), X)
    with pytest.raises(ValueError, match="NaN or Inf"):
        resample(made(), np.full((5, 6), np.nan))
