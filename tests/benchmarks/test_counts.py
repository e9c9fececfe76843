"""Operations and bytes against numbers computed by hand."""

import numpy as np
import pytest

from benchmarks import counts
from benchmarks.counts import Work
from benchmarks.formulas import recorded
from npae.backend import elementwise
from npae.layers import AveragePool2D, Dense, MaxPool2D, Upsample2D
from npae.losses import BinaryCrossEntropy, SquaredError
from npae.optim import SGD, Adam

LIMITS = {"gflops": 2.0, "memory": [[100, 10.0], [1000, 4.0]]}  # GFLOP/s; GB/s


def test_a_dense_layer_by_hand():
    # B = 2, I = 3, O = 5: x has 6 numbers, W 15, b 5, y 10
    assert counts.product(2, 3, 5) == Work(2 * 2 * 3 * 5, 4 * (6 + 15 + 10), 4 * 31)
    no_dx = Work(60 + 20, 4 * (6 + 10 + 15) + 4 * (10 + 5), 4 * 46)
    assert counts.dense_backward(2, 3, 5, needs_dx=False) == no_dx
    assert counts.dense_backward(2, 3, 5) == no_dx + Work(60, 4 * (10 + 15 + 6), 4 * 31)
    assert counts.gather(2, 784) == Work(1568, 5 * 1568, 5 * 1568)


def test_a_convolution_by_hand():
    # 2 images, 3 channels of 4 x 4 to 5 of 2 x 2, kernel 3 x 3: 8 places, 135 weights, x has 96 numbers, y 40
    assert counts.places(np.empty((2, 3, 4, 4)), np.empty((2, 5, 2, 2))) == 8
    each = Work(2 * 8 * 135, 4 * (135 + 96 + 40), 4 * (135 + 96 + 40))
    assert counts.convolution(8, 135, 96, 40) == each
    bias = Work(2 * 40, 4 * (40 + 5), 4 * 45)
    assert counts.convolution_backward(8, 135, 96, 40, 5, needs_dx=False) == each + bias
    assert counts.convolution_backward(8, 135, 96, 40, 5) == each + bias + each


@pytest.mark.parametrize("layer, x, y, forward, backward", [
    (MaxPool2D(2), 16, 4, Work(12, 80, 80), Work(32, 160, 160)),  # 3 comparisons each; x, y, dy and dx
    (AveragePool2D(2), 16, 4, Work(16, 80, 80), Work(4, 80, 80)),
    (Upsample2D(2), 4, 16, Work(0, 80, 80), Work(12, 80, 80)),
])  # fmt: skip
def test_windows_by_hand(layer, x, y, forward, backward):
    assert counts.windows(layer, x, y) == (forward, backward)


def test_random_numbers_are_written():
    assert counts.drawn(10) == Work(10, 40, 40)


@elementwise(out=("a",))
def scaled_sum(a, b, unused, factor):
    return factor * (a + b)


def test_a_formula_by_hand():
    a, row = np.ones((4, 3), np.float32), np.ones(3, np.float32)
    with recorded() as met:
        scaled_sum(a, row, None, 2.0)
        scaled_sum(a, row, a, 2.0, out=a)
    into_new, in_place = map(counts.evaluation, met)
    assert into_new == Work(2 * 12, 4 * (12 + 3 + 12), 4 * 27)
    assert in_place == Work(2 * 12, 4 * (12 + 3 + 12), 4 * 15)  # a is read and written, and held once


@pytest.mark.parametrize("loss, dots", [(BinaryCrossEntropy(), 2), (SquaredError(), 1)])
def test_losses_end_in_sums(loss, dots):
    assert counts.total(counts.loss_sums(loss, 10)) == Work(20 * dots, 80 * dots, 80 * dots)


@pytest.mark.parametrize("optimizer, moved, held", [(SGD(), 3, 2), (SGD(momentum=0.9), 5, 3), (Adam(), 7, 4)])
def test_an_optimizer_reads_and_writes_each_vector_once(optimizer, moved, held):
    theta = Dense(9, 1).initialize().theta
    theta.grad[...] = 1
    with recorded() as met:
        optimizer.step(theta)
    work = counts.total(map(counts.evaluation, met))
    assert (work.bytes, work.held) == (40 * moved, 40 * held)


def test_the_floor_is_the_nearer_ceilings():
    assert Work(operations=4, bytes=10, held=10).floor(LIMITS) == pytest.approx(2e-9)  # arithmetic: 4/2 > 10/10
    assert Work(operations=1, bytes=10, held=10).floor(LIMITS) == pytest.approx(1e-9)  # memory
    assert Work(operations=1, bytes=10, held=10).floor(LIMITS, held=500) == pytest.approx(2.5e-9)  # beyond the cache
