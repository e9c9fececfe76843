"""Differences of two runs: a phrase each, of bounded length whatever a file holds."""

import pytest

from npae.train.differences import differences, short

LONG = "x" * 5000
LAYER = {"class": "Dense", "config": {"n_in": 6, "n_out": 3}}
IDENTITY = {"architecture": LAYER, "seed": 0, "data": [[5, 6], "uint8", 1]}


@pytest.mark.parametrize("other", [
    {"seed": LONG}, {"data": [[0] * 5000, "uint8", 1]}, {"data": [[5, 6], LONG, 1]},
    {"architecture": [{"class": "Dense", "config": {"n_in": 6, "n_out": n}} for n in range(1, 5000)]},
    {"architecture": {"class": "Dense", "config": {"n_in": 6, "n_out": 3, LONG: 1}}},
], ids=["value", "shape", "dtype", "sizes", "name"])  # fmt: skip
def test_phrases_are_short(other):
    phrases = differences(IDENTITY | other, IDENTITY)
    assert phrases and max(map(len, phrases)) < 300
    assert differences(IDENTITY, IDENTITY) == []


def test_values_are_written_as_in_a_program():
    assert short({"class": "Adam", "config": {"lr": 0.001}}) == "Adam(lr=0.001)"
    assert short("y" * 81) == "y" * 77 + "…"
