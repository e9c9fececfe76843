"""Chapter 0: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("00_one_page.py")


def test_the_network_has_learned(chapter):
    assert chapter["J_test"] < 0.25 * chapter["J_start"]


def test_the_derivative_of_tanh(chapter):
    check = chapter["check_tanh_derivative"]
    check(lambda h: 1 - h**2)
    refuses(check, lambda h: 1 - h, lambda h: h * (1 - h), lambda h: 1 - np.tanh(h) ** 2)


def descend(network, eta):
    for p, g in zip(network.theta, network.gradient, strict=True):
        p -= eta * g


def climb(network, eta):
    descend(network, -eta)


def descend_by_the_weights_alone(network, eta):
    network[0].W -= eta * network[0].dW


def test_a_step_of_gradient_descent(chapter):
    check = chapter["check_gradient_descent_step"]
    check(descend)
    refuses(check, climb, descend_by_the_weights_alone)
