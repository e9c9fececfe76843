"""θ, the vector of all parameters: views, order, gradients that begin at zero, moves, copies."""

import copy
import pickle

import numpy as np
import pytest

from npae.layers import BatchNorm, Dense, Sequential, Tanh
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


# ---------------------------------------------------------------------- gradients


@pytest.mark.parametrize("error", [None, ValueError])
def test_what_no_backward_pass_reached_has_gradient_zero(error):
    net = network()
    net.theta.grad.fill(np.nan)
    try:
        with net.theta.fresh_grad():
            net[0].b.add_sum(np.ones((1, 4)))
            if error:
                raise error
    except ValueError:
        assert error
    expected = np.zeros(26)
    expected[12:16] = 1
    np.testing.assert_array_equal(net.theta.grad, expected)
    assert all(p.grad_is_set for p in net.theta.parameters)


def test_a_fresh_gradient_of_a_part_leaves_the_others_alone():
    net = network()
    net.theta.grad.fill(5)
    with net[2].theta.fresh_grad():
        net[0].b.add_sum(np.ones((1, 4)))
        net[2][0].b.add_sum(np.ones((3, 2)))
    np.testing.assert_array_equal(net.theta.grad, [5] * 12 + [6] * 4 + [0] * 8 + [3] * 2)


def test_zero_grad_writes_zeros():
    net = network()
    net.theta.grad.fill(np.nan)
    net[2].theta.zero_grad()
    assert np.isnan(net.theta.grad[:16]).all() and (net.theta.grad[16:] == 0).all()
    net.theta.zero_grad()
    assert (net[0].W.grad == 0).all()


# ---------------------------------------------------------------------- places


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
    assert stale.is_whole() and np.shares_memory(stale.value, whole.theta.value)


def test_a_layer_of_two_networks_belongs_to_the_later_one():
    first, shared, second = Dense(3, 4), Dense(4, 4), Dense(4, 2)
    before, after = Sequential(first, shared).initialize(1, "float64"), Sequential(shared, second)
    W = shared.W.value.copy()
    after.initialize(2, "float64")  # takes `shared`, with its values
    np.testing.assert_array_equal(shared.W.value, W)
    with pytest.raises(RuntimeError, match=r"do not lie in one vector.*copy\.deepcopy\(layers\)"):
        _ = before.theta
    first.astype("float32")
    assert shared.W.value.dtype == np.float64 and np.shares_memory(shared.W.value, after.theta.value)


def over_a_trained_part():
    """A network whose part was a network before, and so has a θ of its own that no longer holds the memory."""
    part = Sequential(Dense(3, 4), BatchNorm(4)).initialize(1, "float64")
    assert part.theta.size and part.statistics.size
    return Sequential(part, Dense(4, 2)).initialize(2, "float64")


@pytest.mark.parametrize("make", [network, over_a_trained_part])
def test_copies_are_independent_and_whole(make):
    net = make()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), copy.deepcopy(copy.deepcopy(net))):
        np.testing.assert_array_equal(twin.theta.value, net.theta.value)
        for vector in (twin.theta, twin.statistics):
            vector.value[...] = 3
            for p in vector.parameters:
                np.testing.assert_array_equal(p.value, 3)
                assert np.shares_memory(p.value, vector.value)
        assert all(np.shares_memory(p.grad, twin.theta.grad) for p in twin.theta.parameters)
        assert (net.theta.value != 3).all()


def test_a_copy_of_a_part_is_a_network():
    net = network()
    part = copy.deepcopy(net[2])
    np.testing.assert_array_equal(part.theta.value, net.theta.value[16:])
    part.theta.value[...] = 3
    assert (net.theta.value != 3).all() and (part[0].W.value == 3).all()


@each_device
def test_moving_takes_values_and_gradients_along(device):
    net = network()
    net[0].b.add_sum(np.ones((1, 4)))
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
        (lambda: network().theta.assign(np.zeros(5)), ValueError, r"26 numbers, got shape \(5,\)"),
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
