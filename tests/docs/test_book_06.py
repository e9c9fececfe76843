"""Chapter 6: it runs, and its exercises accept right answers and refuse wrong ones."""

import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("06_denoising.py")


def test_the_network_removes_noise_from_new_digits(chapter):
    error = chapter["error"]
    assert error["network"] < error["exact mean of\n10,000 digits"] < error["x̃"]
    assert chapter["unexplained"] < 0.1


def test_the_mean_of_a_normal_distribution(chapter):
    check = chapter["check_denoise_normal"]
    check(lambda x_tilde, s, sigma: x_tilde * s**2 / (s**2 + sigma**2))
    refuses(check, lambda x_tilde, s, sigma: x_tilde * s / (s + sigma), lambda x_tilde, s, sigma: x_tilde,
            lambda x_tilde, s, sigma: x_tilde - sigma**2 * x_tilde / s**2)  # fmt: skip


def test_the_remaining_variance(chapter):
    check = chapter["check_remaining_variance"]
    check(lambda slope, sigma: sigma**2 * slope)
    refuses(check, lambda slope, sigma: sigma * slope, lambda slope, sigma: sigma**2 * (1 - slope))
    refuses(check, lambda slope, sigma: -(sigma**2) * slope, match="sign is wrong")
