"""npae.losses.adversarial: closed forms, derivatives, extremes, and how the two objectives of a generator differ."""

import math

import numpy as np
import pytest

from npae import gradcheck
from npae.losses import BinaryCrossEntropy, discriminator_loss, generator_loss
from tests.devices import each_device, on

rng = np.random.default_rng(0)
A, B = 2 * rng.standard_normal((7, 1)), 2 * rng.standard_normal((7, 1))


def sigma(a):
    return 1 / (1 + np.exp(-a))


def test_values_are_those_of_the_formulas():
    for r in (1.0, 0.9):
        value, da, db = discriminator_loss(A, B, r)
        expected = -r * np.log(sigma(A)) - (1 - r) * np.log(1 - sigma(A)) - np.log(1 - sigma(B))
        assert value == pytest.approx(expected.mean(), rel=1e-13)
        np.testing.assert_allclose(da, (sigma(A) - r) / 7, rtol=1e-12)
        np.testing.assert_allclose(db, sigma(B) / 7, rtol=1e-12)
    value, db = generator_loss(B)
    assert value == pytest.approx(-np.log(sigma(B)).mean(), rel=1e-13)
    saturating, db_saturating = generator_loss(B, saturating=True)
    assert saturating == pytest.approx(np.log(1 - sigma(B)).mean(), rel=1e-13)
    np.testing.assert_allclose(db / db_saturating, np.exp(-B), rtol=1e-12)  # the same direction, other weights


def test_the_discriminator_pays_the_cross_entropy_of_both_answers():
    loss = BinaryCrossEntropy()
    for r in (1.0, 0.8):
        expected = loss.value_and_gradient(A, np.full_like(A, r))[0] + loss.value_and_gradient(B, np.zeros_like(B))[0]
        assert discriminator_loss(A, B, r)[0] == pytest.approx(expected, rel=1e-12)


def test_who_cannot_tell_pays_two_bits_worth():
    zero = np.zeros((5, 1))
    assert discriminator_loss(zero, zero)[0] == pytest.approx(2 * math.log(2), rel=1e-15)
    assert generator_loss(zero)[0] == pytest.approx(math.log(2)) == -generator_loss(zero, saturating=True)[0]


@each_device
def test_derivatives_types_and_no_waiting_on_every_device(device):
    with on(device) as place:
        a, b = place.put(A.copy()), place.put(B.copy())
        _, da, db = discriminator_loss(a, b, 0.9)
        gradcheck.check_gradient(lambda: float(discriminator_loss(a, b, 0.9)[0]), {"a": (a, da), "b": (b, db)})
        for saturating in (False, True):
            _, db = generator_loss(b, saturating)
            gradcheck.check_gradient(
                lambda saturating=saturating: float(generator_loss(b, saturating)[0]), {"b": (b, db)}
            )
        a32, b32 = place.put(A.astype(np.float32)), place.put(B.astype(np.float32))
        with place.no_waiting():
            values = [*discriminator_loss(a32, b32), *generator_loss(b32), *generator_loss(b32, True)]
        assert all(v.dtype == np.float32 for v in values)


def test_a_wrong_derivative_would_be_found():
    b = B.copy()
    _, db = generator_loss(b, saturating=True)
    with pytest.raises(gradcheck.GradientError):  # that of the other objective
        gradcheck.check_gradient(lambda: float(generator_loss(b)[0]), {"b": (b, db)})


def test_the_saturating_loss_is_silent_where_most_is_wrong():
    found_out = np.full((1, 1), -15.0)
    loud, quiet = (float(generator_loss(found_out, saturating)[1][0, 0]) for saturating in (False, True))
    assert loud == pytest.approx(-1, abs=1e-6) and -1e-6 < quiet < 0


def test_extreme_logits_overflow_nothing():
    for dtype in (np.float32, np.float64):
        far = np.array([[1e4], [-1e4], [0]], dtype)
        for result in (discriminator_loss(far, far, 0.9), generator_loss(far), generator_loss(far, True)):
            assert all(np.isfinite(part).all() for part in result)
    assert discriminator_loss(np.full((1, 1), 1e4), np.full((1, 1), -1e4))[0] == 0


def test_sums_over_logits_and_means_over_the_batch():
    two = np.concatenate([A, A], axis=1)
    assert generator_loss(two)[0] == pytest.approx(2 * generator_loss(A)[0])
    assert generator_loss(np.concatenate([A, A]))[0] == pytest.approx(generator_loss(A)[0])
