"""npae.backend.config: the versions and the hardware that result files record."""

import sys

import numpy as np
import pytest

import npae
from npae.backend import show_config, versions


def test_versions_are_texts_and_true():
    found = versions()
    assert {"npae", "python", "numpy", "cupy", "blas", "threads", "machine", "gpu"} <= set(found)
    assert all(isinstance(text, str) and text for text in found.values())
    assert found["numpy"] == np.__version__ and found["python"] == sys.version.split()[0]


def test_threads_named_in_the_environment_are_shown(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert "OPENBLAS_NUM_THREADS=3" in versions()["threads"]


def test_without_a_gpu_the_reason_is_given(monkeypatch):
    monkeypatch.setattr("npae.backend.config.why_no_gpu", lambda: "CuPy is not installed.")
    assert versions()["gpu"] == "none. CuPy is not installed."


def test_show_config_prints_one_line_per_name(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    npae.show_config()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "value"] and set(lines[1]) == {"-"}
    assert [line.split()[0] for line in lines[2:]] == list(versions())
    assert show_config is npae.show_config


@pytest.mark.parametrize("columns", [80, 50, 40])
def test_the_reason_without_a_gpu_is_broken_between_words(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    npae.show_config()
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) < columns
    assert set(versions()["gpu"].split()) <= set(text.split())
