"""Where the numbers of a run come from: the command without folders, the commit, the machine."""

import json
import re

import pytest

from demos import machine

ROOT = str(machine.Path("/somewhere").absolute())  # with a drive on Windows


@pytest.mark.parametrize("options, command", [
    ([], "python -m demos.deep"),
    (["--full", "--epochs", "3"], "python -m demos.deep --full --epochs 3"),
    (["--out", "/somewhere/private", "--full"], "python -m demos.deep --full"),
    (["--full", "--out=/somewhere/private"], "python -m demos.deep --full"),
    (["--csv", "/somewhere/private/table.csv", "--folder=/somewhere/private"],
     "python -m demos.deep --csv table.csv --folder=private"),
    (["--only", "two words"], "python -m demos.deep --only 'two words'"),
])  # fmt: skip
def test_the_command_that_gives_the_numbers_again(options, command):
    assert machine.command("demos.deep", [word.replace("/somewhere", ROOT) for word in options]) == command


def test_everything_is_there_and_goes_into_json():
    found = machine.origin("demos.deep", ["--out", "/somewhere/private"])
    assert list(found) == ["command", "commit", "date", "processor", "cores"] and "private" not in json.dumps(found)
    assert re.fullmatch(r"[0-9a-f]{12}\+?|unknown", found["commit"]) and found["cores"] >= 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\+00:00", found["date"])


def test_without_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert machine.commit() == "unknown"


def test_the_name_of_the_processor(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "output", lambda *words: "")
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    assert machine.processor(tmp_path) == "unknown"
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Deep Thought\n", encoding="utf-8")
    assert machine.processor(tmp_path) == "Deep Thought"


@pytest.mark.parametrize("load, threads, words", [(3.0, 2, "load 3.0"), (0.9, 2, ""), (3.0, 1, "")])
def test_other_programs_are_named_if_there_are_several_threads(load, threads, words, monkeypatch):
    monkeypatch.setattr(machine.os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    monkeypatch.setattr(machine, "core_count", lambda: 2)
    monkeypatch.setattr(machine, "thread_count", lambda: threads)
    found = machine.crowded()
    assert words in found and bool(found) == bool(words)
    assert not found or "OMP_NUM_THREADS=1" in found
