"""The training loop: its steps, what it reports, when it stops, and what it does not allocate."""

import gc
import re
import textwrap
import tracemalloc

import numpy as np
import pytest

from npae import Autoencoder, dense_autoencoder, fit, gradcheck, layers, load, losses, mnist, optim
from npae.data import Binarize
from npae.data.sources import split
from npae.train import Callback, Checkpoint, Diverged, LearningRateLog, Trainer, prepare, save_run, trainer

RNG = np.random.default_rng(0)
X, V = RNG.random((50, 6), np.float32), RNG.random((20, 6), np.float32)


def run(model=None, data=X, validation=None, *, epochs=3, batch_size=16, progress="none", **arguments):
    model = model or dense_autoencoder([6, 4, 2])
    arguments |= {"epochs": epochs, "batch_size": batch_size, "progress": progress}
    return model, fit(model, data, validation=validation, **arguments)


def theta_after(**arguments):
    return run(**arguments)[0].theta.value


# ---------------------------------------------------------------------- what is learned


def by_hand(model, optimizer, x, epochs, batch_size, seed):
    """Run the lines of the docstring of npae.train.trainer, which are indented there."""
    lines = textwrap.dedent(re.search(r"(?:\n {4}.+)+", trainer.__doc__)[0])
    assert lines.startswith("\nfor epoch in range(epochs):") and "backpropagate" in lines and "step(" in lines
    names = {"model": model, "optimizer": optimizer, "x": x, "epochs": epochs, "batch_size": batch_size, "seed": seed}
    exec(lines, {"np": np} | names)


@pytest.mark.parametrize("make_optimizer", [lambda: optim.SGD(0.1), optim.Adam], ids=["SGD", "Adam"])
def test_the_epochs_of_the_docstring_are_those_of_fit(make_optimizer):
    model, other = dense_autoencoder([6, 4, 2]), dense_autoencoder([6, 4, 2])
    before = model.theta.value.copy()
    run(model, optimizer=make_optimizer(), epochs=2, seed=7, data_init=False)
    by_hand(other, make_optimizer(), X, epochs=2, batch_size=16, seed=7)
    np.testing.assert_array_equal(model.theta.value, other.theta.value)
    assert (model.theta.value != before).any()


def test_what_draws_begins_every_epoch_with_a_stream_of_its_own():
    """The k-th of model.draws with [seed, epoch, k, rank], the batches behind them: any epoch can be repeated."""
    noise, dropout = layers.MaskingNoise(0.3), layers.Dropout(0.2)
    model = Autoencoder(layers.Sequential(noise, layers.Dense(6, 3)), layers.Sequential(dropout, layers.Dense(3, 6)))
    assert model.draws == (noise, dropout)
    one, seeds = prepare(model, X, batch_size=25, seed=7, progress="none", augment=Binarize()), []
    for name, drawing in {"noise": noise, "dropout": dropout, "batches": one.batches}.items():
        drawing.reseed = lambda seed, name=name, reseed=drawing.reseed: (seeds.append((name, seed)), reseed(seed))
    one.run(2)
    in_order = tuple(enumerate(("noise", "dropout", "batches")))
    assert seeds == [(name, [7, epoch, k, 0]) for epoch in (0, 1) for k, name in in_order]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    assert (theta_after(seed=3) == theta_after(seed=3)).all()
    assert (theta_after(seed=3) != theta_after(seed=4)).any()


def test_the_sample_of_mnist_is_learned_and_uint8_equals_float_divided_by_255():
    images = mnist(which="sample").train_images[:512].reshape(-1, 784)
    models = [dense_autoencoder([784, 16]), dense_autoencoder([784, 16])]
    histories = [
        run(m, data, epochs=3, batch_size=64, optimizer=optim.Adam(0.01))[1]
        for m, data in zip(models, (images, images / 255.0), strict=True)
    ]
    assert histories[0]["loss"] == pytest.approx(histories[1]["loss"], rel=1e-4)
    assert histories[0]["loss"][-1] < 0.6 * histories[0]["loss"][0]
    np.testing.assert_allclose(models[0].reconstruct(images), models[1].reconstruct(images / 255.0), atol=1e-3)


@pytest.mark.parametrize("kind", ["lists", "float64", "bool", "fortran", "memory-mapped"])
def test_data_in_any_dress_trains_to_the_same_theta(kind, tmp_path):
    data = (X > 0.5).astype(np.float32)
    np.save(tmp_path / "x.npy", data)
    dressed = {
        "lists": data.tolist(), "float64": data.astype(float), "bool": data > 0, "fortran": np.asfortranarray(data),
        "memory-mapped": np.load(tmp_path / "x.npy", mmap_mode="r"),
    }[kind]  # fmt: skip
    assert (theta_after(data=dressed) == theta_after(data=data)).all()


def test_clip_norm_bounds_the_step():
    before = dense_autoencoder([6, 4, 2]).theta.value
    one_step = {"data_init": False, "epochs": 1, "batch_size": 50, "optimizer": optim.SGD(1.0)}
    assert np.linalg.norm(theta_after(**one_step, clip_norm=0.01) - before) == pytest.approx(0.01, rel=1e-3)
    assert np.linalg.norm(theta_after(**one_step) - before) > 0.1


def test_plateau_is_told_the_validation_loss_and_else_the_training_loss():
    class Told(optim.Plateau):
        def observe(self, loss):
            told.append(loss)

    try:
        for validation, column in ((V, "val_loss"), (None, "loss")):
            told = []
            _, history = run(validation=validation, schedule=Told())
            assert told == history[column]
    finally:
        del optim.Schedule.registry["Told"]


def test_plateau_lowers_the_rate_of_the_steps_after_it():
    log = LearningRateLog()
    frozen = optim.SGD(1e-12)  # nothing improves
    run(epochs=4, optimizer=frozen, schedule=optim.Plateau(patience=1, factor=0.5), callbacks=[log])
    assert log.rates == pytest.approx(np.repeat([1e-12, 1e-12, 5e-13, 2.5e-13], 4))


def test_prepare_returns_the_trainer_that_fit_runs_and_takes_no_step():
    model, adam = dense_autoencoder([6, 4, 2]), optim.Adam()
    before = model.theta.value.copy()
    one = prepare(model, X, validation=V, batch_size=16, optimizer=adam, progress="none")
    assert isinstance(one, Trainer) and one.model is model and one.optimizer is adam
    assert one.epoch == adam.t == len(one.history) == 0 and (model.theta.value == before).all()
    other, history = run(validation=V)
    assert one.run(3)["val_loss"] == history["val_loss"] and (model.theta.value == other.theta.value).all()
    with pytest.raises(ValueError, match="row 3 contains NaN"):
        prepare(model, np.where(np.arange(50)[:, None] == 3, np.float32(np.nan), X))


def test_a_trainer_can_go_on():
    whole, parts = dense_autoencoder([6, 4, 2]), dense_autoencoder([6, 4, 2])
    one = prepare(parts, X, batch_size=16, progress="none")
    one.run(2)
    assert len(one.run(5)) == one.epoch == 5
    run(whole, epochs=5)
    assert (parts.theta.value == whole.theta.value).all()


# ---------------------------------------------------------------------- history and validation


def test_the_columns_of_the_history():
    _, history = run()
    assert list(history.rows[0]) == ["epoch", "lr", "seconds", "loss", "reconstruction"]
    _, history = run(validation=V)
    assert list(history.rows[0])[5:] == ["val_loss", "val_reconstruction"]
    assert history["epoch"] == [1, 2, 3] and all(s > 0 for s in history["seconds"])


def test_the_loss_is_the_mean_over_the_rows_of_the_epoch():
    model = dense_autoencoder([6, 4, 2])
    expected = model.evaluate(X)["reconstruction"]
    _, history = run(model, epochs=1, optimizer=optim.SGD(1e-12), data_init=False)
    assert history["loss"] == history["reconstruction"] == pytest.approx([expected], rel=1e-5)


def test_validation_is_evaluated_after_the_epoch_and_not_trained_on():
    model, history = run(validation=V)
    assert history["val_loss"][-1] == model.evaluate(V)["reconstruction"]
    assert (model.theta.value == theta_after()).all()


def test_validation_may_be_a_fraction_of_the_rows_drawn_by_the_seed():
    for fraction in (0.2, np.float32(0.2)):
        model, history = run(validation=fraction, seed=3)
        _, rows, held_out = split(X, 0.2, 3)
        other, expected = run(data=X[rows], validation=held_out, seed=3)
        assert (model.theta.value == other.theta.value).all() and history["val_loss"] == expected["val_loss"]


def test_a_fraction_is_a_fair_sample_of_sorted_rows():
    x = np.arange(1000.0)[:, None] * np.ones((1, 2))
    _, rows, held_out = split(x, 0.1, 0)
    assert sorted([*rows, *held_out[:, 0].astype(int)]) == list(range(1000)) and len(held_out) == 100
    assert 400 < held_out.mean() < 600 and (np.diff(rows) > 0).all()
    assert (split(x, 0.1, 1)[2] != held_out).any() and (split(x, 0.1, 0)[2] == held_out).all()


@pytest.mark.parametrize("fraction", [0.0, 1.0, 0.001, 0.999, -0.1, 1.5, float("nan"), float("inf")])
def test_a_fraction_that_leaves_nothing_raises(fraction):
    with pytest.raises(ValueError, match="fraction .* leaves nothing to train or to validate on"):
        split(X, fraction, 0)


# ---------------------------------------------------------------------- divergence


def explosive():
    return dense_autoencoder([6, 4, 2], loss=losses.SquaredError()), {"optimizer": optim.SGD(1e3), "epochs": 50}


def test_a_diverged_run_names_epoch_step_and_term_and_keeps_theta_finite_and_the_last_checkpoint(tmp_path):
    model, arguments = explosive()
    fit(model, X, epochs=1, batch_size=16, optimizer=optim.SGD(1e-3), progress="none",
        callbacks=[Checkpoint(tmp_path / "c.npz")])  # fmt: skip
    good = model.theta.value.copy()
    with pytest.raises(Diverged, match=r"term '(val_)?reconstruction' became (inf|nan) in epoch \d+, step \d+"):
        run(model, callbacks=[Checkpoint(tmp_path / "c.npz")], batch_size=50, validation=V, **arguments)
    assert np.isfinite(model.theta.value).all()
    saved = load(tmp_path / "c.npz")
    assert np.isfinite(saved.theta.value).all() and np.isfinite(saved.evaluate(V)["reconstruction"])
    assert saved.theta.value.shape == good.shape


@pytest.mark.filterwarnings("ignore::npae.DataWarning")
def test_the_data_of_a_step_can_make_j_infinite():
    model = dense_autoencoder([6, 4, 2], loss=losses.SquaredError())
    data = X.copy()
    data[33] = 3e38
    before = model.theta.value.copy()
    with pytest.raises(Diverged, match="'reconstruction' became (inf|nan) in epoch 1, step 1"):
        run(model, data, batch_size=50)
    assert (model.theta.value == before).all()


@pytest.mark.filterwarnings("ignore::npae.DataWarning")
def test_validation_data_that_make_j_infinite_stop_training_before_a_checkpoint_is_written(tmp_path):
    model = dense_autoencoder([6, 4, 2], loss=losses.SquaredError())
    with pytest.raises(Diverged, match="'val_reconstruction' became (inf|nan) in epoch 1"):
        run(model, validation=np.full((3, 6), 3e38, np.float32), callbacks=[Checkpoint(tmp_path / "c.npz")])
    assert not (tmp_path / "c.npz").exists()


def test_a_last_step_to_a_theta_that_is_not_finite_is_noticed_before_a_checkpoint_is_written(tmp_path):
    model = dense_autoencoder([6, 4, 2], loss=losses.SquaredError())
    with pytest.raises(Diverged, match="'θ' became NaN or infinite in epoch 1, step 1"):
        run(model, batch_size=50, epochs=1, optimizer=optim.SGD(1e300), callbacks=[Checkpoint(tmp_path / "c.npz")])
    assert not (tmp_path / "c.npz").exists()


def test_a_diverged_run_puts_the_learning_rate_back():
    model, arguments = explosive()
    with pytest.raises(Diverged):
        run(model, schedule=optim.Step(1, 0.9), **arguments)
    assert arguments["optimizer"].lr == 1e3


# ---------------------------------------------------------------------- nothing grows


class Memory(Callback):
    """Bytes that Python and NumPy hold after every epoch, and those of the arena."""

    def __init__(self):
        self.traced, self.arena = [], []

    def on_epoch_end(self, trainer, row):
        gc.collect()  # what is no longer reachable waits for its collection, the longer the more is in memory
        self.traced.append(tracemalloc.get_traced_memory()[0])
        self.arena.append(trainer.step.arena.nbytes)


def test_steps_do_not_grow_memory():
    memory = Memory()
    gc.freeze()  # what other tests have left need not be looked through
    tracemalloc.start()
    try:
        model, data = dense_autoencoder([64, 32, 8]), RNG.random((1000, 64), np.float32)
        run(model, data, epochs=32, batch_size=8, callbacks=[memory])  # Python's free lists of tuples fill first
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    assert len(set(memory.arena)) == 1 and memory.arena[0] > 0
    assert memory.traced[-1] - memory.traced[-9] < 16_000  # 8 rows of the history, 1000 steps


def peak_while_training(data):
    model = dense_autoencoder([data.shape[1], 8])
    tracemalloc.start()
    try:
        run(model, data, epochs=1, batch_size=32)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_size_of_uint8_data_does_not_show_in_memory(tmp_path):
    small, large = np.zeros((512, 1000), np.uint8), np.zeros((3200, 1000), np.uint8)
    peak_while_training(small)  # warm up
    growth = peak_while_training(large) - peak_while_training(small)
    assert growth < 2688 * 40  # an order of 8 bytes a row, and what was looked up; as float32 the rows are 10 MB


def test_a_memory_mapped_file_larger_than_what_is_held(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4000, 1000), np.float32))  # 16 MB
    data = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert peak_while_training(data) < 4_000_000


def test_one_training_step_has_the_gradient_that_finite_differences_measure():
    model = dense_autoencoder([6, 4, 2], activation=layers.Tanh, dtype=np.float64)
    run(model, X.astype(float), epochs=1)
    assert gradcheck.check_model(model, X[:5].astype(float)) < 1e-6


def test_the_default_batch_is_128_rows_or_all_there_are():
    few, many = np.zeros((7, 6), np.uint8), np.zeros((300, 6), np.uint8)
    assert [prepare(dense_autoencoder([6, 3]), x, progress="none").batches.batch_size for x in (few, many)] == [7, 128]


def test_a_run_that_stopped_can_go_on():
    class StopOnce(Callback):
        def on_epoch_end(self, trainer, row):
            if row["epoch"] == 2:
                trainer.stop("enough")

    one = prepare(dense_autoencoder([6, 3]), X, batch_size=16, callbacks=StopOnce(), progress="none")
    assert one.run(5).stopped == "enough" and len(one.history) == 2
    assert one.run(5).stopped is None and len(one.history) == 5


def test_nothing_is_saved_within_a_step(tmp_path):
    class SaveNow(Callback):
        def on_step(self, trainer):
            save_run(trainer, tmp_path / "c.npz")

    with pytest.raises(RuntimeError, match="possible within a step"):
        run(callbacks=[SaveNow()])
    assert not (tmp_path / "c.npz").exists()


def test_what_a_callback_computes_is_its_own():
    """on_step runs outside of the arena: inference there neither grows it nor is overwritten later."""

    class Look(Callback):
        def on_step(self, trainer):
            self.seen = getattr(self, "seen", [])
            self.seen.append(trainer.model(X[:4]))
            self.nbytes = trainer.step.arena.nbytes

    look = Look()
    model, _ = run(callbacks=[look], epochs=1)
    without = prepare(dense_autoencoder([6, 4, 2]), X, batch_size=16, progress="none")
    without.run(1)
    assert look.nbytes == without.step.arena.nbytes
    np.testing.assert_array_equal(look.seen[-1], model(X[:4]))
    assert (look.seen[0] != look.seen[-1]).any()


def test_numpy_numbers_are_learning_rates():
    rate = np.linspace(0.01, 0.1, 3)[0]
    assert (theta_after(optimizer=optim.Adam(rate)) == theta_after(optimizer=optim.Adam(0.01))).all()
