"""Softmax cross-entropy: derivative, values in closed form, extremes, both kinds of targets, and errors."""

import math

import numpy as np
import pytest

from npae import gradcheck
from npae.losses import BinaryCrossEntropy, MaskedCrossEntropy, SoftmaxCrossEntropy
from npae.serialization.architecture import build, describe
from tests.devices import each_device, on

rng = np.random.default_rng(0)
A, Y = 3 * rng.standard_normal((6, 4)), np.array([0, 3, 2, 2, 1, 3])
ONE_HOT = np.eye(4)[Y]
SOFT = rng.dirichlet(np.ones(4), 6)
LOSS = SoftmaxCrossEntropy(4)


def by_hand(a, t):
    """−Σ_j t_j ln p_j of every row, one number after the other."""
    p = [[math.exp(v) / sum(math.exp(w) for w in row) for v in row] for row in a]
    return [-sum(t_j * math.log(p_j) for t_j, p_j in zip(*pair, strict=True)) for pair in zip(t, p, strict=True)]


@each_device
@pytest.mark.parametrize("targets", [Y, Y.astype(np.uint8), ONE_HOT, SOFT], ids=["labels", "uint8", "one-hot", "soft"])
def test_derivative_values_and_types_on_every_device(device, targets):
    rows = SOFT if targets is SOFT else ONE_HOT
    with on(device) as place:
        a, y = place.put(A), place.put(targets)
        assert gradcheck.check_loss(LOSS, a, y) < 1e-6
        value, da = LOSS.value_and_gradient(a, y)
        assert float(value) == pytest.approx(np.mean(by_hand(A, rows)), rel=1e-13)
        np.testing.assert_allclose(place.get(LOSS.per_sample(a, y)), by_hand(A, rows), rtol=1e-12)
        np.testing.assert_allclose(place.get(LOSS.output(a)) - rows, 6 * place.get(da), rtol=1e-12, atol=1e-15)
        a32, y32 = place.put(A.astype(np.float32)), y if targets.ndim == 1 else place.put(targets.astype(np.float32))
        LOSS.value_and_gradient(a32, y32)
        with place.no_waiting():
            value32, da32 = LOSS.value_and_gradient(a32, y32)
        assert value32.dtype == da32.dtype == np.float32
        np.testing.assert_allclose(place.get(da32), place.get(da), rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(place.get(a), A, "the logits were changed")


def test_it_is_a_mean_over_the_batch():
    value, da = LOSS.value_and_gradient(A, Y)
    doubled, da2 = LOSS.value_and_gradient(np.concatenate([A, A]), np.concatenate([Y, Y]))
    assert doubled == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(2 * da2[:6], da)


def test_equal_logits_cost_the_logarithm_of_the_number_of_classes():
    value, da = SoftmaxCrossEntropy(10).value_and_gradient(np.full((3, 10), 7.0), np.array([0, 4, 9]))
    assert value == pytest.approx(math.log(10), rel=1e-14)
    np.testing.assert_allclose(da.sum(axis=1), 0, atol=1e-16)


def test_with_two_classes_it_is_the_cross_entropy_of_a_sigmoid():
    a, y = A[:, :2], Y % 2
    logit, target = (a[:, 1] - a[:, 0])[:, None], y[:, None].astype(float)
    assert SoftmaxCrossEntropy(2).value_and_gradient(a, y)[0] == pytest.approx(
        BinaryCrossEntropy().value_and_gradient(logit, target)[0], rel=1e-13
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits_are_finite_and_silent(dtype):
    a = np.array([[1e5, -1e5, 0], [-1e5, -1e5, -1e5], [1e5, 1e5, 1e5]], dtype)
    with np.errstate(all="raise", under="ignore"):
        value, da = SoftmaxCrossEntropy(3).value_and_gradient(a, np.array([1, 0, 2]))
    assert value == pytest.approx((2e5 + 2 * math.log(3)) / 3, rel=1e-6)
    np.testing.assert_allclose(3 * da[0], [1, -1, 0], atol=1e-7)
    np.testing.assert_allclose(SoftmaxCrossEntropy(3).output(a)[1:], 1 / 3, rtol=1e-6)


@pytest.mark.parametrize(
    ("a", "y", "words"),
    [
        (A[:, :3], Y, r"expected logits of shape \(batch, 4\), got \(6, 3\)"),
        (A, Y[:5], "expected 6 integer labels on the cpu, got 5 of int64"),
        (A, Y.astype(float), "expected 6 integer labels on the cpu, got 6 of float64"),
        (A, ONE_HOT[:1], r"expected targets of the outputs' shape \(6, 4\), got \(1, 4\)"),
        (A, ONE_HOT[:, :1], r"got \(6, 1\)"),
    ],
)
def test_what_does_not_fit_raises(a, y, words):
    for use in (LOSS.value_and_gradient, LOSS.per_sample):
        with pytest.raises(ValueError, match=words):
            use(a, y)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (np.array([0, 4]), "expected labels from 0 to 3, got 0 to 4"),
        (np.array([-1, 2]), "got -1 to 2"),
        (np.eye(5), r"expected rows of 4 probabilities, got shape \(5, 5\)"),
        (np.array([[0.5, 0.5, 0.5, -0.5]]), "0 or more and with sum 1"),
        (np.array([[1.0, 1, 0, 0]]), "0 or more and with sum 1"),
    ],
)
def test_targets_that_cannot_be_right_are_refused(targets, words):
    with pytest.raises(ValueError, match=words):
        LOSS.check_targets(targets)


def test_right_targets_pass():
    for targets in (Y, ONE_HOT, SOFT, SOFT.astype(np.float32), ONE_HOT.astype(bool)):
        LOSS.check_targets(targets)


def test_it_is_described_by_its_number_of_classes():
    again = build(describe(LOSS))
    assert type(again) is SoftmaxCrossEntropy and again.classes == 4 and "classes=4" in repr(again)
    with pytest.raises(ValueError, match="classes of SoftmaxCrossEntropy: expected 2 or more, got 1"):
        SoftmaxCrossEntropy(1)


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(3), MaskedCrossEntropy(3)])
@pytest.mark.parametrize("y", [[0.0, math.nan], [0.0, 1.0], [True, False]])
def test_labels_that_are_no_integers_are_refused(loss, y):
    with pytest.raises(ValueError, match="expected integers as class numbers, got (float64|bool)"):
        loss.check_targets(np.array(y))


def test_probabilities_of_nan_are_refused():
    with pytest.raises(ValueError, match="rows of probabilities"):
        SoftmaxCrossEntropy(2).check_targets(np.array([[1.0, 0.0], [math.nan, 0.0]]))
