"""Reports: tables line up, and all result files have one format."""

import io
import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.settings import Settings


def test_a_table_lines_up(capsys):
    report.table(("what", "ms"), [("Adam", "1.25"), ("a long name", 10)])
    assert capsys.readouterr().out.split("\n")[1:-1] == [
        "what           ms",
        "-----------------",
        "Adam         1.25",
        "a long name    10",
    ]


def test_quartiles_as_text():
    assert report.spread(1.234, 5.678) == "1.23 to 5.68" and report.spread(1, 2, 0) == "1 to 2"
    assert report.with_quartiles((2, 1.234, 5.678)) == "2.00 (1.23 to 5.68)"


def test_a_table_in_markdown():
    assert report.markdown(["what", "ms"], [["Adam", 1.25]]) == "| what | ms |\n| --- | --- |\n| Adam | 1.25 |"


def test_a_result_file(tmp_path):
    settings = Settings(True, ("cpu", "gpu"), tmp_path / "results")
    path, text = report.write(settings, "layers", 1.26, {"cpu": "one"}, {"∂": [1, 2]}, "what it printed\n")
    assert path == tmp_path / "results" / "layers.json"
    assert text == path.with_suffix(".txt") and text.read_text(encoding="utf-8") == "what it printed\n"
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "part": "layers",
        "complete": True,
        "settings": {"quick": True, "devices": ["cpu", "gpu"], "out": "results"},
        "seconds": 1.3,
        "machine": {"cpu": "one"},
        "result": {"∂": [1, 2]},
    }


def test_a_result_that_is_no_json_leaves_the_older_file(tmp_path):
    settings = Settings(True, ("cpu",), tmp_path)
    path, text = report.write(settings, "layers", 1, {}, {"x": 1}, "")
    with pytest.raises(TypeError):
        report.write(settings, "layers", 1, {}, {"x": Path}, "")
    assert json.loads(path.read_text(encoding="utf-8"))["result"] == {"x": 1}
    assert sorted(tmp_path.iterdir()) == [path, text]


def test_the_output_is_held_until_the_block_ends_or_fails(capsys):
    with report.held_output() as printed:
        print("ms")
        assert capsys.readouterr().out == ""
    assert printed.getvalue() == capsys.readouterr().out == "ms\n"
    with pytest.raises(ZeroDivisionError), report.held_output():
        print("as far as it came")
        print(1 / 0)
    assert capsys.readouterr().out == "as far as it came\n"


def test_what_is_released_is_printed_once(capsys):
    with report.held_output() as printed:
        print("first")
        printed.release()
        assert capsys.readouterr().out == "first\n"
        print("second")
        assert capsys.readouterr().out == ""
    assert capsys.readouterr().out == "second\n" and printed.getvalue() == "first\nsecond\n"


def test_what_was_not_measured_fits_the_window(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    report.not_measured({"GPU, TF32": "Not yet run: " + "CuPy is not installed. " * 3})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Not measured: GPU, TF32. Not") and len(lines) > 2 and max(map(len, lines)) < 40


def test_a_terminal_that_is_closed_does_not_stop_a_measurement(monkeypatch):
    class Closed(io.StringIO):
        encoding = "ascii"

        def write(self, text):
            raise BrokenPipeError

        def isatty(self):
            return True

    monkeypatch.setattr(report.sys, "stdout", Closed())
    with report.held_output() as printed:
        print("ms")
        assert report.sys.stdout.isatty() and report.sys.stdout.encoding == "ascii"
    assert printed.getvalue() == "ms\n"


def test_ratios_as_a_clause():
    clause = report.faster([1.0, 4.0], "PyTorch")
    assert clause == "2.00 times as fast as PyTorch (geometric mean of 2, 1.00 to 4.00)"
    assert report.faster([], "PyTorch") == "not compared with PyTorch"


def test_what_is_measured_now_is_shown_on_a_terminal_only(monkeypatch):
    for terminal in (True, False):
        stream = io.StringIO()
        stream.isatty = lambda terminal=terminal: terminal
        monkeypatch.setattr(report.sys, "stderr", stream)
        report.progress("a layer")
        assert stream.getvalue().strip("\r").strip() == ("a layer" if terminal else "")
