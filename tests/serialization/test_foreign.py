"""Files of other formats are named, with what reads them."""

import gzip
import pickle
import zipfile

import numpy as np
import pytest

from npae import dense_autoencoder, load, save
from npae.__main__ import main
from npae.serialization import ModelFileError
from npae.serialization.foreign import foreign

NAME = "Name a model file of npae"
CONTENTS = {
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(50), f"it is a PNG picture. {NAME}"),
    "picture.jpg": (b"\xff\xd8\xff\xe0" + bytes(50), f"it is a JPEG picture. {NAME}"),
    "picture.gif": (b"GIF89a" + bytes(50), f"it is a GIF picture. {NAME}"),
    "paper.pdf": (b"%PDF-1.7" + bytes(50), f"it is a PDF document. {NAME}"),
    "keras.h5": (b"\x89HDF\r\n\x1a\n" + bytes(50), "it is an HDF5 file, such as Keras writes"),
    "array.npy": (b"\x93NUMPY" + bytes(100), f"it is an array of numpy.save. {NAME}"),
    "model.npz.gz": (gzip.compress(b"content"), "it is a gzip archive. Unpack it first"),
    "model.pkl": (pickle.dumps({"a": 1}), "it is a pickle, .* Load it by joblib or pickle, if you trust it"),
    "model.onnx": (b"\x08\x07\x12\x04npae", "it is an ONNX file, of which no model can be made"),
    "model.npz": (b"", f"it is empty. {NAME}"),
    "nothing.npz": (b"PK\x05\x06" + bytes(18), f"it is an empty archive. {NAME}"),
    "model.safetensors": (
        (2).to_bytes(8, "little") + b"{}" + bytes(8),
        r"it is a safetensors file\. Load it by npae\.export\.load_safetensors\(path\)",
    ),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_is_named_with_its_cure(name, tmp_path):
    content, words = CONTENTS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFileError, match=words) as caught:
        load(tmp_path / name)
    assert name in str(caught.value) and "save the model again" not in str(caught.value)


def test_archives_of_torch_and_of_other_arrays(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", b"")
    words = r"model\.pt: it is a file of torch\.save\. Build .* npae\.export\.from_torch\(model, torch\.load\(path"
    with pytest.raises(ModelFileError, match=words):
        load(tmp_path / "model.pt")
    np.savez(tmp_path / "rows.npz", x=np.zeros(3))
    with pytest.raises(ModelFileError, match="it is an archive of other data, such as x.npy"):
        load(tmp_path / "rows.npz")


def test_a_model_file_is_named_for_other_readers_only(tmp_path):
    path = save(tmp_path / "m", dense_autoencoder([4, 2]))
    assert foreign(path, "npae.load") is None
    words = "it is a model file of npae.save. Load it by npae.load(path)."
    assert foreign(path, "npae.export.load_safetensors") == words
    path.write_bytes(path.read_bytes()[:-30])
    assert foreign(path, "npae.export.load_safetensors") is None


def test_a_reader_of_safetensors_names_the_other_reader(tmp_path):
    pytest.importorskip("safetensors")
    from npae.export import load_safetensors, save_safetensors

    with pytest.raises(ModelFileError, match=r"m\.npz is no .* a model file of npae\.save\. Load it by npae\.load"):
        load_safetensors(save(tmp_path / "m", dense_autoencoder([4, 2])))
    with pytest.raises(ModelFileError, match=r"m\.safetensors is no model file of npae: .*load_safetensors\(path\)"):
        load(save_safetensors(tmp_path / "m", dense_autoencoder([4, 2])))


def test_info_prints_the_same(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(CONTENTS["picture.png"][0])
    assert main(["info", str(tmp_path / "a.png")]) == 1
    assert "a.png is no model file of npae: it is a PNG picture. Name a model file" in capsys.readouterr().err
