"""The part `programs`: whole programs take turns; those that cannot run are named."""

import gzip
import importlib.util

import numpy as np
import pytest

from benchmarks.alternate import NotMeasured
from benchmarks.lab import programs
from benchmarks.settings import Settings
from npae import mnist


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """$NPAE_DATA with the four files of MNIST: 640 and 64 of the embedded digits."""
    sample, place = mnist(which="sample"), tmp_path / "mnist"
    place.mkdir()
    for name, images, labels in (("train", sample.train_images[:640], sample.train_labels[:640]),
                                 ("t10k", sample.test_images[:64], sample.test_labels[:64])):  # fmt: skip
        for kind, array, magic in (("images-idx3", images, 2051), ("labels-idx1", labels, 2049)):
            head = np.array([magic, *array.shape], ">i4").tobytes()
            (place / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes()))
    monkeypatch.setenv("NPAE_DATA", str(tmp_path))
    return place


def test_programs_take_turns_in_both_orders(folder, tmp_path, monkeypatch, capsys):
    ran, clock = [], iter([40.0, 10.0, 20.0, 22.0, 12.0, 44.0])
    monkeypatch.setattr(programs, "SCRIPTS", {"npae": ("numpy", "deep_npae"), "other": ("numpy", "deep_other"),
                                              "none": ("no_such_package", "deep_none")})  # fmt: skip
    monkeypatch.setattr(programs, "timed", lambda command: (ran.append(command[0]) or next(clock), "a\n0.16\n"))
    result = programs.run(Settings(False, ("cpu",), tmp_path))
    there = ["demos.deep", "benchmarks.lab.scripts.deep_npae", "benchmarks.lab.scripts.deep_other"]
    assert ran == there + there[::-1] and result["epochs"] == 20
    assert result["programs"]["npae"] == {"seconds": [10.0, 12.0], "test_nats_per_pixel": 0.16}
    assert result["programs"]["other"]["seconds"] == [20.0, 22.0]
    assert result["not_measured"] == {"none": 'no_such_package is not installed: pip install -e ".[bench]".'}
    assert programs.verdict(result).endswith("npae's: demos.deep --full 4.00, other 2.00")
    assert "0.16" in capsys.readouterr().out


@pytest.mark.parametrize("framework", ["npae", pytest.param("pytorch", marks=pytest.mark.slow),
                                       pytest.param("jax", marks=pytest.mark.slow)])  # fmt: skip
def test_a_program_learns(folder, framework):
    if importlib.util.find_spec({"npae": "numpy", "pytorch": "torch"}.get(framework, framework)) is None:
        pytest.skip(f"{framework} is not installed")
    seconds, printed = programs.timed([f"benchmarks.lab.scripts.deep_{framework}", str(folder), "4"])
    assert 0.2 < float(printed.split()[-1]) < 0.35 and seconds > 0  # before: 0.69; the mean digit: 0.26


def test_without_data_or_with_an_error_nothing_is_measured(folder, tmp_path, monkeypatch):
    with pytest.raises(NotMeasured, match="deep_npae: .*"):
        programs.timed(["benchmarks.lab.scripts.deep_npae", str(tmp_path), "1"])
    monkeypatch.setenv("NPAE_DATA", str(tmp_path / "empty"))
    with pytest.raises(NotMeasured, match="NPAE_DATA"):
        programs.run(Settings(True, ("cpu",), tmp_path))
