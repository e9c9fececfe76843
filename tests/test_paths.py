"""Paths: "~" is the home folder in every public function that takes a path, and a wrong path is one sentence."""

import inspect
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import npae
from demos import common
from npae import anomaly, data, fit, load, models, save, serialization, train
from npae.data.sets.mnist import MD5, SAMPLE

MODULES = (npae, anomaly, data, models, serialization, train, npae.backend, npae.evaluate, npae.layers)
NAMES = {"path", "folder", "file", "resume"}
RECORDS = {"Table"}  # hold the path that they are given
X = np.random.default_rng(0).random((40, 6), np.float32)
TABLE = "V1,Class\n1.5,0\n2.5,1\n"


def public():
    """The names of all public functions, classes and methods with a path among their arguments."""
    found = set()
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            members = {name: thing}
            if inspect.isclass(thing):
                members |= {f"{name}.{k}": f for k, f in vars(thing).items() if inspect.isroutine(f) and k[0] != "_"}
            for key, member in members.items():
                if callable(member) and not isinstance(member, type(np)):
                    try:
                        arguments = set(inspect.signature(member).parameters)
                    except ValueError:  # a builtin
                        continue
                    found |= {key} if arguments & NAMES else set()
    return found - RECORDS


def model():
    return npae.dense_autoencoder([6, 3])


def a_run(path):
    trainer = train.prepare(model(), X, progress="none")
    trainer.run(1)
    train.save_run(trainer, path)
    return trainer


def a_detector(path):
    detector = anomaly.AnomalyDetector(epochs=1).fit(X)
    anomaly.save_detector(path, detector)
    return anomaly.load_detector(path).threshold == detector.threshold


def a_table(path, read):
    Path(path).expanduser().parent.mkdir(exist_ok=True, parents=True)
    Path(path).expanduser().write_text(TABLE)
    return read(path)


def an_archive(home):
    np.savez(home / "tables" / "1_a.npz", X=X, y=np.zeros(40, int))
    return len(data.adbench("~/tables")) == 1 and data.read_npz("~/tables/1_a.npz").name == "a"


def a_picture(home):
    image = pytest.importorskip("PIL.Image")
    (home / "pictures").mkdir()
    image.new("L", (8, 8), 9).save(home / "pictures" / "a.png")
    return len(data.image_folder("~/pictures", 8)) == 1


def faces(home):
    person = np.arange(40).repeat(2)
    np.savez(home / "olivetti.npz", images=np.zeros((80, 64, 64), np.uint8), person=person)
    return len(data.olivetti("~/olivetti.npz").train_images) == 70


def strangers(home):
    np.savez(home / "lfw_64.npz", images=np.zeros((20, 64, 64), np.uint8), person=np.arange(20))
    return len(data.lfw("~/lfw_64.npz").test_images) == 2


def frames(home):
    np.savez(home / "frey.npz", images=np.zeros((4, 28, 20), np.uint8))
    return len(data.frey("~/frey.npz")) == 4


def sample(home):
    shutil.copytree(SAMPLE, home / "sample")
    return "~/sample"


def fetched(home):
    """All four files are there, so nothing is downloaded."""
    (home / "mnist").mkdir()
    for name in MD5:
        (home / "mnist" / name).write_bytes((SAMPLE / name).read_bytes())
    from npae.data.files.download import _mismatch

    digests = {name: _mismatch(SAMPLE / name, "0" * 32).split()[4].rstrip(",") for name in MD5}
    return data.fetch_mnist("~/mnist", mirrors=(), checksums=digests) == home / "mnist"


def credit(home):
    names = [f"V{k}" for k in range(1, 29)] + ["Amount", "Class"]
    (home / "cards.csv").write_text(",".join(names) + "\n" + ",".join(["0"] * 30) + "\n")
    return data.credit_card("~/cards.csv").x.shape == (1, 29)


def read_table(home):
    pytest.importorskip("pandas")
    return a_table("~/t.csv", data.read_table).path == home / "t.csv"


def logged(home, callback):
    return len(fit(model(), X, epochs=1, callbacks=callback, progress="none")) == 1


def events(home):
    pytest.importorskip("tensorboardX")
    return logged(home, train.TensorBoard("~/events")) and any((home / "events").rglob("events.*"))


USES = {  # each returns whether what it wrote or read lies in the home folder
    "save": lambda home: save("~/a/m", model()) == home / "a" / "m.npz" and (home / "a" / "m.npz").exists(),
    "load": lambda home: save(home / "m.npz", model()) and load("~/m").parameter_count == model().parameter_count,
    "load_all": lambda home: save(home / "m.npz", model()) and serialization.load_all("~/m.npz").extra == {},
    "save_run": lambda home: a_run("~/runs/c") is not None and (home / "runs" / "c.npz").exists(),
    "resume_run": lambda home: train.resume_run(a_run(home / "c.npz"), "~/c.npz") is None,
    "fit": lambda home: a_run(home / "c.npz") and len(fit(model(), X, epochs=1, resume="~/c", progress="none")) == 1,
    "file_info": lambda home: "m.npz: a model" in serialization.file_info(save(home / "m.npz", model()) and "~/m"),
    "CSVLog": lambda home: logged(home, train.CSVLog("~/logs/h.csv")) and (home / "logs" / "h.csv").exists(),
    "TensorBoard": events,
    "Checkpoint": lambda home: train.Checkpoint("~/c").path == home / "c.npz",
    "History.to_json": lambda home: train.History([{"epoch": 1}]).to_json("~/new/h.json") is None
    and json.loads((home / "new" / "h.json").read_text()) == [{"epoch": 1}],
    "History.to_csv": lambda home: train.History([{"epoch": 1}]).to_csv("~/h.csv") is None
    and (home / "h.csv").exists(),
    "save_detector": lambda home: a_detector("~/d") and (home / "d.npz").exists(),
    "load_detector": lambda home: a_detector("~/d.npz"),
    "write_idx": lambda home: data.write_idx("~/a", np.arange(3, dtype="u1")) is None and (home / "a").exists(),
    "read_idx": lambda home: data.write_idx(home / "a", np.arange(3, dtype="u1")) or len(data.read_idx("~/a")) == 3,
    "idx_folder": lambda home: data.idx_folder(sample(home)).test_images.shape == (2000, 28, 28),
    "mnist": lambda home: npae.mnist(sample(home)).test_images.shape == (2000, 28, 28),
    "fetch_mnist": fetched,
    "adbench": an_archive,
    "read_npz": an_archive,
    "credit_card": credit,
    "olivetti": faces,
    "lfw": strangers,
    "frey": frames,
    "image_folder": a_picture,
    "read_table": read_table,
    "as_path": lambda home: npae.backend.as_path("~/a") == home / "a",
    "check_place": lambda home: npae.backend.check_place("~/new/a") is None and (home / "new").is_dir(),
    "atomic_write": lambda home: written(home),
    "open_untrusted": lambda home: opened(home),
}


def written(home):
    with npae.backend.atomic_write("~/deep/a") as temporary:
        temporary.write_text("a")
    return (home / "deep" / "a").read_text() == "a"


def opened(home):
    (home / "a").write_text("a")
    with npae.backend.open_untrusted("~/a") as file:
        return file.read() == b"a"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder, and another folder to work in, which must stay empty."""
    for name in ("home", "elsewhere"):
        (tmp_path / name).mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "home" / "tables").mkdir()
    yield tmp_path / "home"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_every_function_with_a_path_is_tried():
    assert public() == set(USES)


@pytest.mark.parametrize("name", USES)
def test_the_home_folder(name, home):
    assert USES[name](home)


def test_the_folder_of_a_demos_results(home):
    settings = common.parse("simple", "", 1, argv=["--quick", "--device", "cpu", "--out", "~/results"])
    assert settings.out == home / "results" and (home / "results").is_dir()


def test_environment_variables_may_name_the_home_folder(home, monkeypatch):
    monkeypatch.setenv("NPAE_DATA", "~")
    monkeypatch.setenv("NPAE_CACHE", "~/cache")
    assert data.data_folder("tables") == home / "tables" and data.cache_folder("mnist") == home / "cache" / "mnist"


@pytest.mark.parametrize("path", [3, None, 2.5, ["a"]], ids=repr)
@pytest.mark.parametrize("use, owner", [
    (lambda path: save(path, model()), "save"), (load, "load"), (train.Checkpoint, "Checkpoint"),
    (data.read_idx, "read_idx"), (data.idx_folder, "idx_folder"), (data.read_npz, "read_npz"),
    (lambda path: data.image_folder(path, 8), "image_folder"), (data.read_table, "read_table"),
])  # fmt: skip
def test_what_is_not_a_path_is_one_sentence(use, owner, path):
    with pytest.raises(TypeError, match=f"{owner}: expected a path, text or a pathlib.Path, got {type(path).__name__}"):
        use(path)


def test_a_name_that_begins_with_a_tilde_but_is_no_user_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert save("~nobody-of-this-name.npz", model()) == Path("~nobody-of-this-name.npz")
    assert (tmp_path / "~nobody-of-this-name.npz").exists() and load("~nobody-of-this-name") is not None
