"""Modules of PyTorch compute what the models compute, for every kernel, stride, padding and size."""

import itertools
import sys

import numpy as np
import pytest

from npae import (
    GAN,
    Autoencoder,
    Classifier,
    convolutional_autoencoder,
    dense_autoencoder,
    fit,
    variational_autoencoder,
)
from npae.export import from_torch, to_torch, to_torch_module
from npae.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Reshape,
    Sequential,
    TiedDense,
    Upsample2D,
)
from npae.models import GaussianPrior, conv_decoder, conv_encoder
from tests.export.common import disturbed, normal, overriding, relative


def test_without_pytorch_the_cure_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match="to_torch_module: PyTorch is not installed: pip install torch"):
        to_torch_module(dense_autoencoder([6, 3]))


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def difference(torch, layer, x):
    """How much the module differs from the layer on x."""
    module = to_torch_module(layer, x.shape[1:])
    assert list(module.state_dict()) == list(to_torch(layer)) and not module.training
    with torch.no_grad():
        return relative(module(torch.from_numpy(x)).numpy(), layer(x))


KERNELS, STRIDES = [1, 2, 3, 4, 5, (2, 3)], [1, 2, 3, (1, 2)]
CASES = list(itertools.product(KERNELS, STRIDES, ("same", "valid"), ((7, 8), (6, 5))))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("kind", [Conv2D, ConvTranspose2D])
def test_convolutions(torch, kind):
    for kernel, stride, padding, size in CASES:
        layer = disturbed(kind(2, 3, kernel, stride, padding, "relu"))
        assert difference(torch, layer, normal(3, 2, *size)) <= 1e-6, (kernel, stride, padding, size)


@pytest.mark.parametrize("kind", [MaxPool2D, AveragePool2D])
def test_pooling(torch, kind):
    refused = []
    for kernel, stride, padding, size in CASES:
        layer, x = kind(kernel, stride, padding), normal(3, 2, *size) - 3
        try:
            module = to_torch_module(layer, x.shape[1:])
        except ValueError as error:
            assert "no pooling with an even window, stride 1 and padding" in str(error)
            refused.append((kernel, stride))
            continue
        assert relative(module(torch.from_numpy(x)).numpy(), layer(x)) <= 1e-6, (kernel, stride, padding, size)
    assert set(refused) == {(2, 1), (4, 1), ((2, 3), 1), (2, (1, 2)), (4, (1, 2)), ((2, 3), (1, 2))}


LEAKY = LeakyReLU(0.2)
ENCODER = Dense(6, 4, "sigmoid")
NETWORKS = {
    "smooth": (Sequential(Dense(6, 5, "silu"), Dense(5, 4, "softplus"), Dense(4, 3, "elu")), (6,)),
    "tied": (Sequential(ENCODER, TiedDense(ENCODER, "tanh")), (6,)),
    "noise": (Sequential(GaussianNoise(1.0), Dense(6, 5), BatchNorm(5), Dropout(0.5), Dense(5, 2)), (6,)),
    "encoder": (conv_encoder([4, 6], [7, 3], activation=LEAKY, normalised=True), (1, 28, 28)),
    "decoder": (conv_decoder(5, [8, 4], activation="elu", normalised=True), (5,)),
    "decoder, upsampling": (conv_decoder(5, [8, 4], transposed=False), (5,)),
    "upsampling": (Sequential(Upsample2D((2, 3)), Flatten(), Dense(72, 2), Reshape((1, 1, 2))), (1, 3, 4)),
}


@pytest.mark.parametrize("dtype, bound", [("float32", 1e-6), ("float64", 1e-14)])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(torch, name, dtype, bound):
    network, shape = NETWORKS[name]
    assert difference(torch, disturbed(network, dtype), normal(4, *shape, dtype=dtype)) <= bound


def test_models(torch):
    model = disturbed(convolutional_autoencoder([4, 2], image_shape=(1, 8, 8), transposed=True, seed=None))
    assert difference(torch, model, normal(3, 1, 8, 8)) <= 1e-6
    assert difference(torch, disturbed(Classifier(Dense(6, 3), 3, seed=None)), normal(3, 6)) <= 1e-6
    model = dense_autoencoder([6, 3], "relu")
    fit(model, normal(40, 6) > 0, epochs=1, progress="none")
    module = to_torch_module(model)
    x = (normal(5, 6) > 0).astype("float32")
    assert torch.allclose(torch.sigmoid(module(torch.from_numpy(x))), torch.from_numpy(model.reconstruct(x)), atol=1e-6)
    assert torch.allclose(module.encoder(torch.from_numpy(x)), torch.from_numpy(model.encode(x)), atol=1e-6)
    assert not np.shares_memory(module.encoder[0].weight.detach().numpy(), model.theta.value)


def test_other_models_are_refused_with_their_networks():
    pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"GAN is more than a chain .*: model\.generator, model\.discriminator\."):
        to_torch_module(GAN(Dense(2, 4), Dense(4, 1), GaussianPrior(2)))
    with pytest.raises(TypeError, match=r"VariationalAutoencoder .* model\.encoder, model\.decoder\."):
        to_torch_module(variational_autoencoder([6, 3]))
    with pytest.raises(ValueError, match="to_torch_module: expected input_shape"):
        to_torch_module(disturbed(Conv2D(1, 2, 3)))
    with pytest.raises(ValueError, match=r"Reshape\(2, 3\): its twin, Unflatten, takes rows, .* layers\.Flatten\(\)"):
        to_torch_module(disturbed(Sequential(Conv2D(1, 1, 1), Reshape((2, 3)))), (1, 3, 2))


def test_a_network_whose_subclass_overrides_forward_is_refused(torch):
    Doubled = overriding(Autoencoder, "Doubled", lambda y: 2 * y)
    Shifted = overriding(Sequential, "Shifted", lambda y: y + 1)

    class Probed(Autoencoder):
        """An autoencoder with a network beside it."""

        def __init__(self, encoder, decoder, probe):
            super().__init__(encoder, decoder, seed=None)
            self.children = (*self.children, ("probe", probe))

    for network in (Doubled(Dense(6, 3), Dense(3, 6)), Shifted(Dense(6, 3)), Sequential(Shifted(Dense(6, 3)))):
        with pytest.raises(TypeError, match="(Doubled|Shifted) has no twin in PyTorch"):
            to_torch_module(network.initialize(seed=0))
    with pytest.raises(TypeError, match=r"Probed is more than a chain .* model\.decoder, model\.probe\."):
        to_torch_module(Probed(Dense(6, 3), Dense(3, 6), Dense(3, 2)).initialize(seed=0))
    with pytest.raises(ValueError, match="to_torch_module: input_shape: expected 1 or more, got -6"):
        to_torch_module(Dense(6, 3).initialize(seed=0), (-6,))


def test_a_network_trained_in_pytorch_comes_back(torch):
    nn = torch.nn
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5, momentum=0.2), nn.ReLU(), nn.Linear(5, 6))
    optimizer, x = torch.optim.Adam(module.parameters(), 0.1), torch.from_numpy(normal(64, 6))
    for _ in range(5):
        loss = ((module(x) - x) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network = disturbed(Sequential(Dense(6, 5), BatchNorm(5), ReLU(), Dense(5, 6)), seed=2)
    for state in (module.state_dict(), dict(module.named_parameters()) | dict(module.named_buffers())):
        assert relative(from_torch(network, state)(x.numpy()), module.eval()(x).detach().numpy()) <= 1e-6
        disturbed(network, seed=2)
    half = {name: tensor.bfloat16() for name, tensor in module.state_dict().items()}
    from_torch(network, half)
    assert np.allclose(network[0].W.value, module[0].weight.detach().numpy().T, rtol=1e-2)


def test_statistics_in_training_are_those_of_pytorch(torch):
    layer = disturbed(BatchNorm(3, momentum=0.3, epsilon=1e-3))
    module = to_torch_module(layer, (3,)).train()
    x = normal(7, 3)
    y, _ = layer.forward(x, training=True)
    assert relative(module(torch.from_numpy(x)).detach().numpy(), y) <= 1e-6
    assert np.allclose(module[0].running_var.numpy(), layer.variance.value, rtol=1e-6)
    assert np.allclose(module[0].running_mean.numpy(), layer.mean.value, atol=1e-6)
