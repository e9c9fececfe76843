"""npae.models.adversarial.priors: moments and shapes of all, their parts, their streams, on every device."""

import copy
import math

import numpy as np
import pytest

from npae.backend import Stream
from npae.models import GaussianPrior, OneHotPrior, RingPrior, SwissRollPrior, UniformPrior
from npae.models.adversarial.priors import Prior
from npae.serialization.architecture import build, describe
from tests.devices import each_device, on

PRIORS = [GaussianPrior(3, std=2.0), UniformPrior(3, half_width=0.5), RingPrior(5, 3.0, 0.4, 0.1),
          SwissRollPrior(8, 1.5, 4.0, 0.05), OneHotPrior(4)]  # fmt: skip
each_prior = pytest.mark.parametrize("prior", PRIORS, ids=repr)
LIKE = np.empty((20000, 3))


def drawn(prior, y=None, n=20000, dtype=np.float64, seed=1):
    return prior.codes(Stream(seed), np.empty((n, prior.size), dtype), y)


def polar(z):
    return np.hypot(*z.T), np.arctan2(z[:, 1], z[:, 0]) % (2 * math.pi)


def test_moments_of_gaussian_and_uniform():
    z, u = drawn(PRIORS[0]), drawn(PRIORS[1])
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(z.std(axis=0), 2, rtol=0.02)
    assert np.abs(u).max() <= 0.5
    np.testing.assert_allclose(u.std(axis=0), 1 / math.sqrt(12), rtol=0.02)


def test_a_ring_has_its_gaussians_where_and_as_wide_as_asked():
    prior, y = PRIORS[2], np.arange(20000) % 5
    z = drawn(prior, y)
    for k in range(5):
        along = np.array([math.cos(2 * math.pi * k / 5), math.sin(2 * math.pi * k / 5)])
        across = np.array([-along[1], along[0]])
        part = z[y == k]
        np.testing.assert_allclose([(part @ along).mean(), (part @ across).mean()], [3, 0], atol=0.03)
        np.testing.assert_allclose([(part @ along).std(), (part @ across).std()], [0.4, 0.1], rtol=0.05)


def test_a_roll_is_a_spiral_of_pieces_of_one_length():
    prior = SwissRollPrior(8, 1.5, 4.0, 1e-9)
    r, angle = polar(drawn(prior))
    turns = r / 4.0 * 1.5
    np.testing.assert_allclose((turns * 2 * math.pi - angle + 1e-6) % (2 * math.pi), 1e-6, atol=1e-5)
    np.testing.assert_allclose(np.sort((r / 4.0) ** 2), np.linspace(0, 1, 20000), atol=0.02)  # t is uniform
    y = np.arange(20000) % 8
    np.testing.assert_array_equal(np.floor(8 * (polar(drawn(prior, y))[0] / 4.0) ** 2), y)


def test_one_hot_rows_are_of_all_classes_or_of_those_given():
    z, y = drawn(PRIORS[4]), np.arange(20000) % 4
    np.testing.assert_array_equal(np.sort(z, axis=1), np.tile([0, 0, 0, 1], (20000, 1)))
    np.testing.assert_allclose(z.mean(axis=0), 0.25, atol=0.02)
    np.testing.assert_array_equal(drawn(PRIORS[4], y), np.eye(4)[y])


@pytest.mark.parametrize("prior", PRIORS[2:4], ids=repr)
def test_without_labels_all_parts_are_as_frequent_and_are_the_same_mixture(prior):
    anyhow, by_class = drawn(prior), drawn(prior, np.arange(20000) % prior.modes, seed=2)
    bins = [np.linspace(-5, 5, 11)] * 2
    a, b = (np.histogramdd(z, bins)[0] / len(z) for z in (anyhow, by_class))
    assert np.abs(a - b).max() < 0.01 < a.max()


@each_device
@each_prior
def test_types_shapes_and_no_waiting_on_every_device(device, prior):
    with on(device) as place:
        like, y = place.put(np.empty((100, prior.size), np.float32)), place.put(np.arange(100) % prior.modes)
        stream = Stream(3)
        first = place.get(prior.codes(stream, like)).copy()
        with place.no_waiting():
            z = prior.codes(stream, like, y), prior.codes(stream, like)
        assert all(v.shape == like.shape and v.dtype == np.float32 for v in z)
        assert np.isfinite(first).all() and (first != place.get(z[1])).any()
        stream.reseed(3)
        np.testing.assert_array_equal(place.get(prior.codes(stream, like)), first)


@each_prior
def test_streams_freezing_and_description(prior):
    prior, like = copy.deepcopy(prior), np.empty((9, prior.size))
    prior.reseed([1, 2])
    first, second = prior.draw(like), prior.draw(like)
    assert (first != second).any()
    prior.reseed([1, 2])
    np.testing.assert_array_equal(prior.draw(like), first)
    prior.freeze(second)
    assert prior.next(like) is second is prior.next(like)
    again = build(describe(prior))
    assert type(again) is type(prior) and again.config() == prior.config() and again.out_shape((5,)) == (prior.size,)


def test_any_sampler_will_do():
    class Corners(Prior):
        def codes(self, stream, like, y=None):
            return 1.0 * (stream.uniform(like) < 0.5)

    del Prior.registry["Corners"]
    assert set(np.unique(Corners(2).draw(np.empty((50, 2))))) == {0, 1}


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"codes of 3 numbers, the encoder's have the shape \(2,\)"):
        PRIORS[0].draw(np.empty((4, 2)))
    for make in (lambda: GaussianPrior(0), lambda: GaussianPrior(2, std=0), lambda: UniformPrior(2, math.inf),
                 lambda: RingPrior(0), lambda: SwissRollPrior(width=-1), lambda: RingPrior(3, radius=math.nan),
                 lambda: RingPrior(3, length=-1), lambda: SwissRollPrior(3, turns=math.nan)):  # fmt: skip
        with pytest.raises(ValueError, match="expected"):
            make()
    for make in (lambda: GaussianPrior(2.5), lambda: RingPrior(2.5), lambda: SwissRollPrior(9.9)):
        with pytest.raises(TypeError, match="expected an integer, got"):
            make()
