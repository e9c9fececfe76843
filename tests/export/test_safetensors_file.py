"""Safetensors files: everything comes back, other programs can read them, and no file is trusted."""

import json
import struct
import sys

import numpy as np
import pytest

safetensors = pytest.importorskip("safetensors")
from safetensors.numpy import load_file, save_file  # noqa: E402

from npae import GAN, convolutional_autoencoder, dense_autoencoder, fit, variational_autoencoder  # noqa: E402
from npae.export import from_torch, load_safetensors, save_safetensors, to_torch  # noqa: E402
from npae.layers import BatchNorm, Dense, Flatten, LeakyReLU, Sequential, TiedDense  # noqa: E402
from npae.models import GaussianPrior  # noqa: E402
from npae.serialization import ModelFileError  # noqa: E402
from tests.devices import each_device, on  # noqa: E402
from tests.export.common import disturbed, normal  # noqa: E402

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
        tree = json.loads(file.metadata()["architecture"])
    assert tree["class"] == "Autoencoder"


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
    """(tensors, metadata, path) of a file that can be read."""
    path = save_safetensors(tmp_path / "m", model or disturbed(MODELS["batch norm"]()))
    with safetensors.safe_open(path, framework="numpy") as file:
        return load_file(path), file.metadata(), path


def refused(path, match):
    with pytest.raises(ModelFileError, match=match):
        load_safetensors(path)


def test_tensors_must_be_those_of_the_architecture(tmp_path):
    tensors, metadata, path = good(tmp_path)
    for changed, match in (
        ({k: v for k, v in tensors.items() if k != "encoder.1.mean"}, r"it lacks the tensor encoder\.1\.mean"),
        (tensors | {"more": np.zeros(3, "f4")}, "it holds a tensor 'more' beside it"),
        (tensors | {"encoder.0.W": tensors["encoder.0.W"].T.copy()}, r"encoder\.0\.W of shape \(6, 4\), .* \(4, 6\)"),
        (tensors | {"encoder.0.b": np.zeros(4)}, "expected tensors of F32 or of F64, got F32 and F64"),
        ({k: v.astype("f2") for k, v in tensors.items()}, r"of F64, got F16\. Convert them"),
    ):
        save_file(changed, path, metadata)
        refused(path, match)


def test_metadata_must_describe_a_layer_of_this_format(tmp_path):
    tensors, metadata, path = good(tmp_path)
    loss = '{"family": "Loss", "class": "SquaredError", "config": {}}'
    for changed, match in (
        (None, r"no architecture, so another program wrote it\. .*from_torch"),
        (metadata | {"npae_format": "2"}, "it has format 2, this version of npae reads format 1"),
        (metadata | {"architecture": "{"}, r"is not a whole safetensors file of npae \(JSONDecodeError"),
        (metadata | {"architecture": "[]"}, "where a Layer belongs"),
        (metadata | {"architecture": loss}, r"it describes SquaredError\(\) where a Layer belongs"),
        (metadata | {"architecture": '{"family": "Layer", "class": "Evil", "config": {}}'}, "there is no Layer 'Evil'"),
        (metadata | {"architecture": "[" * 100_000}, "is not a whole safetensors file of npae"),
        (metadata | {"training_data": "{}"}, "KeyError"),
    ):
        save_file(tensors, path, changed)
        refused(path, match)


def test_an_architecture_larger_than_the_file_allocates_nothing(tmp_path):
    tensors, metadata, path = good(tmp_path, Dense(3, 2).initialize(seed=0))
    huge = metadata["architecture"].replace('"n_in": 3', '"n_in": 1000000000000')
    save_file(tensors, path, metadata | {"architecture": huge})
    refused(path, r"W of shape \(1000000000000, 2\), its tensor has \(3, 2\)")


def test_damaged_bytes_are_refused(tmp_path):
    _, _, path = good(tmp_path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for content in (b"", b"abc", whole[:100], whole[:-1], whole + b"0", struct.pack("<Q", 2**60) + whole[8:]):
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
    with pytest.raises(ImportError, match=r"safetensors is not installed: pip install .*\[safetensors\]"):
        save_safetensors(tmp_path / "m", Dense(2, 1).initialize(seed=0))
