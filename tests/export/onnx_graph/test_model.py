"""ONNX files: what is in them, and what is refused."""

import json
import sys

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import npae  # noqa: E402
from npae import dense_autoencoder, fit  # noqa: E402
from npae.anomaly import AnomalyDetector  # noqa: E402
from npae.export import save_onnx, to_onnx  # noqa: E402
from npae.export.onnx_graph import model as module  # noqa: E402
from npae.layers import Dense, Sequential  # noqa: E402
from npae.models import Stacked  # noqa: E402
from tests.devices import each_device, on  # noqa: E402
from tests.export.common import disturbed, normal, relative, run  # noqa: E402


def metadata(proto):
    return {entry.key: entry.value for entry in proto.metadata_props}


def test_a_file_is_whole_and_has_the_suffix(tmp_path):
    model = disturbed(dense_autoencoder([6, 3], seed=None))
    path = save_onnx(tmp_path / "new" / "rate0.1", model)
    assert path == tmp_path / "new" / "rate0.1.onnx" and save_onnx(tmp_path / "m.bin", model).name == "m.bin"
    assert [p.name for p in path.parent.iterdir()] == ["rate0.1.onnx"]
    onnx.checker.check_model(path, full_check=True)
    x = normal(4, 6)
    assert relative(run(onnx.load(path), x), model.reconstruct(x)) <= 1e-6
    assert path.read_bytes() == save_onnx(tmp_path / "again", model).read_bytes()


def test_after_an_error_an_older_file_is_as_it_was(tmp_path):
    path = save_onnx(tmp_path / "m", dense_autoencoder([6, 3]))
    before = path.read_bytes()
    with pytest.raises(TypeError, match="has no translation"):
        save_onnx(path, Sequential(type("Own", (Dense,), {"forward": None})(6, 3)).initialize(seed=0))
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_versions_and_metadata():
    proto = to_onnx(dense_autoencoder([6, 3]), "encode")
    assert (proto.producer_name, proto.producer_version) == ("npae", npae.__version__)
    assert (proto.opset_import[0].version, proto.ir_version) == (13, 7)
    assert metadata(proto) == {"npae_version": npae.__version__, "model": "Autoencoder", "part": "encode"}
    assert metadata(to_onnx(dense_autoencoder([6, 3])))["part"] == "reconstruct"


def test_columns_and_range_of_the_training_data_are_stated():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(normal(30, 2), columns=["flow", "heat"])
    model = dense_autoencoder([2, 1], loss="mse")
    fit(model, frame, epochs=1, progress="none")
    about = metadata(to_onnx(model))
    assert json.loads(about["feature_names"]) == ["flow", "heat"]
    assert about["trained_on"] == f"float, {frame.min().min():g} to {frame.max().max():g}"


@each_device
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_on_any_device_in_any_dtype(device, dtype):
    with on(device) as place:
        model = disturbed(dense_autoencoder([6, 3], "elu", batch_norm=True, seed=None), dtype).to(place.name)
        x = normal(4, 6, dtype=dtype)
        expected = model.reconstruct(x)
        assert relative(run(to_onnx(model), x), expected) <= {"float32": 1e-6, "float64": 1e-14}[dtype]


def test_what_is_not_a_model_is_refused_with_the_cure(tmp_path):
    model = dense_autoencoder([6, 3])
    with pytest.raises(TypeError, match=r"a Layer\) or an AnomalyDetector, got str\. Load it first: npae\.load"):
        to_onnx("model.npz")
    with pytest.raises(TypeError, match=r"or an AnomalyDetector, got dict\. Name a model, or a part of one"):
        to_onnx({})
    with pytest.raises(TypeError, match=r"got Stacked\. Build the deep network first: stack\.unroll\(\)"):
        to_onnx(Stacked([6, 3]))
    with pytest.raises(TypeError, match=r"save_onnx: .* The path comes first: save_onnx\(path, model\)"):
        save_onnx(model, tmp_path / "m")
    with pytest.raises(IsADirectoryError, match="is a folder. Name a file in it"):
        save_onnx(tmp_path, model)
    with pytest.raises(TypeError, match=r"got type\. Make an object of the class Dense first"):
        to_onnx(Dense)
    with pytest.raises(RuntimeError, match=r"has no values yet: call initialize\(seed=...\)"):
        to_onnx(dense_autoencoder([6, 3], seed=None))
    with pytest.raises(RuntimeError, match=r"expected a fitted detector. Call fit\(x\)"):
        to_onnx(AnomalyDetector())


@pytest.mark.parametrize("name", ["AutoencoderDetector", "AutoencoderTransformer"])
def test_an_estimator_must_be_fitted(name):
    pytest.importorskip("sklearn")
    estimator = getattr(npae.estimators, name)(epochs=1)
    with pytest.raises(RuntimeError, match=rf"to_onnx: expected a fitted {name}\. Call fit\(X\) first"):
        to_onnx(estimator)
    estimator.fit(normal(40, 6))
    if name == "AutoencoderDetector":
        assert [value.name for value in to_onnx(estimator).graph.output] == ["distances", "labels"]
    else:
        with pytest.raises(TypeError, match="Take its network, model_, and standardise rows before it"):
            to_onnx(estimator)


def test_other_dtypes_and_shapes_are_refused():
    model = dense_autoencoder([6, 3])
    with pytest.raises(ValueError, match="to_onnx: expected input_dtype uint8, bool, float32 or float64, got 'int64'"):
        to_onnx(model, input_dtype="int64")
    with pytest.raises(ValueError, match="to_onnx: expected dtype float32 or float64, got 'float16'"):
        to_onnx(model, dtype="float16")
    for wrong in ("no dtype", [3], int):
        with pytest.raises(ValueError, match="to_onnx: expected input_dtype uint8, bool, float32 or float64, got"):
            to_onnx(model, input_dtype=wrong)
    for shape, kind, words in (
        ((-6,), ValueError, "to_onnx: input_shape: expected 1 or more, got -6"),
        ((0,), ValueError, "to_onnx: input_shape: expected 1 or more, got 0"),
        ((), ValueError, r"to_onnx: expected input_shape, .* got \(\)"),
        ((6.5,), TypeError, "to_onnx: input_shape: expected an integer, got 6.5"),
        (6, TypeError, r"to_onnx: expected input_shape as a tuple, such as \(784,\) .* got 6"),
        ("6", TypeError, r"to_onnx: expected input_shape as a tuple, such as \(784,\) .* got '6'"),
    ):
        with pytest.raises(kind, match=words):
            to_onnx(model, input_shape=shape)
    with pytest.raises(ValueError, match=r"Dense\(6 -> 3\): expected inputs of shape \(6,\), got \(7,\)"):
        to_onnx(model, input_shape=(7,))


def test_two_gigabytes_are_refused(monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 100)
    with pytest.raises(ValueError, match=r'expected less than 2 GiB of parameters.* Try dtype="float32"'):
        to_onnx(dense_autoencoder([6, 3]))


def test_without_the_package_the_cure_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"onnx is not installed: pip install .*\[onnx\]"):
        to_onnx(dense_autoencoder([6, 3]))


def test_networks_of_parts_that_lie_in_different_vectors():
    a, b = Dense(6, 3).initialize(seed=0), Dense(3, 2).initialize(seed=1)
    x = normal(4, 6)
    assert np.allclose(run(to_onnx(Sequential(a, b)), x), b(a(x)), atol=1e-6)
