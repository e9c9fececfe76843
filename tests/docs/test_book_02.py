"""Chapter 2: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("02_linear_is_pca.py")


def test_the_network_has_found_the_subspace(chapter):
    assert chapter["distance"].angles[0].max() > 10 > 1 > chapter["distance"].angles[-1].max()


def best_code(x, V, lam):
    return x @ V.T @ np.linalg.inv(V @ V.T + lam * np.eye(len(V)))


def test_the_best_code_with_a_penalty(chapter):
    check = chapter["check_best_code"]
    check(best_code)
    refuses(check, lambda x, V, lam: best_code(x, V, 0), lambda x, V, lam: best_code(x, V, -lam),
            lambda x, V, lam: best_code(x, V, lam / 2), lambda x, V, lam: best_code(x, V, lam).T)  # fmt: skip


def least_error(x, k):
    return np.linalg.eigvalsh(np.cov(x.T, bias=True))[: x.shape[1] - k].sum()


def without_the_mean(x, k):
    return np.linalg.eigvalsh(x.T @ x / len(x))[: x.shape[1] - k].sum()


def what_is_kept(x, k):
    return np.linalg.eigvalsh(np.cov(x.T, bias=True))[-k:].sum()


def test_the_least_error(chapter):
    check = chapter["check_least_error"]
    check(least_error)
    refuses(check, without_the_mean, what_is_kept, lambda x, k: least_error(x, k) / 2)
