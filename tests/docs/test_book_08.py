"""Chapter 8: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("08_contraction.py")


def test_contraction_makes_the_code_insensitive_and_a_linear_network_follows_its_formula(chapter):
    relative = chapter["relative"]
    assert relative["λ = 3"] < relative["λ = 1"] < relative["λ = 0"]
    assert max(chapter["largest"].values()) < 5e-3


def contraction_of_tanh(x, W, b, through_a=True):
    h = np.tanh(x @ W + b)
    d, n = 1 - h**2, (W**2).sum(axis=0)
    da = 2 / len(x) * d * (-2 * h * d) * n * through_a
    return (d**2).mean(axis=0) @ n, 2 * W * (d**2).mean(axis=0) + x.T @ da, da.sum(axis=0)


def test_contraction_of_a_tanh_layer(chapter):
    check = chapter["check_contraction_of_tanh"]
    check(contraction_of_tanh)
    refuses(check, lambda x, W, b: contraction_of_tanh(x, W, b, through_a=False),
            lambda x, W, b: contraction_of_tanh(x, W, b)[1:])  # fmt: skip
    refuses(check, lambda x, W, b: tuple(6 * part for part in contraction_of_tanh(x, W, b)), match="Ω: expected")


def test_the_gradient_of_tied_weights(chapter):
    def encoder(x, W):
        return x.T @ (x @ W @ W.T - x) @ W / len(x)

    def decoder(x, W):
        return (x @ W @ W.T - x).T @ x @ W / len(x)

    check = chapter["check_tied_gradient"]
    check(lambda x, W: encoder(x, W) + decoder(x, W))
    refuses(check, encoder, decoder, lambda x, W: (encoder(x, W) + decoder(x, W)).T)
    refuses(check, lambda x, W: len(x) * (encoder(x, W) + decoder(x, W)), match="dW is 6 times")
