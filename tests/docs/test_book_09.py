"""Chapter 9: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("09_pretraining.py")


def test_pretraining_saves_the_sigmoid_network(chapter):
    nats = chapter["nats"]
    assert nats["fine-tuned"] < nats["pretrained"] < nats["random weights"] < chapter["J_mean"]
    assert (chapter["whole"] <= chapter["bound"]).all()


def test_the_variance_for_sigmoid_layers(chapter):
    check = chapter["check_sigmoid_variance"]
    check(lambda m: 16 / m)
    refuses(check, lambda m: 1 / m, lambda m: 2 / m, lambda m: 4 / m, lambda m: 4 / m**0.5, lambda m: 16.0)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def unrolled_logits(x, encoders, decoders, between=sigmoid):
    h = x
    for W, b in encoders:
        h = sigmoid(h @ W + b)
    for W, b in decoders[:0:-1]:
        h = between(h @ W + b)
    W, b = decoders[0]
    return h @ W + b


def without_biases(x, encoders, decoders):
    return unrolled_logits(x, *([(W, 0 * b) for W, b in layers] for layers in (encoders, decoders)))


def test_unrolling_by_hand(chapter):
    check = chapter["check_unrolled_logits"]
    check(unrolled_logits)
    refuses(check, lambda *given: unrolled_logits(*given, between=lambda a: a),
            lambda *given: sigmoid(unrolled_logits(*given)), without_biases)  # fmt: skip
