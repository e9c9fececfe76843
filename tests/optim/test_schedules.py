"""Schedules: their values at times that can be worked out by hand, their state, their errors."""

import json

import pytest

from npae.optim import Constant, Cosine, Plateau, Step, WarmUp
from npae.serialization.architecture import build, describe


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Constant(), {0: 1, 17.5: 1}),
        (Step(10, 0.1), {0: 1, 9.99: 1, 10: 0.1, 25: 0.01}),
        (Cosine(10), {0: 1, 2.5: 0.5 + 0.5 * 2**-0.5, 5: 0.5, 10: 0, 12: 0}),
        (Cosine(10, end=0.2), {0: 1, 5: 0.6, 10: 0.2, 99: 0.2}),
        (WarmUp(2), {0: 0, 1: 0.5, 2: 1, 50: 1}),
        (WarmUp(2, Cosine(10)), {1: 0.5, 2: 1, 7: 0.5, 12: 0}),
    ],
    ids=repr,
)
def test_values(schedule, values):
    for t, factor in values.items():
        assert schedule.factor(t) == pytest.approx(factor, abs=1e-15)
    again = build(describe(schedule))
    assert [again.factor(t) for t in values] == [schedule.factor(t) for t in values]


def test_plateau_waits_then_shrinks():
    schedule = Plateau(patience=2, factor=0.5)
    factors = []
    for loss in (1.0, 0.9, 0.9, 0.91, 0.8, 0.8, 0.8, 0.8, 0.8):
        schedule.observe(loss)
        factors.append(schedule.factor(0))
    assert factors == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_watches_is_true_of_schedules_that_go_by_the_loss():
    assert Plateau().watches and WarmUp(1, Plateau()).watches
    assert not any(schedule.watches for schedule in (Constant(), Step(5), Cosine(9), WarmUp(1, Cosine(9))))


@pytest.mark.parametrize("make", [lambda: Plateau(patience=1), lambda: WarmUp(1, Plateau(patience=1))])
def test_state_survives_json(make):
    schedule, again = make(), make()
    for loss in (1.0, 1.0):
        schedule.observe(loss)
    again.restore(json.loads(json.dumps(schedule.state())))
    for s in (schedule, again):
        s.observe(1.0)
    assert again.factor(5) == schedule.factor(5) == 0.25


@pytest.mark.parametrize(
    "make",
    [lambda: WarmUp(0), lambda: Step(0), lambda: Step(5, 2), lambda: Cosine(0), lambda: Cosine(5, end=2),
     lambda: Plateau(patience=0), lambda: Plateau(factor=1)],
)  # fmt: skip
def test_impossible_arguments(make):
    with pytest.raises(ValueError, match="expected"):
        make()
