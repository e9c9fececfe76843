"""The optimizers of several phases, used as one."""

import pytest

from npae.models import dense_autoencoder
from npae.models.phases import Phase
from npae.optim import SGD, Adam, Constant, Phased, for_phases
from npae.serialization.architecture import build, describe

MODEL = dense_autoencoder([6, 3])
PHASES = (Phase("all", MODEL, None), Phase("code", MODEL.encoder, None))


def test_a_plain_model_keeps_the_optimizer_that_it_is_given():
    adam = Adam()
    assert for_phases(adam, (MODEL,), Constant()) is adam and adam.parts == (adam,)
    with pytest.raises(ValueError, match="one phase, got several"):
        for_phases({"all": adam}, (MODEL,), Constant())


def test_one_optimizer_for_all_phases_is_copied():
    adam = Adam(0.01)
    several = for_phases(adam, PHASES, Constant())
    first, second = several.parts
    assert first is not second and adam not in several.parts and repr(first) == repr(second) == repr(adam)


def test_phases_step_apart_and_are_counted_together():
    several = for_phases({"code": SGD(0.1, momentum=0.9), "all": Adam(0.2)}, PHASES, Constant())
    assert list(several.optimizers) == ["all", "code"] and several.lr == 0.2
    for phase, optimizer in zip(PHASES, several.parts, strict=True):
        phase.theta.zero_grad()
        optimizer.step(phase.theta)
    assert several.t == 1
    sizes = {"all.m": MODEL.parameter_count, "all.v": MODEL.parameter_count, "code.u": MODEL.encoder.parameter_count}
    assert {name: v.size for name, v in several.state.items()} == sizes
    model = type("", (), {"phases": PHASES})
    assert several.state_sizes(model) == sizes
    again = build(describe(several))
    again.t, again.state = several.t, several.state
    assert [o.t for o in again.parts] == [1, 1] and again.state.keys() == several.state.keys()
    assert all(again.state[name] is v for name, v in several.state.items())


def test_rates_change_in_proportion():
    several = Phased({"a": Adam(0.2), "b": Adam(0.01)})
    several.lr = 0.1
    assert [o.lr for o in several.parts] == [0.1, 0.005]
    several.lr = 0.2
    assert [o.lr for o in several.parts] == [0.2, 0.01]


def test_other_names_are_refused():
    with pytest.raises(ValueError, match="one for each phase, all, code, got all, decoder"):
        for_phases({"all": Adam(), "decoder": Adam()}, PHASES, Constant())
    with pytest.raises(ValueError, match="one for each phase, all, code, got code"):
        for_phases(Phased({"code": Adam()}), PHASES, Constant())
    with pytest.raises(ValueError, match="got none"):
        Phased({})
    with pytest.raises(ValueError, match="one for each phase, all, code, got none"):
        for_phases({}, PHASES, Constant())


def test_what_is_not_an_optimizer_is_named():
    with pytest.raises(TypeError, match=r"Phased, phase 'code': expected an optimizer such as Adam\(\) .*, got None"):
        for_phases({"all": Adam(), "code": None}, PHASES, Constant())
    for phases in (PHASES, (MODEL,)):
        with pytest.raises(TypeError, match=r'optimizer: expected an optimizer such as Adam\(\) or "adam", got 0.1\.'):
            for_phases(0.1, phases, Constant())
        with pytest.raises(TypeError, match="optimizer: expected an optimizer such as .*, got <class .*Constant'>"):
            for_phases(Constant, phases, Constant())
        with pytest.raises(ValueError, match="optimizer: unknown optimizer 'adm'. Expected one of adam, "):
            for_phases("adm", phases, Constant())


@pytest.mark.parametrize("adam", ["adam", "Adam", Adam, Adam(), lambda: Adam()])
def test_a_name_a_class_an_instance_or_a_function(adam):
    assert isinstance(for_phases(adam, (MODEL,), Constant()), Adam)
    several = for_phases(adam, PHASES, Constant())
    assert [type(o) for o in several.parts] == [Adam, Adam] and several.parts[0] is not several.parts[1]


def test_several_optimizers_within_several_are_refused():
    inner = Phased({"a": SGD()})
    with pytest.raises(TypeError, match="Phased, phase 'b': expected one optimizer, got several. Name all in one"):
        Phased({"a": SGD(), "b": inner})


def test_the_means_of_squares_are_named_by_phase():
    assert Phased({"a": SGD(momentum=0.9), "b": Adam()}).squares == ("b.v",)
