"""Quick runs of the demos, each made once in a session: test_demos asks whether one ran, the others what it found."""

import importlib
import io
from contextlib import redirect_stdout
from types import SimpleNamespace

import pytest

from npae import mnist


@pytest.fixture(scope="session")
def quick(tmp_path_factory):
    """quick("conv") -> what `python -m demos.conv --quick` left behind: result, out (its folder) and printed (text).

    Options are handed on, quick("conv", "--only", "large"). Nobody writes into out: others read there.
    """
    runs = {}

    def run(name, *options):
        if (name, options) not in runs:
            out, printed = tmp_path_factory.mktemp(name) / "out", io.StringIO()
            arguments = ["--quick", "--device", "cpu", "--out", str(out), *options]
            with redirect_stdout(printed):
                result = importlib.import_module(f"demos.{name}").main(arguments)
            runs[name, options] = SimpleNamespace(result=result, out=out, printed=printed.getvalue())
        return runs[name, options]

    return run


@pytest.fixture(scope="session")
def digits():
    """The digits that quick runs are tested on, as rows of uint8."""
    return mnist(which="sample").test_images[:500].reshape(-1, 784)
