"""docs/gpu.md: its code runs on the CPU and on the fake GPU, its switches exist."""

import re
from pathlib import Path

import pytest

from tests.devices import each_device, on

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "gpu.md").read_text(encoding="utf-8")
PACKAGE = Path(__file__).resolve().parents[3] / "npae"


@each_device
def test_the_code_runs(device):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    place = "cpu" if device == "cpu" else "gpu"
    moved = code.replace("dense_autoencoder([20, 8])", f"dense_autoencoder([20, 8]).to({place!r})")
    assert moved != code
    names = {}
    with on(device):
        exec(moved, names)
    assert len(names["history"]) == 2 and names["history"]["loss"][1] < names["history"]["loss"][0]


@pytest.mark.parametrize("switch", sorted(set(re.findall(r"NPAE_\w+", PAGE))))
def test_the_switches_exist(switch):
    assert any(f'"{switch}"' in file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py"))
