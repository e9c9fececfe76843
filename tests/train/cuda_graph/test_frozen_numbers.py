"""Frozen numbers: a change of any setting of a model, its terms or an optimizer is noticed; what varies is left out."""

import numpy as np
import pytest

from npae import dense_autoencoder, variational_autoencoder
from npae.data import Warp
from npae.losses import SquaredError
from npae.models import frozen
from npae.optim import Adam, Phased
from npae.penalties import L1
from npae.train.cuda_graph.frozen_numbers import FrozenNumbers


def changed_by(act, *roots):
    """What is reported after act(*roots); nothing must be reported before."""
    numbers = FrozenNumbers(*roots)
    assert numbers.changed() is None
    act(*roots)
    return numbers.changed()


def test_settings_of_terms_layers_and_optimizers():
    penalised = dense_autoencoder([8, 4, 2], penalties=[L1(0.1)])
    variational = variational_autoencoder([8, 4, 2])
    assert changed_by(lambda m: setattr(m.penalties[0], "strength", 0.2), penalised) == "strength of L1"
    assert changed_by(lambda m: setattr(m.kl, "strength", 0.5), variational) == "strength of GaussianKL"
    assert changed_by(lambda o: setattr(o, "beta1", 0.8), Adam()) == "beta1 of Adam"
    assert changed_by(lambda m, o: setattr(o, "eps", 1e-3), penalised, Adam()) == "eps of Adam"
    assert changed_by(lambda a: setattr(a, "std", 0.1), Warp(0.06)) == "std of Warp"


def test_a_layer_that_is_frozen_or_thawed():
    model = dense_autoencoder([8, 2])
    with frozen(model.encoder):
        numbers = FrozenNumbers(model)
        assert numbers.changed() is None
    assert numbers.changed() == "trainable of Parameter"


def test_what_every_step_is_given_may_change():
    for optimizer in (Adam(), Phased({"one": Adam(), "two": Adam(0.1)})):
        numbers = FrozenNumbers(*optimizer.parts)
        optimizer.lr, optimizer.t = 0.5, 7
        assert numbers.changed() is None


@pytest.mark.parametrize(
    "act", [lambda w: w.append(1.0), lambda w: w.__setitem__(0, 3.0), lambda w: w.pop()], ids=["more", "other", "fewer"]
)
def test_lists_of_numbers(act):
    term = L1(0.1)
    term.weights = [1.0, 2.0]
    assert changed_by(lambda t: act(t.weights), term) in ("the contents of L1", "0 of L1")


def test_numbers_of_numpy_and_names_that_only_optimizers_leave_out():
    term = L1(0.1)
    term.strength = np.float32(0.1)
    assert changed_by(lambda t: setattr(t, "strength", np.float32(0.2)), term) == "strength of L1"
    term.t = 1.0
    assert changed_by(lambda t: setattr(t, "t", 2.0), term) == "t of L1"


def test_parts_that_are_replaced_added_or_removed():
    model = dense_autoencoder([8, 4, 2], penalties=[L1(0.1)])
    assert changed_by(lambda m: setattr(m, "loss", SquaredError()), model) == "loss of Autoencoder"
    assert changed_by(lambda m: setattr(m, "penalties", (*m.penalties, L1(0.5))), model) == "penalties of Autoencoder"
    term = L1(0.1)
    term.parts = [L1(0.2)]
    assert changed_by(lambda t: t.parts.append(L1(0.3)), term) == "the contents of L1"
    assert changed_by(lambda t: t.parts.__setitem__(0, L1(0.2)), term) == "0 of L1"
    assert changed_by(lambda t: delattr(t, "parts"), term) == "parts of L1"


def test_an_attribute_of_another_object():
    numbers = FrozenNumbers()
    owner = Phased({"one": Adam()})
    owner.clip_norm = None
    numbers.note(owner, "clip_norm")
    assert numbers.changed() is None
    owner.clip_norm = 1.0
    assert numbers.changed() == "clip_norm of Phased"
