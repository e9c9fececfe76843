"""python -m npae: what is in model files, and what npae runs with."""

import os
import subprocess
import sys
from pathlib import Path

import npae
from npae.__main__ import main

ROOT = Path(__file__).resolve().parent.parent


def run(*args, **variables):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "npae", *map(str, args)], capture_output=True, text=True, timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
    )  # fmt: skip


def test_info_prints_what_file_info_returns(tmp_path, capsys):
    path = npae.save(tmp_path / "m", npae.dense_autoencoder([6, 2]))
    assert main(["info", str(path)]) == 0
    assert capsys.readouterr().out == npae.serialization.file_info(path) + "\n"


def test_a_file_that_is_missing_does_not_hide_the_others(tmp_path, capsys):
    path = npae.save(tmp_path / "m", npae.dense_autoencoder([6, 2]))
    assert main(["info", str(tmp_path / "none"), str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("npae info: There is no model file") and "6 -> 2" in captured.out


def test_the_program_on_a_console_with_ascii_alone(tmp_path):
    done = run("config", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and f"npae     {npae.__version__}" in done.stdout
    path = npae.save(tmp_path / "m", npae.dense_autoencoder([6, 2]))
    done = run("info", path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and "32 parameters" in done.stdout, done.stderr


def test_without_a_command_it_lists_them():
    done = run()
    assert done.returncode == 2 and "info" in done.stderr and "config" in done.stderr
