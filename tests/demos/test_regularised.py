"""The demos sparse, denoising and contractive: they report what the saved models do, and the penalties act."""

import numpy as np
import pytest

from npae import dense_autoencoder, load, mnist
from npae.evaluate import jacobian_norm

pytest.importorskip("matplotlib")

from demos import contractive, denoising, sparse  # noqa: E402


def test_penalties_make_codes_sparser(quick, digits):
    run = quick("sparse")
    result = run.result
    assert result["relu_l1_mean_code"] < result["relu_mean_code"]
    assert result["logistic_kl_mean_code"] == pytest.approx(0.1, abs=0.1)  # ρ; without the penalty about 1
    assert result["top_k_linear_classifier_test_error_percent"] < 20
    before, after = (result[f"stacked_{when}_fine_tuning_test_error_percent"] for when in ("before", "after"))
    assert after < 0.8 * before
    codes = load(run.out / "top_k.npz").encode(digits)
    assert ((codes != 0).sum(axis=1) == 100).all()  # 4k of 300, in inference


def test_the_l1_penalty_is_that_of_keras():
    """The objective of Keras, mean cross-entropy per pixel + 1e-4 Σ|h| per sample, is that of npae over 784."""
    _, (penalty,), *_ = sparse.PENALTIES["ReLU, L1"]
    h = np.array([[3.0, 0, 1], [0, 2, 0]])
    assert penalty.value(None, h, None) / 784 == pytest.approx(1e-4 * (4 + 2) / 2)


@pytest.mark.slow
def test_denoised_digits_are_nearer_to_the_clean_ones(quick, digits):
    run = quick("denoising")
    result = run.result
    for key in ("gaussian_0_4", "gaussian_0_5", "masking_50", "salt_and_pepper_40"):
        assert result[f"{key}_squared_error_per_image"] < 0.7 * result[f"{key}_noisy_squared_error_per_image"]
    noise, _ = denoising.KINDS["Gaussian 0.5"]
    x_hat = load(run.out / "gaussian_0_5.npz").reconstruct(denoising.corrupted(noise, digits, [0, 1]))
    error = ((x_hat - digits / 255) ** 2).sum(axis=1).mean()
    assert result["gaussian_0_5_squared_error_per_image"] == pytest.approx(error, rel=1e-5)


def test_the_error_of_noisy_digits_is_the_published_one(digits):
    for name, published in (("Gaussian 0.4", 62.4), ("Gaussian 0.5", 90.4)):
        noisy = denoising.corrupted(denoising.KINDS[name][0], digits, 0)
        assert ((noisy - digits / 255) ** 2).sum(axis=1).mean() == pytest.approx(published, rel=0.01)


def test_the_best_linear_map_undoes_a_linear_one():
    rng = np.random.default_rng(0)
    noisy, A, b = rng.standard_normal((400, 6)), rng.standard_normal((6, 6)), rng.standard_normal(6)
    new = rng.standard_normal((50, 6))
    np.testing.assert_allclose(denoising.best_linear(noisy, noisy @ A + b, new), new @ A + b, atol=0.02)


def test_cross_entropy_is_the_loss_of_the_model(digits):
    model = dense_autoencoder([784, 5])
    own = model.evaluate(digits)["reconstruction"] / 784
    assert denoising.cross_entropy(model.reconstruct(digits), digits / 255) == pytest.approx(own, rel=1e-5)


@pytest.mark.slow
def test_contraction_makes_the_jacobian_smaller(quick, digits):
    run = quick("contractive")
    result = run.result
    assert result["strongly_jacobian_norm_ratio"] < result["contractive_jacobian_norm_ratio"] < 0.6
    assert result["contractive_saturated_percent"] > result["plain_saturated_percent"]
    some = contractive.figures.one_of_each(mnist(which="sample").test_labels[:500], 100)
    own = jacobian_norm(load(run.out / "contractive.npz"), digits[some] / np.float32(255))
    assert result["contractive_jacobian_norm"] == pytest.approx(own, rel=1e-5)
