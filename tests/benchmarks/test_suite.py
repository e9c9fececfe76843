"""The command line: which parts run, what is written, and parts that fail."""

import importlib
import io
import json
import subprocess
import sys
import time
import types

import pytest

from benchmarks import __main__ as front
from benchmarks import suite
from benchmarks.lab import __main__ as lab
from tests.devices import on

PARTS = {}


def stub(monkeypatch, name, run, draw=lambda result, folder: [], **options):
    """Add a part of that name."""
    module = types.ModuleType(f"benchmarks.lab.{name}")
    module.run, module.draw, module.verdict = run, draw, lambda result: f"{len(result)} numbers"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(PARTS, name, suite.Part("a stub", "an hour", "a minute", **options))


def main(*argv):
    return suite.main("benchmarks.lab", "Stubs.", PARTS, [str(a) for a in argv])


@pytest.fixture(autouse=True)
def no_parts(monkeypatch):
    """Every test has the stubs that it adds."""
    monkeypatch.setattr(sys.modules[__name__], "PARTS", {})


@pytest.mark.parametrize("command, package", [(front, "benchmarks"), (lab, "benchmarks.lab")])
def test_every_part_is_there(command, package):
    for name in command.PARTS:
        part = importlib.import_module(f"{package}.{name}")
        assert callable(part.run) and callable(part.draw) and callable(part.verdict)


def test_a_part_is_run_and_written(tmp_path, monkeypatch, capsys):
    seen = []
    stub(monkeypatch, "one", lambda settings: seen.append(settings) or {"x": 1})
    assert main("--quick", "--device", "cpu", "--out", tmp_path / "new") == 0
    assert seen[0].quick and seen[0].devices == ("cpu",) and seen[0].out == tmp_path / "new"
    written = json.loads((tmp_path / "new" / "one.json").read_text(encoding="utf-8"))
    assert written["part"] == "one" and written["result"] == {"x": 1} and written["seconds"] >= 0
    assert written["settings"] == {"quick": True, "devices": ["cpu"], "out": "new"}
    assert {"cpu", "config", "packages", "commit", "date", "load_before", "load_after"} <= set(written["machine"])
    printed = capsys.readouterr().out
    assert str(tmp_path / "new" / "one.json") in printed and "Verdict: 1 numbers" in printed
    assert "Verdict: 1 numbers" in (tmp_path / "new" / "one.txt").read_text(encoding="utf-8")


def test_results_are_on_disk_before_the_tables_are_printed(tmp_path, monkeypatch):
    on_disk = {}

    class Terminal(io.StringIO):
        def write(self, text):
            if "the table" in text or "Verdict" in text:
                on_disk[text.split()[-1]] = (tmp_path / "one.json").is_file()
            return super().write(text)

    stub(monkeypatch, "one", lambda settings: print("the table", flush=True) or {"x": 1})
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert main("one", "--out", tmp_path) == 0
    assert on_disk and all(on_disk.values())


def test_a_part_prints_as_it_goes_each_row_when_it_is_on_disk(tmp_path, monkeypatch, capsys):
    seen = []

    def run(settings):
        for row in (1, 2):
            print(f"row {row}")
            before = capsys.readouterr().out
            settings.save({"row": row})
            on_disk = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))["result"]
            seen.append((before.endswith(f"row {row}\n"), on_disk, capsys.readouterr().out))
        return {"row": row}

    stub(monkeypatch, "one", run)
    assert main("one", "--out", tmp_path, "--device", "cpu") == 0
    assert seen == [(False, {"row": row}, f"row {row}\n") for row in (1, 2)]
    assert "row" not in capsys.readouterr().out  # once


def test_a_part_that_fails_prints_the_tables_that_it_has_made(tmp_path, monkeypatch, capsys):
    stub(monkeypatch, "bad", lambda settings: print("the table") or 1 / 0)
    assert main("bad", "--out", tmp_path) == 1
    assert "the table" in capsys.readouterr().out


def test_the_help_fits_the_window(monkeypatch, capsys):
    for columns in (80, 50, 40):
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit):
            suite.main("benchmarks", front.__doc__, front.PARTS, ["--help"])
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) < columns
        assert set(front.__doc__.split()) <= set(text.split())  # no word is broken


def test_the_help_states_what_each_part_takes(monkeypatch, capsys):
    stub(monkeypatch, "one", lambda settings: {})
    with pytest.raises(SystemExit):
        main("--help")
    assert "an hour; with --quick a minute" in capsys.readouterr().out


def test_ctrl_c_ends_the_program_and_keeps_the_parts_before(tmp_path, monkeypatch, capsys):
    def interrupted(settings):
        raise KeyboardInterrupt

    stub(monkeypatch, "good", lambda settings: {"fine": True})
    stub(monkeypatch, "bad", interrupted)
    stub(monkeypatch, "last", lambda settings: 1 / 0)
    assert main("good", "bad", "last", "--out", tmp_path) == 130
    assert [path.name for path in tmp_path.glob("*.json")] == ["good.json"]
    assert "Interrupted in bad. Results of the parts before" in capsys.readouterr().out


def test_only_the_requested_parts_are_imported(tmp_path, monkeypatch):
    ran = []
    stub(monkeypatch, "one", lambda settings: ran.append("one") or {})
    stub(monkeypatch, "two", lambda settings: ran.append("two") or {})
    monkeypatch.setitem(PARTS, "broken", suite.Part("has no module", "", ""))
    assert main("two", "two", "--out", tmp_path) == 0
    assert ran == ["two"]


def test_a_part_that_fails_stops_no_other(tmp_path, monkeypatch, capsys):
    stub(monkeypatch, "bad", lambda settings: 1 / 0)
    stub(monkeypatch, "good", lambda settings: {"fine": True})
    assert main("bad", "good", "--out", tmp_path) == 1
    assert json.loads((tmp_path / "good.json").read_text(encoding="utf-8"))["result"] == {"fine": True}
    assert not (tmp_path / "bad.json").exists()
    out, err = capsys.readouterr()
    assert "Failed, see above: bad." in out and "ZeroDivisionError" in err


@pytest.mark.parametrize("options, ran", [((), []), (("--quick",), ["one"])])
def test_committed_results_are_not_replaced_on_a_busy_machine(tmp_path, monkeypatch, capsys, options, ran):
    done = []
    stub(monkeypatch, "one", lambda settings: done.append("one") or {})
    monkeypatch.setattr(suite, "COMMITTED", tmp_path.resolve())
    monkeypatch.setattr(suite, "load", lambda: [suite.BUSY + 1.4, 0, 0])
    assert main("one", "--out", tmp_path, *options) == int(not ran) and done == ran
    refused = "is for quiet machines: wait, or write elsewhere with --out." in " ".join(capsys.readouterr().out.split())
    assert refused != bool(ran)
    monkeypatch.setattr(suite, "load", lambda: [0.1, 0, 0])
    assert main("one", "--out", tmp_path) == 0


def test_numbers_are_written_before_pictures_that_fail(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    stub(monkeypatch, "one", lambda settings: {"x": 2}, lambda result, folder: [folder / str(1 / 0)])
    assert main("one", "--out", tmp_path) == 1
    assert json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))["result"] == {"x": 2}


def test_an_unknown_part_is_refused_in_one_sentence(monkeypatch, capsys):
    stub(monkeypatch, "one", lambda settings: {})
    with pytest.raises(SystemExit) as end:
        main("one", "tow")
    assert end.value.code == 2
    assert "error: expected parts out of one, got tow." in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_refused_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr("npae.backend.arrays.why_no_gpu", lambda: "It was never built.")
    with pytest.raises(SystemExit):
        main("--device", "gpu")
    assert 'error: The device "gpu" cannot be used. It was never built.' in capsys.readouterr().err


def test_a_part_that_is_run_by_name_only(tmp_path, monkeypatch):
    ran = []
    stub(monkeypatch, "one", lambda settings: ran.append("one") or {})
    stub(monkeypatch, "check", lambda settings: ran.append("check") or {}, named=True)
    monkeypatch.setattr(sys.modules["benchmarks.lab.check"], "failures", lambda result: 2, raising=False)
    assert main("--out", tmp_path, "--device", "cpu") == 0 and ran == ["one"]
    assert main("check", "--out", tmp_path, "--device", "cpu") == 1 and ran == ["one", "check"]


def test_results_with_a_gpu_have_a_folder_of_their_own(tmp_path, monkeypatch):
    seen = []
    stub(monkeypatch, "one", lambda settings: seen.append(settings) or {})
    with on("fake"):
        assert main("one", "--out", tmp_path, "--device", "gpu") == 0
    assert seen[0].devices == ("cpu", "gpu") and (tmp_path / "gpu" / "one.json").exists()
    assert not (tmp_path / "one.json").exists()


def test_each_part_has_its_share_of_the_minutes_and_what_those_before_left(tmp_path, monkeypatch):
    left = {}
    stub(monkeypatch, "first", lambda settings: left.setdefault("first", settings.left) and {}, share=0.6)
    stub(monkeypatch, "last", lambda settings: left.setdefault("last", settings.left) and {}, share=0.2)
    stub(monkeypatch, "unlimited", lambda settings: left.setdefault("unlimited", 0) and {})
    assert main("--minutes", "2", "--out", tmp_path, "--device", "cpu") == 0
    assert set(left) == {"first", "last"}
    assert 80 < left["first"] <= 90 and 110 < left["last"] <= 120
    assert json.loads((tmp_path / "last.json").read_text(encoding="utf-8"))["settings"]["minutes"] == 2.0


@pytest.mark.parametrize("argv, message", [
    (("--minutes", "0"), "expected a positive number of minutes, got 0"),
    (("unlimited", "--minutes", "1"), "--minutes: expected parts out of one, got unlimited."),
])  # fmt: skip
def test_minutes_that_make_no_sense(monkeypatch, capsys, argv, message):
    stub(monkeypatch, "one", lambda settings: {}, share=1.0)
    stub(monkeypatch, "unlimited", lambda settings: {})
    with pytest.raises(SystemExit):
        main(*argv)
    assert message in capsys.readouterr().err


def test_the_rows_of_a_part_that_fails_are_in_its_file(tmp_path, monkeypatch):
    def run(settings):
        print("a table")
        settings.save({"rows": [1]})
        raise RuntimeError("the second row")

    stub(monkeypatch, "one", run)
    assert main("one", "--out", tmp_path, "--device", "cpu") == 1
    written = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert written["result"] == {"rows": [1]} and written["complete"] is False
    assert (tmp_path / "one.txt").read_text(encoding="utf-8") == "a table\n"


HANGS = """
import ctypes, sys, types
from benchmarks import suite
part = types.ModuleType("benchmarks.hangs")
def run(settings):
    settings.save({"rows": [1]})
    ctypes.PyDLL(None).sleep(60)  # a call of C that keeps the interpreter
part.run = run
sys.modules[part.__name__], suite.GRACE = part, 0.5
suite.main("benchmarks", "Stubs.", {"hangs": suite.Part("", "", "", 1.0)}, sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs the C library's sleep")
@pytest.mark.slow
def test_a_part_that_hangs_is_ended_and_its_rows_are_in_its_file(tmp_path):
    command = [sys.executable, "-c", HANGS, "--minutes", "0.05", "--device", "cpu", "--out", str(tmp_path)]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert time.monotonic() - began < 30 and done.returncode == 1 and "Timeout" in done.stderr
    written = json.loads((tmp_path / "hangs.json").read_text(encoding="utf-8"))
    assert written["result"] == {"rows": [1]} and written["complete"] is False
