"""Demos on consoles that show few characters, and the list that `python -m demos` prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demos import __main__ as listing

ROOT = Path(__file__).resolve().parents[2]
CONSOLES = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "the C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
PROGRAMS = {
    "contractive": ["demos.contractive", "--quick", "--epochs", "1"],
    "its help": ["demos.contractive", "--help"],
    "a page": ["demos.from_scratch.autoencoder", "--epochs", "1", "--images", "200"],
    "the list": ["demos"],
}


def run(*arguments, **variables):
    return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, cwd=ROOT,
                          env={k: v for k, v in os.environ.items() if k != "PYTHONIOENCODING"} | variables)  # fmt: skip


@pytest.mark.parametrize("console", CONSOLES)
@pytest.mark.parametrize("program", [pytest.param("contractive", marks=pytest.mark.slow), *list(PROGRAMS)[1:]])
def test_nothing_that_is_printed_fails(program, console, tmp_path):
    pytest.importorskip("matplotlib")
    arguments = PROGRAMS[program]
    if "--quick" in arguments:
        arguments = [*arguments, "--out", str(tmp_path)]
    done = run(*arguments, **CONSOLES[console])
    assert done.returncode == 0, done.stderr
    if console == "ascii":
        assert done.stdout.isascii() and len(done.stdout) > 200
    if program == "contractive" and console == "ascii":
        assert b"lambda = 10" in done.stdout and b"||dh/dx||_F" in done.stdout


def test_the_list_has_every_demo_with_its_title():
    done = run("demos", COLUMNS="200")
    lines = done.stdout.decode().splitlines()
    titles = dict(line.split(maxsplit=1) for line in lines[2 : lines.index("", 2)])
    assert titles == {name: listing.title(name) for name in listing.names()}
    assert titles["codes2d"] == "Two-dimensional codes of digits."
    assert {"deep", "from_scratch.autoencoder"} <= set(titles) and not {"common", "figures", "results"} & set(titles)
    assert "--quick" in done.stdout.decode()


def test_the_list_has_one_line_per_demo_in_80_columns():
    lines = run("demos", COLUMNS="80").stdout.decode().split("\n\n")[1].splitlines()
    assert max(map(len, lines)) <= 79 and [line.split()[0] for line in lines] == listing.names()


@pytest.mark.parametrize("columns", ["50", "40"])
def test_the_list_breaks_between_words_in_a_narrow_terminal(columns):
    text = run("demos", COLUMNS=columns).stdout.decode()
    assert max(map(len, text.splitlines())) < int(columns)
    words = {word for name in listing.names() for word in (name, *listing.title(name).split())}
    assert words | set(listing.TEXT.split()) <= set(text.split())


@pytest.mark.parametrize("name", listing.names())
def test_titles_are_short_and_plain(name):
    assert len(listing.title(name)) <= 48 and listing.title(name).endswith(".")
