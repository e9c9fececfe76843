"""Programs of the command line: closed pipes, Ctrl-C, and help that fits the window."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import npae
from npae.backend import CommandParser, command_line

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "npae config": ["npae", "config"], "npae help": ["npae", "--help"], "npae version": ["npae", "--version"],
    "the list of demos": ["demos"], "a demo": ["demos.codes2d", "--quick", "--epochs", "1"],
    "help of a demo": ["demos.simple", "--help"], "a page": ["demos.from_scratch.autoencoder", "--images", "200"],
    "help of the benchmarks": ["benchmarks", "--help"], "of the lab": ["benchmarks.lab", "--help"],
    "of the workers": ["benchmarks.workers", "--help"], "of the seeds": ["benchmarks.lab.seeds", "--help"],
}  # fmt: skip


def run(arguments, **options):
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=120,
                          **options)  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="pipes of Windows have other errors")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("program", [
    name if name in ("npae config", "npae help", "the list of demos") else pytest.param(name, marks=pytest.mark.slow)
    for name in COMMANDS
])  # fmt: skip
def test_a_closed_pipe_ends_a_command_quietly(program, unbuffered, tmp_path):
    if program == "a demo":
        pytest.importorskip("matplotlib")
    reader, writer = os.pipe()
    os.close(reader)
    out = ["--out", str(tmp_path)] if program == "a demo" else []
    done = run([*COMMANDS[program], *out], stdout=writer, env=os.environ | {"PYTHONUNBUFFERED": unbuffered})
    os.close(writer)
    assert done.stderr == "" and done.returncode in (0, 1)  # argparse itself ignores a closed pipe


def test_ctrl_c_is_a_sentence_and_the_status_130(capsys):
    with pytest.raises(SystemExit) as end, command_line():
        raise KeyboardInterrupt
    assert end.value.code == 130 and capsys.readouterr().err == "Interrupted.\n"


def test_other_errors_are_not_caught():
    with pytest.raises(ZeroDivisionError), command_line():
        print(1 / 0)


@pytest.mark.parametrize("program", [
    name if name in ("npae help", "help of a demo") else pytest.param(name, marks=pytest.mark.slow)
    for name, command in COMMANDS.items() if "--help" in command
])  # fmt: skip
def test_help_fits_the_window_and_breaks_no_word(program):
    """In 80, 50 and 40 columns it has the words of the help in 1000 columns."""
    wide, *others = (run(COMMANDS[program], stdout=subprocess.PIPE, encoding="utf-8",
                         env=os.environ | {"COLUMNS": str(n), "PYTHONIOENCODING": "utf-8"}).stdout
                     for n in (1000, 80, 50, 40))  # fmt: skip
    for columns, narrow in zip((80, 50, 40), others, strict=True):
        assert max(len(line.replace("\u0302", "")) for line in narrow.splitlines()) < columns
        broken = set(wide.split()) - set(narrow.split())
        assert all(len(word) > columns - 25 for word in broken), broken  # 24: where argparse puts an option's text


def test_a_description_keeps_its_paragraphs(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    parser = CommandParser(prog="p", description="A title.\n\n    y = f(x)    a formula that is long, too")
    assert "\nA title.\n\n    y = f(x)\n        a formula that is long, too\n" in parser.format_help()


def test_options_of_the_usage_stay_whole(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    parser = CommandParser(prog="python -m program")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--out")
    assert parser.format_usage().splitlines() == [
        "usage: python -m program [-h]", "    [--device {auto,cpu,gpu}]", "    [--epochs EPOCHS] [--out OUT]",
    ]  # fmt: skip


def test_the_version():
    assert run(["npae", "--version"], stdout=subprocess.PIPE).stdout == f"npae {npae.__version__}\n"
