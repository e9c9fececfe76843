"""The same autoencoders in PyTorch: the same outputs, the same objective, the same gradient, the same Adam."""

import numpy as np
import pytest

from npae import dense_autoencoder, fit, layers, losses, optim

torch = pytest.importorskip("torch")

X = np.random.default_rng(0).random((17, 12), np.float32)
TORCH = {
    layers.ReLU: torch.nn.ReLU, layers.Tanh: torch.nn.Tanh, layers.Sigmoid: torch.nn.Sigmoid,
    layers.SiLU: torch.nn.SiLU, layers.ELU: torch.nn.ELU, layers.Softplus: torch.nn.Softplus,
    layers.LeakyReLU: torch.nn.LeakyReLU, layers.Identity: torch.nn.Identity,
}  # fmt: skip


def linears(network):
    return [module for module in network if isinstance(module, torch.nn.Linear)]


def dense_layers(model):
    return [*model.encoder, *model.decoder]


def copy_to_torch(model):
    """The network in PyTorch, whose Linear keeps Wᵀ."""
    modules, dtype = [], torch.from_numpy(model.theta.value).dtype
    for layer in (*model.encoder, *model.decoder):
        modules.append(torch.nn.Linear(layer.n_in, layer.n_out, dtype=dtype))
        with torch.no_grad():
            modules[-1].weight.copy_(torch.from_numpy(layer.W.value.T.copy()))
            modules[-1].bias.copy_(torch.from_numpy(layer.b.value))
        modules.append(TORCH[type(layer.activation)]())
    return torch.nn.Sequential(*modules)


def copy_from_torch(network, model):
    for linear, dense in zip(linears(network), dense_layers(model), strict=True):
        dense.W.value[...] = linear.weight.detach().numpy().T
        dense.b.value[...] = linear.bias.detach().numpy()


def objective(network, x, loss):
    a = network(x)
    if isinstance(loss, losses.SquaredError):
        return 0.5 * ((a - x) ** 2).sum() / len(x)
    return torch.nn.functional.binary_cross_entropy_with_logits(a, x, reduction="sum") / len(x)


def gradients(network):
    return np.concatenate([
        g for linear in linears(network) for g in (linear.weight.grad.numpy().T.ravel(), linear.bias.grad.numpy())
    ])  # fmt: skip


@pytest.mark.parametrize("dtype, rtol", [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("loss", [losses.BinaryCrossEntropy(), losses.SquaredError()], ids=repr)
@pytest.mark.parametrize("activation", TORCH, ids=lambda a: a.__name__)
def test_outputs_objective_and_gradient(activation, loss, dtype, rtol):
    model = dense_autoencoder([12, 9, 4], activation, loss=loss, dtype=dtype, seed=3)
    network, x = copy_to_torch(model), X.astype(dtype)
    value = objective(network, torch.from_numpy(x), loss)
    value.backward()
    with model.theta.fresh_grad():
        assert float(model.backpropagate(x)["reconstruction"]) == pytest.approx(value.item(), rel=rtol)
    np.testing.assert_allclose(model(x), network(torch.from_numpy(x)).detach().numpy(), rtol=rtol, atol=rtol)
    claimed, theirs = model.theta.grad, gradients(network)
    assert np.linalg.norm(claimed - theirs) < rtol * np.linalg.norm(theirs)
    np.testing.assert_allclose(claimed, theirs, rtol=rtol, atol=rtol * np.abs(theirs).max())


def test_weights_from_torch_make_the_same_network_here():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(12, 4), torch.nn.Tanh(), torch.nn.Linear(4, 12))
    model = dense_autoencoder([12, 4], code_activation="tanh")
    copy_from_torch(network, model)
    np.testing.assert_allclose(model(X), network(torch.from_numpy(X)).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_whole_run_of_adam():
    model = dense_autoencoder([12, 4], code_activation="tanh", dtype=np.float64)
    network, x = copy_to_torch(model), torch.from_numpy(X.astype(np.float64))
    adam = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(20):
        adam.zero_grad()
        objective(network, x, model.loss).backward()
        adam.step()
    fit(model, X, epochs=20, batch_size=17, optimizer=optim.Adam(0.01), progress="none", data_init=False)
    by_torch = dense_autoencoder([12, 4], code_activation="tanh", dtype=np.float64)
    copy_from_torch(network, by_torch)
    np.testing.assert_allclose(model.theta.value, by_torch.theta.value, rtol=1e-8, atol=1e-10)
