"""The demos conv, conv_denoising and conv_vae: they report what the saved models do, and training makes progress."""

import numpy as np
import pytest

from npae import load

pytest.importorskip("matplotlib")

from demos import conv  # noqa: E402
from demos.denoising import corrupted, cross_entropy  # noqa: E402
from npae.layers import GaussianNoise  # noqa: E402
from npae.models import convolutional_autoencoder  # noqa: E402


@pytest.mark.slow
def test_convolutions_learn_digits(quick, digits):
    run = quick("conv")
    result = run.result
    images = conv.as_images(digits)
    for name, best in (("pooled", 0.9), ("strided", 0.9), ("large", 0.5)):
        loss = result[f"{name}_test_cross_entropy_nats_per_pixel"]
        assert result["floor_nats_per_pixel"] < loss < best * 0.2625  # that of the mean image
        assert load(run.out / f"{name}.npz").evaluate(images)["reconstruction"] / 784 == pytest.approx(loss, rel=1e-6)
    x_hat = load(run.out / "large.npz").reconstruct(images)
    error = ((x_hat - images / 255) ** 2).sum(axis=(1, 2, 3)).mean()
    assert result["large_test_squared_error_per_image"] == pytest.approx(error, rel=1e-5)


def test_one_network_only(quick):
    run = quick("conv", "--only", "pooled", "--epochs", "1")
    result = run.result
    assert "pooled_seconds" in result and "large_seconds" not in result
    assert (run.out / "pooled.npz").exists() and not (run.out / "large.npz").exists()


def test_the_networks_have_the_published_sizes():
    counts = {name: convolutional_autoencoder(channels, **kind).parameter_count
              for name, (channels, _, kind, *_) in conv.NETWORKS.items()}  # fmt: skip
    assert counts == {"pooled": 4385, "strided": 4385, "large": 28353}


def test_denoised_digits_are_nearer_to_the_clean_ones(quick, digits):
    run = quick("conv_denoising")
    result = run.result
    for std in (0.5, 0.4):
        key = f"gaussian_{std}".replace(".", "_")
        assert result[f"{key}_squared_error_per_image"] < 0.7 * result[f"{key}_noisy_squared_error_per_image"]
    noisy = corrupted(GaussianNoise(0.5, clip=(0, 1)), digits, [0, 1])
    x_hat = load(run.out / "gaussian_0_5.npz").reconstruct(conv.as_images(noisy)).reshape(-1, 784)
    loss = cross_entropy(x_hat, digits / 255)
    assert result["gaussian_0_5_cross_entropy_nats_per_pixel"] == pytest.approx(loss, rel=1e-5)


def test_a_two_dimensional_latent_code_is_used(quick, digits):
    run = quick("conv_vae")
    result = run.result
    assert result["test_nats"] == pytest.approx(result["test_reconstruction_nats"] + result["test_kl_nats"])
    assert result["test_nats"] < 205.8 and result["test_kl_nats"] > 2  # the mean image; a code that is used
    model = load(run.out / "conv_vae.npz")
    assert sum(model.evaluate(conv.as_images(digits)).values()) == pytest.approx(result["test_nats"], rel=1e-6)
    assert np.ptp(model.encode(conv.as_images(digits)), axis=0).min() > 1
