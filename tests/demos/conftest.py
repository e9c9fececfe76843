"""Quick runs of the demos, each made once per session and shared by all tests, in whichever process they run."""

import importlib
import io
import json
import os
import time
from contextlib import redirect_stdout
from types import SimpleNamespace

import pytest

from npae import mnist


@pytest.fixture(scope="session")
def quick(tmp_path_factory):
    """quick("conv") -> the outcome of `python -m demos.conv --quick`: result, out (its folder) and printed (text).

    Further options: quick("conv", "--only", "large"). $NPAE_DATA and the cache are hidden from the demo. The folder is
    shared: tests must not write into it.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # that of all processes of this session

    def run(name, *options):
        folder = root / "-".join(["demo", name, *options])
        try:
            folder.mkdir()
        except FileExistsError:
            return _await(folder)
        outcome = {"error": f"The first run of demos.{name} failed."}
        try:
            outcome = _run(name, [*options, "--out", str(folder / "out")], folder)
        finally:
            (folder / "writing").write_text(json.dumps(outcome), encoding="utf-8")
            (folder / "writing").rename(folder / "outcome.json")
        return _await(folder)

    return run


def _run(name, options, cache):
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.delenv("NPAE_DATA", raising=False)
        patch.setenv("NPAE_CACHE", str(cache / "cache"))
        result = importlib.import_module(f"demos.{name}").main(["--quick", "--device", "cpu", *options])
    return {"result": result, "printed": printed.getvalue()}


def _await(folder, seconds=300):
    """The outcome of the run that fills `folder`, perhaps in another process."""
    until = time.monotonic() + seconds
    while not (folder / "outcome.json").exists():
        assert time.monotonic() < until, f"{folder.name} does not end"
        time.sleep(0.02)
    outcome = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
    assert "error" not in outcome, outcome["error"]
    return SimpleNamespace(out=folder / "out", **outcome)


@pytest.fixture(scope="session")
def digits():
    """The test digits of quick runs, as rows of uint8."""
    return mnist(which="sample").test_images[:500].reshape(-1, 784)
