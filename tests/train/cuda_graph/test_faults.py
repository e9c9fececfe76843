"""Captured steps: what a graph must not freeze, outlive or leak, and a cuBLAS that fails in the first step."""

import gc
import warnings

import numpy as np
import pytest

from npae import dense_autoencoder, losses, penalties, variational_autoencoder
from npae.backend import array_module, matmul
from npae.backend.cublas import Cublas, CublasError
from npae.layers import Dense, Layer, Sequential
from npae.models import Autoencoder
from npae.optim import SGD
from npae.train import Callback
from npae.train.cuda_graph import CapturedStep
from npae.train.step import Step
from tests.devices import each_gpu, on, with_fake
from tests.fake_gpu.pools import leaked_bytes
from tests.train.cuda_graph.test_captured_step import SameProducts, graph_of, replace_state, theta, trainer


class AfterSteps(Callback):
    """Calls act(trainer) after the steps with these numbers, counted from 1."""

    def __init__(self, act, steps):
        self.act, self.steps, self.n = act, steps, 0

    def on_step(self, trainer):
        self.n += 1
        if self.n in self.steps:
            self.act(trainer)


def set_momentum(run):
    run.optimizer.momentum -= 0.2


def set_clip_norm(run):
    run.step.clip_norm /= 4


def set_beta(run):
    run.model.kl.strength += 0.4


NUMBERS = {
    "momentum": (set_momentum, lambda: dense_autoencoder([20, 12, 5], seed=1)),
    "clip_norm": (set_clip_norm, lambda: dense_autoencoder([20, 12, 5], seed=1)),
    "weight of the KL divergence": (set_beta, lambda: variational_autoencoder([20, 12, 5], seed=1, beta=0.1)),
}


@each_gpu
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_changes_between_steps_changes_the_captured_step(device, name):
    """Epochs of four steps, the last one too small for the graph: changes within an epoch and at its end."""
    act, model = NUMBERS[name]

    def run(kind, act):
        one = trainer(kind, model(), optimizer=SGD(0.02, momentum=0.9), clip_norm=4.0,
                      callbacks=AfterSteps(act, (2, 8)))  # fmt: skip
        one.run(4)
        return theta(one), one

    with on(device) as place, warnings.catch_warnings():
        warnings.filterwarnings("error", "graph=True")
        captured, last = run(CapturedStep, act)
        same, unchanged = run(SameProducts, act)[0], run(SameProducts, lambda trainer: None)[0]
        assert graph_of(last) is not None
    tolerance = 0 if place.is_fake else 1e-5
    np.testing.assert_allclose(captured, same, rtol=tolerance, atol=tolerance)
    assert abs(captured - unchanged).max() > 1e-4


@with_fake
def test_no_memory_leaks_over_20_captures():
    """A pool that is dropped with free blocks keeps them: see tests/fake_gpu/pools.py."""

    class EveryEpoch(Callback):
        graphs = 0

        def on_epoch_done(self, trainer, row):
            self.graphs += graph_of(trainer) is not None
            replace_state(trainer)

    with on("fake"):
        before, every = leaked_bytes(), EveryEpoch()
        run = trainer(CapturedStep, clip_norm=1.0, callbacks=every)
        run.run(20)
        assert every.graphs == 20
        del run
        gc.collect()
        assert leaked_bytes() == before


@with_fake
def test_a_capture_that_fails_leaks_nothing(monkeypatch):
    from tests.train.cuda_graph.test_captured_step import Peeping

    def look(x):
        (x + 1).sum()
        float(x[0, 0])

    with on("fake"):
        before = leaked_bytes()
        run = trainer(CapturedStep, Autoencoder(Sequential(Peeping(look), Dense(20, 5)), Dense(5, 20), seed=1))
        with pytest.warns(match="cannot be captured"):
            run.run(1)
        del run
        gc.collect()
        assert leaked_bytes() == before


@each_gpu
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_cublas_that_fails_in_the_first_step_leaves_ordinary_steps(device, monkeypatch, batch_norm):
    """As cuBLAS does without memory for its kernels. The step that failed is taken again, once."""
    multiply, products = Cublas.matmul, []

    def fails(*args, **more):
        products.append(None)
        if len(products) == 3:  # after the running statistics of a first layer have moved
            raise CublasError("CUBLAS_STATUS_ALLOC_FAILED")
        return multiply(*args, **more)

    def model():
        return dense_autoencoder([20, 12, 5], seed=1, batch_norm=batch_norm)

    with on(device) as place:
        monkeypatch.setattr(Cublas, "matmul", fails)
        run = trainer(CapturedStep, model())
        with pytest.warns(match="cannot be captured.*ALLOC_FAILED.*ordinary steps") as said:
            run.run(2)
        ordinary = trainer(Step, model())
        ordinary.run(2)
        assert len(said) == 1 and graph_of(run) is None and run.optimizer.t == ordinary.optimizer.t == 8
        tolerance = 0 if place.is_fake else 1e-3
        np.testing.assert_allclose(theta(run), theta(ordinary), rtol=tolerance, atol=tolerance)
        of_run, of_ordinary = (place.get(one.model.statistics.value) for one in (run, ordinary))
        np.testing.assert_allclose(of_run, of_ordinary, rtol=tolerance, atol=tolerance)


@with_fake
def test_a_number_that_changes_at_every_step_ends_the_captures():
    """Each capture would be used once."""
    with on("fake"):
        run = trainer(CapturedStep, optimizer=SGD(0.02, momentum=0.9), callbacks=AfterSteps(set_beta_of_sgd, range(99)))
        with pytest.warns(match="momentum of SGD changes at every step.*ordinary steps") as said:
            run.run(2)
        ordinary = trainer(Step, optimizer=SGD(0.02, momentum=0.9), callbacks=AfterSteps(set_beta_of_sgd, range(99)))
        ordinary.run(2)
        assert len(said) == 1 and graph_of(run) is None
        np.testing.assert_array_equal(theta(run), theta(ordinary))


def set_beta_of_sgd(run):
    run.optimizer.momentum *= 0.99


def set_loss(run):
    run.model.loss = losses.SquaredError()


def add_penalty(run):
    run.model.penalties = (*run.model.penalties, penalties.L1(0.5))


def drop_penalties(run):
    run.model.penalties = ()


@each_gpu
@pytest.mark.parametrize("act", [set_loss, add_penalty, drop_penalties])
def test_a_part_that_is_replaced_changes_the_captured_step_and_its_terms(device, act):
    def run(kind):
        model = dense_autoencoder([20, 12, 5], seed=1, penalties=[penalties.WeightDecay(0.1)])
        one = trainer(kind, model, callbacks=AfterSteps(act, (2,)))
        for _ in range(2):
            means = one.history.begin_epoch(0)
            one.step.epoch_starts([0.01] * 4)
            for rows in one.batches.rows(0):
                one.step(rows, means.add)
                for callback in one.callbacks:
                    callback.on_step(one)
            one.step.read_terms()
        return theta(one), means.means()

    with on(device) as place:
        (captured, terms), (same, same_terms) = run(CapturedStep), run(SameProducts)
    tolerance = 0 if place.is_fake else 1e-5
    np.testing.assert_allclose(captured, same, rtol=tolerance, atol=tolerance)
    assert terms.keys() == same_terms.keys()
    np.testing.assert_allclose(list(terms.values()), list(same_terms.values()), rtol=1e-6)


class Gapped(Layer):
    """A product into every second column of an array, which cuBLAS cannot write."""

    def forward(self, x, training=False):
        y = array_module(x).empty((len(x), 40), x.dtype)[:, ::2]
        matmul(x, array_module(x).eye(20, dtype=x.dtype), out=y)
        return array_module(x).ascontiguousarray(y), None

    def backward(self, dy, cache, needs_dx=True):
        return dy


@with_fake
def test_what_only_cublas_refuses_leaves_ordinary_steps():
    with on("fake"):
        def model():
            return Autoencoder(Sequential(Gapped(), Dense(20, 5)), Dense(5, 20)).initialize(seed=1)

        run, ordinary = trainer(CapturedStep, model()), trainer(Step, model())
        with pytest.warns(match="cannot be captured.*ordinary steps"):
            run.run(2)
        ordinary.run(2)
        assert run.optimizer.t == ordinary.optimizer.t
        np.testing.assert_array_equal(theta(run), theta(ordinary))
