"""Penalties in training: terms of J with names, in files, on the GPU, and without new arrays in a step."""

import copy

import numpy as np
import pytest

from npae import Autoencoder, fit, load, save
from npae.data.minibatches import Minibatches
from npae.layers import Dense, Flatten, Sequential, Sigmoid, Tanh, TopK
from npae.losses import BinaryCrossEntropy, SquaredError
from npae.optim import SGD, Adam
from npae.penalties import L1, Contractive, KLSparsity, Penalty, WeightDecay
from npae.train import prepare
from npae.train.epoch_means import EpochMeans
from npae.train.step import Step
from tests.contract import inputs
from tests.devices import each_device, each_gpu, on
from tests.fake_gpu.fake_cupy import fake_cupy
from tests.train.test_step import UINT8, check_that_a_step_allocates_no_arrays

TERMS = ["sparsity", "l1", "weight_decay", "contraction"]
X = np.random.default_rng(0).integers(0, 256, (150, 20), dtype=np.uint8)


def every_penalty():
    return [KLSparsity(0.5, rho=0.2), L1(0.01), WeightDecay(0.001), Contractive(0.1)]


def model_of(sizes=(20, 8), penalties=(), dtype=np.float32, encoder=None, loss=None):
    """A logistic autoencoder n-m-n."""
    n, m = sizes
    encoder = encoder or Sequential(Dense(n, m, Sigmoid))
    return Autoencoder(encoder, Sequential(Dense(m, n)), loss, seed=1, dtype=dtype, penalties=penalties)


def test_terms_are_in_the_history_under_their_names():
    history = fit(model_of(penalties=every_penalty()), X, validation=X[:40], epochs=2, batch_size=50, progress="none")
    names = ["reconstruction", *TERMS]
    assert history.columns == ["epoch", "lr", "seconds", "loss", *names, "val_loss", *(f"val_{n}" for n in names)]
    for row in history.rows:
        assert row["loss"] == pytest.approx(sum(row[n] for n in names))
        assert row["val_loss"] == pytest.approx(sum(row[f"val_{n}"] for n in names))
        assert min(row[n] for n in names) > 0


@pytest.mark.parametrize(("penalty", "term"), list(zip(every_penalty(), TERMS, strict=True)))
def test_training_with_a_penalty_makes_its_term_smaller(penalty, term):
    strong = copy.deepcopy(penalty)
    strong.strength *= 20
    ends = []
    for penalties in ([strong], []):
        model = model_of(penalties=penalties)
        fit(model, X, epochs=20, batch_size=50, optimizer=Adam(0.02), progress="none", seed=1)
        model.penalties = (penalty,)  # the same measure for both
        ends.append(model.evaluate(X)[term])
    assert ends[0] < 0.7 * ends[1]


def test_two_penalties_of_one_term_are_refused():
    with pytest.raises(ValueError, match="different names, got reconstruction, l1, l1"):
        model_of(penalties=[L1(1), L1(2)])
    with pytest.raises(ValueError, match="different names, got reconstruction, sparsity, sparsity"):
        model_of(penalties=[KLSparsity(1), KLSparsity(1, rho=0.5)])


def test_a_model_file_keeps_the_penalties(tmp_path):
    model = model_of(penalties=every_penalty())
    save(tmp_path / "m.npz", model)
    again = load(tmp_path / "m.npz")
    assert list(map(repr, again.penalties)) == list(map(repr, model.penalties))
    assert [type(p) for p in again.penalties] == [KLSparsity, L1, WeightDecay, Contractive]
    assert again.evaluate(X) == model.evaluate(X)


def test_a_copy_is_evaluated_alike():
    model = model_of(penalties=every_penalty())
    fit(model, X, epochs=1, batch_size=50, progress="none")
    assert copy.deepcopy(model).evaluate(X) == model.evaluate(X)


def test_the_base_has_no_formula_of_its_own():
    with pytest.raises(NotImplementedError):
        Penalty(1).value(None, None, None)
    with pytest.raises(NotImplementedError):
        Penalty(1).value_and_gradient(None, None, None)


# ---------------------------------------------------------------------- devices


@each_gpu
@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), SquaredError()], ids=repr)
def test_the_gpu_gives_the_numbers_of_the_cpu(device, loss):
    def run(where):
        model = model_of(penalties=every_penalty(), dtype=np.float64, loss=loss).to(where)
        history = fit(model, X, validation=X[:40], epochs=2, batch_size=40, optimizer=Adam(0.01), progress="none")
        return history, model.evaluate(X), model.to("cpu").theta.value

    with on(device) as place:
        (history, terms, theta), (history_cpu, terms_cpu, theta_cpu) = run(place.name), run("cpu")
    np.testing.assert_allclose(theta, theta_cpu, rtol=1e-9, atol=1e-12)
    assert terms == {name: pytest.approx(value, rel=1e-9) for name, value in terms_cpu.items()}
    assert list(terms) == ["reconstruction", *TERMS] and all(type(v) is float for v in terms.values())
    for column in history_cpu.columns:
        if column != "seconds":
            np.testing.assert_allclose(history[column], history_cpu[column], rtol=1e-9)


def steps(encoder, penalties, where):
    """A function that takes one training step, after an epoch."""
    model = model_of(penalties=penalties, encoder=encoder).to(where)
    trainer = prepare(model, X, batch_size=50, optimizer=SGD(0.01), progress="none")
    trainer.run(1)
    rows, sums = next(trainer.batches.rows(1)), EpochMeans(1, read_every=1000)
    return lambda: trainer.step(rows, sums.add), trainer


@each_gpu
@pytest.mark.parametrize("encoder", [None, Sequential(Dense(20, 8), TopK(3), Flatten())], ids=["logistic", "k-sparse"])
def test_a_step_neither_waits_nor_uploads(encoder, device):
    with on(device) as place:
        step, trainer = steps(encoder, [L1(0.1)] if encoder else every_penalty(), place.name)
        held = trainer.step.arena.nbytes
        with place.no_waiting():
            step()
        assert trainer.step.arena.nbytes == held > 0


def test_what_a_step_allocates_on_the_gpu_are_numbers():
    with on("fake"):
        step, _ = steps(None, every_penalty(), "gpu")
        pool = fake_cupy.cuda.MemoryPool()
        with fake_cupy.cuda.using_allocator(pool.malloc):
            step()
        assert 0 < pool.total_bytes() <= 4 * 40


@each_gpu
def test_a_captured_step_takes_penalties_along(device):
    def theta(place, graph):
        model = model_of(penalties=every_penalty(), dtype=np.float64).to(place.name)
        fit(model, X, epochs=2, batch_size=50, optimizer=Adam(0.01), graph=graph, progress="none")
        return place.get(model.theta.value)

    with on(device) as place:  # a step that cannot be captured would warn, which is an error here
        np.testing.assert_allclose(theta(place, True), theta(place, False), rtol=1e-9, atol=1e-12)


ENCODERS = {
    "logistic": (lambda: Sequential(Dense(100, 60, Sigmoid)), every_penalty),
    "tanh": (lambda: Sequential(Dense(100, 60, Tanh)), lambda: [Contractive(0.1), WeightDecay(0.01)]),
    "k-sparse": (lambda: Sequential(Dense(100, 60), TopK(5)), lambda: [L1(0.1)]),
}


@pytest.mark.parametrize(("encoder", "penalties"), ENCODERS.values(), ids=ENCODERS)
def test_a_step_allocates_no_arrays(encoder, penalties):
    step = Step(model_of((100, 60), penalties(), encoder=encoder()), Minibatches(UINT8, 1024, seed=0), Adam(), 1.0)
    check_that_a_step_allocates_no_arrays(step)


@each_device
def test_penalties_join_the_gradient_of_the_loss(device):
    """What all of them together add to the loss's gradient is the sum of what each adds alone."""

    def gradient(place, penalties):
        model = model_of(penalties=penalties, dtype=np.float64, loss=SquaredError()).to(place.name)
        with model.theta.fresh_grad():
            model.backpropagate(place.put(inputs((9, 20), 2)))
        return place.get(model.theta.grad).copy()

    with on(device) as place:
        bare = gradient(place, [])
        singles = [gradient(place, [p]) - bare for p in every_penalty()]
        np.testing.assert_allclose(gradient(place, every_penalty()), bare + sum(singles), rtol=1e-9, atol=1e-13)
    assert all(np.abs(g).max() > 1e-6 for g in singles)
