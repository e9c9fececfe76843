"""Masked cross-entropy: the mean over known labels, exactly 0 where there are none, wrong versions, errors."""

import numpy as np
import pytest

from npae import gradcheck
from npae.losses import MaskedCrossEntropy, SoftmaxCrossEntropy
from tests.devices import each_device, on

A = 3 * np.random.default_rng(0).standard_normal((7, 4))
Y = np.array([0, -1, 3, -1, -1, 2, 2])
KNOWN, NONE = Y >= 0, np.full(7, -1)
LOSS, PLAIN = MaskedCrossEntropy(4), SoftmaxCrossEntropy(4)


@each_device
def test_it_is_the_plain_loss_of_those_whose_label_is_known(device):
    value, da = PLAIN.value_and_gradient(A[KNOWN], Y[KNOWN])
    with on(device) as place:
        a, y = place.put(A), place.put(Y)
        assert gradcheck.check_loss(LOSS, a, y) < 1e-6
        found, gradient = LOSS.value_and_gradient(a, y)
        assert float(found) == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(place.get(gradient)[KNOWN], da, rtol=1e-12, atol=1e-16)
        assert not place.get(gradient)[~KNOWN].any()
        rows = place.get(LOSS.per_sample(a, y))
        np.testing.assert_allclose(rows[KNOWN], PLAIN.per_sample(A[KNOWN], Y[KNOWN]), rtol=1e-12)
        assert not rows[~KNOWN].any()
        np.testing.assert_array_equal(place.get(a), A, "the logits were changed")


@each_device
def test_types_and_no_waiting_on_every_device(device):
    with on(device) as place:
        a, y = place.put(A.astype(np.float32)), place.put(Y)
        LOSS.value_and_gradient(a, y)
        with place.no_waiting():
            value, da = LOSS.value_and_gradient(a, y)
        assert value.dtype == da.dtype == np.float32
        assert float(value) == pytest.approx(LOSS.value_and_gradient(A, Y)[0], rel=1e-5)


@each_device
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_where_no_label_is_known_value_and_gradient_are_0(device, dtype):
    with on(device) as place:
        value, da = LOSS.value_and_gradient(place.put(A.astype(dtype)), place.put(NONE))
        assert float(value) == 0 and not place.get(da).any()


def test_where_all_are_known_it_is_the_plain_loss():
    y = np.array([0, 1, 2, 3, 0, 1, 2])
    for mine, theirs in zip(LOSS.value_and_gradient(A, y), PLAIN.value_and_gradient(A, y), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-13, atol=1e-16)


def test_samples_without_a_label_do_not_make_the_others_weigh_less():
    more = np.concatenate([A, A + 1]), np.concatenate([Y, NONE])
    value, da = LOSS.value_and_gradient(*more)
    assert value == pytest.approx(LOSS.value_and_gradient(A, Y)[0], rel=1e-13)
    np.testing.assert_allclose(da[:7], LOSS.value_and_gradient(A, Y)[1], rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("wrong", [4 / 7, 7 / 4], ids=["by the batch", "twice"])
def test_another_mean_is_found(wrong):
    class Other(MaskedCrossEntropy):
        def value_and_gradient(self, prediction, target):
            value, gradient = super().value_and_gradient(prediction, target)
            return value, gradient * wrong

    del MaskedCrossEntropy.registry["Other"]
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_loss(Other(4), A, Y)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (np.array([0, 4]), "expected labels from 0 to 3, or -1 where not known, got 0 to 4"),
        (np.array([-2, 1]), "got -2 to 1"),
        (np.eye(4), "class numbers as labels, got rows"),
    ],
)
def test_targets_that_cannot_be_right_are_refused(targets, words):
    with pytest.raises(ValueError, match=words):
        LOSS.check_targets(targets)
    LOSS.check_targets(Y), LOSS.check_targets(NONE)


def test_what_does_not_fit_raises():
    for a, y, words in (
        (A[:, :3], Y, r"expected logits of shape \(batch, 4\)"), (A, Y[:5], "expected 7 integer labels"),
        (A, np.eye(4)[Y], "class numbers as labels, got rows"),
    ):  # fmt: skip
        for use in (LOSS.value_and_gradient, LOSS.per_sample):
            with pytest.raises(ValueError, match=words):
                use(a, y)
