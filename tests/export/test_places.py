"""Exported files: names, and writing them as a whole."""

import pytest

from npae.export.places import place, write
from npae.layers import Dense


def test_a_suffix_is_added_to_a_name_without_one(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place("model", ".onnx", "f").name == "model.onnx" and place("rate0.1", ".onnx", "f").name == "rate0.1.onnx"
    assert place("model.bin", ".onnx", "f").name == "model.bin"
    assert place("~/model", ".onnx", "f").parent == tmp_path


def test_what_is_not_the_path_of_a_file_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"save_it: expected a path, got a Dense\. .*: save_it\(path, model\)"):
        place(Dense(2, 1), ".onnx", "save_it")
    with pytest.raises(TypeError, match="save_it: expected a path, text or a pathlib.Path, got int"):
        place(3, ".onnx", "save_it")
    with pytest.raises(IsADirectoryError, match=r"is a folder\. Name a file in it, such as .*model\.onnx"):
        place(tmp_path, ".onnx", "save_it")


def test_a_file_that_cannot_be_written_is_refused_with_the_reason(tmp_path):
    assert write(tmp_path / "new" / "a.bin", b"12").read_bytes() == b"12"
    with pytest.raises(OSError, match=r"Cannot write .*b\.bin: .+ Choose another place\."):
        write(tmp_path / "new" / "a.bin" / "b.bin", b"3")
    with pytest.raises(IsADirectoryError) as caught:
        write(tmp_path / "new", b"3")
    assert str(caught.value) == f"Cannot write {tmp_path / 'new'}: it is a folder. Name a file in it."
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.bin"]
