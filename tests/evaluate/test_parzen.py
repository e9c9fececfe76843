"""The Parzen window: against the formula and a closed form; the width that validation data choose; wrong arguments."""

import math

import numpy as np
import pytest

from npae import mnist
from npae.evaluate import parzen_log_likelihood
from npae.evaluate.distances import squared_distances
from npae.evaluate.parzen import SIGMAS
from tests.devices import each_device, on

RNG = np.random.default_rng(0)
S, X, V = RNG.random((30, 5)), RNG.random((11, 5)), RNG.random((9, 5))


def by_hand(samples, data, sigma):
    d = samples.shape[1]
    densities = [np.mean([math.exp(-((x - s) ** 2).sum() / (2 * sigma**2)) / (2 * math.pi * sigma**2) ** (d / 2)
                          for s in samples]) for x in data]  # fmt: skip
    return np.log(densities)


@each_device
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_are_those_of_the_formula(device, dtype):
    with on(device) as place:
        s, x, v = (place.put(a.astype(dtype)) for a in (S, X, V))
        found = parzen_log_likelihood(s, x, v, sigmas=(0.1, 0.3, 0.9))
    by_sigma = {sigma: by_hand(S, V, sigma).mean() for sigma in (0.1, 0.3, 0.9)}
    expected = by_hand(S, X, found.sigma)
    assert found.sigma == max(by_sigma, key=by_sigma.get)
    assert found.mean == pytest.approx(expected.mean(), rel=1e-4 if dtype == np.float32 else 1e-11)
    assert found.standard_error == pytest.approx(expected.std() / math.sqrt(11), rel=1e-4)


def test_far_away_nothing_underflows():
    found = parzen_log_likelihood(S, X + 100, V + 100, sigmas=[0.1])
    assert -1e7 < found.mean < -1e6


def test_many_samples_of_a_gaussian_have_its_entropy():
    """A window widens N(0, 1) to N(0, 1 + σ²), under which E ln p = −½ ln(2π(1 + σ²)) − ½/(1 + σ²) for each of d."""
    samples, data = RNG.standard_normal((20000, 2)), RNG.standard_normal((2000, 2))
    found = parzen_log_likelihood(samples, data, data[:200], sigmas=[0.3])
    expected = -math.log(2 * math.pi * 1.09) - 1 / 1.09
    assert found.mean == pytest.approx(expected, abs=4 * found.standard_error)


def test_blocks_make_no_difference():
    whole = np.vstack([d.copy() for _, d in squared_distances(X, S)])
    for block in (1, 4, 11):
        parts = [(rows, d.copy()) for rows, d in squared_distances(X, S, block)]
        np.testing.assert_allclose(np.vstack([d for _, d in parts]), whole, rtol=1e-13)
        assert [rows.start for rows, _ in parts] == list(range(0, 11, block))
    np.testing.assert_allclose(whole, ((X[:, None] - S) ** 2).sum(axis=2), rtol=1e-12)
    near = np.float32(1000) + RNG.random((5, 3), np.float32)
    ((_, d),) = squared_distances(near, near)
    assert (np.diag(d) < 1e-6).all() and (d >= 0).all()  # a small difference of large numbers


def test_images_are_rows_and_bytes_are_scaled():
    images = mnist(which="sample").train_images[:300]
    as_bytes = parzen_log_likelihood(images[:200], images[200:250], images[250:])
    floats = (images / 255).astype(np.float32).reshape(300, -1)
    assert as_bytes == pytest.approx(parzen_log_likelihood(floats[:200], floats[200:250], floats[250:]), rel=1e-4)
    assert as_bytes.sigma in SIGMAS


def test_one_width_needs_no_list():
    assert parzen_log_likelihood(S, X, V, 0.3) == parzen_log_likelihood(S, X, V, sigmas=np.array([0.3]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((S, X[:, :4], V), "samples and data with as many numbers per row, got 5 and 4"),
        ((S, X, V[:, :4]), "samples and validation with as many"),
        ((S, X, V, (0.1, 0)), "sigmas of parzen_log_likelihood: expected a number of at least 1e-100"),
        ((S, X, V, 0), "sigmas of parzen_log_likelihood: expected a number of at least 1e-100"),
        ((S, X, V, ()), "expected one width or more"),
        ((S, X, V, (0.1, math.nan)), "sigmas of parzen_log_likelihood: expected a number of at least 1e-100"),
        ((S, X + np.inf, V), "data: row 0 contains NaN or Inf"),
    ],
)
def test_wrong_arguments_raise(arguments, words):
    with pytest.raises(ValueError, match=words):
        parzen_log_likelihood(*arguments)
