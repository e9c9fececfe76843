"""θ as one vector: views, order, gradients that are written or added, moves, copies."""

import copy
import pickle

import numpy as np
import pytest

from npae.layers import Dense, Sequential, Tanh
from tests.devices import each_device, on


def network():
    return Sequential(Dense(3, 4), Tanh(), Sequential(Dense(4, 2))).initialize(seed=1, dtype="float64")


def test_parameters_are_views_into_theta_in_a_stable_order():
    net = network()
    theta = net.theta
    assert theta.table == [("0.W", (3, 4), 0), ("0.b", (4,), 12), ("2.0.W", (4, 2), 16), ("2.0.b", (2,), 24)]
    assert theta.size == net.parameter_count == 26 and theta.value.flags.c_contiguous
    theta.value[...] = np.arange(26)
    np.testing.assert_array_equal(net[0].W.value, np.arange(12).reshape(3, 4))
    net[2][0].b.value[...] = -1
    np.testing.assert_array_equal(theta.value[24:], [-1, -1])


def test_a_part_of_a_network_has_its_own_theta():
    net = network()
    part = net[2].theta
    part.value[...] = 7
    np.testing.assert_array_equal(net.theta.value[16:], 7)
    assert (net.theta.value[:16] != 7).all() and part.size == 10


def test_the_first_addition_writes_and_later_ones_add():
    p = network()[0].b
    p.grad[...] = np.nan  # what was there before must not matter
    p.touched = False
    p.add_grad(np.sum, np.ones((5, 4)), axis=0)
    np.testing.assert_array_equal(p.grad, 5)
    p.add_grad(np.sum, np.ones((2, 4)), axis=0)
    np.testing.assert_array_equal(p.grad, 7)


def test_what_no_backward_reached_has_gradient_zero():
    net = network()
    net.theta.storage.grad[...] = np.nan
    net.theta.zero_grad()
    net[0].b.add_grad(np.sum, np.ones((1, 4)), axis=0)
    expected = np.zeros(26)
    expected[12:16] = 1
    np.testing.assert_array_equal(net.theta.grad, expected)


def test_initialize_is_a_function_of_the_seed():
    a, b, c = (Sequential(Dense(3, 4), Dense(4, 2)).initialize(seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(a.theta.value, b.theta.value)
    assert (a[0].W.value != c[0].W.value).all()
    assert not np.array_equal(a[0].W.value.ravel()[:8], a[1].W.value.ravel())


def test_a_pretrained_part_keeps_its_values_in_a_larger_network():
    part = Dense(3, 4).initialize(seed=5)
    W = part.W.value.copy()
    stale = part.theta
    whole = Sequential(Dense(2, 3), part).initialize(seed=6)
    np.testing.assert_array_equal(whole[1].W.value, W)
    assert np.shares_memory(part.theta.value, whole.theta.value)
    assert stale.is_contiguous and np.shares_memory(stale.value, whole.theta.value)


def test_copies_are_independent_and_whole():
    net = network()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(twin.theta.value, net.theta.value)
        twin.theta.value[...] = 3
        np.testing.assert_array_equal(twin[0].W.value, 3)
        assert np.shares_memory(twin[0].W.value, twin.theta.value)
        assert (net.theta.value != 3).all()


@each_device
def test_moving_takes_values_and_gradients_along(device):
    net = network()
    net.theta.zero_grad()
    net[0].b.add_grad(np.sum, np.ones((1, 4)), axis=0)
    before, gradient = net.theta.value.copy(), net.theta.grad.copy()
    with on(device) as place:
        net.to(place.name)
        np.testing.assert_array_equal(place.get(net.theta.value), before)
        np.testing.assert_array_equal(place.get(net.theta.grad), gradient)
        assert type(net[0].W.value) is type(place.put(before))
        net.theta.value[...] = 2
        np.testing.assert_array_equal(place.get(net[0].W.value), np.full((3, 4), 2.0))
        net.to("cpu")
    np.testing.assert_array_equal(net[0].W.value, 2)


def test_astype():
    net = network().astype("float32")
    assert net.theta.value.dtype == net[0].W.value.dtype == net[0].W.grad.dtype == np.float32
    assert net(np.ones((1, 3), np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Dense(2, 2).theta, RuntimeError, "initialize"),
        (lambda: Tanh().theta, ValueError, "no parameters"),
        (lambda: network().theta.assign(np.zeros(5)), ValueError, r"26 parameters, got shape \(5,\)"),
        (lambda: Dense(2, 2).initialize(dtype="float16"), TypeError, "float32 or float64"),
        (lambda: Dense(2, 2).initialize(device="tpu"), ValueError, "tpu"),
        (lambda: network().to("tpu"), ValueError, "tpu"),
        (lambda: Tanh().to("tpu"), ValueError, "tpu"),
        (lambda: network().astype("int32"), TypeError, "float32 or float64, got int32"),
        (lambda: Dense(2, 2).to("cpu"), RuntimeError, "initialize"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_parts_that_were_initialized_apart_have_no_common_theta():
    apart = Sequential(Dense(2, 2).initialize(), Dense(2, 2).initialize())
    with pytest.raises(RuntimeError, match="one vector"):
        _ = apart.theta
