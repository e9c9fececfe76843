"""Calibration: unit variance and zero mean at every hidden unit, nothing else changed, no dead units."""

import numpy as np
import pytest

from npae import mirrored
from npae.layers import Dense, ReLU, Tanh
from npae.models import calibrate
from tests.devices import each_device, on


def pre_activations(model, h):
    for _, layer in model.leaves():
        h = layer(h)
        if isinstance(layer, Dense):
            yield h


@each_device
@pytest.mark.parametrize(("activation", "mean"), [(ReLU, 0), (ReLU, 2.0), (Tanh, 0)])
def test_hidden_units_have_the_mean_asked_for_and_variance_1_on_the_batch(activation, mean, device):
    x = np.random.default_rng(0).random((500, 20)) * 3 + 1
    with on(device) as place:
        model = mirrored([20, 15, 10, 6, 4], activation, seed=1, dtype="float64").to(place.name)
        last = place.get(model.decoder[-1].W.value).copy()
        assert calibrate(model, x, mean) is model
        *hidden, _ = (place.get(a) for a in pre_activations(model, place.put(x)))
        for a in hidden:
            np.testing.assert_allclose(a.mean(axis=0), mean, atol=1e-12)
            np.testing.assert_allclose(a.std(axis=0), 1, rtol=1e-9)
        np.testing.assert_array_equal(place.get(model.decoder[-1].W.value), last)


def test_no_code_unit_is_dead_over_many_seeds_where_plain_weights_have_dead_ones():
    x = np.random.default_rng(0).random((300, 50), dtype=np.float32)
    sizes = [50, 40, 30, 20, 10, 4]
    plain = [mirrored(sizes, seed=s) for s in range(20)]
    assert sum(int((m.encode(x).max(axis=0) == 0).sum()) for m in plain) > 5
    assert sum(int((calibrate(m, x).encode(x).max(axis=0) == 0).sum()) for m in plain) == 0


def test_a_constant_input_does_not_divide_by_zero():
    x = np.zeros((10, 6), np.float32)
    assert np.isfinite(calibrate(mirrored([6, 4, 2]), x).theta.value).all()


def test_too_few_rows():
    with pytest.raises(ValueError, match="at least 2 rows"):
        calibrate(mirrored([6, 4, 2]), np.zeros((1, 6)))
