"""Model files: a saved model is loaded with the same bits; damaged and malicious files are refused without harm."""

import io
import json
import os
import re
import tracemalloc
import zipfile

import numpy as np
import pytest

from npae import Autoencoder, dense_autoencoder, fit, layers, load, losses, optim, save
from npae.layers import Layer
from npae.models import GAN, GaussianPrior
from npae.serialization.architecture import describe
from npae.serialization.model_files import FORMAT, ModelFileError, load_all

X = np.random.default_rng(0).random((30, 6), np.float32)
ACTIVATIONS = [
    layers.Identity(), layers.Sigmoid(), layers.Tanh(), layers.ReLU(), layers.LeakyReLU(0.3), layers.ELU(0.5),
    layers.SiLU(), layers.Softplus(),
]  # fmt: skip
OPTIMIZERS = [
    optim.SGD(0.1), optim.SGD(0.1, 0.9), optim.SGD(0.1, 0.8, nesterov=True), optim.Adam(0.02, 0.8, 0.99, 1e-6),
    optim.AdamW(0.02, weight_decay=0.2),
]  # fmt: skip


def trained(optimizer=None, loss=None, dtype=np.float32):
    model = dense_autoencoder([6, 4, 2], layers.Tanh, loss=loss, dtype=dtype)
    fit(model, X, epochs=1, batch_size=8, optimizer=optimizer, progress="none")
    return model


# ---------------------------------------------------------------------- round trips


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("loss", [losses.BinaryCrossEntropy(), losses.SquaredError()], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_is_loaded_with_the_same_bits(activation, loss, dtype, tmp_path):
    model = Autoencoder(
        layers.Sequential(layers.Flatten(), layers.Dense(6, 4, activation, "sparse")),
        layers.Sequential(layers.Dense(4, 6), layers.Reshape((2, 3))), loss, seed=5, dtype=dtype,
    )  # fmt: skip
    images = X.reshape(-1, 2, 3).astype(dtype)
    save(tmp_path / "m.npz", model)
    again = load(tmp_path / "m.npz")
    assert repr(again) == repr(model) and again.theta.value.dtype == dtype
    assert (again.theta.value == model.theta.value).all() and again.theta.table == model.theta.table
    for use in ("encode", "reconstruct", "reconstruction_error"):
        assert (getattr(again, use)(images) == getattr(model, use)(images)).all()


def with_statistics(dtype=np.float32):
    encoder = layers.Sequential(layers.Dense(6, 4), layers.BatchNorm(4), layers.ReLU())
    model = Autoencoder(encoder, layers.Dense(4, 6), dtype=dtype)
    fit(model, X, epochs=1, batch_size=8, progress="none")
    return model


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_running_statistics_are_loaded_with_the_same_bits(dtype, tmp_path):
    model = with_statistics(dtype)
    save(tmp_path / "m.npz", model)
    again = load(tmp_path / "m.npz")
    assert again.statistics.value.dtype == dtype and (again.statistics.value == model.statistics.value).all()
    assert (again.encoder[1].variance.value != 1).all()
    assert (again.reconstruct(X) == model.reconstruct(X)).all()
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        assert (file["statistics"] == model.statistics.value).all()
        table = json.loads(bytes(file["about"]))["statistics"]
    assert table == [["encoder.1.mean", [4], 0], ["encoder.1.variance", [4], 4]]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_training_continues_from_a_file_with_the_same_bits(optimizer, tmp_path):
    model = trained(optimizer)
    save(tmp_path / "m.npz", model, optimizer)
    saved = load_all(tmp_path / "m.npz")
    assert repr(saved.optimizer) == repr(optimizer) and saved.optimizer.t == optimizer.t > 0
    assert saved.optimizer.state.keys() == optimizer.state.keys() == set(optimizer.state_names)
    for m, o in ((model, optimizer), (saved.model, saved.optimizer)):
        fit(m, X, epochs=2, batch_size=8, optimizer=o, progress="none")
    assert (model.theta.value == saved.model.theta.value).all()


def test_an_optimizer_before_its_first_step_is_saved_too(tmp_path):
    save(tmp_path / "m.npz", dense_autoencoder([6, 2]), optim.Adam())
    saved = load_all(tmp_path / "m.npz")
    assert saved.optimizer.t == 0 and saved.optimizer.state == {}


def test_any_layer_can_be_saved(tmp_path):
    layer = layers.Dense(6, 4).initialize(3)
    save(tmp_path / "d.npz", layer)
    assert (load(tmp_path / "d.npz")(X) == layer(X)).all()


def test_extra_values_and_arrays_are_loaded(tmp_path):
    extra = {"note": "θ", "numbers": [1, 2.5, None, True, float("inf")], "nested": {"a": []}}
    arrays = {"best": np.arange(3.0), "counts": np.arange(6, dtype=np.int8).reshape(2, 3).T, "empty": np.zeros((0, 2))}
    save(tmp_path / "m.npz", dense_autoencoder([6, 2]), extra=extra, arrays=arrays)
    saved = load_all(tmp_path / "m.npz")
    assert saved.extra == extra and saved.arrays.keys() == arrays.keys() and saved.optimizer is None
    for name, array in arrays.items():
        assert saved.arrays[name].dtype == array.dtype and (saved.arrays[name] == array).all()


def test_numpy_numbers_become_json_numbers(tmp_path):
    extra = {"n": np.int64(3), "f": np.float32(2)}
    save(tmp_path / "m.npz", dense_autoencoder([6, 2]), optim.SGD(np.float32(0.5)), extra=extra)
    saved = load_all(tmp_path / "m.npz")
    assert saved.extra == {"n": 3, "f": 2.0} and saved.optimizer.lr == 0.5


def test_the_same_model_makes_the_same_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        optimizer = optim.Adam()
        save(tmp_path / name, trained(optimizer), optimizer)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_numpy_alone_can_read_the_file_without_pickle(tmp_path):
    model = dense_autoencoder([6, 2])
    save(tmp_path / "m.npz", model)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        about = json.loads(bytes(file["about"]))
        assert set(file) == {"theta", "about"} and (file["theta"] == model.theta.value).all()
    assert about["format"] == FORMAT and about["table"][0] == ["encoder.0.W", [6, 2], 0]


# ---------------------------------------------------------------------- writing


def test_missing_folders_are_made_and_paths_may_be_strings(tmp_path):
    save(str(tmp_path / "a" / "b" / "m"), dense_autoencoder([6, 2]))
    assert load(str(tmp_path / "a" / "b" / "m")).parameter_count == 32


@pytest.mark.parametrize("name, written", [
    ("own", "own.npz"), ("own.npz", "own.npz"), ("own.model", "own.model"), ("rate0.1", "rate0.1.npz"),
    ("run.2024-05-01", "run.2024-05-01.npz"), (".hidden", ".hidden.npz"), ("a.NPZ", "a.NPZ"),
])  # fmt: skip
def test_save_adds_a_suffix_where_there_is_none_and_load_finds_the_file(tmp_path, name, written):
    model = dense_autoencoder([6, 2], seed=3)
    assert save(tmp_path / name, model) == tmp_path / written
    assert [p.name for p in tmp_path.iterdir()] == [written]
    for given in {name, written}:
        assert (load(tmp_path / given).theta.value == model.theta.value).all()


def test_load_takes_what_save_writes_before_an_older_file_without_a_suffix(tmp_path):
    old, new = dense_autoencoder([6, 2], seed=1), dense_autoencoder([6, 2], seed=2)
    save(tmp_path / "m", old).rename(tmp_path / "m")
    assert (load(tmp_path / "m").theta.value == old.theta.value).all()
    save(tmp_path / "m", new)
    assert (load(tmp_path / "m").theta.value == new.theta.value).all()


def test_an_encoder_alone_is_saved_and_returns_the_same_codes(tmp_path):
    model = trained()
    assert save(tmp_path / "encoder", model.encoder).stat().st_size < save(tmp_path / "m", model).stat().st_size
    assert (load(tmp_path / "encoder")(X) == model.encode(X)).all()


class Detector:
    """Has the method by which a detector is recognised."""

    def score_samples(self, x):
        """Nothing."""


@pytest.mark.parametrize("thing, words", [
    (Detector(), r"got Detector. A detector is written by anomaly.save_detector\(path, detector\)"),
    (X, "got ndarray. Name a model, or a part of one, such as model.encoder"), ("own", "got str. Name a model"),
    (dense_autoencoder, "got function"), (None, "got NoneType"),
])  # fmt: skip
def test_what_is_not_a_layer_is_one_sentence(tmp_path, thing, words):
    with pytest.raises(TypeError, match=rf"save: expected a model \(a Layer\), {words}"):
        save(tmp_path / "m.npz", thing)
    assert list(tmp_path.iterdir()) == []


def test_arguments_that_are_exchanged_or_no_optimizer(tmp_path):
    with pytest.raises(TypeError, match=r"got str. The path comes first: save\(path, model\)"):
        save(dense_autoencoder([6, 2]), "m.npz")
    with pytest.raises(TypeError, match="save: expected an Optimizer, such as optim.Adam.., got 'adam'"):
        save(tmp_path / "m.npz", dense_autoencoder([6, 2]), "adam")


@pytest.mark.parametrize("path", [".", "..", "", "folder"])
def test_a_folder_is_not_a_model_file(tmp_path, monkeypatch, path):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=r"Cannot write the model file .*: it is a folder.*such as .*model.npz"):
        save(path, dense_autoencoder([6, 2]))
    with pytest.raises(IsADirectoryError, match="is a folder, not a model file. Name the .npz file in it"):
        load(path)
    assert [p.name for p in tmp_path.rglob("*")] == ["folder"]


def test_a_failure_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    save(path, dense_autoencoder([6, 2], seed=1))
    before = path.read_bytes()
    for error in (OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()):

        def fails(file, error=error, **content):
            file.write(b"PK and some more")
            raise error

        monkeypatch.setattr(np, "savez", fails)
        with pytest.raises(type(error), match="No space left on device" if isinstance(error, OSError) else None):
            save(path, dense_autoencoder([6, 2], seed=2))
        assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for path in (tmp_path / "file" / "m.npz", tmp_path / "file" / "deeper" / "m.npz", tmp_path):
        named = re.escape(f"Cannot write the model file {path}: ")
        with pytest.raises(OSError, match=f"{named}.*Choose another place"):
            save(path, dense_autoencoder([6, 2]))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_and_a_folder_in_the_place_are_one_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "folder.npz").mkdir()
    for name, kind in (("pipe.npz", "a pipe. Name a file."), ("folder", "a folder. Name a file in it.")):
        with pytest.raises(OSError) as caught:
            save(tmp_path / name, dense_autoencoder([6, 2]))
        place = tmp_path / f"{name.removesuffix('.npz')}.npz"
        assert str(caught.value) == f"Cannot write {place}: it is {kind}"


def test_a_name_of_the_greatest_length_is_kept(tmp_path):
    name = "a" * (65_535 - len("extra.") - len(".npy"))
    path = save(tmp_path / "m.npz", dense_autoencoder([6, 2]), arrays={name: X})
    assert (load_all(path).arrays[name] == X).all()


@pytest.mark.parametrize("content", [
    {"extra": {"a": object()}}, {"extra": {"a": np.zeros(3)}}, {"arrays": {"a": np.array([None])}},
    {"arrays": {"a": [1, 2]}},
])  # fmt: skip
def test_values_that_could_not_be_loaded_are_not_written(content, tmp_path):
    with pytest.raises(TypeError):
        save(tmp_path / "m.npz", dense_autoencoder([6, 2]), **content)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content, error, words", [
    ({"extra": [1]}, TypeError, r"expected extra by name, {name: …}, got \[1\]"),
    ({"arrays": [X]}, TypeError, "expected arrays by name"), ({"arrays": {3: X}}, TypeError, "as text, got 3"),
    ({"arrays": {"a": np.ma.masked_greater(X, 0.5)}}, TypeError, "expected a without a mask"),
    ({"arrays": {"a\0b": X}}, ModelFileError, r"cannot hold an array of the name 'extra\.a"),
    ({"arrays": {"a\ud800": X}}, ModelFileError, r"in Unicode, got 'extra.a\\ud800', whose character 7 is half of a"),
    ({"arrays": {"a" * 70_000: X}}, ModelFileError, r"at most 65,535 bytes .*, got 70,010: 'extra.a+'…. Choose a"),
    ({"arrays": {"σ" * 33_000: X}}, ModelFileError, "got 66,010"),
    ({"extra": {"a": np.longdouble(1)}}, TypeError, "expected JSON values, got .*longdouble"),
    ({"optimizer": optim.Phased({"a": optim.SGD()})}, ModelFileError, "Dense has optimizers for a: expected a single"),
])  # fmt: skip
def test_what_could_not_be_loaded_is_refused_in_words_and_an_older_file_stays(content, error, words, tmp_path):
    path = save(tmp_path / "m.npz", dense_autoencoder([6, 2]))
    before = path.read_bytes()
    with pytest.raises(error, match=f"save: .*{words}"):
        save(path, layers.Dense(2, 3).initialize(), **content)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_layer_whose_config_is_not_its_arguments_is_refused_when_it_is_saved(tmp_path):
    class Forgetful(layers.Dense):
        def config(self):
            return {"size": 3}

    try:
        with pytest.raises(ModelFileError, match=r"save: the file could not be loaded \(TypeError: .*size"):
            save(tmp_path / "m.npz", Forgetful(2, 3).initialize())
        assert not list(tmp_path.iterdir())
    finally:
        Layer.registry.pop("Forgetful")


def test_what_the_disk_does_not_keep_does_not_replace_an_older_file(tmp_path, monkeypatch):
    path = save(tmp_path / "m.npz", dense_autoencoder([6, 2], seed=1))
    before, savez = path.read_bytes(), np.savez

    def loses_a_byte(file, **content):
        savez(file, **content)
        file.seek(200)  # within θ, behind two headers of 59 and 128 bytes
        file.write(b"?")

    monkeypatch.setattr(np, "savez", loses_a_byte)
    with pytest.raises(ModelFileError, match="save: the file could not be loaded .*m.npz is as it was"):
        save(path, dense_autoencoder([6, 2], seed=2))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 0), (1, 1, 1), (3, 2)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_keep_their_shape(shape, order, tmp_path):
    array = np.asarray(np.arange(np.prod(shape)).reshape(shape), order=order)
    again = load_all(save(tmp_path / "m", dense_autoencoder([6, 2]), arrays={"a": array})).arrays["a"]
    assert again.shape == shape and again.dtype == array.dtype and (again == array).all()


def test_a_model_without_values_is_not_written(tmp_path):
    with pytest.raises(RuntimeError, match="no values yet"):
        save(tmp_path / "m.npz", layers.Dense(2, 3))
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- files that are damaged or not model files


@pytest.fixture
def path(tmp_path):
    optimizer = optim.SGD(0.1, 0.9)
    model = trained(optimizer)
    save(tmp_path / "m.npz", model, optimizer, extra={"epoch": 1}, arrays={"best": model.theta.value})
    return tmp_path / "m.npz"


def assert_refused(path, words=None):
    with pytest.raises(ModelFileError, match=words) as caught:
        load_all(path)
    assert path.name in str(caught.value)


def npy(array):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    return stream.getvalue()


def rewrite(path, change=None, compression=zipfile.ZIP_STORED, **members):
    """Write the model file again, its JSON changed by a function and other members replaced (None: left out)."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    if change is not None:
        tree = json.loads(bytes(np.load(io.BytesIO(content["about.npy"]))))
        text = change(tree)
        text = text if isinstance(text, str) else json.dumps(text or tree)
        content["about.npy"] = npy(np.frombuffer(text.encode(), np.uint8))
    content |= {f"{name.replace('__', '.')}.npy": data for name, data in members.items()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            if data is not None:
                archive.writestr(name, data)


def test_the_files_that_these_tests_make_can_be_read(path):
    rewrite(path)
    saved = load_all(path)
    assert saved.extra == {"epoch": 1} and saved.optimizer.t == 4
    rewrite(path, lambda tree: None, theta=npy(saved.model.theta.value))
    assert (load(path).theta.value == saved.model.theta.value).all()


def test_a_missing_file_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no model file .*gone.npz"):
        load(tmp_path / "gone.npz")


@pytest.mark.parametrize("content", [
    b"P", b"PK\x03\x04", b"a text file\n" * 100, bytes(10_000), np.random.default_rng(0).bytes(5000),
])  # fmt: skip
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "m.npz").write_bytes(content)
    assert_refused(tmp_path / "m.npz", "not a whole npae model file")


def test_an_npz_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "m.npz", weights=np.zeros(3))
    assert_refused(tmp_path / "m.npz", r"m\.npz: it is an archive of other data, such as weights\.npy\. Name a model")


@pytest.mark.parametrize("name", ["about", "theta", "optimizer.u"])
def test_a_missing_array_is_named(name, path):
    rewrite(path, **{name.replace(".", "__"): None})
    assert_refused(path, f"not a whole npae model file, it has no array '{name}': use a checkpoint")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder, not a model file"):
        load_all(tmp_path)


def test_a_file_cut_off_anywhere_is_refused(path):
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 13), *range(len(whole) - 40, len(whole))]:
        path.write_bytes(whole[:length])
        assert_refused(path)


def test_a_flipped_byte_anywhere_is_refused_or_without_effect(path):
    expected, whole, refused = load_all(path), path.read_bytes(), 0
    places = range(0, len(whole), 5)
    for k in places:
        path.write_bytes(whole[:k] + bytes([whole[k] ^ (1 << k % 8)]) + whole[k + 1 :])
        try:
            saved = load_all(path)
        except ModelFileError:
            refused += 1
        else:
            assert (saved.model.theta.value == expected.model.theta.value).all() and saved.extra == expected.extra
            assert (saved.optimizer.state["u"] == expected.optimizer.state["u"]).all()
            assert saved.arrays.keys() == expected.arrays.keys()
    assert refused > len(places) / 2  # zip's dates, flags and unused fields have no effect


def test_a_flipped_byte_in_theta_is_noticed_by_its_checksum(path):
    whole = path.read_bytes()
    theta = load(path).theta.value.tobytes()
    k = whole.index(theta) + len(theta) // 2
    path.write_bytes(whole[:k] + bytes([whole[k] ^ 1]) + whole[k + 1 :])
    assert_refused(path, "CRC")


@pytest.mark.parametrize("version", [0, FORMAT - 1, FORMAT + 1, str(FORMAT), None])
def test_another_format_is_refused_by_its_number(path, version):
    rewrite(path, lambda tree: tree | {"format": version})
    assert_refused(path, f"has format {version}, this version of npae reads format {FORMAT}")


def tree_of(name, config, family="Layer"):
    """The description of an object of the class `name`."""
    return {"family": family, "class": name, "config": config}


def change_class(name):
    def change(tree):
        tree["model"]["config"]["encoder"]["config"]["layers"][1]["class"] = name

    return change


def test_an_object_of_a_class_that_was_defined_again_is_not_saved(tmp_path):
    """A file names classes, so it would be loaded as an object of the later one, with other outputs."""

    def define(factor):
        class Times(Layer):
            def forward(self, x, training=False):
                return x * factor, None

            def backward(self, dy, cache, needs_dx=True):
                return dy * factor

        return Times

    try:
        classes = define(2), define(3)
        models = [Autoencoder(layers.Sequential(cls(), layers.Dense(6, 2)), layers.Dense(2, 6)) for cls in classes]
        with pytest.raises(TypeError, match="Times: another class of this name .* Make the object anew"):
            save(tmp_path / "old.npz", models[0])
        assert not list(tmp_path.iterdir())
        again = load(save(tmp_path / "new.npz", models[1]))
        np.testing.assert_array_equal(again.encode(X), models[1].encode(X))
    finally:
        Layer.registry.pop("Times")


def test_a_class_of_two_sources_warns_when_it_is_loaded(tmp_path):
    def define(module, factor):
        def forward(self, x, training=False):
            return x * factor, None

        return type("Scale", (Layer,), {"__module__": module, "forward": forward, "backward": lambda s, dy, c, n=1: dy})

    try:
        model = Autoencoder(layers.Sequential(layers.Dense(6, 2), define("first", 2)()), layers.Dense(2, 6))
        save(tmp_path / "m.npz", model)
        define("first", 3)  # a cell of a notebook that is run again
        assert load(tmp_path / "m.npz").encode(X).shape == (30, 2)
        define("second", 7)
        with pytest.warns(UserWarning, match="Two classes are called Scale, first.Scale and second.Scale. The last"):
            assert np.allclose(load(tmp_path / "m.npz").encode(X), 3.5 * model.encode(X))
        define("second", 2)  # still two
        with pytest.warns(UserWarning, match="built, second.Scale. Give one of them another name"):
            load(tmp_path / "m.npz")
    finally:
        del Layer.registry["Scale"]


@pytest.mark.parametrize("name", ["Transformer", "os.system", "", 3, None, [], {}])
def test_an_unknown_class_is_refused(path, name):
    rewrite(path, change_class(name))
    assert_refused(path)


@pytest.mark.parametrize("about", [
    lambda tree: "", lambda tree: "{", lambda tree: "[]", lambda tree: "3", lambda tree: '"text"',
    lambda tree: {"format": FORMAT}, lambda tree: tree | {"model": None}, lambda tree: tree | {"model": 5},
    lambda tree: tree | {"model": "Dense"}, lambda tree: tree | {"model": []}, lambda tree: tree | {"model": {}},
    lambda tree: tree | {"model": tree_of("SquaredError", {}, "Loss")},
    lambda tree: tree | {"model": tree_of("SquaredError", {})},
    lambda tree: tree | {"model": tree_of("Dense", [6, 2])},
    lambda tree: tree | {"model": {"family": "Layer", "class": "Dense"}},
    lambda tree: tree | {"model": {"class": "Dense", "config": {"n_in": 6, "n_out": 2}}},
    lambda tree: tree | {"model": tree_of("Dense", {"n_in": float("inf"), "n_out": 1})},
    lambda tree: tree | {"model": tree_of("Dense", {"n_in": float("nan"), "n_out": 1})},
    lambda tree: tree | {"model": tree_of("Dense", {"n_in": -3, "n_out": -3})},
    lambda tree: tree | {"model": tree_of("Dense", {"n_in": "6", "n_out": 2})},
    lambda tree: tree | {"model": tree_of("Dense", {"n_in": 6, "n_out": 2, "self": 1})},
    lambda tree: tree | {"model": tree_of("Sequential", {"layers": [1]})},
    lambda tree: tree | {"model": tree_of("Flatten", {})},
    lambda tree: tree | {"optimizer": None}, lambda tree: tree | {"optimizer": {"family": "Optimizer", "class": "SGD"}},
    lambda tree: tree | {"optimizer": tree_of("ReLU", {}) | {"t": 1}},
    lambda tree: tree | {"optimizer": tree_of("SGD", {"lr": -1}, "Optimizer") | {"t": 1}},
    lambda tree: tree | {"optimizer": tree["optimizer"] | {"t": "soon"}},
    lambda tree: tree | {"extra": 5}, lambda tree: tree | {"extra": "text"},
    lambda tree: json.dumps(tree)[:-1] + ', "deep": ' + "[" * 100_000 + "]" * 100_000 + "}",
    lambda tree: json.dumps(tree | {"model": 0}).replace('"model": 0', '"model": ' + "[" * 900 + "]" * 900),
    lambda tree: f'{{"format": {FORMAT}, "model": ' + '{"class": "Sequential", "config": {"layers": [' * 3000,
])  # fmt: skip
def test_a_description_of_no_model_is_refused(path, about):
    rewrite(path, about)
    assert_refused(path)


@pytest.mark.parametrize("theta, words", [
    (np.zeros(5, np.float32), r"architecture has \d+ parameters, its vector θ has shape \(5,\)"),
    (np.zeros((1, 80), np.float32), r"shape \(1, 80\)"), (np.float32(3), r"shape \(\)"),
    (np.zeros(80, np.int32), "dtype int32"), (np.zeros(80, ">f4"), "dtype >f4"), (np.zeros(80, "V4"), "V4"),
])  # fmt: skip
def test_a_theta_that_does_not_fit_is_refused(path, theta, words):
    assert load(path).parameter_count == 80
    rewrite(path, theta=npy(theta))
    assert_refused(path, words)


@pytest.mark.parametrize("t", [-1, "5", 3.7, 4.0, True, None, [], 2**63, 10**30])
def test_a_number_of_steps_that_cannot_be_is_refused(path, t):
    rewrite(path, lambda tree: tree | {"optimizer": tree["optimizer"] | {"t": t}})
    assert_refused(path, r"its optimizer has taken .* steps: expected an integer of 0 or more")


@pytest.mark.parametrize("change", [
    lambda table: table[:-1], lambda table: table[::-1], lambda table: [[name, shape, 0] for name, shape, _ in table],
    lambda table: [["x", shape, start] for _, shape, start in table], lambda table: 3,
])  # fmt: skip
def test_names_in_another_order_are_refused(path, change):
    rewrite(path, lambda tree: tree | {"table": change(tree["table"])})
    assert_refused(path, "its vectors have other names or another order than its architecture")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_and_a_device_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "m.npz")
    assert_refused(tmp_path / "m.npz", "expected a regular file, got a pipe. Copy its content to a file")
    with pytest.raises(ModelFileError, match="expected a regular file, got a device"):
        load("/dev/zero")


@pytest.mark.parametrize("member", ["theta", "about", "optimizer__u"])
def test_a_missing_member_is_refused(path, member):
    rewrite(path, **{member: None})
    assert_refused(path, member.replace("__", "."))


def test_an_array_of_an_unknown_name_is_refused(path):
    rewrite(path, dxtra__best=npy(np.zeros(3)))
    assert_refused(path, "it holds an array 'dxtra.best'")


def test_an_optimizers_state_that_does_not_fit_is_refused(path):
    rewrite(path, optimizer__u=npy(np.zeros(5, np.float32)))
    assert_refused(path, r"The optimizer's u is float32 \(5,\), θ is float32 \(80,\)")
    rewrite(path, optimizer__u=npy(np.zeros(80)))
    assert_refused(path, r"The optimizer's u is float64 \(80,\), θ is float32 \(80,\). The optimizer is that")


def test_optimizers_of_phases_that_the_model_does_not_have_are_refused(path, tmp_path):
    phased = describe(optim.Phased({"a": optim.SGD(0.1), "b": optim.SGD(0.1)})) | {"t": 0}
    rewrite(path, lambda tree: tree | {"optimizer": phased}, optimizer__u=None)
    assert_refused(path, "has optimizers for a, b: expected a single one, as it has no phases. Save the model with")

    gan = GAN(layers.Dense(3, 6), layers.Dense(6, 1), GaussianPrior(3))
    save(tmp_path / "gan.npz", gan, optim.Phased({"discriminator": optim.SGD(0.1), "generator": optim.SGD(0.1)}))
    assert set(load_all(tmp_path / "gan.npz").optimizer.optimizers) == {"discriminator", "generator"}
    rewrite(tmp_path / "gan.npz", lambda tree: tree | {"optimizer": phased})
    assert_refused(tmp_path / "gan.npz", "for a, b: expected one for each phase, discriminator, generator. Save")


@pytest.mark.parametrize("statistics, words", [
    (npy(np.zeros(9, np.float32)), r"8 running statistics of float32, its vector of them has shape \(9,\)"),
    (npy(np.zeros(8)), "of float32, its vector of them has shape .* and dtype float64"),
    (npy(np.array([None] * 8)), "statistics declares"), (None, "it has no array 'statistics': use"),
    (b"", "not a whole npae model file"),
])  # fmt: skip
def test_statistics_that_do_not_fit_are_refused(tmp_path, statistics, words):
    save(tmp_path / "m.npz", with_statistics())
    rewrite(tmp_path / "m.npz", statistics=statistics)
    assert_refused(tmp_path / "m.npz", words)


def test_statistics_of_a_model_without_any_are_refused(path):
    rewrite(path, statistics=npy(np.zeros(8, np.float32)))
    assert_refused(path, "it holds an array 'statistics'")


def huge_header():
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (10**12,)})
    return stream.getvalue()


def test_statistics_that_the_file_only_declares_are_not_allocated(tmp_path):
    save(tmp_path / "m.npz", with_statistics())
    rewrite(tmp_path / "m.npz", statistics=huge_header() + bytes(32))
    tracemalloc.start()
    try:
        assert_refused(tmp_path / "m.npz", "statistics declares 4000000000128 bytes")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_sizes_that_the_file_only_declares_are_not_allocated(path):
    header = huge_header()
    huge = tree_of("Dense", {"n_in": 10**6, "n_out": 10**6 - 1})
    parts = {"encoder": huge, "decoder": huge, "loss": tree_of("SquaredError", {}, "Loss")}

    original = path.read_bytes()
    for change, words in (
        ({"theta": header + bytes(304)}, "theta declares 4000000000128 bytes"),
        ({"change": lambda tree: tree | {"model": huge}}, "architecture has 999999999999 parameters"),
        ({"change": lambda tree: tree | {"model": tree_of("Autoencoder", parts | {"seed": 0})}}, "argument 'seed'"),
        ({"extra__best": header}, "extra.best declares 4000000000128 bytes"),
        ({"optimizer__u": header + bytes(304)}, "optimizer.u declares 4000000000128 bytes"),
    ):
        path.write_bytes(original)
        rewrite(path, **change)
        tracemalloc.start()
        try:
            assert_refused(path, words)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 1_000_000


def test_python_objects_are_refused_and_never_unpickled(path):
    class Exploding:
        def __reduce__(self):
            return exec, ("raise SystemExit('unpickled')",)

    objects = np.empty(80, object)
    objects[0] = Exploding()
    for member in ("theta", "about", "extra__best", "optimizer__u"):
        original = path.read_bytes()
        rewrite(path, **{member: npy(objects)})
        assert_refused(path, member.replace("__", "."))
        path.write_bytes(original)


def test_compressed_members_are_refused(path):
    rewrite(path, compression=zipfile.ZIP_DEFLATED)
    assert_refused(path, "The array theta is compressed")


@pytest.mark.parametrize("header", [b"", b"\x93NUMPY", b"\x93NUMPY\x09\x09", b"\x93NUMPY\x01\x00\xff\xff{", b"(" * 200])
def test_members_that_are_not_arrays_are_refused(path, header):
    rewrite(path, theta=header)
    assert_refused(path)


def test_an_unknown_device_is_not_an_error_of_the_file(path):
    with pytest.raises(ValueError, match="Unknown device 'tpu'") as caught:
        load(path, device="tpu")
    assert not isinstance(caught.value, ModelFileError)


def test_a_missing_gpu_is_not_an_error_of_the_file(path, monkeypatch):
    monkeypatch.setattr("npae.backend.why_no_gpu", lambda: "CuPy is not installed.")
    with pytest.raises(RuntimeError, match="CuPy is not installed"):
        load(path, device="gpu")
