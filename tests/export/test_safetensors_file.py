"""Safetensors files: everything comes back, other programs can read them, and no file is trusted."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

safetensors = pytest.importorskip("safetensors")
from safetensors.numpy import load_file, save_file  # noqa: E402

from npae import GAN, convolutional_autoencoder, dense_autoencoder, fit, variational_autoencoder  # noqa: E402
from npae.export import from_torch, load_safetensors, save_safetensors, to_torch  # noqa: E402
from npae.export.safetensors_file import checksum  # noqa: E402
from npae.layers import BatchNorm, Dense, Flatten, LeakyReLU, Sequential, TiedDense  # noqa: E402
from npae.models import GaussianPrior  # noqa: E402
from npae.serialization import ModelFileError  # noqa: E402
from tests.devices import each_device, on  # noqa: E402
from tests.export.common import disturbed, normal  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
MODELS = {
    "batch norm": lambda: dense_autoencoder([6, 4, 3], "elu", batch_norm=True, seed=None),
    "tied": lambda: dense_autoencoder([6, 4, 3], tied=True, seed=None),
    "convolutional": lambda: convolutional_autoencoder([2, 2], image_shape=(1, 8, 8), seed=None),
    "variational": lambda: variational_autoencoder([6, 4, 3], seed=None),
    "gan": lambda: GAN(Dense(2, 6), Dense(6, 1), GaussianPrior(2), seed=None),
    "a layer": lambda: Dense(3, 2, "tanh"),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back(name, dtype, tmp_path):
    model = disturbed(MODELS[name](), dtype)
    loaded = load_safetensors(save_safetensors(tmp_path / "model", model))
    assert repr(loaded) == repr(model) and loaded.theta.value.dtype == dtype
    assert np.array_equal(loaded.theta.value, model.theta.value)
    assert np.array_equal(loaded.statistics.value, model.statistics.value)


@each_device
def test_from_and_to_any_device(device, tmp_path):
    with on(device) as place:
        model = disturbed(MODELS["batch norm"]()).to(place.name)
        loaded = load_safetensors(save_safetensors(tmp_path / "m", model), place.name)
        assert type(loaded.theta.value) is type(model.theta.value)
        assert np.array_equal(place.get(loaded.theta.value), place.get(model.theta.value))


def test_other_programs_read_named_tensors(tmp_path):
    model = disturbed(MODELS["batch norm"]())
    tensors = load_file(save_safetensors(tmp_path / "m", model))
    named = dict((*model.named_parameters(), *model.named_buffers()))
    assert tensors.keys() == named.keys() and "encoder.1.variance" in tensors
    assert all(np.array_equal(tensors[name], p.value) for name, p in named.items())
    with safetensors.safe_open(tmp_path / "m.safetensors", framework="numpy") as file:
        about = file.metadata()
    assert about.keys() == {"npae"}  # the library writes several in a random order
    assert json.loads(about["npae"])["architecture"]["class"] == "Autoencoder"


def test_the_same_model_makes_the_same_bytes_in_every_process(tmp_path):
    program = (
        "import numpy as np; from npae import dense_autoencoder, fit; from npae.export import save_safetensors; "
        "model = dense_autoencoder([6, 4, 3], batch_norm=True, loss='mse'); "
        "fit(model, np.random.default_rng(0).random((20, 6)), epochs=1, progress='none'); "
        "save_safetensors({!r}, model)"
    )
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors", "c.safetensors")]
    for path in paths:
        subprocess.run([sys.executable, "-c", program.format(str(path))], check=True, cwd=ROOT)
    assert len({path.read_bytes() for path in paths}) == 1


def test_what_the_model_remembers_of_its_data_comes_back(tmp_path):
    model = dense_autoencoder([6, 3], loss="mse")
    fit(model, normal(20, 6), epochs=1, progress="none")
    loaded = load_safetensors(save_safetensors(tmp_path / "m", model))
    assert loaded.seen == model.seen and loaded.seen.shape == (6,)


def test_names_of_files(tmp_path):
    model = dense_autoencoder([6, 3])
    path = save_safetensors(tmp_path / "new" / "v0.1", model)
    assert path.name == "v0.1.safetensors" and load_safetensors(tmp_path / "new" / "v0.1").encoder[0].n_in == 6
    path.rename(tmp_path / "bare")
    assert load_safetensors(tmp_path / "bare").encoder[0].n_in == 6
    assert [p.name for p in (tmp_path / "new").iterdir()] == []
    with pytest.raises(FileNotFoundError, match=r"There is no model file .*none\.safetensors"):
        load_safetensors(tmp_path / "none")
    for function, more in ((save_safetensors, [model]), (load_safetensors, [])):
        with pytest.raises(IsADirectoryError, match="is a folder"):
            function(tmp_path, *more)


def test_after_an_error_an_older_file_is_as_it_was(tmp_path, monkeypatch):
    path = save_safetensors(tmp_path / "m", dense_autoencoder([6, 3]))
    before = path.read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"Cannot write .*No space left.* Choose another place"):
        save_safetensors(path, dense_autoencoder([6, 2]))
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_what_is_not_a_model_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"expected a model \(a Layer\), got dict\. Name a model"):
        save_safetensors(tmp_path / "m", {})
    with pytest.raises(TypeError, match=r"The path comes first: save_safetensors\(path, model\)"):
        save_safetensors(Dense(2, 1), tmp_path / "m")
    with pytest.raises(RuntimeError, match="call initialize"):
        save_safetensors(tmp_path / "m", Dense(2, 1))
    assert list(tmp_path.iterdir()) == []


def test_numpy_numbers_among_the_arguments(tmp_path):
    layer = disturbed(Dense(3, 2, LeakyReLU(np.float32(0.25))))
    assert load_safetensors(save_safetensors(tmp_path / "m", layer)).activation.alpha == 0.25


def test_a_network_without_parameters(tmp_path):
    assert repr(load_safetensors(save_safetensors(tmp_path / "m", Flatten()))) == "Flatten()"


# ---------------------------------------------------------------------- files that are not trusted


def good(tmp_path, model=None):
    """(tensors, what is stated about them, path) of a file that can be read."""
    path = save_safetensors(tmp_path / "m", model or disturbed(MODELS["batch norm"]()))
    with safetensors.safe_open(path, framework="numpy") as file:
        return load_file(path), json.loads(file.metadata()["npae"]), path


def write(path, tensors, about):
    """A file of these tensors; what is stated about them is a text, or JSON values that get the right checksum."""
    if isinstance(about, dict):
        about = {name: value for name, value in about.items() if name != "checksum"}
        about["checksum"] = checksum(about, tensors)
    save_file(tensors, path, {"npae": about if isinstance(about, str) else json.dumps(about)})


def refused(path, match):
    with pytest.raises(ModelFileError, match=match):
        load_safetensors(path)


def test_tensors_must_be_those_of_the_architecture(tmp_path):
    tensors, about, path = good(tmp_path)
    for changed, match in (
        ({k: v for k, v in tensors.items() if k != "encoder.1.mean"}, r"it lacks the tensor encoder\.1\.mean"),
        (tensors | {"more": np.zeros(3, "f4")}, "it holds a tensor 'more' beside it"),
        (tensors | {"encoder.0.W": tensors["encoder.0.W"].T.copy()}, r"encoder\.0\.W of shape \(6, 4\), .* \(4, 6\)"),
        (tensors | {"encoder.0.b": np.zeros(4)}, "expected tensors of F32 or of F64, got F32 and F64"),
        ({k: v.astype("f2") for k, v in tensors.items()}, r"of F64, got F16\. Convert them"),
    ):
        write(path, changed, about)
        refused(path, match)


def test_metadata_must_describe_a_layer_of_this_format(tmp_path):
    tensors, about, path = good(tmp_path)
    loss = {"family": "Loss", "class": "SquaredError", "config": {}}
    for changed, match in (
        (about | {"format": 2}, "it has format 2, this version of npae reads format 1"),
        ("{", r"is not a whole safetensors file of npae \(JSONDecodeError"),
        ("[" * 100_000, "is not a whole safetensors file of npae"),
        (about | {"architecture": []}, "where a Layer belongs"),
        (about | {"architecture": loss}, r"it describes SquaredError\(\) where a Layer belongs"),
        (about | {"architecture": {"family": "Layer", "class": "Evil", "config": {}}}, "there is no Layer 'Evil'"),
        (about | {"training_data": {}}, "KeyError"),
    ):
        write(path, tensors, changed)
        refused(path, match)
    save_file(tensors, path, None)
    refused(path, r"no description of npae, so another program wrote it\. .*from_torch")


def test_nan_and_inf_are_refused_by_the_name_of_the_tensor(tmp_path):
    for name, value in (("decoder.0.W", np.nan), ("encoder.0.W", np.inf), ("encoder.1.variance", -np.inf)):
        tensors, about, path = good(tmp_path)
        tensors[name] = tensors[name].copy()
        tensors[name].flat[0] = value
        write(path, tensors, about)
        refused(path, rf"m\.safetensors: its {name} holds NaN or Inf.* take an earlier checkpoint, or train again")


def test_a_changed_bit_is_noticed_by_the_checksum(tmp_path):
    tensors, about, path = good(tmp_path, disturbed(Dense(3, 2, LeakyReLU(0.25))))
    write(path, tensors, about)
    load_safetensors(path)
    whole, words = path.read_bytes(), r"m\.safetensors: its checksum is not that of its content.* save it again\.$"
    for bit in range(8):
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1 << bit]))
        refused(path, words)
    path.write_bytes(whole.replace(b"0.25", b"0.35"))
    refused(path, words)
    del about["checksum"]
    write(path, tensors, json.dumps(about))
    refused(path, r"KeyError: 'checksum'")


def test_a_model_that_could_not_be_loaded_does_not_replace_an_older_file(tmp_path):
    model = dense_autoencoder([6, 2])
    path = save_safetensors(tmp_path / "m", model)
    before = path.read_bytes()
    model.encoder[0].W.value[0, 0] = np.nan
    with pytest.raises(ModelFileError, match=r"save_safetensors: .* could not be loaded \(its encoder\.0\.W holds"):
        save_safetensors(path, model)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_training_data_that_contradict_the_network_are_refused(tmp_path):
    tensors, about, path = good(tmp_path)
    seen = {"names": None, "low": 0, "high": 1, "kind": "float", "shape": [6]}
    write(path, tensors, about | {"training_data": seen})
    assert load_safetensors(path).seen.shape == (6,)
    for change, match in (
        ({"shape": [7]}, "its training data: this model was made for 6 features, got 7"),
        ({"names": list("abcde")}, r"have the shape \(6,\), but 5 names of columns"),
        ({"high": np.inf}, "are float, but range from 0 to inf"),
        ({"kind": "uint8", "high": 255}, "are uint8, but range from 0 to 255"),
        ({"low": 2}, "description of the training data is damaged"),
    ):
        write(path, tensors, about | {"training_data": seen | change})
        refused(path, match)


def test_an_architecture_larger_than_the_file_allocates_nothing(tmp_path):
    tensors, about, path = good(tmp_path, Dense(3, 2).initialize(seed=0))
    write(path, tensors, json.dumps(about).replace('"n_in": 3', '"n_in": 1000000000000'))
    refused(path, r"W of shape \(1000000000000, 2\), its tensor has \(3, 2\)")


def test_damaged_bytes_are_refused(tmp_path):
    _, _, path = good(tmp_path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    path.write_bytes(b"")
    refused(path, "is no safetensors file of npae: it is empty")
    for content in (b"abc", whole[:100], whole[:-1], whole + b"0", struct.pack("<Q", 2**60) + whole[8:]):
        path.write_bytes(content)
        refused(path, "It may be damaged: save the model again")
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    for _ in range(200):
        content = bytearray(whole)
        content[int(rng.integers(header))] = int(rng.integers(256))
        path.write_bytes(content)
        try:
            load_safetensors(path)
        except ModelFileError:
            pass  # any other error, or a crash, fails the test


def test_a_file_of_pytorch_fills_a_model(tmp_path):
    network = disturbed(Sequential(Dense(4, 3), BatchNorm(3), TiedDense(Dense(3, 3))))
    save_file({name: np.atleast_1d(array) for name, array in to_torch(network).items()}, tmp_path / "torch.safetensors")
    refused(tmp_path / "torch.safetensors", r"export\.from_torch\(model, safetensors\.numpy\.load_file\(path\)\)")
    other = disturbed(Sequential(Dense(4, 3), BatchNorm(3), TiedDense(Dense(3, 3))), seed=4)
    from_torch(other, load_file(tmp_path / "torch.safetensors"))
    assert np.array_equal(other.theta.value, network.theta.value)


def test_without_the_package_the_cure_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ModuleNotFoundError, match=r"safetensors is not installed: pip install .*\[safetensors\]"):
        save_safetensors(tmp_path / "m", Dense(2, 1).initialize(seed=0))
