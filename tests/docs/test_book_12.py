"""Chapter 12: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("12_variational.py")


def test_the_gap_is_the_divergence_from_the_posterior(chapter):
    log_p, elbo, gap = (chapter[name] for name in ("log_p", "elbo", "gap"))
    np.testing.assert_allclose(log_p - elbo, gap, atol=1e-6)
    assert gap.min() > 0
    assert chapter["ratio"] > 100


def kl_of_gaussians(mu_1, log_var_1, mu_2, log_var_2):
    return 0.5 * ((np.exp(log_var_1) + (mu_1 - mu_2) ** 2) / np.exp(log_var_2) - 1 - log_var_1 + log_var_2)


def the_other_way_round(mu_1, log_var_1, mu_2, log_var_2):
    return kl_of_gaussians(mu_2, log_var_2, mu_1, log_var_1)


def from_the_prior(mu_1, log_var_1, mu_2, log_var_2):
    return kl_of_gaussians(mu_1, log_var_1, 0, 0)


def test_the_divergence_of_two_gaussians(chapter):
    check = chapter["check_kl_of_gaussians"]
    check(kl_of_gaussians)
    refuses(check, the_other_way_round, from_the_prior, lambda *given: 2 * kl_of_gaussians(*given))


def logistic_sample(u, mu, log_s):
    spread = np.exp(log_s) * np.log(u / (1 - u))
    return mu + spread, 1.0, spread


def with_s_as_a_variance(u, mu, log_s):
    spread = np.exp(log_s / 2) * np.log(u / (1 - u))
    return mu + spread, 1.0, spread / 2


def without_the_scale(u, mu, log_s):
    z, by_mu, _ = logistic_sample(u, mu, log_s)
    return z, by_mu, np.log(u / (1 - u))


def test_sampling_a_logistic_distribution(chapter):
    check = chapter["check_logistic_sample"]
    check(logistic_sample)
    refuses(check, with_s_as_a_variance, without_the_scale, lambda *given: logistic_sample(*given)[0])
    refuses(check, lambda u, mu, log_s: logistic_sample(1 - u, mu, log_s), match="P")
