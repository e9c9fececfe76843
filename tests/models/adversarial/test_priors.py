"""npae.models.adversarial.priors and sampler: moments, parts, streams, freezing, description, every device."""

import math

import numpy as np
import pytest

from npae.backend import Stream
from npae.layers import Layer
from npae.models import GaussianPrior, OneHotPrior, RingPrior, SwissRollPrior, UniformPrior
from npae.models.adversarial import Prior
from npae.models.adversarial.sampler import PriorSampler
from npae.serialization.architecture import build, describe
from tests.contract import inputs
from tests.devices import each_device, on

PRIORS = [GaussianPrior(3, std=2.0), UniformPrior(3, half_width=0.5), RingPrior(5, 3.0, 0.4, 0.1),
          SwissRollPrior(8, 1.5, 4.0, 0.05), OneHotPrior(4)]  # fmt: skip
each_prior = pytest.mark.parametrize("prior", PRIORS, ids=repr)


def sampled(prior, y=None, n=20000, dtype=np.float64, seed=1):
    return prior.codes(Stream(seed), np.empty((n, prior.size), dtype), y)


def polar(z):
    return np.hypot(*z.T), np.arctan2(z[:, 1], z[:, 0]) % (2 * math.pi)


def test_moments_of_gaussian_and_uniform():
    z, u = sampled(PRIORS[0]), sampled(PRIORS[1])
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(z.std(axis=0), 2, rtol=0.02)
    assert np.abs(u).max() <= 0.5
    np.testing.assert_allclose(u.std(axis=0), 1 / math.sqrt(12), rtol=0.02)


def test_the_gaussians_of_a_ring():
    prior, y = PRIORS[2], np.arange(20000) % 5
    z = sampled(prior, y)
    for k in range(5):
        along = np.array([math.cos(2 * math.pi * k / 5), math.sin(2 * math.pi * k / 5)])
        across = np.array([-along[1], along[0]])
        part = z[y == k]
        np.testing.assert_allclose([(part @ along).mean(), (part @ across).mean()], [3, 0], atol=0.03)
        np.testing.assert_allclose([(part @ along).std(), (part @ across).std()], [0.4, 0.1], rtol=0.05)


def test_a_swiss_roll_is_a_spiral_of_pieces_of_the_same_length():
    prior = SwissRollPrior(8, 1.5, 4.0, 1e-9)
    r, angle = polar(sampled(prior))
    turns = r / 4.0 * 1.5
    np.testing.assert_allclose((turns * 2 * math.pi - angle + 1e-6) % (2 * math.pi), 1e-6, atol=1e-5)
    np.testing.assert_allclose(np.sort((r / 4.0) ** 2), np.linspace(0, 1, 20000), atol=0.02)  # t is uniform
    y = np.arange(20000) % 8
    np.testing.assert_array_equal(np.floor(8 * (polar(sampled(prior, y))[0] / 4.0) ** 2), y)


def test_one_hot_vectors_of_random_or_given_classes():
    z, y = sampled(PRIORS[4]), np.arange(20000) % 4
    np.testing.assert_array_equal(np.sort(z, axis=1), np.tile([0, 0, 0, 1], (20000, 1)))
    np.testing.assert_allclose(z.mean(axis=0), 0.25, atol=0.02)
    np.testing.assert_array_equal(sampled(PRIORS[4], y), np.eye(4)[y])


@pytest.mark.parametrize("prior", PRIORS[2:4], ids=repr)
def test_without_labels_all_parts_are_equally_likely(prior):
    at_random, by_class = sampled(prior), sampled(prior, np.arange(20000) % prior.modes, seed=2)
    bins = [np.linspace(-5, 5, 11)] * 2
    a, b = (np.histogramdd(z, bins)[0] / len(z) for z in (at_random, by_class))
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
def test_a_sampler_has_a_stream_and_can_be_frozen(prior):
    sampler, like = PriorSampler(prior), np.empty((9, prior.size))
    sampler.reseed([1, 2])
    first, second = sampler.draw(like), sampler.next(like)
    assert (first != second).any()
    sampler.reseed([1, 2])
    np.testing.assert_array_equal(sampler.next(like), first)
    np.testing.assert_array_equal(prior.codes(Stream([1, 2]), like), first)
    assert sampler.freeze(second) is sampler
    assert sampler.next(like) is second is sampler.next(like)
    sampler.freeze(None).reseed([1, 2])
    np.testing.assert_array_equal(sampler.next(like), first)


def test_two_samplers_of_one_prior_do_not_disturb_each_other():
    one, two, like = PriorSampler(PRIORS[0]), PriorSampler(PRIORS[0]), np.empty((9, 3))
    one.reseed(1), two.reseed(1)
    first = one.next(like), one.next(like)
    np.testing.assert_array_equal((two.next(like), two.next(like)), first)


@each_device
def test_frozen_codes_follow_the_batch_to_its_device_and_dtype(device):
    z = inputs((4, 3))
    with on(device) as place:
        found = PriorSampler(PRIORS[0]).freeze(z).next(place.put(np.empty((4, 3), np.float32)))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(place.get(found), z.astype(np.float32))


@each_prior
def test_a_prior_is_described_by_its_family(prior):
    tree = describe(prior)
    assert tree["family"] == "Prior" and not isinstance(prior, Layer)
    again = build(tree)
    assert type(again) is type(prior) and again.config() == prior.config()
    np.testing.assert_array_equal(sampled(again), sampled(prior))


def test_priors_of_your_own():
    class Corners(Prior):
        def codes(self, stream, like, y=None):
            return 1.0 * (stream.uniform(like) < 0.5)

    del Prior.registry["Corners"]
    assert set(np.unique(PriorSampler(Corners(2)).next(np.empty((50, 2))))) == {0, 1}


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"codes of 3 numbers, the encoder's have the shape \(2,\)"):
        PriorSampler(PRIORS[0]).next(np.empty((4, 2)))
    with pytest.raises(ValueError, match=r"GaussianPrior.*frozen codes' shape \(4, 3\), got \(5, 3\). Freeze other"):
        PriorSampler(PRIORS[0]).freeze(np.ones((4, 3))).next(np.empty((5, 3)))
    for make in (lambda: GaussianPrior(0), lambda: GaussianPrior(2, std=0), lambda: UniformPrior(2, math.inf),
                 lambda: RingPrior(0), lambda: SwissRollPrior(width=-1), lambda: RingPrior(3, radius=math.nan),
                 lambda: RingPrior(3, length=-1), lambda: SwissRollPrior(3, turns=math.nan)):  # fmt: skip
        with pytest.raises(ValueError, match="expected"):
            make()
    for make in (lambda: GaussianPrior(2.5), lambda: RingPrior(2.5), lambda: SwissRollPrior(9.9)):
        with pytest.raises(TypeError, match="expected an integer, got"):
            make()
