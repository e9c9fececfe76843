"""First weights that fit the data, once and only where they are as drawn; dead units, counted and named."""

import copy

import numpy as np
import pytest

from npae import (
    Autoencoder,
    Classifier,
    convolutional_autoencoder,
    dense_autoencoder,
    fit,
    layers,
    load,
    mnist,
    optim,
    save,
    variational_autoencoder,
)
from npae.backend import maximum, minimum
from npae.data.sources import split
from npae.layers import BatchNorm, Conv2D, Dense, Layer, MaskingNoise, ReLU, Sequential, Sigmoid, TopK
from npae.models import data_dependent_init
from npae.models.phases import frozen
from npae.train import Callback, Checkpoint, DeadUnitWarning, EarlyStopping, prepare, resume_run, save_run
from tests.devices import each_gpu, on
from tests.train.parallel.test_process_group import together

RNG = np.random.default_rng(0)
X = RNG.random((50, 6), np.float32)


def network(seed=0, **settings):
    return dense_autoencoder([6, 5, 4, 2], "tanh", seed=seed, **settings)


def started(model, data=X, **settings):
    """θ after training with a learning rate that changes nothing."""
    still = {"epochs": 1, "batch_size": 16, "optimizer": optim.SGD(1e-300), "progress": "none"}
    fit(model, data, **(still | settings))
    return model.theta.value


def initialized(model, data=X):
    return data_dependent_init(model, data).theta.value


# ---------------------------------------------------------------------- are the values those that were drawn?


def test_a_new_network_has_its_first_values():
    assert network().has_first_values and network(seed=3, dtype=np.float64).has_first_values
    assert network().initialize(5).has_first_values, "parameters with values keep them"
    assert Dense(3, 2).initialize().has_first_values


def test_a_copy_another_dtype_and_another_device_keep_them():
    for dtype, other in ((np.float32, np.float64), (np.float64, np.float32)):
        model = network(dtype=dtype)
        assert copy.deepcopy(model).has_first_values
        assert model.astype(other).has_first_values and model.astype(dtype).has_first_values


@each_gpu
def test_they_may_be_on_a_gpu(device):
    with on(device) as place:
        model = network().to(place.name)
        assert model.has_first_values and model.to("cpu").has_first_values and model.to(place.name).has_first_values
        model.encoder[0].b.value[1] = 1
        assert not model.has_first_values and not model.to("cpu").has_first_values


def test_trained_values_are_not(tmp_path):
    model = network()
    fit(model, X, epochs=1, progress="none")
    assert not model.has_first_values and not copy.deepcopy(model).has_first_values
    save(tmp_path / "trained.npz", model)
    save(tmp_path / "new.npz", network())
    assert not load(tmp_path / "trained.npz").has_first_values and not load(tmp_path / "new.npz").has_first_values


@pytest.mark.parametrize("name", ["encoder.0.W", "encoder.2.b", "decoder.2.W"])
def test_values_set_by_hand_are_not(name):
    model = network()
    parameter = dict(model.named_parameters())[name]
    before = parameter.value.copy()
    parameter.value.flat[-1] += 0.001
    assert not model.has_first_values and not model.astype(np.float64).has_first_values
    parameter.value[...] = before
    assert model.has_first_values


def test_a_network_with_a_part_that_had_values_before_is_not():
    encoder = Sequential(Dense(6, 4, "tanh"), Dense(4, 2)).initialize()
    assert not Autoencoder(encoder, Dense(2, 6)).has_first_values
    assert not Autoencoder(Dense(6, 2), Dense(2, 6), seed=None).has_first_values, "it has no values"


# ---------------------------------------------------------------------- data-dependent initialisation by fit


def test_training_begins_with_weights_rescaled_by_the_data():
    expected = initialized(network())
    assert (expected != network().theta.value).any()
    np.testing.assert_array_equal(started(network()), expected)
    np.testing.assert_array_equal(started(network(), data_init=False), network().theta.value)


def test_by_1000_rows_of_a_large_data_set_drawn_by_the_seed():
    x = RNG.random((5000, 6)) * 3 + np.arange(6)
    thetas = [started(network(dtype=np.float64, loss="mse"), x, seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(thetas[0], thetas[1])
    assert np.abs(thetas[0] - thetas[2]).max() > 1e-3 < np.abs(thetas[0] - initialized(network(), x)).max()
    model = network(dtype=np.float64, loss="mse")
    model.theta.assign(thetas[0])
    a = model.encoder[2](model.encoder[1](model.encoder[0](x)))
    np.testing.assert_allclose(a.mean(axis=0), 1, atol=0.15)
    np.testing.assert_allclose(a.std(axis=0), 1, atol=0.15)


def test_it_happens_once():
    model = network()
    first = started(model).copy()
    np.testing.assert_array_equal(started(model, X**2), first)
    trainer = prepare(network(), X, optimizer=optim.SGD(1e-300), progress="none")
    trainer.run(1)
    np.testing.assert_array_equal(trainer.model.theta.value, first)
    trainer.batches.source = X**2
    trainer.run(2)
    np.testing.assert_array_equal(trainer.model.theta.value, first)


def test_prepare_changes_no_weights():
    trainer = prepare(network(), X, progress="none")
    np.testing.assert_array_equal(trainer.model.theta.value, network().theta.value)


def test_weights_that_were_trained_loaded_or_set_stay_as_they_are(tmp_path):
    fit(trained := network(), X, epochs=1, progress="none", data_init=False)
    by_hand = network()
    by_hand.decoder[0].b.value[...] = 0.5
    save(tmp_path / "m.npz", network())
    pretrained = Autoencoder(Sequential(Dense(6, 4, "tanh"), Dense(4, 2)).initialize(), Dense(2, 6))
    for model in (trained, by_hand, load(tmp_path / "m.npz"), pretrained, data_dependent_init(network(), X, 0.0)):
        before = model.theta.value.copy()
        np.testing.assert_array_equal(started(model), before)


def test_frozen_weights_stay_as_they_are():
    model = network()
    with frozen(model.encoder):
        np.testing.assert_array_equal(started(model), network().theta.value)


def test_a_resumed_run_keeps_the_weights_of_its_checkpoint(tmp_path):
    trainer = prepare(network(), X, batch_size=16, progress="none", data_init=False)
    trainer.run(2)
    save_run(trainer, tmp_path / "c.npz")
    for data_init in (True, False):  # which makes no difference now
        other = prepare(network(seed=1), X, batch_size=16, progress="none", data_init=data_init)
        resume_run(other, tmp_path / "c.npz")
        np.testing.assert_array_equal(other.run(2) and other.model.theta.value, trainer.model.theta.value)


def test_a_resumed_run_does_not_begin_again_where_training_has_changed_nothing(tmp_path):
    settings = {"optimizer": optim.SGD(1e-300), "progress": "none"}
    trainer = prepare(network(), X, **settings, data_init=False)
    trainer.run(1)
    save_run(trainer, tmp_path / "c.npz")
    model = network()
    fit(model, X, epochs=2, resume=tmp_path / "c.npz", **settings)
    assert model.has_first_values


def test_epochs_are_looked_at_before_data_and_before_a_checkpoint_is_read(tmp_path):
    trainer = prepare(network(), X, progress="none")
    trainer.run(1)
    save_run(trainer, tmp_path / "c.npz")
    model = network()
    for data in (X, "no data"):
        with pytest.raises(ValueError, match="epochs: expected 1 or more, got 0"):
            fit(model, data, epochs=0, resume=tmp_path / "c.npz")
    assert model.has_first_values


def test_a_run_that_was_resumed_ends_with_the_same_bits(tmp_path):
    thetas = []
    for epochs in ((4,), (2, 4)):
        for seed, until in enumerate(epochs):
            model, path = network(seed), tmp_path / f"{epochs}.npz"
            fit(model, X, epochs=until, progress="none", resume=path if seed else None, callbacks=Checkpoint(path))
        thetas.append(model.theta.value)
    np.testing.assert_array_equal(thetas[0], thetas[1])


class Forked(Layer):
    """x W₁ + tanh(x W₂): two layers that read the same input."""

    def __init__(self, n_in, n_out):
        self.linear, self.curved = Dense(n_in, n_out), Dense(n_in, n_out, "tanh")
        self.children = (("linear", self.linear), ("curved", self.curved))

    def forward(self, x, training=False):
        (a, first), (b, second) = self.linear.forward(x), self.curved.forward(x)
        return a + b, (first, second)

    def backward(self, dy, cache, needs_dx=True):
        parts = [part.backward(dy, kept) for part, kept in zip((self.linear, self.curved), cache, strict=True)]
        return sum(parts)


class Skipping(Sequential):
    """y = x + f(x)."""

    def forward(self, x, training=False):
        y, caches = super().forward(x, training)
        return x + y, caches

    def backward(self, dy, caches, needs_dx=True):
        return dy + super().backward(dy, caches)


class Doubled(Autoencoder):
    def forward(self, x, training=False):
        a, cache = super().forward(x, training)
        return 2 * a, cache


for own in ("Forked", "Skipping", "Doubled"):
    del Layer.registry[own]


@pytest.mark.parametrize("make", [
    lambda: Autoencoder(Forked(6, 2), Dense(2, 6)),
    lambda: Autoencoder(Sequential(Dense(6, 4), Skipping(Dense(4, 4, "tanh")), Dense(4, 2)), Dense(2, 6)),
    lambda: Doubled(Dense(6, 2), Dense(2, 6)),
    lambda: dense_autoencoder([6, 4, 2], batch_norm=True),
    lambda: Autoencoder(Sequential(Dense(6, 4), BatchNorm(4)), Dense(4, 6)),
    lambda: variational_autoencoder([6, 4, 2]),
], ids=["forked", "skipping", "own forward", "batch_norm", "BatchNorm", "variational"])  # fmt: skip
def test_other_models_begin_with_weights_as_drawn(make):
    model = make()
    np.testing.assert_array_equal(started(model), make().theta.value)


def test_classifiers_and_convolutions_begin_with_weights_as_drawn():
    def classifier():
        return Classifier(Sequential(Dense(6, 4, ReLU), Dense(4, 2)), 2)

    images = RNG.random((20, 1, 8, 8), np.float32)
    np.testing.assert_array_equal(started(classifier(), (X, np.arange(50) % 2)), classifier().theta.value)
    np.testing.assert_array_equal(
        started(convolutional_autoencoder([2], (1, 8, 8)), images),
        convolutional_autoencoder([2], (1, 8, 8)).theta.value,
    )


def test_corruption_dropout_and_images_are_no_obstacle():
    for settings in ({"corruption": MaskingNoise(0.3)}, {"dropout": 0.3}, {"tied": True}):
        expected = initialized(network(**settings))
        assert (expected != network(**settings).theta.value).any()
        np.testing.assert_array_equal(started(network(**settings)), expected)
    images = network(image_shape=(2, 3))
    np.testing.assert_array_equal(started(images, X.reshape(50, 2, 3)), initialized(network()))


def test_one_row_has_no_standard_deviation():
    np.testing.assert_array_equal(started(network(), X[:1]), network().theta.value)


def test_only_rows_that_are_trained_on_count():
    _, rows, _ = split(X, 0.2, 3)
    np.testing.assert_array_equal(started(network(), validation=0.2, seed=3), initialized(network(), X[rows]))


def test_with_targets_the_samples_count():
    target = X[:, ::-1].copy()
    np.testing.assert_array_equal(started(network(), target=target), initialized(network()))
    np.testing.assert_array_equal(
        started(network(), target=target, validation=0.2, seed=3), initialized(network(), X[split(X, 0.2, 3)[1]])
    )


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.float64])
def test_rows_are_converted_as_for_a_batch(dtype):
    x = (X * 255).astype(np.uint8) if dtype == np.uint8 else (X > 0.5).astype(dtype)
    expected = initialized(network(), x / np.float32(255) if dtype == np.uint8 else x.astype(np.float32))
    np.testing.assert_allclose(started(network(), x), expected, rtol=1e-5, atol=1e-6)


def test_a_memory_mapped_file_gives_the_same(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(started(network(), mapped), initialized(network()))


def test_nan_in_a_memory_mapped_file_is_found_in_its_row_and_changes_nothing(tmp_path):
    x = X.copy()
    x[37, 2] = np.nan
    np.save(tmp_path / "x.npy", x)
    model = network()
    with pytest.raises(ValueError, match="row 37 contains NaN"):
        started(model, np.load(tmp_path / "x.npy", mmap_mode="r"))
    np.testing.assert_array_equal(model.theta.value, network().theta.value)


def test_nan_outside_of_the_first_batch_leaves_weights_and_activations_as_they_are(tmp_path):
    x = RNG.random((3000, 1500), np.float32)
    model = dense_autoencoder([1500, 3, 2], "tanh")
    before, first = model.theta.value.copy(), next(prepare(model, x, progress="none").batches.rows())
    x[[row for row in range(3000) if row not in first]] = np.nan
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(ValueError, match="contains NaN"):
        fit(model, np.load(tmp_path / "x.npy", mmap_mode="r"), epochs=1, progress="none")
    np.testing.assert_array_equal(model.theta.value, before)
    assert repr(model.encoder[0]) == "Dense(1500 -> 3, Tanh())"


class Raising(Callback):
    def on_start(self, trainer):
        raise OSError("no room")


@pytest.mark.parametrize(("settings", "error"), [
    ({"epochs": 0}, ValueError), ({"epochs": None}, TypeError), ({"progress": "loud"}, ValueError),
    ({"clip_norm": 0}, ValueError), ({"clip_norm": "1"}, TypeError), ({"validation": 1.5}, ValueError),
    ({"validation": X[:, :3]}, ValueError), ({"target": X[:3]}, ValueError), ({"target": X[:, :3]}, ValueError),
    ({"schedule": "cos"}, ValueError), ({"resume": "missing.npz"}, FileNotFoundError),
    ({"callbacks": [Raising()]}, OSError), ({"callbacks": [EarlyStopping(), Raising()]}, OSError),
])  # fmt: skip
def test_a_call_that_raises_changes_no_weights(settings, error):
    model = network(loss="mse")
    with pytest.raises(error):
        started(model, **settings)
    np.testing.assert_array_equal(model.theta.value, network(loss="mse").theta.value)
    assert model.has_first_values


def test_a_checkpoint_that_cannot_be_written_changes_no_weights(tmp_path):
    (tmp_path / "file").write_text("no folder")
    model = network()
    with pytest.raises(OSError):
        started(model, callbacks=[Checkpoint(tmp_path / "file" / "c.npz")])
    np.testing.assert_array_equal(model.theta.value, network().theta.value)


@pytest.mark.parametrize("size", [2, 3])
def test_all_processes_have_the_weights_of_process_0(size):
    def work(group):
        model = network(seed=group.rank)
        if group.rank == 2:
            model.encoder[0].b.value[...] = 1  # what other processes have makes no difference
        return started(model, group=group)

    for theta in together(size, work):
        np.testing.assert_array_equal(theta, initialized(network()))


def test_processes_whose_rounding_differs_begin_with_the_same_bits():
    """As on machines of two kinds. Here the rows of process 1 differ by more than rounding."""

    def work(group):
        trainer = prepare(network(), X, optimizer=optim.SGD(1e-300), group=group, progress="none")
        trainer.batches.source = X * (1 + 0.1 * group.rank)
        trainer.run(1)
        return trainer.model.theta.value

    for theta in together(2, work):
        np.testing.assert_array_equal(theta, initialized(network()))


def test_if_process_0_has_trained_weights_all_keep_them():
    def work(group):
        model = network()
        if group.rank == 0:
            model.theta.value[...] = 0.25
        return started(model, group=group)

    for theta in together(2, work):
        np.testing.assert_array_equal(theta, 0.25)


@each_gpu
@pytest.mark.parametrize("data", [X, (X * 255).astype(np.uint8)], ids=["floats", "uint8"])
def test_a_gpu_gives_the_weights_of_the_cpu(device, data):
    expected = started(network(dtype=np.float64), data, validation=0.2)
    with on(device) as place:
        theta = place.get(started(network(dtype=np.float64).to(place.name), data, validation=0.2))
    np.testing.assert_allclose(theta, expected, rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------------- what it is for


def test_nine_equal_rows_come_back():
    x = np.tile([1.0, 2.0, 3.0], (9, 1))
    for seed in range(10):
        model = dense_autoencoder([3, 3], loss="mse", seed=seed)
        fit(model, x, epochs=300, optimizer=optim.Adam(0.05), schedule="cosine", seed=seed, progress="none")
        np.testing.assert_allclose(model.reconstruct(x), x, atol=1e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_deep_network_with_defaults_does_not_collapse(seed):
    """To the mean image: with weights as drawn it needs many epochs to leave it, or dies there."""
    digits = mnist(which="sample")
    x, v = digits.train_images[:1500].reshape(-1, 784), digits.test_images[:500].reshape(-1, 784)
    mean, p = np.clip(x.mean(axis=0) / 255, 1e-4, 1 - 1e-4), v / 255
    nats_of_the_mean = -(p * np.log(mean) + (1 - p) * np.log(1 - mean)).sum(axis=1).mean()
    model = dense_autoencoder([784, 256, 128, 64, 32, 16, 8, 4], seed=seed)
    history = fit(model, x, validation=v, epochs=3, seed=seed, progress="none")
    assert history["val_loss"][-1] < nats_of_the_mean - 2
    assert (model.encode(v).std(axis=0) > 0.1).all(), "every code unit depends on the image"


# ---------------------------------------------------------------------- dead units


def half_dead(dead=(1,), seed=0):
    """An autoencoder with a ReLU code of 3 units, of which some are negative on all inputs."""
    model = Autoencoder(Sequential(Dense(6, 4, "tanh"), Dense(4, 3, ReLU)), Dense(3, 6), seed=seed)
    model.encoder[1].b.value[...] = 10
    model.encoder[1].b.value[list(dead)] = -100
    return model


def train(model, data=X, **settings):
    return fit(model, data, **({"epochs": 3, "batch_size": 16, "progress": "none"} | settings))


def test_dead_units_are_counted_and_named_once_with_the_cure():
    words = '^2 of the 3 code units are dead: 0 on all of 50 rows .* code_activation="linear".*data_dependent_init'
    with pytest.warns(DeadUnitWarning, match=words) as warned:
        history = train(half_dead(dead=(0, 2)))
    assert history["dead_units"] == [2, 2, 2] and len(warned) == 1
    assert warned[0].filename == __file__, "the line of the call of fit"


def test_of_many_rows_1000_are_looked_at():
    x = np.zeros((3000, 6), np.float32)
    x[RNG.permutation(3000)[:300]] = 1.0
    model = half_dead()
    with pytest.warns(DeadUnitWarning, match="^1 of the 3 code units are dead: 0 on all of 1000 rows"):
        train(model, x, epochs=1)


def test_a_unit_that_is_active_on_one_row_is_alive():
    x = np.zeros((40, 6), np.float32)
    x[7] = 1
    model = Autoencoder(Dense(6, 1, ReLU), Dense(1, 6))
    model.encoder.W.value[...], model.encoder.b.value[...] = 1, -0.5
    assert started(model, x) is not None and prepare(model, x, progress="none").run(1)["dead_units"] == [0]


def test_the_cure_works():
    """Of the warning: a linear code, or first weights with mean 2."""
    model = dense_autoencoder([6, 5, 4, 2], code_activation="relu")
    assert train(data_dependent_init(model, X, mean=2))["dead_units"] == [0, 0, 0]
    assert "dead_units" not in train(dense_autoencoder([6, 5, 4, 2])).columns


@pytest.mark.parametrize("code", [
    "linear", "sigmoid", "tanh", "elu", "leaky_relu", "softplus", "silu", layers.LeakyReLU(0.2),
])  # fmt: skip
def test_other_codes_have_no_such_units(code):
    history = train(dense_autoencoder([6, 4, 2], code_activation=code))
    assert list(history.rows[0]) == ["epoch", "lr", "seconds", "loss", "reconstruction"]


def test_other_models_have_no_such_column():
    assert "dead_units" not in train(variational_autoencoder([6, 4, 2])).columns
    classifier = Classifier(Sequential(Dense(6, 4, ReLU), Dense(4, 2)), 2)
    assert "dead_units" not in train(classifier, (X, np.arange(50) % 2)).columns


def test_an_activation_of_its_own_after_the_last_layer_counts_too():
    model = Autoencoder(Sequential(Dense(6, 3), BatchNorm(3), ReLU()), Dense(3, 6))
    model.encoder[1].beta.value[0] = -100
    with pytest.warns(DeadUnitWarning, match="1 of the 3 code units are dead"):
        assert train(model)["dead_units"] == [1, 1, 1]


def test_of_a_convolutional_code_channels_are_counted():
    images = RNG.random((20, 1, 4, 4), np.float32)
    images[:, :, 0] = 0  # a border that is always black is no dead unit
    model = Autoencoder(Conv2D(1, 3, 3, 1, "same", ReLU), Conv2D(3, 1, 3, 1, "same"))
    model.encoder.b.value[...] = -100 * np.array([0, 1, 0], np.float32).reshape(model.encoder.b.shape)
    with pytest.warns(DeadUnitWarning, match="1 of the 3 code units are dead"):
        assert train(model, images)["dead_units"] == [1, 1, 1]


def test_units_of_a_k_sparse_code_that_are_never_among_the_largest():
    model = Autoencoder(Sequential(Dense(6, 5), TopK(2)), Dense(5, 6))
    model.encoder[0].b.value[...] = [0, -100, 0, 0, -100]
    with pytest.warns(DeadUnitWarning, match="2 of the 5 code units are dead: .*Take a larger k than 2"):
        assert train(model)["dead_units"] == [2, 2, 2]


class Kill(Callback):
    """Makes code unit 0 dead in epoch 2, and its loss a bad one."""

    def on_epoch_end(self, trainer, row):
        if row["epoch"] == 2:
            trainer.model.encoder[1].b.value[0] = -100
        row["loss"] = row["epoch"]


def test_the_weights_that_early_stopping_restores_are_those_that_count():
    history = train(half_dead(dead=()), epochs=4, callbacks=[Kill(), EarlyStopping(patience=2)])
    assert history["dead_units"] == [0, 1, 1]  # and no warning


def test_a_column_that_callbacks_may_read_when_the_epoch_is_done():
    class Read(Callback):
        def on_epoch_done(self, trainer, row):
            assert row["dead_units"] == 1

    with pytest.warns(DeadUnitWarning):
        train(half_dead(), callbacks=Read())


def test_it_changes_nothing_else():
    plain = half_dead(dead=())
    expected = train(plain)
    for trainer in (prepare(half_dead(dead=()), X, batch_size=16, progress="none"),):
        trainer.callbacks.clear()
        assert trainer.run(3)["loss"] == expected["loss"]
        np.testing.assert_array_equal(trainer.model.theta.value, plain.theta.value)


def test_of_several_processes_the_first_one_warns():
    with pytest.warns(DeadUnitWarning) as warned:
        runs = together(2, lambda group: train(half_dead(), group=group))
    assert [run["dead_units"] for run in runs] == [[1, 1, 1], [1, 1, 1]] and len(warned) == 1


@each_gpu
def test_dead_units_are_counted_on_a_gpu(device):
    with on(device) as place, pytest.warns(DeadUnitWarning, match="1 of the 3 code units"):
        history = train(half_dead().to(place.name), validation=0.2)
    assert history["dead_units"] == [1, 1, 1] and all(type(n) is int for n in history["dead_units"])


class Written(Layer):
    """A layer written by a user, whose attribute `activation` is text."""

    activation = "relu"

    def forward(self, x, training=False):
        return np.maximum(x, 0), x > 0

    def backward(self, dy, mask, needs_dx=True):
        return dy * mask


del Layer.registry["Written"]


def test_of_other_layers_nothing_is_known():
    model = Autoencoder(Sequential(Dense(6, 3), Written()), Dense(3, 6))
    assert "dead_units" not in train(model).columns


def test_rectifiers_of_ones_own_are_recognised():
    class Capped(layers.Activation):
        def f(self, a):
            return minimum(maximum(a, 0), 6)

        def derivative(self, a, h):
            return (h > 0) * (h < 6)

    del Layer.registry["Capped"]
    model = Autoencoder(Dense(6, 3, Capped), Dense(3, 6))
    model.encoder.b.value[...] = [1, -100, 1]
    with pytest.warns(DeadUnitWarning, match="1 of the 3"):
        assert train(model)["dead_units"] == [1, 1, 1]


def test_the_line_of_the_run_is_named_for_a_trainer_too():
    with pytest.warns(DeadUnitWarning) as warned:
        prepare(half_dead(), X, progress="none").run(1)
    assert warned[0].filename == __file__


def test_a_sigmoid_code_is_not_rectified():
    model = Autoencoder(Dense(6, 3, Sigmoid), Dense(3, 6))
    model.encoder.b.value[...] = -200  # σ underflows to 0 in float32
    assert "dead_units" not in train(model).columns
