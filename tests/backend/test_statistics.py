"""Running statistics: parameters without a gradient, in a vector beside θ that moves with it."""

import copy
import pickle

import numpy as np
import pytest

from npae.backend import FlatParameters, Parameter
from npae.layers import BatchNorm, Dense, Layer, Sequential, Tanh, initializers
from tests.devices import each_device, on


def network(dtype="float64"):
    net = Sequential(Dense(3, 4), BatchNorm(4), Tanh(), Sequential(Dense(4, 2), BatchNorm(2))).initialize(1, dtype)
    net.statistics.value[...] = np.arange(1, 13)
    return net


def test_they_are_views_into_one_vector_in_a_stable_order():
    net = network()
    statistics = net.statistics
    assert statistics.table == [
        ("1.mean", (4,), 0), ("1.variance", (4,), 4), ("3.1.mean", (2,), 8), ("3.1.variance", (2,), 10),
    ]  # fmt: skip
    assert statistics.size == 12 and net.statistics is statistics
    np.testing.assert_array_equal(net[3][1].variance.value, [11, 12])
    net[1].mean.value[...] = -1
    np.testing.assert_array_equal(statistics.value[:5], [-1, -1, -1, -1, 5])


def test_they_are_parameters_without_a_gradient():
    net = network()
    assert isinstance(net.statistics, FlatParameters) and isinstance(net[1].mean, Parameter)
    assert [p.name for p in net[1].buffers] == ["mean", "variance"] and net[1].mean in net.statistics.parameters
    assert len(net.statistics.vectors) == 1 and "grad" not in vars(net[1].mean)


def test_they_are_no_part_of_theta():
    net = network()
    assert net.theta.size == net.parameter_count == 16 + 8 + 10 + 4
    assert not [name for name, _ in net.named_parameters() if name.endswith(("mean", "variance"))]


def test_a_part_of_a_network_has_its_own_vector():
    net = network()
    net[3].statistics.assign(np.full(4, 7.0))
    np.testing.assert_array_equal(net.statistics.value, [*range(1, 9), 7, 7, 7, 7])
    assert net[0].statistics.size == len(net[0].statistics.value) == 0


def test_they_begin_with_their_first_values():
    np.testing.assert_array_equal(BatchNorm(2).initialize().statistics.value, [0, 0, 1, 1])
    np.testing.assert_array_equal(BatchNorm(2).allocate().statistics.value, [0, 0, 1, 1])


def test_a_pretrained_part_keeps_them_in_a_larger_network():
    part = network()
    stale = part.statistics
    whole = Sequential(Dense(3, 3), BatchNorm(3), part).initialize()
    np.testing.assert_array_equal(whole.statistics.value, [0, 0, 0, 1, 1, 1, *range(1, 13)])
    whole[2][1].mean.value[...] = -5
    np.testing.assert_array_equal(part.statistics.value[:5], [-5, -5, -5, -5, 5])
    assert stale.is_whole() and np.shares_memory(stale.value, whole.statistics.value)


def test_those_that_another_network_took_do_not_follow_the_one_before():
    norm, dense = BatchNorm(3), Dense(3, 2)
    Sequential(norm, dense).initialize(dtype="float64")
    later = Sequential(Dense(3, 3), norm).initialize(dtype="float64")
    dense.astype("float32")
    assert norm.mean.value.dtype == np.float64 and np.shares_memory(norm.mean.value, later.statistics.value)


def test_a_layer_that_is_met_twice_has_one_place():
    norm = BatchNorm(3)
    net = Sequential(Dense(3, 3), norm, Dense(3, 3), norm).initialize()
    assert [name for name, _ in net.named_buffers()] == ["1.mean", "1.variance"] and net.statistics.size == 6


def test_copies_are_independent_and_whole():
    net = network()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(twin.statistics.value, net.statistics.value)
        twin.statistics.value[...] = 99
        np.testing.assert_array_equal(twin[1].mean.value, 99)
        np.testing.assert_array_equal(net.statistics.value, np.arange(1, 13))


@each_device
def test_they_move_with_the_network_even_if_a_part_of_it_is_asked_to(device):
    net, expected = network(), np.arange(1, 13)
    with on(device) as place:
        net[0].to(place.name)
        assert type(net.statistics.value) is type(net.theta.value) is type(place.put(expected))
        np.testing.assert_array_equal(place.get(net.statistics.value), expected)
        net[1].mean.value[...] = 5
        net.to("cpu")
    np.testing.assert_array_equal(net.statistics.value, [5, 5, 5, 5, *range(5, 13)])


def test_astype():
    net = network()[0].astype("float32")
    assert net.W.value.dtype == np.float32
    net = network().astype("float32")
    assert net.statistics.value.dtype == net[1].variance.value.dtype == np.float32
    np.testing.assert_array_equal(net.statistics.value, np.arange(1, 13))


def test_a_new_layer_declares_them():
    class Count(Layer):
        """Counts its training calls."""

        def __init__(self):
            self.calls = Parameter("calls", (), initializers.zeros)
            self.buffers = (self.calls,)

        def forward(self, x, training=False):
            self.calls.value[...] += training
            return x, None

    del Layer.registry["Count"]
    net = Sequential(Dense(2, 2), Count()).initialize()
    for training in (True, False, True):
        net.forward(np.ones((1, 2), np.float32), training)
    assert net.statistics.table == [("1.calls", (), 0)] and net[1].calls.value == 2


@pytest.mark.parametrize("call, error, words", [
    (lambda: BatchNorm(2).mean.value, RuntimeError, r"Parameter mean \(2,\) has no values yet: call initialize"),
    (lambda: BatchNorm(2).statistics, RuntimeError, "call initialize"),
    (lambda: network().statistics.assign(np.zeros(5)), ValueError,
     r"vector of the network's 12 numbers, got shape \(5,\): it belongs to another network"),
])  # fmt: skip
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
