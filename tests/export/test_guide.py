"""The code of docs/export.md runs, block by block; a block is left out where its library is not installed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
BEGINNING, *SECTIONS = TEXT.split("\n## ")
LIBRARIES = {"ONNX": ["onnx", "onnxruntime"], "safetensors": ["safetensors"], "PyTorch": ["torch"], "DLPack": ["torch"],
             "Live page": []}
FILES = {
    "ONNX": {"reconstruct.onnx", "encode.onnx", "decode.onnx", "detector.onnx"}, "safetensors": {"model.safetensors"},
    "Live page": {"digits.html"},
}  # fmt: skip


def code(text):
    return "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))


def test_there_is_a_section_for_each_way():
    assert [section.splitlines()[0] for section in SECTIONS] == list(LIBRARIES)
    assert all(code(section) for section in [BEGINNING, *SECTIONS])


@pytest.mark.parametrize("section", SECTIONS, ids=list(LIBRARIES))
def test_its_code_runs(section, tmp_path, monkeypatch):
    for library in LIBRARIES[section.splitlines()[0]]:
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    names = {}
    for text in (BEGINNING, section):
        exec(compile(code(text), "docs/export.md", "exec"), names)
    assert {path.name for path in tmp_path.iterdir()} == FILES.get(section.splitlines()[0], set())
