"""Data augmentation: the distribution of the variants, new variants in every epoch, the same ones after a resume."""

import numpy as np
import pytest

from npae import dense_autoencoder, fit
from npae.backend import Arena
from npae.data import Augmentation, Binarize, Minibatches, Warp
from npae.optim import SGD
from npae.train import Checkpoint
from tests.devices import each_device, on

GREY = np.random.default_rng(0).random((40, 12)).astype(np.float32)
KINDS = [Binarize, lambda: Warp(0.2, image=(3, 4))]
each_kind = pytest.mark.parametrize("make", KINDS, ids=["Binarize", "Warp"])


@each_device
def test_binarized_pixels_are_1_with_their_grey_value_as_probability(device):
    with on(device) as place:
        grey = np.tile(np.array([0.0, 0.1, 0.5, 0.9, 1.0], np.float32), (20_000, 1))
        x = place.get(Binarize()(place.put(grey)))
    assert x.dtype == np.float32 and set(np.unique(x)) == {0, 1}
    assert (x[:, 0] == 0).all() and (x[:, 4] == 1).all()
    np.testing.assert_allclose(x.mean(axis=0), grey[0], atol=5 * 0.5 / np.sqrt(20_000))


@each_kind
@each_device
def test_a_seed_gives_the_same_sequence_of_variants(make, device):
    with on(device) as place:
        x, augment = place.put(GREY), make()
        augment.reseed([1, 2])
        first, second = place.get(augment(x)).copy(), place.get(augment(x)).copy()
        augment.reseed([1, 2])
        np.testing.assert_array_equal(place.get(augment(x)), first)
        assert (first != second).any()
        np.testing.assert_array_equal(place.get(x), GREY, "an augmentation modifies its input")


@each_kind
def test_bytes_and_lists_are_refused(make):
    with pytest.raises(TypeError, match=r"expected x of float32 or float64, got uint8. Scale it first: x / 255"):
        make()((GREY * 255).astype(np.uint8))
    with pytest.raises(TypeError, match="NumPy or CuPy array, got list"):
        make()(GREY.tolist())


@each_kind
@each_device
def test_a_step_neither_waits_nor_uploads(make, device):
    with on(device) as place:
        x, augment, arena = place.put(GREY), make(), Arena()
        for _ in range(2):
            with arena.frame(len(x)):
                augment(x)
        held = arena.nbytes
        with place.no_waiting(), arena.frame(len(x)):
            augment(x)
        assert arena.nbytes == held


@each_kind
def test_training_batches_are_augmented_with_their_targets_and_validation_is_not(make):
    x = (GREY * 255).astype(np.uint8)
    augment = make()
    batches = Minibatches(x, 10, augment=augment)
    batches.reseed([0, 0])
    taken = batches.take(slice(0, 10)).copy()
    augment.reseed([0, 0])
    np.testing.assert_array_equal(taken, augment(x[:10] * np.float32(1 / 255)))

    model = dense_autoencoder([12, 4])
    fit(model, GREY, validation=GREY, epochs=2, augment=make(), progress="none")
    plain = dense_autoencoder([12, 4])
    fit(plain, GREY, validation=GREY, epochs=2, progress="none")
    assert (model.theta.value != plain.theta.value).any()
    assert model.evaluate(GREY) == model.evaluate(GREY), "validation must not be augmented"


@each_kind
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, make):
    def run(epochs, resume=None, callbacks=(), augment=make):
        model = dense_autoencoder([12, 4])
        fit(model, GREY, epochs=epochs, batch_size=8, optimizer=SGD(0.1), augment=augment(), progress="none",
            callbacks=callbacks, resume=resume)  # fmt: skip
        return model.theta.value

    path = tmp_path / "c.npz"
    run(2, callbacks=[Checkpoint(path)])
    np.testing.assert_array_equal(run(4, resume=path, callbacks=[Checkpoint(path)]), run(4))
    run(2, callbacks=[Checkpoint(path)])
    with pytest.raises(ValueError, match="its augment was"):
        run(4, resume=path, callbacks=[Checkpoint(path)], augment=lambda: Warp(0.5, image=(3, 4)))


def test_an_augmentation_of_your_own_is_a_few_lines():
    class Mirror(Augmentation):
        def __call__(self, x):
            return x[:, ::-1]

    model = dense_autoencoder([12, 4])
    history = fit(model, GREY, epochs=1, augment=Mirror(), progress="none")
    assert np.isfinite(history["loss"][-1]) and repr(Mirror()) == "Mirror()"
