"""The captured step: the numbers of ordinary steps, by one launch, on the strict fake GPU and on a real one.

On a real GPU CuPy and npae.backend.cublas may multiply in another order (their workspaces differ), so there the same
bits are asked of ordinary steps with the same products, and CuPy's numbers to rounding.
"""

import gc
import warnings
from contextlib import nullcontext

import numpy as np
import pytest

from npae import dense_autoencoder, fit, layers, losses, tf32
from npae.backend import Cublas, Stream, gpu_module, use_blas
from npae.backend.cublas import COMPUTE_32F_FAST_TF32
from npae.layers import Dense, Layer, Sequential
from npae.models import Autoencoder
from npae.optim import SGD, Adam, AdamW, Cosine
from npae.train import Callback, Checkpoint, prepare, resume_run
from npae.train.cuda_graph import CapturedStep
from npae.train.parallel.process_group import ProcessGroup
from npae.train.step import Step
from tests.devices import each_gpu, on, with_fake
from tests.fake_gpu import capture
from tests.fake_gpu.fake_cupy import fake_cupy

X = np.random.default_rng(0).integers(0, 256, (110, 20), dtype=np.uint8)
OPTIMIZERS = {
    "sgd": lambda: SGD(0.02),
    "nesterov": lambda: SGD(0.02, momentum=0.9, nesterov=True),
    "adam": lambda: Adam(0.01),
    "adamw": lambda: AdamW(0.01, weight_decay=0.1),
}


class SameProducts(Step):
    """Ordinary steps with the products of captured ones."""

    def __call__(self, rows, on_terms):
        self.blas = getattr(self, "blas", None) or Cublas(gpu_module())
        with use_blas(self.blas.on(gpu_module().cuda.get_current_stream())):
            super().__call__(rows, on_terms)


def trainer(kind, model=None, data=X, optimizer=None, clip_norm=None, **more):
    """A Trainer on the GPU, batches of 32 (the last of 14), with steps of the given kind."""
    model = model or dense_autoencoder([20, 12, 5], seed=1)
    run = prepare(model.to("gpu"), data, batch_size=32, optimizer=optimizer or Adam(0.01), clip_norm=clip_norm,
                  progress="none", seed=4, **more)  # fmt: skip
    run.step = kind(run.model, run.batches, run.optimizer, clip_norm)
    return run


def graph_of(run):
    """The graph that a Trainer's step launches now, None if it has none."""
    return run.step._graph


def theta(run):
    """θ, on the host."""
    return gpu_module().asnumpy(run.model.theta.value)


@each_gpu
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("loss", "data", "dtype", "clip"),
    [
        (losses.BinaryCrossEntropy(), X, "float32", None),
        (losses.BinaryCrossEntropy(), X, "float64", 1.0),
        (losses.SquaredError(), X / 100.0, "float32", 1.0),
    ],
    ids=["uint8", "uint8, float64, clipped", "floats, clipped"],
)
def test_a_run_ends_with_the_bits_of_ordinary_steps(device, loss, data, dtype, clip, optimizer):
    with on(device) as place:

        def run(kind):
            model = dense_autoencoder([20, 12, 5], layers.ELU, loss=loss, seed=1, dtype=dtype)
            one = trainer(kind, model, data, OPTIMIZERS[optimizer](), clip, schedule=Cosine(3))
            return one.run(3)["loss"], theta(one), one

        (losses_, theta_, captured), (same_losses, same_theta, _) = run(CapturedStep), run(SameProducts)
        assert graph_of(captured) is not None and captured.optimizer.t == 12
        assert losses_ == same_losses
        np.testing.assert_array_equal(theta_, same_theta)
        ordinary_losses, ordinary_theta, _ = run(Step)
        tolerance = 0 if place.is_fake else 1e-3
        np.testing.assert_allclose(losses_, ordinary_losses, rtol=tolerance)
        np.testing.assert_allclose(theta_, ordinary_theta, rtol=tolerance, atol=tolerance)


@each_gpu
def test_the_terms_of_every_step_are_its_own(device):
    """They are looked at long after other steps were launched."""

    def terms(kind):
        noted, run = [], trainer(kind)
        for epoch in range(2):
            for rows in run.batches.rows(epoch):
                run.step(rows, lambda *terms: noted.append(terms))
            run.step.read_terms()
        return [(float(t["reconstruction"]), size) for t, size in noted]

    with on(device):
        assert terms(CapturedStep) == terms(SameProducts)
        assert len({value for value, _ in terms(CapturedStep)}) == 8


@each_gpu
def test_a_replay_is_one_launch_and_neither_waits_nor_uploads(device):
    with on(device) as place:
        run = trainer(CapturedStep, clip_norm=1.0)
        rows = list(run.batches.rows(0))
        for _ in range(2):  # the second time the coefficients are known beforehand
            run.step.epoch_starts([run.optimizer.lr] * len(rows))
            run.step(rows[0], lambda *terms: None)
        graph = graph_of(run)
        with place.no_waiting(), fake_cupy.count() as counted:
            run.step(rows[1], lambda *terms: None)
        assert graph_of(run) is graph is not None
        if place.is_fake:
            assert (counted.kernels, counted.allocations) == (1, 0)


@each_gpu
def test_rows_and_learning_rates_that_were_not_expected_cost_a_launch_each(device):
    """Rows out of order or of another array, and another learning rate: the numbers of ordinary steps, no waiting."""

    def run_of(kind, place):
        run = trainer(kind)
        first, second = list(run.batches.rows(0)), list(run.batches.rows(1))
        run.step.epoch_starts([run.optimizer.lr] * 4)
        run.step(first[0], lambda *terms: None)
        for rows in (first[2], second[1], first[1], first[1], place.put(np.arange(32)), first[3], second[0]):
            run.optimizer.lr *= 1.5
            whole = len(rows) == 32  # after the short batch, the terms so far are read
            with place.no_waiting() if whole else nullcontext(), fake_cupy.count() as counted:
                run.step(rows, lambda *terms: None)
            if kind is CapturedStep and whole and place.is_fake:
                assert counted.kernels <= 4  # rows, coefficients, the number of the step, the graph
        return theta(run)

    with on(device) as place:
        np.testing.assert_array_equal(run_of(CapturedStep, place), run_of(SameProducts, place))


@each_gpu
def test_memory_does_not_grow_with_steps(device):
    with on(device):
        run = trainer(CapturedStep, clip_norm=1.0)
        rows = list(run.batches.rows(0))
        pool = gpu_module().get_default_memory_pool()
        for _ in range(3):
            run.step(rows[0], lambda *terms: None)
        gc.collect()  # what other tests have left must not be given back in between
        before = pool.used_bytes(), pool.total_bytes()
        for _ in range(20):
            run.step(rows[1], lambda *terms: None)
        assert (pool.used_bytes(), pool.total_bytes()) == before


@each_gpu
def test_what_the_graph_addresses_outlives_everything_else(device):
    """Other arrays come and go between launches, the frame and its ones are forgotten: the graph's own memory stays."""
    with on(device) as place:
        results = []
        for disturb in (False, True):
            run = trainer(CapturedStep)
            for k, rows in enumerate(run.batches.rows(0)):
                run.step(rows, lambda *terms: None)
                if disturb and k == 0:
                    run.step.arena._frames.clear()
                    gc.collect()
                    others = [place.put(np.full(n, np.nan, "f")) for n in (1, 5, 12, 20, 32, 640) for _ in range(20)]
            results.append(theta(run))
        assert len(others) == 120
        np.testing.assert_array_equal(*results)


class Captures(Callback):
    """Counts the graphs of a run, and calls `act(trainer)` after the first epoch."""

    def __init__(self, act):
        self.act, self.graphs = act, []

    def on_step(self, trainer):
        graph = graph_of(trainer)
        if graph is not None and graph not in self.graphs:
            self.graphs.append(graph)

    def on_epoch_done(self, trainer, row):
        if row["epoch"] == 1:
            self.act(trainer)


def replace_state(trainer):
    """As resume does: equal vectors in other places."""
    trainer.optimizer.state = {name: vector.copy() for name, vector in trainer.optimizer.state.items()}


def move_away_and_back(trainer):
    """θ at another address."""
    trainer.model.to("cpu").to("gpu")


@each_gpu
@pytest.mark.parametrize(
    ("act", "graphs"), [(lambda trainer: None, 1), (replace_state, 2), (move_away_and_back, 2)],
    ids=["nothing", "state", "theta"],
)  # fmt: skip
def test_arrays_in_other_places_are_captured_anew(device, act, graphs):
    with on(device):
        run = trainer(CapturedStep, callbacks=Captures(act))
        run.run(3)
        reference = trainer(SameProducts)
        reference.run(3)
        assert len(run.callbacks[0].graphs) == graphs
        np.testing.assert_array_equal(theta(run), theta(reference))


@with_fake
def test_tf32_is_captured_anew():
    with on("fake"):
        run = trainer(CapturedStep)
        run.run(1)
        calls = run.step._blas._library.fake.compute_types
        assert COMPUTE_32F_FAST_TF32 not in calls
        before, first = len(calls), graph_of(run)
        with tf32():
            run.run(2)
            assert set(calls[before:]) == {COMPUTE_32F_FAST_TF32} and graph_of(run) is not first
        again = graph_of(run)
        run.run(3)
        assert graph_of(run) is not again


@each_gpu
def test_a_resumed_run_ends_with_the_same_bits(device, tmp_path):
    def run(epochs, **more):
        model = dense_autoencoder([20, 12, 5], seed=1).to("gpu")
        fit(model, X, epochs=epochs, batch_size=32, optimizer=Adam(0.01), progress="none", graph=True,
            callbacks=[Checkpoint(tmp_path / "c.npz")], **more)  # fmt: skip
        return gpu_module().asnumpy(model.theta.value)

    with on(device):
        straight = run(3)
        run(1)
        np.testing.assert_array_equal(run(3, resume=tmp_path / "c.npz"), straight)


class Noise(Layer):
    """x + ε, ε drawn on the device into a buffer of the step: what a layer does that can be captured."""

    def __init__(self, seed=7):
        self.drawn, self.stream = {}, Stream(seed)

    def reseed(self, seed):
        self.stream.reseed(seed)

    def forward(self, x, training=False):
        if training:
            self.drawn[len(x)] = noise = self.stream.normal(x)
            x = x + noise
        return x, None

    def backward(self, dy, cache, needs_dx=True):
        return dy


@each_gpu
def test_random_numbers_differ_from_replay_to_replay(device):
    def run(kind):
        noise = Noise()
        model = Autoencoder(Sequential(noise, Dense(20, 5)), Dense(5, 20), losses.SquaredError(), seed=1)
        one, seen = trainer(kind, model, X / 255.0), []
        for epoch in range(2):
            for rows in one.batches.rows(epoch):
                one.step(rows, lambda *terms: None)
                if len(rows) == 32:
                    seen.append(gpu_module().asnumpy(noise.drawn[32]).copy())
        return theta(one), np.array(seen), graph_of(one) if kind is CapturedStep else None

    with on(device):
        (theta_, noise, graph), (same_theta, same_noise, _) = run(CapturedStep), run(SameProducts)
    assert graph is not None
    assert len({round(float(x), 6) for x in noise[:, 0, 0]}) == 6
    np.testing.assert_array_equal(noise, same_noise)
    np.testing.assert_array_equal(theta_, same_theta)


@each_gpu
def test_layers_that_draw_begin_anew_with_every_epoch(device, tmp_path):
    def run(kind, epochs, resume=None, callbacks=()):
        model = Autoencoder(Sequential(Noise(), Dense(20, 5)), Dense(5, 20), losses.SquaredError(), seed=1)
        one = trainer(kind, model, X / 255.0, callbacks=list(callbacks))
        if resume is not None:
            resume_run(one, resume)
        one.run(epochs)
        return theta(one)

    with on(device):
        straight = run(CapturedStep, 3, callbacks=[Checkpoint(tmp_path / "3.npz")])
        np.testing.assert_array_equal(straight, run(SameProducts, 3))
        run(CapturedStep, 1, callbacks=[Checkpoint(tmp_path / "1.npz")])
        resumed = run(CapturedStep, 3, tmp_path / "1.npz", [Checkpoint(tmp_path / "2.npz")])
        np.testing.assert_array_equal(resumed, straight)


class Peeping(Layer):
    """Does what cannot be captured: `look` at x."""

    def __init__(self, look):
        self.look = look

    def forward(self, x, training=False):
        if training:
            self.look(x)
        return x, None

    def backward(self, dy, cache, needs_dx=True):
        return dy


LOOKS = {
    "float": (lambda x: float(x[0, 0]), "is capturing"),
    "product": (lambda x: gpu_module().matmul(x, x.T), "cuBLAS"),
    "waiting": (lambda x: gpu_module().cuda.get_current_stream().synchronize(), "StreamCapture"),
}


@each_gpu
@pytest.mark.parametrize("look", LOOKS)
def test_what_cannot_be_captured_is_said_once_and_done_step_by_step(device, look):
    look, words = LOOKS[look]

    def run(kind):
        model = Autoencoder(Sequential(Peeping(look), Dense(20, 5)), Dense(5, 20), losses.SquaredError(), seed=1)
        one = trainer(kind, model, X / 255.0)
        one.step(next(one.batches.rows(0)), lambda *terms: None)
        one.run(2)
        return one

    with on(device) as place:
        with pytest.warns(match=f"cannot be captured.*{words}.*ordinary steps") as said:
            run_ = run(CapturedStep)
        assert len(said) == 1 and graph_of(run_) is None and run_.optimizer.t == 9
        assert capture.current() is None
        tolerance = 0 if place.is_fake else 1e-3
        np.testing.assert_allclose(theta(run_), theta(run(Step)), rtol=tolerance, atol=tolerance)


@with_fake
def test_without_cublas_steps_are_ordinary(monkeypatch):
    def missing(name):
        raise OSError("libcublas.so.13: cannot open shared object file")

    with on("fake"), monkeypatch.context() as patch:  # undone before `on` ends
        patch.setattr("npae.backend.cublas.load", missing)
        run = trainer(CapturedStep)
        with pytest.warns(match="libcublas.so.13: cannot open.*ordinary steps") as said:
            run.run(2)
        reference = trainer(Step)
        reference.run(2)
        assert len(said) == 1
        np.testing.assert_array_equal(theta(run), theta(reference))


@with_fake
def test_an_error_in_a_capture_that_is_not_cupys_is_raised_and_ends_the_capture():
    streams = []

    def look(x):
        if capture.current() is not None:
            streams.append(gpu_module().cuda.get_current_stream())
            raise KeyboardInterrupt

    with on("fake"):
        model = Autoencoder(Sequential(Peeping(look), Dense(20, 5)), Dense(5, 20), losses.SquaredError(), seed=1)
        run = trainer(CapturedStep, model, X / 255.0)
        with pytest.raises(KeyboardInterrupt):
            run.step(next(run.batches.rows(0)), lambda *terms: None)
        assert capture.current() is None and [stream.is_capturing() for stream in streams] == [False]


def test_several_processes_take_ordinary_steps_only():
    group = ProcessGroup()
    group.size = 2
    with pytest.raises(ValueError, match="graph=True is for one process, got 2: leave out"):
        prepare(dense_autoencoder([20, 5]), X, group=group, graph=True, progress="none")


@with_fake
def test_data_on_the_host_and_models_on_the_cpu_take_ordinary_steps(monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        models = [dense_autoencoder([20, 12, 5], seed=1) for _ in range(2)]
        for model, graph in zip(models, (True, False), strict=True):
            fit(model, X, epochs=1, batch_size=32, progress="none", graph=graph)
        np.testing.assert_array_equal(*(model.theta.value for model in models))
        monkeypatch.setattr("npae.data.minibatches.Minibatches._fits_on_gpu", lambda batches: False)
        with on("fake"):
            run = trainer(CapturedStep)
            run.run(1)
            assert graph_of(run) is None


@each_gpu
def test_fit_captures_where_it_is_asked_to(device):
    class Look(Callback):
        def on_stop(self, trainer):
            self.step = trainer.step

    with on(device):
        look = Look()
        model = dense_autoencoder([20, 5]).to("gpu")
        history = fit(
            model, X, validation=X, epochs=2, batch_size=50, progress="none", graph=True, callbacks=look
        )  # fmt: skip
        assert look.step._graph is not None and len(history["val_loss"]) == 2
