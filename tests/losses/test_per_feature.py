"""The summands of a loss, and the derivative of its output: for every loss that compares features."""

import numpy as np
import pytest

from npae.losses import (
    BinaryCrossEntropy,
    GaussianNLL,
    HeteroscedasticGaussianNLL,
    MaskedCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
)
from tests.devices import each_device, on

RNG = np.random.default_rng(0)
X = RNG.random((5, 3, 2))
A = RNG.standard_normal((5, 3, 2))
BOTH = RNG.standard_normal((5, 6, 2))  # [x̂ | a] along axis 1
CASES = [
    pytest.param(SquaredError(), A, id="squared"), pytest.param(BinaryCrossEntropy(), A, id="cross-entropy"),
    pytest.param(GaussianNLL(0.3), A, id="gaussian"),
    pytest.param(HeteroscedasticGaussianNLL(), BOTH, id="heteroscedastic"),
]  # fmt: skip


@each_device
@pytest.mark.parametrize(("loss", "prediction"), CASES)
def test_the_summands_have_the_shape_of_the_target_and_add_up_to_the_loss(device, loss, prediction):
    with on(device) as place:
        p, t = place.put(prediction), place.put(X)
        summands, per_sample = place.get(loss.per_feature(p, t)), place.get(loss.per_sample(p, t))
    assert summands.shape == X.shape
    np.testing.assert_allclose(summands.sum(axis=(1, 2)), per_sample, rtol=1e-12)
    moved = X.copy()
    moved[2, 1, 0] += 0.1
    changed = np.abs(loss.per_feature(prediction, moved) - summands) > 1e-6
    assert changed[2, 1, 0] and changed.sum() == 1, "a summand belongs to one feature"


def test_the_summands_in_closed_form():
    np.testing.assert_allclose(SquaredError().per_feature(A, X), 0.5 * (A - X) ** 2, rtol=1e-15)
    p = 1 / (1 + np.exp(-A))
    np.testing.assert_allclose(
        BinaryCrossEntropy().per_feature(A, X), -(X * np.log(p) + (1 - X) * np.log(1 - p)), rtol=1e-12
    )


@each_device
@pytest.mark.parametrize(("loss", "prediction"), CASES)
def test_the_derivative_of_the_output_is_that_of_finite_differences(device, loss, prediction):
    R, direction, eps = RNG.standard_normal(X.shape), RNG.standard_normal(prediction.shape), 1e-6
    with on(device) as place:
        gradient = place.get(loss.output_backward(place.put(R), place.put(prediction)))
    assert gradient.shape == prediction.shape
    ahead, behind = (loss.output(prediction + s * eps * direction) for s in (1, -1))
    numerical = (R * (ahead - behind)).sum() / (2 * eps)
    np.testing.assert_allclose((gradient * direction).sum(), numerical, rtol=1e-7)


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(3), MaskedCrossEntropy(3)], ids=repr)
def test_a_loss_of_classes_has_no_features(loss):
    with pytest.raises(NotImplementedError, match=r"CrossEntropy\(classes=3\) is not a sum over the features"):
        loss.per_feature(RNG.standard_normal((2, 3)), np.array([0, 2]))
