"""Training in phases: steps apart, checkpoints with every optimizer, the same bits, groups, devices, divergence."""

import numpy as np
import pytest

from npae import GAN, AdversarialAutoencoder, dense_autoencoder, fit, save
from npae.backend import draws_in_step
from npae.layers import Dense, Identity, LeakyReLU, Sequential, Sigmoid, Tanh
from npae.models import GaussianPrior, RingPrior
from npae.optim import SGD, Adam, Cosine, Phased, Plateau, WarmUp
from npae.serialization.model_files import ModelFileError, load_all
from npae.train import Callback, Checkpoint, Diverged, EarlyStopping, LearningRateLog, prepare
from npae.train.cuda_graph import CapturedStep
from npae.train.step import Step
from tests.devices import each_gpu, on
from tests.train.parallel.test_process_group import check_that_two_stay_together, together
from tests.train.test_resume import assert_same_bits
from tests.train.test_step import UINT8, check_that_a_step_allocates_no_arrays, check_that_a_step_does_not_wait

RNG = np.random.default_rng(0)
X, Y = RNG.random((50, 6)), RNG.integers(0, 3, 50)


def aae(labelled=True, dtype=np.float64, seed=1):
    autoencoder = dense_autoencoder([6, 5, 2], Tanh, Identity, seed=seed)
    discriminator = Sequential(Dense(2 + 3 * labelled, 4), LeakyReLU(0.2), Dense(4, 1))
    return AdversarialAutoencoder(autoencoder, discriminator, RingPrior(3), labelled, seed, dtype)


def gan(dtype=np.float64, n=6, m=5, seed=1):
    generator = Sequential(Dense(3, m), LeakyReLU(0.2), Dense(m, n), Sigmoid())
    discriminator = Sequential(Dense(n, m), LeakyReLU(0.2), Dense(m, 1))
    return GAN(generator, discriminator, GaussianPrior(3), seed=seed, dtype=dtype)


def rates():
    return {"reconstruction": Adam(0.02), "discriminator": SGD(0.1, momentum=0.9), "generator": Adam(0.005)}


def run(model, epochs=3, **more):
    data = (X, Y) if getattr(model, "labelled", False) else X
    settings = {"batch_size": 16, "seed": 4, "progress": "none", "schedule": Cosine(4)} | more
    return fit(model, data, validation=data, epochs=epochs, **settings)


def test_every_phase_steps_its_own_part_with_its_own_optimizer():
    """Against the same steps written out, phase after phase."""
    model, twin = aae(), aae()
    trainer = prepare(model, (X, Y), batch_size=16, optimizer=rates(), seed=4, progress="none", clip_norm=0.5)
    for m in (model, twin):
        m.sampler.reseed(9)
    optimizers = rates()
    for k, rows in enumerate(trainer.batches.rows(0)):
        trainer.step(rows, lambda terms, size: None)
        with draws_in_step(k):
            for phase in twin.phases:
                with phase.theta.fresh_grad():
                    phase.backpropagate((X[rows], Y[rows]))
                norm = np.sqrt((phase.theta.grad**2).sum())
                phase.theta.grad[...] *= min(1, 0.5 / norm)
                optimizers[phase.name].step(phase.theta)
    np.testing.assert_allclose(model.theta.value, twin.theta.value, rtol=1e-12)
    assert [o.t for o in trainer.optimizer.parts] == [4, 4, 4]


def test_learning_rates_follow_the_schedule_together():
    class Rates(Callback):
        def on_step(self, trainer):
            seen.append([o.lr for o in trainer.optimizer.parts])

    log, seen = LearningRateLog(), []
    trainer = prepare(gan(), X, batch_size=16, optimizer={"generator": Adam(0.1), "discriminator": Adam(0.2)},
                      schedule=Cosine(4), callbacks=[log, Rates()], progress="none")  # fmt: skip
    trainer.run(2)
    np.testing.assert_allclose(seen, [[rate, rate / 2] for rate in log.rates])
    assert log.rates[0] == 0.2 > log.rates[-1] and [o.lr for o in trainer.optimizer.parts] == [0.2, 0.1]


@pytest.mark.parametrize("make", [aae, gan], ids=["aae", "gan"])
def test_what_is_best_has_to_be_said(make, tmp_path):
    """The sum of adversarial losses means nothing: the model with the smallest is not the best."""
    for callback in (EarlyStopping(), Checkpoint(tmp_path / "best.npz", best=True)):
        with pytest.raises(ValueError, match=f"{type(callback).__name__}: expected a column to watch, monitor="):
            run(make(), callbacks=callback)
    assert not list(tmp_path.iterdir())
    stop = EarlyStopping(monitor="val_diversity")
    run(make(), callbacks=stop)
    assert stop.best_epoch in (1, 2, 3)


@pytest.mark.parametrize("schedule", [Plateau(1), WarmUp(1, Plateau(1))], ids=repr)
@pytest.mark.parametrize("make", [aae, gan], ids=["aae", "gan"])
def test_a_schedule_that_goes_by_the_sum_is_refused(make, schedule):
    with pytest.raises(ValueError, match=r"goes by time, such as Cosine, for a model trained in phases: .*Plateau\("):
        prepare(make(), X, schedule=schedule)
    prepare(dense_autoencoder([6, 2]), X, schedule=schedule, progress="none").run(1)


@pytest.mark.parametrize("make", [aae, gan], ids=["aae", "gan"])
def test_a_resumed_run_ends_with_the_same_bits(make, tmp_path):
    optimizer = rates() if make is aae else Adam(0.01, beta1=0.5)
    whole, path = tmp_path / "whole.npz", tmp_path / "parts.npz"
    run(make(), 4, optimizer=optimizer, callbacks=Checkpoint(whole))
    run(make(), 2, optimizer=optimizer, callbacks=Checkpoint(path))
    saved = load_all(path)
    assert isinstance(saved.optimizer, Phased) and saved.optimizer.t == 8
    assert all(vector.any() for vector in saved.optimizer.state.values())
    run(make(seed=7), 4, optimizer=optimizer, callbacks=Checkpoint(path), resume=path)
    assert_same_bits(whole, path)
    with pytest.raises(ValueError, match=r"another run: its optimizer.optimizers.*was 0.0\d+, here it is 0.3"):
        run(make(), 4, optimizer=Adam(0.3), callbacks=Checkpoint(path), resume=path)


def test_a_state_of_the_wrong_size_is_refused(tmp_path):
    trainer = prepare(gan(), X, batch_size=16, progress="none")
    trainer.run(1)
    save(tmp_path / "bad.npz", trainer.model, trainer.optimizer)
    with np.load(tmp_path / "bad.npz") as file:
        arrays = {name: file[name] for name in file}
    np.savez(tmp_path / "bad.npz", **arrays | {"optimizer.discriminator.m": np.zeros(5)})
    with pytest.raises(ModelFileError, match=r"optimizer's discriminator.m is float64 \(5,\)"):
        load_all(tmp_path / "bad.npz")
    trainer.optimizer.parts[0].state["m"] = np.zeros(5)
    with pytest.raises(ModelFileError, match=r"save: .*optimizer's discriminator.m is float64 \(5,\)"):
        save(tmp_path / "bad.npz", trainer.model, trainer.optimizer)


@pytest.mark.parametrize("make", [aae, gan], ids=["aae", "gan"])
def test_a_diverging_adversary_stops_with_its_name_and_leaves_the_checkpoint(make, tmp_path):
    path, wild = tmp_path / "last.npz", rates() if make is aae else {"generator": Adam(), "discriminator": None}
    run(make(np.float32) if make is gan else make(dtype=np.float32), 1, callbacks=Checkpoint(path))
    before = path.read_bytes()
    wild["discriminator"] = SGD(1e30)
    model = make(np.float32) if make is gan else make(dtype=np.float32)
    with pytest.raises(Diverged, match=r"term '(discriminator|generator)' became .* in epoch 1, step \d"):
        run(model, 3, optimizer=wild, schedule=None, callbacks=Checkpoint(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize("make", [aae, gan], ids=["aae", "gan"])
def test_a_phase_that_is_not_finite_is_noticed_before_its_own_step(make):
    """Also one that is not the last: nothing of θ is lost to it."""
    model = make(dtype=np.float32)

    def broken(x, step=model._discriminator_step):
        terms = step(x)
        model.discriminator.theta.grad[...] = np.nan
        return {name: value * np.float32(np.nan) for name, value in terms.items()}

    model._discriminator_step = broken
    with pytest.raises(Diverged, match="term 'discriminator' became nan in epoch 1, step 1"):
        run(model, 1)
    assert np.isfinite(model.theta.value).all()


@each_gpu
@pytest.mark.parametrize("graph", [False, True], ids=["steps", "captured"])
@pytest.mark.parametrize("make", [aae, gan], ids=["aae", "gan"])
def test_a_gpu_gives_the_numbers_of_the_cpu(device, graph, make):
    """With codes drawn on the host: the devices' own random numbers differ."""
    optimizer = rates() if make is aae else Adam(0.01)
    like = np.empty((10, 2 if make is aae else 3))
    data, models = (X, Y) if make is aae else X, []
    with on(device) as place:
        for where in ("cpu", place.name):
            model = make().to(where)
            model.sampler.freeze(model.sampler.draw(like))
            trainer = prepare(model, data, batch_size=10, optimizer=optimizer, seed=4, progress="none",
                              graph=graph and where == "gpu")  # fmt: skip
            trainer.run(3)
            models.append(model)
            if where == "gpu" and graph:
                assert isinstance(trainer.step, CapturedStep) and trainer.step.phases[0][1].t == 15
        here, there = (place.get(model.theta.value) for model in models)
        np.testing.assert_allclose(there, here, rtol=1e-8, atol=1e-11)


@each_gpu
@pytest.mark.parametrize("make", [aae, gan], ids=["aae", "gan"])
def test_a_captured_run_draws_the_noise_of_an_ordinary_one(device, make):
    with on(device) as place:
        thetas = []
        for graph in (False, True):
            model = make().to(place.name)
            trainer = prepare(model, (X, Y) if make is aae else X, batch_size=16, seed=4, progress="none", graph=graph)
            trainer.run(2)
            thetas.append(place.get(model.theta.value))
        assert trainer.step._graph is not None
        np.testing.assert_allclose(*thetas, rtol=1e-7, atol=1e-9)


@each_gpu
@pytest.mark.parametrize("make", [aae, gan], ids=["aae", "gan"])
def test_a_step_neither_waits_nor_uploads(device, make):
    with on(device) as place:
        trainer = prepare(make().to(place.name), (X, Y) if make is aae else X, batch_size=16, progress="none")
        check_that_a_step_does_not_wait(trainer, place)


@pytest.mark.parametrize("kind", ["gan", "aae"])
def test_a_step_allocates_no_arrays(kind):
    if kind == "gan":
        model = gan(np.float32, 100, 60)
    else:
        discriminator = Sequential(Dense(30, 40), LeakyReLU(0.2), Dense(40, 1))
        model = AdversarialAutoencoder(dense_autoencoder([100, 60, 30]), discriminator, GaussianPrior(30))
    trainer = prepare(model, UINT8, batch_size=1024, progress="none")
    check_that_a_step_allocates_no_arrays(trainer.step)


def test_processes_share_every_phase():
    """Without random numbers of their own, two processes end where one does."""

    def one(group=None):
        model = gan()
        data = np.tile(X[:1], (48, 1))  # all rows alike, and one code for all: every share has the same mean
        like = np.empty((16, 3))
        model.prior.codes = lambda stream, like, y=None: np.full(like.shape, 0.3)
        fit(model, data, epochs=3, batch_size=16, group=group, optimizer=Adam(0.02), progress="none")
        return model.theta.value, like

    alone, _ = one()
    for theta, _ in together(2, one):
        np.testing.assert_allclose(theta, alone, rtol=1e-9, atol=1e-12)


def test_processes_that_draw_for_themselves_stay_together():
    def work(group):
        model = aae()
        history = run(model, group=group)
        return model.theta.value, history["val_diversity"]

    check_that_two_stay_together(work, epochs=3)


def test_a_plain_step_is_one_phase():
    model = dense_autoencoder([6, 3])
    trainer = prepare(model, X, progress="none")
    assert type(trainer.step) is Step and trainer.step.phases == ((model, trainer.optimizer),)
