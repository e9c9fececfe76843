"""Killed runs end with the bits of a run that was not killed; a run that does not is noticed."""

import os

import numpy as np
import pytest

from npae import fit
from npae.train import Checkpoint
from tests.fuzz import kills
from tests.fuzz.models import KINDS


@pytest.mark.skipif(os.name == "nt", reason="on Windows (which has no SIGKILL)")
@pytest.mark.slow
def test_a_run_that_is_killed_at_random_moments_ends_with_the_same_bits():
    found, faults = kills.run(2, seed=1, kinds=["batch_norm"])
    assert sum(found.values()) == 2 and not faults


def test_other_bits_are_noticed(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        model, data, settings = KINDS["vae"]()
        fit(model, data, epochs=2, seed=seed, progress="none", callbacks=Checkpoint(tmp_path / name), **settings)
    assert kills.difference(tmp_path / "a.npz", tmp_path / "b.npz") == ""
    assert "theta" in kills.difference(tmp_path / "a.npz", tmp_path / "c.npz")


def test_every_kind_of_model_can_be_trained():
    """And has finite parameters after an epoch."""
    for kind, make in KINDS.items():
        model, data, settings = make()
        fit(model, data, epochs=1, progress="none", **settings)
        assert np.isfinite(model.theta.value).all(), kind
