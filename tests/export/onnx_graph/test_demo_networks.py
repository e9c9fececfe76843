"""The networks of all demos in ONNX, to 1e-5 of the largest output; docs/export.md has the table."""

import re
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("matplotlib")

from tests.export.onnx_graph.demo_networks import (  # noqa: E402
    detector_differences,
    detectors,
    differences,
    disturb,
    networks,
)

ROOT = Path(__file__).resolve().parents[3]
BOUND = 1e-5
GUIDE = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")


def in_the_guide():
    """{network: the numbers in its row}."""
    rows = [line.strip("| ").split(" | ") for line in GUIDE.splitlines() if line.startswith("| ")]
    return {cells[1]: [float(n) for n in re.findall(r"\d\.\de[+-]\d\d", line)]
            for cells, line in ((row, " ".join(row)) for row in rows) if len(cells) > 3}  # fmt: skip


@pytest.mark.slow
def test_every_network_and_detector_agrees():
    found, stated = {}, in_the_guide()
    for _, name, model, shape in networks():
        found[name] = differences(disturb(model), shape)
    found |= {name: detector_differences(detector, x) for _, name, detector, x in detectors()}
    assert len(found) >= 30
    assert {name: parts for name, parts in found.items() if max(parts.values()) > BOUND} == {}
    assert set(found) <= set(stated), "run python -m tests.export.onnx_graph.demo_networks for docs/export.md"
    assert all(len(stated[name]) == len(parts) and max(stated[name]) <= BOUND for name, parts in found.items())


def test_every_demo_is_in_the_table():
    demos = {p.stem for p in (ROOT / "demos").glob("*.py") if f"python -m demos.{p.stem} " in p.read_text("utf-8")}
    named = {cell.strip() for line in GUIDE.splitlines() if line.startswith("| ")
             for cell in line.split("|")[1].split(",")}  # fmt: skip
    assert len(demos) >= 20 and demos - named == set()
