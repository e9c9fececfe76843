"""Initializers: the variance is that of the formula, sparse ones are sparse, unknown names are refused."""

import numpy as np
import pytest

from npae.layers import initializers as init

N_IN, N_OUT = 400, 300


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        (init.glorot_uniform, 2 / (N_IN + N_OUT)),
        (init.glorot_normal, 2 / (N_IN + N_OUT)),
        (init.he_uniform, 2 / N_IN),
        (init.he_normal, 2 / N_IN),
    ],
)
def test_mean_and_variance(initializer, variance):
    W = initializer(np.random.default_rng(0), (N_IN, N_OUT))
    assert W.shape == (N_IN, N_OUT) and W.dtype == np.float64
    assert abs(W.mean()) < 4 * np.sqrt(variance / W.size)
    assert W.var() == pytest.approx(variance, rel=0.02)
    if "uniform" in initializer.__name__:
        assert np.abs(W).max() <= np.sqrt(3 * variance)


def test_filters_count_their_window():
    W = init.he_normal(np.random.default_rng(0), (3, 3, 32, 64))
    assert W.var() == pytest.approx(2 / (32 * 9), rel=0.05)


def test_sparse_units_listen_to_fifteen_inputs():
    W = init.sparse(np.random.default_rng(0), (N_IN, N_OUT))
    assert ((W != 0).sum(axis=0) == 15).all()
    assert W[W != 0].var() == pytest.approx(1, rel=0.1)
    assert ((init.sparse(np.random.default_rng(0), (4, 5)) != 0).sum(axis=0) == 4).all()


def test_names():
    for name, function in init.BY_NAME.items():
        assert init.get(name) is function and init.get(function) is function
    with pytest.raises(ValueError, match="Unknown initializer 'xavier'.*glorot_uniform"):
        init.get("xavier")
    with pytest.raises(ValueError, match="weight matrices"):
        init.sparse(np.random.default_rng(0), (3, 3, 3))
