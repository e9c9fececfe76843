"""The committed snapshot is that of the installed wheel, sorted, small and usable.

Without cupy only the file itself is checked.
"""

import inspect
import json

import pytest

from tests.fake_gpu import api, snapshot


def test_the_snapshot_is_that_of_the_installed_wheel():
    """A new snapshot of the installed cupy equals the committed file, byte for byte."""
    cupy = pytest.importorskip("cupy")
    if cupy.__version__ != api.VERSION:
        pytest.skip(f"cupy {cupy.__version__} is not the snapshot's {api.VERSION}: regenerate it and review the diff")
    assert snapshot.text(snapshot.take()) == snapshot.FILE.read_text(encoding="utf-8")


def test_snapshot_is_readable():
    """It has a version, is sorted and small, with one entry per line."""
    raw = snapshot.FILE.read_text(encoding="utf-8")
    data = json.loads(raw)
    assert int(data["cupy"].split(".")[0]) >= 14
    assert raw == snapshot.text(data)
    for section, names in data.items():
        if section != "cupy":
            assert list(names) == sorted(names)
    assert len(raw) < 40_000
    assert raw.count("\n") > sum(len(v) for k, v in data.items() if k != "cupy")


def test_every_name_is_in_one_section():
    """NAMES and the file agree: no name was added without a new snapshot."""
    sections = ("absent", "classes", "functions", "numpy", "ufuncs")
    found = [name for s in sections for name in api.SNAPSHOT[s]]
    assert sorted(found) == sorted(set(snapshot.NAMES))


@pytest.mark.parametrize("section", ["ufuncs", "methods", "generator", "functions", "classes"])
def test_parameter_lists_are_python(section):
    """Every parameter list becomes a Signature."""
    for name, parameters in api.SNAPSHOT[section].items():
        if parameters is not None:
            assert isinstance(api.signature(section, name), inspect.Signature)
