"""Training on the GPU (a strict fake one where there is no other): the same numbers as the CPU, and no waiting."""

import numpy as np
import pytest

from npae import fit, load, mirrored, save
from npae.layers import ELU, ReLU
from npae.losses import CrossEntropy, SquaredError
from npae.models import calibrate
from npae.optim import SGD, Adam, Cosine
from npae.train import Checkpoint, EarlyStopping, Trainer
from npae.train.history import TermSums
from tests.devices import DEVICES, on
from tests.fake_gpu.fake_cupy import fake_cupy

X = np.random.default_rng(0).integers(0, 256, (150, 20), dtype=np.uint8)
each_gpu = pytest.mark.parametrize("device", DEVICES[1:])


@each_gpu
@pytest.mark.parametrize(("loss", "data"), [(CrossEntropy(), X), (SquaredError(), X / 100.0)], ids=["uint8", "floats"])
def test_training_gives_the_numbers_of_the_cpu(device, loss, data):
    def run(where):
        model = mirrored([20, 12, 5], ELU, loss=loss, seed=1, dtype="float64").to(where)
        history = fit(model, data, data[:40], epochs=3, batch_size=32, optimizer=Adam(0.01), schedule=Cosine(3),
                      clip_norm=5.0, callbacks=[EarlyStopping()], progress="none", seed=4)  # fmt: skip
        return history, model.to("cpu").theta.value

    with on(device) as place:
        (history, theta), (history_cpu, theta_cpu) = run(place.name), run("cpu")
    np.testing.assert_allclose(theta, theta_cpu, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(history["loss"], history_cpu["loss"], rtol=1e-10)
    np.testing.assert_allclose(history["val_loss"], history_cpu["val_loss"], rtol=1e-10)


@each_gpu
def test_a_training_step_neither_waits_nor_uploads_nor_allocates(device):
    with on(device) as place:
        model = calibrate(mirrored([20, 12, 5], ReLU), X).to(place.name)
        trainer = Trainer(model, X, batch_size=50, optimizer=Adam(), clip_norm=1.0, progress="none")
        trainer.run(1)
        rows, sums = next(trainer.batches.rows(1)), TermSums(1)
        held = trainer._step.arena.nbytes
        with place.no_waiting(), fake_cupy.count() as counted:
            trainer._step(rows, sums.add)
        assert trainer._step.arena.nbytes == held > 0
        assert counted.kernels < 60, f"{counted.kernels} launches in a step of a network with four Dense layers"


@each_gpu
def test_models_and_checkpoints_cross_between_devices(device, tmp_path):
    with on(device) as place:
        model = mirrored([20, 5], seed=1).to(place.name)
        fit(model, X, epochs=1, batch_size=50, optimizer=SGD(0.01, momentum=0.9), progress="none",
            callbacks=[Checkpoint(tmp_path / "c.npz")])  # fmt: skip
        save(tmp_path / "m.npz", model)
        theta = place.get(model.theta.value)
        on_gpu = load(tmp_path / "m.npz", device=place.name)
        assert type(on_gpu.theta.value) is type(model.theta.value)
        resumed = mirrored([20, 5], seed=1).to(place.name)
        fit(resumed, X, epochs=2, batch_size=50, optimizer=SGD(0.01, momentum=0.9), progress="none",
            callbacks=[Checkpoint(tmp_path / "c.npz")], resume=tmp_path / "c.npz")  # fmt: skip
        straight = mirrored([20, 5], seed=1).to(place.name)
        fit(straight, X, epochs=2, batch_size=50, optimizer=SGD(0.01, momentum=0.9), progress="none")
        np.testing.assert_array_equal(place.get(resumed.theta.value), place.get(straight.theta.value))
    np.testing.assert_array_equal(load(tmp_path / "m.npz").theta.value, theta)


@each_gpu
def test_inference_gives_back_arrays_where_they_came_from(device):
    with on(device) as place:
        model = mirrored([20, 5], seed=1)
        reference = model.reconstruct(X)
        model.to(place.name)
        from_host, from_gpu = model.reconstruct(X, batch_size=40), model.reconstruct(place.put(X), batch_size=40)
        assert isinstance(from_host, np.ndarray) and type(from_gpu) is type(model.theta.value)
        np.testing.assert_allclose(from_host, reference, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(place.get(from_gpu), from_host)


@each_gpu
def test_a_layer_names_both_devices(device):
    with on(device) as place:
        model = mirrored([20, 5]).to(place.name)
        with pytest.raises(TypeError, match=r'x is on the cpu, the parameters are on the gpu.*network.to\("cpu"\)'):
            model.forward(np.zeros((2, 20), np.float32))
