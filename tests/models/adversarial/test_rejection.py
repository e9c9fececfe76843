"""npae.models.adversarial.rejection: accepted samples follow the data, where the discriminator is the optimal one."""

import numpy as np
import pytest

from npae import GAN
from npae.layers import Dense, Sequential
from npae.models import OneHotPrior, rejection_sample
from tests.devices import each_device, on

P = np.array([0.6, 0.3, 0.1])


def three_images(dtype=np.float32):
    """A generator of three images of equal probability, and the optimal discriminator for images of probability P."""
    model = GAN(Sequential(Dense(3, 3)), Sequential(Dense(3, 1)), OneHotPrior(3), dtype=dtype)
    model.generator[0].W.value[...] = np.eye(3)
    model.discriminator[0].W.value[...] = np.log(3 * P)[:, None]
    return model


def test_accepted_samples_have_the_probabilities_of_the_data():
    model, n = three_images(), 20_000
    assert np.allclose(model.sample(n).mean(axis=0), 1 / 3, atol=0.015)
    assert np.allclose(rejection_sample(model, n).mean(axis=0), P, atol=0.015)


def test_above_the_quantile_all_are_accepted():
    model, n = three_images(), 20_000  # half of the samples: M = 3 · 0.3, the accepted density is that of min(P, M/3)
    expected = np.minimum(P, 0.3)
    found = rejection_sample(model, n, quantile=0.5).mean(axis=0)
    assert np.allclose(found, expected / expected.sum(), atol=0.015)
    assert np.allclose(rejection_sample(model, n, quantile=0).mean(axis=0), 1 / 3, atol=0.015)


@each_device
def test_the_number_and_the_seed_on_every_device(device):
    with on(device) as place:
        model = three_images().to(place.name)
        x = place.get(rejection_sample(model, 700, seed=3, batch_size=64))
        again = place.get(rejection_sample(model, 700, seed=3, batch_size=64))
        other = place.get(rejection_sample(model, 700, seed=4, batch_size=64))
    assert x.shape == (700, 3) and x.dtype == np.float32
    assert np.array_equal(x, again) and not np.array_equal(x, other)


def test_a_quantile_of_1_could_accept_nothing():
    with pytest.raises(ValueError, match="quantile of rejection_sample"):
        rejection_sample(three_images(), 3, quantile=1)
