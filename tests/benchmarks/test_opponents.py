"""Opponents: each takes npae's step, with the same J, ∂J/∂θ and θ from the same weights, on a small network."""

from contextlib import nullcontext

import numpy as np
import pytest

from benchmarks import train_step
from benchmarks.opponents import FIRST, floor, ours, pytorch, scikit, xla
from npae.models import convolutional_autoencoder, dense_autoencoder
from tests.devices import each_device, on
from tests.fake_gpu.fake_cupy import fake_cupy

SIZES, BATCH = [784, 16, 8], 32


@pytest.fixture(scope="module", autouse=True)
def nothing_is_compiled():
    """Compiling takes seconds, for the same result."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "compiled_at_once", nullcontext)
        yield


@pytest.fixture(scope="module")
def expected(nothing_is_compiled):
    return ours.NpaeStep(SIZES, BATCH).first_steps()


def test_our_first_steps_by_hand(expected):
    model = dense_autoencoder(SIZES, code_activation="relu", seed=0)
    x = ours.batch_of(BATCH)
    assert expected[0] == pytest.approx(model.evaluate(x)["reconstruction"], rel=1e-5)
    model.backpropagate(x)
    assert np.array_equal(expected[1], model.theta.grad)
    assert expected[2] < expected[0]  # ten steps have reduced J
    step = ours.NpaeStep(SIZES, BATCH)
    for _ in range(FIRST):
        step()
    step.wait()
    assert np.abs(step.model.theta.value).sum(dtype=np.float64) == expected[3]


@each_device
@pytest.mark.parametrize("options", [{}, {"graph": True}, {"tf32": True}])
def test_ours_on_a_gpu(expected, device, options):
    with on(device) as place:
        step = ours.NpaeStep(SIZES, BATCH, device=place.name, **options)
        train_step.validate(step.first_steps(), expected, 100 if options.get("tf32") else 1)
        step.wait()


@pytest.mark.parametrize("options", [{}, {"fused": True}])
def test_pytorch(expected, options):
    pytest.importorskip("torch")
    step = pytorch.TorchStep(SIZES, BATCH, **options)
    train_step.validate(step.first_steps(), expected, 1)
    step.wait()


def test_jax(expected):
    pytest.importorskip("jax")
    step = xla.JaxStep(SIZES, BATCH)
    train_step.validate(step.first_steps(), expected, 1)
    step.wait()


POOLED, TRANSPOSED = {"channels": [4, 3, 2]}, {"channels": [4, 3], "transposed": True}


@pytest.mark.parametrize("package, sizes", [("torch", POOLED), ("torch", TRANSPOSED), ("jax", TRANSPOSED)])
def test_convolutions_of_others(package, sizes):
    pytest.importorskip(package)
    expected = ours.NpaeStep(sizes, 5).first_steps()
    assert len(expected[1]) == convolutional_autoencoder(**sizes).parameter_count
    theirs = {"torch": pytorch.TorchStep, "jax": xla.JaxStep}[package](sizes, 5).first_steps()
    train_step.validate(theirs, expected, 1)
    with pytest.raises(train_step.NotMeasured, match="not the same step"):
        train_step.validate(theirs, ours.NpaeStep({**sizes, "seed": 1}, 5).first_steps(), 1)


@each_device
@pytest.mark.parametrize("options", [{}, {"graph": True}])
def test_our_convolutions_on_a_gpu(device, options):
    expected = ours.NpaeStep(TRANSPOSED, 5).first_steps()
    with on(device) as place:
        train_step.validate(ours.NpaeStep(TRANSPOSED, 5, device=place.name, **options).first_steps(), expected, 1)


def test_scikit_learn(monkeypatch):
    pytest.importorskip("sklearn")
    for module in (ours, scikit):
        monkeypatch.setattr(module, "EPOCH_ROWS", 2 * BATCH)
    epoch, ours_epoch = (kind(SIZES, BATCH) for kind in (scikit.ScikitEpoch, ours.NpaeEpoch))
    assert epoch.steps == ours_epoch.steps == 2
    train_step.validate(epoch.first_steps(), ours_epoch.first_steps(), 1)
    before, theta = epoch.network.loss_, ours_epoch.model.theta.value.copy()
    epoch()
    ours_epoch()
    assert epoch.network.loss_ != before and ours_epoch.epoch == 1
    assert not np.array_equal(theta, ours_epoch.model.theta.value)


@each_device
@pytest.mark.parametrize("graph", [False, True])
def test_the_products_alone_are_the_steps(device, graph):
    with on(device) as place:
        graph = graph and place.name == "gpu"
        step = floor.MatmulStep([6, 4, 2], 3, device=place.name, graph=graph)
        for y in step.y:
            y[...] = 0  # a capture has run the products once
        step()
        step.wait()
        if place.is_fake and graph:
            with fake_cupy.count() as counted:
                step()
            assert counted.kernels == 1, "the products are one launch"
        h, y, W, dW = ([place.get(a) for a in arrays] for arrays in (step.h, step.y, step.W, step.dW))
    assert [a.shape for a in W] == [(6, 4), (4, 2), (2, 4), (4, 6)]
    assert np.allclose(y[4], h[3] @ W[3])  # forward; backward overwrites the inner layers
    assert all(np.allclose(y[k], h[k + 1] @ W[k].T) for k in (1, 2, 3))
    assert all(np.allclose(dW[k], h[k].T @ h[k + 1]) for k in range(4))


def error_after_two_epochs(*args, **options):
    run = ours.NpaeTraining([784, 4], 5000, "sample", *args, **options)
    run()
    run()
    run.wait()
    assert run.seconds_to_take() > 0
    return run.test_error()


@each_device
@pytest.mark.parametrize("graph", [pytest.param(False, marks=pytest.mark.slow), True])
def test_training_on_a_gpu_learns_what_the_cpu_learns(device, graph):
    with on(device) as place:
        error = error_after_two_epochs(place.name, graph=graph)
    assert error == pytest.approx(error_after_two_epochs(), rel=1e-5)


def test_training_in_pytorch_learns_what_npae_learns():
    pytest.importorskip("torch")
    runs = [kind([784, 8], 2500, "sample") for kind in (ours.NpaeTraining, pytorch.TorchTraining)]
    errors = []
    for run in runs:
        assert run.first_steps() is None
        errors.append([run.test_error()])
        for _ in range(2):
            run()
            run.wait()
            errors[-1].append(run.test_error())
    assert errors[0] == pytest.approx(errors[1], rel=1e-5)
    assert errors[0][0] > errors[0][1] > errors[0][2]
    assert runs[0].trainer.history["loss"][-1] == pytest.approx(runs[1].mean_loss, rel=1e-5)
