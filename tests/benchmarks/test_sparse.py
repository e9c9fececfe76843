"""The part `sparse`: npae's step and PyTorch's are the same, also with dead units, and are timed in turns."""

import json

import numpy as np
import pytest

from benchmarks import rounds, same_step, sparse
from benchmarks.alternate import NotMeasured
from benchmarks.opponents import ours, roster, sparse_ours, sparse_pytorch
from benchmarks.opponents.roster import Entry
from benchmarks.settings import Settings
from benchmarks.sparse_workload import D, activations, sparse_autoencoder
from npae import SparseAutoencoder
from npae.layers import BatchTopK, TopK
from tests.benchmarks.in_process import InProcess

SMALL = {"n_units": 96}


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch):
    from contextlib import nullcontext

    monkeypatch.setattr(ours, "compiled_at_once", nullcontext)


def test_our_first_steps_by_hand():
    J, gradient, last, total = sparse_ours.NpaeSparse(5, 16, **SMALL).first_steps()
    model, x = sparse_autoencoder(5, 96), activations(16)
    terms = model.backpropagate(x)
    assert J == pytest.approx(sum(float(v) for v in terms.values()), rel=1e-5)
    np.testing.assert_allclose(gradient, model.theta.grad, rtol=1e-4, atol=1e-6)
    assert last < J and total > 0


@pytest.mark.parametrize("kind", ["top_k", "batch_top_k"])
@pytest.mark.parametrize("options", [{}, {"fused": True}, {"sparse": True, "fused": True}])
def test_pytorch_takes_the_same_steps(kind, options):
    pytest.importorskip("torch")
    expected = sparse_ours.NpaeSparse(5, 16, kind=kind, **SMALL).first_steps()
    found = sparse_pytorch.TorchSparse(5, 16, kind=kind, **SMALL, **options).first_steps()
    same_step.validate(found, expected, 10)
    other = sparse_ours.NpaeSparse(6, 16, kind=kind, **SMALL).first_steps()
    with pytest.raises(NotMeasured, match="not the same step"):
        same_step.validate(found, other, 10)


@pytest.mark.parametrize("activation", [TopK(4), BatchTopK(4)])
def test_the_auxiliary_loss_of_dead_units_is_the_same(activation):
    torch = pytest.importorskip("torch")
    model = SparseAutoencoder(D, 96, activation, aux_k=8, dead_after=100)
    model.since_active.value[...] = np.where(np.arange(96) % 3, 0, 100)
    twin, x = sparse_pytorch.TorchSparse(4, 0, model=model), activations(32)
    twin.silent += torch.from_numpy(model.since_active.value.copy())
    terms = model.backpropagate(x)
    assert float(terms["aux"]) > 0
    twin.step(torch.from_numpy(x))
    assert float(twin.value.detach()) == pytest.approx(sum(float(v) for v in terms.values()), rel=1e-5)
    gradient = np.concatenate([p.grad.numpy().ravel() for p in twin.parameters.values()])
    np.testing.assert_allclose(gradient, model.theta.grad, rtol=1e-3, atol=1e-4 * np.abs(model.theta.grad).max())
    assert np.array_equal(twin.silent.numpy(), model.since_active.value)


def test_inference_in_pytorch_is_ours():
    pytest.importorskip("torch")
    model, x = sparse_autoencoder(5, 96), activations(50)
    x_hat, h = sparse_pytorch.TorchSparse(5, 0, model=model).reconstruct(x)
    np.testing.assert_allclose(x_hat, model.reconstruct(x), atol=1e-4)
    np.testing.assert_allclose(h, model.encode(x), atol=1e-4)


def test_synthetic_activations():
    x = activations(300, d=20, seed=1)
    assert x.shape == (300, 20) and x.dtype == np.float32
    assert x.std() == pytest.approx(1, rel=1e-4) and np.abs(x.mean(axis=0)).max() < 1e-4
    assert not np.array_equal(x, activations(300, d=20, seed=2))


class Fast:
    package, milliseconds = "numpy", 1.0

    def __init__(self, k, batch, **options):
        assert (k, batch) in sparse.WORKLOADS.values()

    def first_steps(self):
        return 1.0, np.ones(3), 0.5, 2.0

    def __call__(self):
        pass


class Different(Fast):
    def first_steps(self):
        return 1.1, np.ones(3), 0.5, 2.0


@pytest.mark.slow
def test_contenders_are_validated_timed_and_shown(tmp_path, monkeypatch, capsys):
    entries = {roster.OURS: Entry(Fast), sparse.DENSE: Entry(Fast), sparse.FUSED: Entry(Different)}
    monkeypatch.setattr(sparse, "GROUP", sparse.GROUP._replace(entries=entries))
    monkeypatch.setattr(rounds, "Contender", InProcess)
    monkeypatch.setattr(rounds, "QUICK", rounds.Effort(3, 0.001, 0))
    result = json.loads(json.dumps(sparse.run(Settings(True, ("cpu",), tmp_path))))
    workloads = result["groups"]["cpu_sparse"]["workloads"]
    assert list(workloads) == list(sparse.WORKLOADS)[:1]  # of a quick run
    for numbers in workloads.values():
        assert sparse.DENSE in numbers and sparse.FUSED not in numbers
    assert any("not the same step: its J" in reason for reason in result["not_measured"].values())
    table = sparse.overview(result)
    assert "npae, tokens/s" in table and table.count("\n") == 1 + len(workloads)
    row = next(iter(workloads))
    assert f"| {row} | {256 / workloads[row][roster.OURS]['seconds'][0]:,.0f} |" in table
    assert "npae is" in sparse.verdict(result) and "PyTorch eager" in capsys.readouterr().out
