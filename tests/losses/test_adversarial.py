"""Adversarial losses: closed forms, derivatives, extreme logits, the optimal discriminator, both generators."""

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
    np.testing.assert_allclose(db / db_saturating, np.exp(-B), rtol=1e-12)  # the same direction, another size


def test_the_discriminator_loss_is_a_sum_of_two_cross_entropies():
    loss = BinaryCrossEntropy()
    for r in (1.0, 0.8):
        expected = loss.value_and_gradient(A, np.full_like(A, r))[0] + loss.value_and_gradient(B, np.zeros_like(B))[0]
        assert discriminator_loss(A, B, r)[0] == pytest.approx(expected, rel=1e-12)


def test_the_losses_at_logit_0():
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


def test_a_wrong_derivative_is_found():
    b = B.copy()
    _, db = generator_loss(b, saturating=True)
    with pytest.raises(gradcheck.GradientError):  # that of the other loss
        gradcheck.check_gradient(lambda: float(generator_loss(b)[0]), {"b": (b, db)})


def test_the_saturating_gradient_vanishes_for_the_worst_samples():
    rejected = np.full((1, 1), -15.0)
    other, saturating = (float(generator_loss(rejected, s)[1][0, 0]) for s in (False, True))
    assert other == pytest.approx(-1, abs=1e-6) and -1e-6 < saturating < 0


def kl(p, q):
    return (p * np.log(p / q)).sum()


# Two distributions on four points, as batches: point k occurs COUNTS[k] times among 20 samples.
REAL_COUNTS, FAKE_COUNTS = np.array([8, 6, 4, 2]), np.array([1, 3, 6, 10])
P, P_G = REAL_COUNTS / 20, FAKE_COUNTS / 20
OPTIMAL = np.log(P / P_G)  # D*: the logit of each point


def batches(logits):
    """Logits of 20 real and of 20 fake samples, (20, 1), when D outputs `logits` at the four points."""
    return (np.repeat(logits, counts)[:, None] for counts in (REAL_COUNTS, FAKE_COUNTS))


def test_the_optimal_discriminator_outputs_the_log_ratio_of_the_densities():
    """∂J_D/∂a = 0 at every point, and J_D = 2 ln 2 − 2 JS(p ‖ p_G)."""
    value, da, db = discriminator_loss(*batches(OPTIMAL))
    for k in range(4):
        of_point = [np.repeat(np.arange(4) == k, counts)[:, None] for counts in (REAL_COUNTS, FAKE_COUNTS)]
        assert da[of_point[0]].sum() + db[of_point[1]].sum() == pytest.approx(0, abs=1e-15)
        other = OPTIMAL + 0.1 * np.eye(4)[k]
        assert discriminator_loss(*batches(other))[0] > value
    m = (P + P_G) / 2
    js = (kl(P, m) + kl(P_G, m)) / 2
    assert value == pytest.approx(2 * math.log(2) - 2 * js, rel=1e-14) and js > 0.1


@pytest.mark.parametrize("saturating", [True, False])
def test_at_the_optimal_discriminator_the_generator_descends_a_divergence(saturating):
    """2 JS(p ‖ p_G) if saturating, else 2 KL(m ‖ p): J_G with D* fixed has its derivative by p_G."""

    def divergence(p_G):
        m = (P + p_G) / 2
        return kl(P, m) + kl(p_G, m) if saturating else 2 * kl(m, P)

    losses = np.array([generator_loss(np.full((1, 1), a), saturating)[0] for a in OPTIMAL])  # J_G = Σ_k p_G,k losses_k
    assert P_G @ losses == pytest.approx(generator_loss(list(batches(OPTIMAL))[1], saturating)[0])
    rng = np.random.default_rng(1)
    for step in rng.standard_normal((5, 4)):
        step -= step.mean()  # p_G + step still sums to 1
        measured = (divergence(P_G + 1e-5 * step) - divergence(P_G - 1e-5 * step)) / 2e-5
        assert step @ losses == pytest.approx(measured, rel=1e-7)


def test_extreme_logits_do_not_overflow():
    for dtype in (np.float32, np.float64):
        far = np.array([[1e4], [-1e4], [0]], dtype)
        for result in (discriminator_loss(far, far, 0.9), generator_loss(far), generator_loss(far, True)):
            assert all(np.isfinite(part).all() for part in result)
    assert discriminator_loss(np.full((1, 1), 1e4), np.full((1, 1), -1e4))[0] == 0


def test_sums_over_logits_and_means_over_the_batch():
    two = np.concatenate([A, A], axis=1)
    assert generator_loss(two)[0] == pytest.approx(2 * generator_loss(A)[0])
    assert generator_loss(np.concatenate([A, A]))[0] == pytest.approx(generator_loss(A)[0])
