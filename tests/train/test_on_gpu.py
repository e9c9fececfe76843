"""Training on the GPU (a strict fake one where there is no other): the same numbers as the CPU, and no waiting."""

import gc

import numpy as np
import pytest

from npae import dense_autoencoder, fit, load, save
from npae.backend import gpu_module
from npae.layers import ELU, ReLU
from npae.losses import BinaryCrossEntropy, SquaredError
from npae.models import data_dependent_init
from npae.optim import SGD, Adam, AdamW, Cosine
from npae.train import Checkpoint, EarlyStopping, prepare
from npae.train.epoch_means import EpochMeans
from tests.devices import each_gpu, on, with_fake
from tests.fake_gpu.fake_cupy import fake_cupy

X = np.random.default_rng(0).integers(0, 256, (150, 20), dtype=np.uint8)


@each_gpu
@pytest.mark.parametrize(
    ("loss", "data"), [(BinaryCrossEntropy(), X), (SquaredError(), X / 100.0)], ids=["uint8", "floats"]
)
def test_training_gives_the_numbers_of_the_cpu(device, loss, data):
    def run(where):
        model = dense_autoencoder([20, 12, 5], ELU, loss=loss, seed=1, dtype="float64").to(where)
        history = fit(
            model, data, validation=data[:40], epochs=3, batch_size=32, optimizer=Adam(0.01), schedule=Cosine(3),
            clip_norm=5.0, callbacks=[EarlyStopping()], progress="none", seed=4,
        )  # fmt: skip
        return history, model.to("cpu").theta.value

    with on(device) as place:
        (history, theta), (history_cpu, theta_cpu) = run(place.name), run("cpu")
    np.testing.assert_allclose(theta, theta_cpu, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(history["loss"], history_cpu["loss"], rtol=1e-10)
    np.testing.assert_allclose(history["val_loss"], history_cpu["val_loss"], rtol=1e-10)


OPTIMIZERS = {
    "sgd": SGD, "momentum": lambda: SGD(momentum=0.9), "nesterov": lambda: SGD(momentum=0.9, nesterov=True),
    "adam": Adam, "adamw": AdamW,
}  # fmt: skip
# Launches of a step of four Dense layers and three ReLUs: a batch of bytes is taken (1), forward are 4 products and 4
# sweeps with a bias, backward 11 products and 3 sweeps; clipping (7), the optimizer (1), the loss (5 or 3).
LAUNCHES = {BinaryCrossEntropy: 1 + 8 + 14 + 7 + 1 + 5, SquaredError: 1 + 8 + 14 + 7 + 1 + 3}


def steps(loss, optimizer, clip_norm, data=X):
    """(a function that takes one step, its Trainer), after an epoch and its validation."""
    model = data_dependent_init(dense_autoencoder([20, 12, 5], ReLU, loss=loss), X).to("gpu")
    settings = {"batch_size": 50, "optimizer": optimizer, "clip_norm": clip_norm, "progress": "none"}
    trainer = prepare(model, data, validation=data[:40], **settings)
    trainer.run(1)
    rows, sums = next(trainer.batches.rows(1)), EpochMeans(1, read_every=1000)
    return lambda: trainer.step(rows, sums.add), trainer


@each_gpu
@pytest.mark.parametrize("clip_norm", [None, 1.0], ids=["", "clipped"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", LAUNCHES, ids=lambda loss: loss.__name__)
def test_a_training_step_neither_waits_nor_uploads_nor_allocates(device, loss, optimizer, clip_norm):
    with on(device) as place:
        step, trainer = steps(loss(), OPTIMIZERS[optimizer](), clip_norm)
        held = trainer.step.arena.nbytes
        with place.no_waiting(), fake_cupy.count() as counted:
            step()
        assert trainer.step.arena.nbytes == held > 0
        if place.is_fake:
            assert 0 < counted.kernels <= LAUNCHES[loss], "more launches than a step needs"


@with_fake
@pytest.mark.parametrize("loss", LAUNCHES, ids=lambda loss: loss.__name__)
def test_what_a_step_allocates_are_numbers(loss):
    """J and the norm, and what they are made of, are arrays of one number; all else is the arena's."""
    with on("fake"):
        step, _ = steps(loss(), Adam(), 1.0)
        pool = fake_cupy.cuda.MemoryPool()
        with fake_cupy.cuda.using_allocator(pool.malloc), fake_cupy.count() as counted:
            step()
        assert 0 < counted.allocations <= 10
        assert pool.total_bytes() <= 4 * counted.allocations


@each_gpu
@pytest.mark.parametrize("data", [X, X / np.float32(255)], ids=["uint8", "floats"])
def test_memory_does_not_grow_with_steps(device, data):
    with on(device):
        _, trainer = steps(BinaryCrossEntropy(), Adam(), 1.0, data)
        rows, pool = next(trainer.batches.rows(1)), gpu_module().get_default_memory_pool()

        def take(count):
            for _ in range(count):
                trainer.step(rows, lambda terms, size: None)
            return pool.used_bytes(), pool.total_bytes()

        gc.collect()  # arrays of earlier tests would be freed at any step
        assert take(3) == take(20)


@each_gpu
def test_models_and_checkpoints_cross_between_devices(device, tmp_path):
    with on(device) as place:
        model = dense_autoencoder([20, 5], seed=1).to(place.name)
        fit(model, X, epochs=1, batch_size=50, optimizer=SGD(0.01, momentum=0.9), progress="none",
            callbacks=[Checkpoint(tmp_path / "c.npz")])  # fmt: skip
        save(tmp_path / "m.npz", model)
        theta = place.get(model.theta.value)
        on_gpu = load(tmp_path / "m.npz", device=place.name)
        assert type(on_gpu.theta.value) is type(model.theta.value)
        resumed = dense_autoencoder([20, 5], seed=1).to(place.name)
        fit(resumed, X, epochs=2, batch_size=50, optimizer=SGD(0.01, momentum=0.9), progress="none",
            callbacks=[Checkpoint(tmp_path / "c.npz")], resume=tmp_path / "c.npz")  # fmt: skip
        straight = dense_autoencoder([20, 5], seed=1).to(place.name)
        fit(straight, X, epochs=2, batch_size=50, optimizer=SGD(0.01, momentum=0.9), progress="none")
        np.testing.assert_array_equal(place.get(resumed.theta.value), place.get(straight.theta.value))
    np.testing.assert_array_equal(load(tmp_path / "m.npz").theta.value, theta)


@each_gpu
def test_inference_gives_back_arrays_where_they_came_from(device):
    with on(device) as place:
        model = dense_autoencoder([20, 5], seed=1)
        reference = model.reconstruct(X)
        model.to(place.name)
        from_host, from_gpu = model.reconstruct(X, batch_size=40), model.reconstruct(place.put(X), batch_size=40)
        assert isinstance(from_host, np.ndarray) and type(from_gpu) is type(model.theta.value)
        np.testing.assert_allclose(from_host, reference, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(place.get(from_gpu), from_host)


@each_gpu
def test_a_layer_names_both_devices(device):
    with on(device) as place:
        model = dense_autoencoder([20, 5]).to(place.name)
        with pytest.raises(TypeError, match=r'x is on the cpu, the parameters are on the gpu.*network.to\("cpu"\)'):
            model.forward(np.zeros((2, 20), np.float32))
