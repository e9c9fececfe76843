"""8-bit weights: the bound of the rounding error, and of what it does to a layer."""

import numpy as np
import pytest

from npae.export.page import quantize, quantized
from npae.layers import Dense
from tests.export.common import normal
from tests.export.page.networks import networks


def test_every_weight_is_within_half_a_scale():
    W = normal(50, 30, dtype="float64")
    Q, scale = quantize(W)
    assert Q.dtype == np.int8 and abs(Q).max() == 127
    error = abs(W - scale * Q)
    assert 0.4 * scale < error.max() <= scale / 2 * (1 + 1e-5)  # the scale is a float32
    assert error.std() < scale / 2


def test_a_pre_activation_moves_by_less_than_the_bound_and_typically_by_the_estimate():
    W, x = normal(200, 100, dtype="float64"), normal(300, 200, dtype="float64", seed=2)
    Q, scale = quantize(W)
    moved = abs(x @ W - x @ (scale * Q))
    assert (moved <= scale / 2 * abs(x).sum(axis=1, keepdims=True) * (1 + 1e-5)).all()
    estimate = scale / 12**0.5 * np.sqrt((x**2).sum(axis=1, keepdims=True))
    assert np.sqrt(((moved / estimate) ** 2).mean()) == pytest.approx(1, abs=0.05)


def test_zeros_stay():
    Q, scale = quantize(np.zeros((3, 2)))
    assert not Q.any() and scale == 1


@pytest.mark.parametrize("name", list(networks()))
def test_the_copy_has_rounded_matrices_and_all_other_values(name):
    model = networks()[name]
    copy, before = quantized(model), model.theta.value.copy()
    assert type(copy) is type(model) and (model.theta.value == before).all()
    values = dict((*model.named_parameters(), *model.named_buffers()))
    for key, p in (*copy.named_parameters(), *copy.named_buffers()):
        value = values[key].value
        if value.ndim == 2:
            scale = abs(value).max() / 127
            steps = p.value / scale
            assert 0 < abs(p.value - value).max() <= 0.501 * scale and abs(steps - steps.round()).max() < 1e-4
        else:
            assert (p.value == value).all()


def test_a_wrong_rounding_would_be_seen():
    layer = Dense(20, 10).initialize(seed=0)
    Q, scale = quantize(layer.W.value)
    assert abs(layer.W.value - scale * np.floor(layer.W.value / scale)).max() > scale / 2 > scale * 0.49
    assert (Q != np.floor(layer.W.value / scale)).any()
