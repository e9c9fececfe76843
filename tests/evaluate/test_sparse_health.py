"""The health of a sparse code: against counts by hand, in batches, on devices, histograms, errors."""

import numpy as np
import pytest

from npae import SparseAutoencoder, dense_autoencoder
from npae.evaluate import SparseHealth, fraction_of_variance_unexplained, sparse_health
from npae.layers import TopK
from tests.contract import inputs
from tests.devices import each_device, on

X = inputs((50, 6), 1)


def made():
    model = SparseAutoencoder(6, 40, TopK(2), dtype=np.float64)
    model.first.b.value[:3] = -100
    return model


@each_device
@pytest.mark.parametrize("batch_size", [7, 1024])
def test_the_numbers_are_those_of_the_codes(batch_size, device):
    codes, x_hat = made().encode(X), made().reconstruct(X)
    with on(device) as place:
        health = sparse_health(made().to(place.name), X, batch_size)
    assert health.l0 == (codes != 0).sum() / 50 == 2
    np.testing.assert_allclose(health.frequency, (codes != 0).mean(axis=0), rtol=1e-12)
    assert health.dead_fraction == (~codes.any(axis=0)).mean() > 3 / 41
    np.testing.assert_allclose(health.fvu, fraction_of_variance_unexplained(X, x_hat), rtol=1e-10)


def test_the_variance_survives_a_large_mean():
    x = X + 1e6
    model = made()
    model.center([x])
    np.testing.assert_allclose(
        sparse_health(model, x, 7).fvu, fraction_of_variance_unexplained(x, model.reconstruct(x)), rtol=1e-6
    )


def test_any_autoencoder_of_rows():
    health = sparse_health(dense_autoencoder([6, 3], loss="mse"), X.astype(np.float32))
    assert health.l0 == 3 and health.dead_fraction == 0 and health.fvu > 0


def test_a_histogram_of_the_units_that_are_active_at_all():
    health = SparseHealth(1.0, 0.4, 0.1, np.array([0, 1e-3, 2e-3, 1e-1, 0]))
    counts, edges = health.histogram(bins=4)
    np.testing.assert_array_equal(counts, [2, 0, 0, 1])
    np.testing.assert_allclose(edges, np.linspace(-3, -1, 5))
    with pytest.raises(ValueError, match="bins of histogram: expected .*got 0"):
        health.histogram(0)


def test_data_without_variance_and_with_nan():
    assert np.isnan(sparse_health(made(), np.ones((5, 6))).fvu)
    with pytest.raises(ValueError, match="NaN or Inf"):
        sparse_health(made(), np.full((5, 6), np.nan))
