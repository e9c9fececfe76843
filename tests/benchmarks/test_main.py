"""The command line of the suite: which parts run, what is written, and what a part that fails costs."""

import json
import sys
import types

import pytest

from benchmarks import __main__ as suite


def stub(monkeypatch, name, run, draw=lambda result, folder: []):
    """Put a part of that name in the suite."""
    module = types.ModuleType(f"benchmarks.{name}")
    module.run, module.draw = run, draw
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(suite.PARTS, name, "a stub")


@pytest.fixture(autouse=True)
def no_other_parts(monkeypatch):
    for name in list(suite.PARTS):
        monkeypatch.delitem(suite.PARTS, name)


def test_a_part_is_run_and_written(tmp_path, monkeypatch, capsys):
    seen = []
    stub(monkeypatch, "one", lambda settings: seen.append(settings) or {"x": 1})
    assert suite.main(["--quick", "--device", "cpu", "--out", str(tmp_path / "new")]) == 0
    assert seen[0].quick and seen[0].devices == ("cpu",) and seen[0].out == tmp_path / "new"
    told = json.loads((tmp_path / "new" / "one.json").read_text(encoding="utf-8"))
    assert told["part"] == "one" and told["result"] == {"x": 1} and told["seconds"] >= 0
    assert told["settings"] == {"quick": True, "devices": ["cpu"], "out": "new"}
    assert {"cpu", "config", "packages", "commit", "date", "load_before", "load_after"} <= set(told["machine"])
    assert str(tmp_path / "new" / "one.json") in capsys.readouterr().out


def test_only_the_parts_asked_for_are_imported(tmp_path, monkeypatch):
    ran = []
    stub(monkeypatch, "one", lambda settings: ran.append("one") or {})
    stub(monkeypatch, "two", lambda settings: ran.append("two") or {})
    monkeypatch.setitem(suite.PARTS, "broken", "has no module")
    assert suite.main(["two", "two", "--out", str(tmp_path)]) == 0
    assert ran == ["two"]


def test_a_part_that_fails_stops_no_other(tmp_path, monkeypatch, capsys):
    stub(monkeypatch, "bad", lambda settings: 1 / 0)
    stub(monkeypatch, "good", lambda settings: {"fine": True})
    assert suite.main(["bad", "good", "--out", str(tmp_path)]) == 1
    assert json.loads((tmp_path / "good.json").read_text())["result"] == {"fine": True}
    assert not (tmp_path / "bad.json").exists()
    out, err = capsys.readouterr()
    assert "Failed, see above: bad." in out and "ZeroDivisionError" in err


def test_numbers_outlive_pictures_that_fail(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    stub(monkeypatch, "one", lambda settings: {"x": 2}, lambda result, folder: [folder / str(1 / 0)])
    assert suite.main(["one", "--out", str(tmp_path)]) == 1
    assert json.loads((tmp_path / "one.json").read_text())["result"] == {"x": 2}


def test_an_unknown_part_is_refused_in_one_sentence(monkeypatch, capsys):
    stub(monkeypatch, "one", lambda settings: {})
    with pytest.raises(SystemExit) as end:
        suite.main(["one", "tow"])
    assert end.value.code == 2
    assert "error: expected parts out of one, got tow." in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_refused_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr("npae.backend.arrays.why_no_gpu", lambda: "It was never built.")
    with pytest.raises(SystemExit):
        suite.main(["--device", "gpu"])
    assert 'error: The device "gpu" cannot be used. It was never built.' in capsys.readouterr().err
