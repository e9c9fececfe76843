"""The part `epoch`: times in turns, the share of taking batches, training to a given error."""

import json

import pytest

from benchmarks import epoch
from benchmarks.opponents.roster import Entry
from benchmarks.settings import Settings
from benchmarks.to_error import MOST_EPOCHS
from tests.benchmarks.in_process import InProcess


class Training:
    """Replaces a training: its error falls by `falls` per epoch."""

    package, falls = "numpy", 0.1

    def __init__(self, sizes, batch, which, device):
        assert (which, device) == ("sample", "cpu")
        self.epochs = 0

    def first_steps(self):
        pass

    def compile_at_once(self):
        pass

    def __call__(self):
        self.epochs += 1

    def test_error(self):
        return 0.36 - self.falls * self.epochs

    def seconds_to_take(self):
        return 0.0


class Stubborn(Training):
    falls = 0.0


class NoDevice(Training):
    def __init__(self, *args):
        raise RuntimeError("no CUDA in this PyTorch")


@pytest.fixture
def here(monkeypatch):
    monkeypatch.setattr(epoch, "Contender", InProcess)

    def entries(theirs, ours=Training):
        monkeypatch.setattr(epoch, "ENTRIES", {epoch.OURS: Entry(ours), epoch.EAGER: Entry(theirs)})

    return entries


def run(tmp_path, quick=False):
    return json.loads(json.dumps(epoch.run(Settings(quick, ("cpu",), tmp_path))))


def test_a_quick_run_times_the_first_epochs_only(here, tmp_path):
    here(Training)
    measured = run(tmp_path, quick=True)["devices"]["cpu"]
    assert list(measured["epochs"]) == list(epoch.EPOCHS)[: epoch.QUICK] and "to_error" not in measured


def test_a_run(here, tmp_path, capsys):
    here(Stubborn)
    result = run(tmp_path)
    cpu = result["devices"]["cpu"]
    assert result["digits"] == 10_000 and list(cpu["epochs"]) == list(epoch.EPOCHS)
    assert all(set(e["PyTorch eager"]) == {"seconds", "ratio"} for e in cpu["epochs"].values())
    npae, theirs = (cpu["to_error"]["contenders"][name] for name in ("npae", "PyTorch eager"))
    assert npae["errors"] == [0.26, 0.16] and npae["epochs"] == 2 and npae["seconds"] >= 0
    assert theirs["seconds"] is None and theirs["epochs"] == MOST_EPOCHS
    out = capsys.readouterr().out
    assert "not reached" in out and "Not measured: GPU. Not yet run: " in out
    assert "CPU: an epoch of npae is" in epoch.verdict(result)
    overview = epoch.overview(result)
    assert all(f"| {name} |" in overview for name in cpu["epochs"])
    assert " s in 2 epochs; PyTorch eager not reached in 20 epochs." in overview


def test_a_contender_that_cannot_run_is_left_out_with_its_reason(here, tmp_path, capsys):
    here(NoDevice)
    result = run(tmp_path)
    assert result["not_measured"]["PyTorch eager on the CPU"] == "no CUDA in this PyTorch"
    assert set(result["devices"]["cpu"]["to_error"]["contenders"]) == {"npae"}
    assert "PyTorch eager /" in epoch.overview(result)  # an empty column
    assert epoch.verdict(result) == "CPU: an epoch of npae is not compared with PyTorch eager"


def test_one_that_is_not_installed_too(here, tmp_path, capsys):
    here(type("Missing", (Training,), {"package": "no_such_package"}))
    assert "not installed" in run(tmp_path)["not_measured"]["PyTorch eager"]


def test_a_short_run_times_epochs_only_and_saves_each(here, tmp_path, capsys):
    here(Stubborn)
    saved = []
    result = epoch.run(Settings(False, ("cpu",), tmp_path, minutes=1.0, save=lambda result: saved.append(str(result))))
    assert len(saved) == len(epoch.EPOCHS) and saved[0] != saved[1]
    assert set(result["devices"]["cpu"]) == {"epochs"} and result["digits"] == 10_000
    assert len(epoch.overview(result).split("\n")) == 2 + len(epoch.EPOCHS)
    nothing = epoch.run(Settings(False, ("cpu",), tmp_path, minutes=1.0, deadline=0.0))
    assert nothing["devices"]["cpu"]["epochs"] == {}
    assert sum(why.startswith("No time") for why in nothing["not_measured"].values()) == len(epoch.EPOCHS)


def test_a_short_run_goes_on_where_ours_fails(here, tmp_path):
    here(Training, ours=NoDevice)
    result = epoch.run(Settings(False, ("cpu",), tmp_path, minutes=1.0))
    assert result["devices"]["cpu"]["epochs"] == {}
    assert result["not_measured"]["784-32, batch 256 on the CPU"] == "no CUDA in this PyTorch"


def test_ours_must_run(here, tmp_path):
    here(Training, ours=NoDevice)
    with pytest.raises(epoch.NotMeasured, match="no CUDA"):
        run(tmp_path)
