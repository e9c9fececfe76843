"""Directions of unit norm: the contract, formulas, no gradient along a row, sparse codes, errors."""

import numpy as np
import pytest

from npae import gradcheck
from npae.layers import Layer, UnitDense
from tests.contract import check_layer, inputs, made
from tests.devices import each_device, on


@each_device
@pytest.mark.parametrize("sizes", [(5, 3), (1, 4), (4, 2), (2, 7)])
def test_contract(sizes, device):
    check_layer(lambda: UnitDense(*sizes), (6, sizes[0]), device)


def test_value_and_gradients_are_the_formulas():
    layer, h, dy = made(lambda: UnitDense(4, 3), np.float64), inputs((6, 4), 1), inputs((6, 3), 2)
    W, c = layer.W.value, layer.c.value
    unit = np.stack([row / np.sqrt((row**2).sum()) for row in W])
    y, cache = layer.forward(h)
    np.testing.assert_allclose(y, np.einsum("ij,jk->ik", h, unit) + c, rtol=1e-13)
    np.testing.assert_allclose(layer.directions, unit, rtol=1e-14)
    dh = layer.backward(dy, cache)
    np.testing.assert_allclose(dh, np.einsum("ik,jk->ij", dy, unit), rtol=1e-13)
    expected = np.zeros_like(W)
    for j, (row, u) in enumerate(zip(W, unit, strict=True)):
        G = sum(h[i, j] * dy[i] for i in range(6))
        expected[j] = (G - (G @ u) * u) / np.linalg.norm(row)
    np.testing.assert_allclose(layer.W.grad, expected, rtol=1e-12)
    np.testing.assert_allclose(layer.c.grad, dy.sum(axis=0), rtol=1e-13)


@each_device
def test_the_gradient_has_no_component_along_a_row_and_lengths_do_not_matter(device):
    with on(device) as place:
        layer = made(lambda: UnitDense(7, 5), np.float64, place.name)
        h, dy = place.put(inputs((6, 7), 1)), place.put(inputs((6, 5), 2))
        y, cache = layer.forward(h)
        layer.backward(dy, cache)
        W, grad = place.get(layer.W.value), place.get(layer.W.grad)
        np.testing.assert_allclose((W * grad).sum(axis=1), 0, atol=1e-14)
        assert np.abs(grad).max() > 0.1
        layer.W.value *= 3.0
        np.testing.assert_allclose(place.get(layer(h)), place.get(y), rtol=1e-13)


def test_first_values_are_directions():
    layer = UnitDense(2000, 8).initialize(seed=1, dtype=np.float64)
    np.testing.assert_allclose(np.linalg.norm(layer.W.value, axis=1), 1, rtol=1e-14)
    assert np.abs(layer.W.value.mean(axis=0)).max() < 0.03, "some direction is preferred"
    np.testing.assert_allclose(layer.W.value.T @ layer.W.value / 2000, np.eye(8) / 8, atol=0.02)
    assert not layer.c.value.any()


def test_a_row_of_zeros_gives_0_not_nan():
    layer = made(lambda: UnitDense(3, 4), np.float32)
    layer.W.value[1] = 0
    y, cache = layer.forward(inputs((5, 3), 1, np.float32))
    assert np.isfinite(y).all() and not layer.directions[1].any()


def sparse_code(shape, k, dtype, seed=0):
    """A code with k random units per row."""
    rng, h = np.random.default_rng(seed), np.zeros(shape, dtype)
    for row in h:
        row[rng.choice(shape[1], k, replace=False)] = rng.standard_normal(k)
    return h


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_products_give_what_dense_ones_give(dtype, monkeypatch):
    """Large enough for the compiled loops, where there are any."""
    h, dy = sparse_code((1100, 1024), 9, dtype), inputs((1100, 40), 2, dtype)
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-12}
    results = []
    for without in (False, True):
        layer = made(lambda: UnitDense(1024, 40), dtype)
        if without:
            monkeypatch.setattr("npae.backend.sparse.available", lambda: False)
        y, cache = layer.forward(h)
        assert not (without and cache[1] is not None)
        results.append((y, layer.backward_where_active(dy, cache) * (h != 0), layer.theta.grad.copy()))
    for sparse, dense in zip(*results, strict=True):
        np.testing.assert_allclose(sparse, dense, **tolerance)


def test_a_backward_that_forgets_the_norm_is_found():
    class Forgets(UnitDense):
        def _add_weight_gradient(self, dy, cache):
            self.W.add_product(cache[0].T, dy)

    del Layer.registry["Forgets"]
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(made(lambda: Forgets(5, 3), np.float64), inputs((4, 5)))


def test_impossible_sizes_and_inputs():
    with pytest.raises(ValueError, match="n_out of UnitDense: expected .*, got 0"):
        UnitDense(3, 0)
    with pytest.raises(ValueError, match=r"UnitDense\(3 -> 2\): expected x of shape \(batch, 3\), got \(5, 4\)"):
        UnitDense(3, 2).initialize()(np.ones((5, 4), np.float32))
