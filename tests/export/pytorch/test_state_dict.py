"""State dicts by the names of PyTorch, both ways, without PyTorch: their meaning is computed in NumPy."""

import copy
import itertools

import numpy as np
import pytest

from npae import GAN, Autoencoder, Classifier, dense_autoencoder, variational_autoencoder
from npae.export import Twin, from_torch, to_torch, twin
from npae.export.pytorch import modules
from npae.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    LeakyReLU,
    Reshape,
    Sequential,
    TiedDense,
    TopK,
)
from npae.models import GaussianPrior
from tests.devices import each_device, on
from tests.export.common import disturbed, normal, relative
from tests.export.pytorch.in_numpy import evaluate

ENCODER = Dense(6, 4, "tanh")
NETWORKS = {
    "dense": (Sequential(Dense(6, 4, "relu"), Dense(4, 3)), (6,)),
    "a layer alone": (Dense(6, 4, LeakyReLU(0.2)), (6,)),
    "tied": (Sequential(ENCODER, TiedDense(ENCODER)), (6,)),
    "batch norm": (Sequential(Dense(6, 4), BatchNorm(4, epsilon=0.1), Dropout(0.5), Dense(4, 3)), (6,)),
    "nested": (Sequential(GaussianNoise(1.0), Sequential(Dense(6, 4)), Dense(4, 3)), (6,)),
    "images": (Sequential(Conv2D(2, 3, 3, 2, "same", "relu"), BatchNorm(3), Flatten(), Dense(27, 4), Dense(4, 12),
                          Reshape((3, 2, 2)), ConvTranspose2D(3, 1, 3, 2, "same", "tanh")), (2, 5, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_the_state_dict_means_the_same_network(name):
    network, shape = NETWORKS[name]
    disturbed(network, "float64")
    x = normal(4, *shape, dtype="float64")
    assert relative(evaluate(x, modules(network), to_torch(network)), network(x)) <= 1e-13


@pytest.mark.parametrize("kind", [Conv2D, ConvTranspose2D])
def test_kernels_of_every_size_and_padding(kind):
    for kernel, stride, padding in itertools.product((1, 2, 3, (4, 3)), (1, 2, (3, 1)), ("same", "valid")):
        layer, x = disturbed(kind(2, 3, kernel, stride, padding), "float64"), normal(2, 2, 6, 5, dtype="float64")
        y = evaluate(x, modules(layer), to_torch(layer))
        assert relative(y, layer(x)) <= 1e-13, (kernel, stride, padding)


@pytest.mark.parametrize("name", NETWORKS)
def test_back_again(name):
    network, _ = NETWORKS[name]
    state = to_torch(disturbed(network))
    other = disturbed(copy.deepcopy(network), seed=5)
    assert not np.array_equal(other.theta.value, network.theta.value)
    assert from_torch(other, state) is other
    assert np.array_equal(other.theta.value, network.theta.value)
    assert np.array_equal(other.statistics.value, network.statistics.value)
    without = {key: array for key, array in state.items() if not key.endswith("num_batches_tracked")}
    from_torch(other, without)  # older state dicts lack it


def test_names():
    def names(model):
        return [name for name in to_torch(model) if name.endswith("weight")]

    assert names(dense_autoencoder([6, 4, 3], batch_norm=True)) == [
        "encoder.0.weight", "encoder.1.weight", "encoder.3.weight",
        "decoder.0.weight", "decoder.1.weight", "decoder.3.weight",
    ]  # fmt: skip
    assert names(disturbed(NETWORKS["nested"][0])) == ["1.0.weight", "2.weight"]
    assert names(variational_autoencoder([6, 3])) == ["encoder.0.weight", "decoder.0.weight"]
    assert names(Classifier(Dense(4, 2), 2)) == ["network.0.weight"]
    assert names(GAN(Dense(2, 4), Dense(4, 1), GaussianPrior(2))) == ["generator.0.weight", "discriminator.0.weight"]


@each_device
def test_any_device_and_dtype(device):
    with on(device) as place:
        model = disturbed(dense_autoencoder([6, 3], seed=None), "float64").to(place.name)
        state = to_torch(model)
        assert all(type(a) is np.ndarray and a.dtype == np.float64 for a in state.values())
        before = place.get(model.theta.value).copy()
        model.theta.value[...] = 0
        assert state["encoder.0.weight"].any()  # a copy
        from_torch(model.astype("float32"), state)
        assert np.allclose(place.get(model.theta.value), before, atol=1e-6) and model.theta.value.dtype == np.float32


def refused(model, state, kind, match):
    before = model.theta.value.copy()
    with pytest.raises(kind, match=match):
        from_torch(model, state)
    assert np.array_equal(model.theta.value, before)


def test_other_names_and_shapes_are_refused_and_nothing_is_changed():
    model = disturbed(dense_autoencoder([6, 3], seed=None))
    state = to_torch(disturbed(dense_autoencoder([6, 3], seed=None), seed=3))
    renamed = {f"net.{k}": array for k, array in enumerate(state.values())}
    refused(model, renamed, ValueError, r"expected 4 tensors .* without encoder\.0\.weight, .* and with net\.0, .* "
            r"dict\(zip\(to_torch\(model\), state_dict\.values\(\), strict=True\)\)")  # fmt: skip
    from_torch(copy.deepcopy(model), dict(zip(to_torch(model), renamed.values(), strict=True)))
    transposed = state | {"decoder.0.weight": state["decoder.0.weight"].T}
    refused(model, transposed, ValueError, r"expected decoder\.0\.weight of shape \(6, 3\), got \(3, 6\)")
    refused(model, state | {"decoder.0.bias": np.array(["a"] * 6)}, TypeError, "expected decoder.0.bias to be a tensor")
    refused(model, list(state.values()), TypeError, r"expected a state dict, got list\. Call module\.state_dict\(\)")
    refused(model, "model.pt", TypeError, r"expected a state dict, got str\. Load it first: torch\.load\(path")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
@pytest.mark.parametrize("name", ["0.weight", "2.bias", "1.running_var"])
def test_values_that_the_model_cannot_hold_are_refused_and_nothing_is_changed(name, value):
    def network(seed):
        return disturbed(Sequential(Dense(6, 4), BatchNorm(4), Dense(4, 3)), seed=seed)

    state = {key: array.astype("float64") for key, array in to_torch(network(3)).items()}
    state[name].flat[-1] = value
    model = network(0)
    statistics = model.statistics.value.copy()
    refused(model, state, ValueError, rf"{name} holds NaN, Inf or a number beyond float32\. Take a state dict")
    assert np.array_equal(model.statistics.value, statistics)
    if value == 1e39:
        assert from_torch(model.astype("float64"), state) is model  # which float64 can hold


def test_a_copy_to_the_device_that_fails_changes_nothing(monkeypatch):
    """All values are on the device before the first one is written."""
    model, calls = disturbed(Sequential(Dense(6, 4), Dense(4, 3))), []
    state = to_torch(disturbed(copy.deepcopy(model), seed=3))

    def full(array, device):
        calls.append(array)
        if len(calls) == 6:  # four are read, two are on the device
            raise MemoryError("the GPU is full")
        return array

    monkeypatch.setattr("npae.export.pytorch.state_dict.to_device", full)
    refused(model, state, MemoryError, "the GPU is full")


def test_a_network_whose_subclass_overrides_forward_is_refused():
    class Residual(Sequential):
        def forward(self, x, training=False):
            y, cache = super().forward(x, training)
            return x + y, cache

    class Doubled(Autoencoder):
        def forward(self, x, training=False):
            y, cache = super().forward(x, training)
            return 2 * y, cache

    class Named(Sequential):
        """The same network by another name."""

    inner, model = Residual(Dense(6, 6)), Doubled(Dense(6, 3), Dense(3, 6))
    for network in (inner, Sequential(inner), model, Sequential(model), Autoencoder(inner, Dense(6, 6))):
        network.initialize(seed=0)
        with pytest.raises(TypeError, match=r"(Residual|Doubled) has no twin in PyTorch\. .*@npae\.export\.twin"):
            to_torch(network)
        before = network.theta.value.copy()
        with pytest.raises(TypeError, match="has no twin in PyTorch"):
            from_torch(network, {})
        assert np.array_equal(network.theta.value, before)
    assert list(to_torch(Sequential(Named(Dense(6, 3))).initialize(seed=0))) == ["0.0.weight", "0.0.bias"]
    twin(Residual)(lambda layer: [Twin(lambda shape: ("Residual", {}))])
    assert to_torch(inner) == {}


def test_weights_that_are_shared_here_must_be_equal_there():
    network = disturbed(NETWORKS["tied"][0])
    state = to_torch(network)
    assert np.array_equal(state["0.weight"].T, state["2.weight"])
    state["2.weight"] += 1
    refused(network, state, ValueError, r"0\.weight and 2\.weight are one shared parameter in the model, but differ")


def test_a_layer_without_a_twin_is_refused_unless_one_is_registered():
    class Cube(Activation):
        def f(self, a):
            return a * a * a

        def derivative(self, a, h):
            return 3 * a * a

    with pytest.raises(TypeError, match=r"TopK has no twin in PyTorch\. Convert the layers before and after it"):
        to_torch(disturbed(Sequential(Dense(6, 4), TopK(2))))
    network = disturbed(Sequential(Dense(6, 4, Cube()), Dense(4, 2)))
    with pytest.raises(TypeError, match=r"Cube has no twin .* @npae\.export\.twin\(Cube\)"):
        to_torch(network)
    twin(Cube)(lambda layer: [Twin(lambda shape: ("Cube", {}))])
    assert list(to_torch(network)) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_what_is_not_a_model_or_has_no_values_is_refused():
    with pytest.raises(TypeError, match=r"to_torch: expected a model \(a Layer\), got dict"):
        to_torch({})
    with pytest.raises(TypeError, match=r"from_torch: expected a model \(a Layer\), got str"):
        from_torch("model", {})
    with pytest.raises(RuntimeError, match=r"call initialize\(seed=...\)"):
        to_torch(Dense(3, 2))
