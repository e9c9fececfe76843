"""The fraction of variance unexplained: its value, its invariance, devices, errors."""

import numpy as np
import pytest

from npae.evaluate import fraction_of_variance_unexplained
from tests.contract import inputs
from tests.devices import each_device, on

X, X_HAT = inputs((30, 5), 1), inputs((30, 5), 2)


@each_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_value_is_the_formula(dtype, device):
    expected = ((X - X_HAT) ** 2).sum() / sum(((row - X.mean(axis=0)) ** 2).sum() for row in X)
    with on(device) as place:
        value = fraction_of_variance_unexplained(place.put(X.astype(dtype)), place.put(X_HAT.astype(dtype)))
    np.testing.assert_allclose(value, expected, rtol=1e-12 if dtype == np.float64 else 1e-6)


def test_0_is_perfect_and_1_is_the_mean_at_any_scale_and_shape():
    assert fraction_of_variance_unexplained(X, X) == 0
    mean = np.tile(X.mean(axis=0), (30, 1))
    np.testing.assert_allclose(fraction_of_variance_unexplained(X, mean), 1, rtol=1e-13)
    value = fraction_of_variance_unexplained(X, X_HAT)
    np.testing.assert_allclose(fraction_of_variance_unexplained(9 * X + 4, 9 * X_HAT + 4), value, rtol=1e-12)
    images = X.reshape(30, 1, 5, 1), X_HAT.reshape(30, 1, 5, 1)
    np.testing.assert_allclose(fraction_of_variance_unexplained(*images), value, rtol=1e-13)


def test_data_without_variance():
    assert np.isnan(fraction_of_variance_unexplained(np.ones((3, 2)), np.zeros((3, 2))))


def test_other_shapes_and_dtypes():
    with pytest.raises(ValueError, match="expected targets of the outputs' shape"):
        fraction_of_variance_unexplained(X, X[:, :4])
    with pytest.raises(TypeError, match="float32"):
        fraction_of_variance_unexplained(X, X.astype(np.float32))
