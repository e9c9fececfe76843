"""The shape of the house: imports run one way, files are short and explained, and NumPy alone is enough."""

import ast
import builtins
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from npae import backend
from tests.docstrings import lines_to_read

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    "version", "backend", "gradcheck", "layers", "losses", "penalties", "optim", "data", "models", "serialization",
    "evaluate", "train", "anomaly", "estimators", "export", "__init__", "__main__",
)  # fmt: skip
ALLOWED_OUTSIDE = {
    "numpy": None,  # anywhere
    "cupy": {"npae/backend/arrays.py"},
    "cuda": {"npae/backend/cublas.py"},  # comes with cupy
    "numba": {"npae/backend/formulas/on_numba.py", "npae/backend/formulas/numpy_loops.py",
              "npae/backend/random/on_numba.py", "npae/backend/pool/"},
    "llvmlite": {"npae/backend/formulas/numpy_loops.py", "npae/backend/random/on_numba.py", "npae/backend/pool/"},
    "tqdm": {"npae/train/bar.py", "npae/data/files/download.py"},
    "mpi4py": {"npae/train/parallel/mpi.py"},
    "PIL": {"npae/data/files/picture.py"},
    "pandas": {"npae/data/files/cells.py", "npae/train/history.py"},
    "matplotlib": {"npae/train/learning_curves.py"},
    "tensorboardX": {"npae/train/logs.py"},
    "threadpoolctl": {"npae/train/parallel/thread_limit.py"},
    "sklearn": {"npae/models/latent/mixture.py", "npae/estimators/"},
    "onnx": {"npae/export/onnx_graph/"},
    "torch": {"npae/export/pytorch/"},
    "safetensors": {"npae/export/safetensors_file.py"},
}
LINES = 200  # of a file, at most, beside the reference sections of its docstrings
FILES = sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "npae").rglob("*.py"))
MODULES = sorted(f.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for f in FILES)


def imported(text):
    """(module, is it at the top level of the file?) for everything that the source `text` imports."""
    tree = ast.parse(text)
    top = {id(node) for node in tree.body}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"npae.{alias.name}" for alias in node.names] if node.module == "npae" else [node.module]
            found += [(name, id(node) in top) for name in names]
    return found


def room(file):
    """The room of npae that a file is in: its first folder, or its own name."""
    return file.split("/")[1].removesuffix(".py")


def imports_of(file):
    return imported((ROOT / file).read_text(encoding="utf-8"))


def test_every_room_has_a_place_in_the_order():
    assert {room(f) for f in FILES} <= set(ROOMS)


@pytest.mark.parametrize("file", FILES)
def test_imports_run_one_way(file):
    here = ROOMS.index(room(file))
    for module, _ in imports_of(file):
        if module.partition(".")[0] == "npae":
            there = module.split(".")[1]
            assert ROOMS.index(there) <= here, f"{file} imports {module}, a later room"


def test_the_test_of_the_order_sees_a_wrong_import():
    assert imported("from npae import models\nimport npae.train.history") == [
        ("npae.models", True), ("npae.train.history", True),
    ]  # fmt: skip


@pytest.mark.parametrize("file", [f for f in FILES if room(f) != "backend"])
def test_the_machine_is_imported_from_its_first_page(file):
    assert [module for module, _ in imports_of(file) if module.startswith("npae.backend.")] == []


def test_the_first_page_of_the_machine_names_what_it_has():
    named = set(re.findall(r"(?<![.\w])(\w+)\(|@(\w+)", backend.__doc__))
    names = {a or b for a, b in named} - set(vars(builtins))
    assert {"matmul", "empty", "elementwise", "array_module"} <= names
    assert names <= set(backend.__all__)


@pytest.mark.parametrize("file", FILES)
def test_nothing_comes_from_outside_but_numpy_and_the_named_exceptions(file):
    for module, _ in imports_of(file):
        name = module.partition(".")[0]
        if name == "npae" or name in sys.stdlib_module_names:
            continue
        assert name in ALLOWED_OUTSIDE, f"{file} imports {module}"
        places = ALLOWED_OUTSIDE[name]
        allowed = places is None or any(file == p or p.endswith("/") and file.startswith(p) for p in places)
        assert allowed, f"{file} imports {module}, only {places} may"


@pytest.mark.parametrize("file", [f for f in FILES if room(f) in ("backend", "data")])
def test_libraries_are_imported_only_when_needed(file):
    lazy = ("cupy", "tqdm", "PIL", "pandas")
    assert not [module for module, top in imports_of(file) if top and module.partition(".")[0] in lazy]


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_short_and_opens_with_its_role(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert lines_to_read(text) <= LINES
    assert ast.get_docstring(ast.parse(text))


def undocumented(thing, name):
    """Names of `thing` and of its own public methods and properties that nothing explains, inherited texts included."""
    missing = [] if inspect.getdoc(thing) else [name]
    if inspect.isclass(thing):
        for key, member in vars(thing).items():
            explicable = inspect.isroutine(member) or isinstance(member, (property, classmethod, staticmethod))
            if explicable and not key.startswith("_") and not inspect.getdoc(getattr(thing, key)):
                missing.append(f"{name}.{key}")
    return missing


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_explained(name):
    module = importlib.import_module(name)
    missing = []
    for key, thing in vars(module).items():
        exported = key in getattr(module, "__all__", ()) or getattr(thing, "__module__", None) == name
        if exported and not key.startswith("_") and (inspect.isclass(thing) or inspect.isroutine(thing)):
            missing += undocumented(thing, f"{name}.{key}")
    assert not missing


@pytest.mark.parametrize("name", MODULES)
def test_all_names_in_all_exist(name):
    module = importlib.import_module(name)
    for exported in getattr(module, "__all__", ()):
        assert hasattr(module, exported)


def test_a_name_without_a_docstring_would_be_found():
    class Quiet:
        def method(self):
            pass

    assert undocumented(Quiet, "Quiet") == ["Quiet", "Quiet.method"]


def python(program, *missing):
    """What a program prints in a Python of its own, in which the libraries `missing` cannot be imported."""
    hide = "".join(f"import sys; sys.modules[{name!r}] = None\n" for name in missing)
    done = subprocess.run([sys.executable, "-W", "error", "-c", hide + program], capture_output=True, text=True,
                          timeout=60, env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_import_npae_imports_nothing_optional():
    assert python(
        "import sys, numpy\n"
        "before = set(sys.modules)\n"
        "import npae\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - set(sys.stdlib_module_names)))\n"
        "print(*sorted(m for m in sys.modules if m.startswith(('npae.estimators', 'npae.export'))))\n"
    ) == ["npae", ""]


def test_export_and_estimators_are_imported_at_their_first_use():
    pytest.importorskip("sklearn")
    assert python(
        "import sys, npae\n"
        "print({'export', 'estimators', 'fit'} <= set(dir(npae)), 'npae.export' in sys.modules)\n"
        "print(npae.export.to_onnx.__name__, 'sklearn' in sys.modules)\n"
        "print(npae.estimators.AutoencoderDetector.__name__, hasattr(npae, 'exports'))\n"
    ) == ["True False", "to_onnx False", "AutoencoderDetector False"]


def test_without_scikit_learn_the_message_has_the_command_and_help_works():
    lines = python(
        "import inspect, npae\n"
        "print(len(inspect.getmembers(npae)) > 30, hasattr(npae, 'estimators'))\n"
        "for use in ('npae.estimators', 'from npae import estimators', 'import npae.estimators'):\n"
        "    try:\n"
        "        exec(use)\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__, error)\n",
        "sklearn",
    )
    assert lines[0] == "True False"
    assert [line.split()[0] for line in lines[1:]] == ["AttributeError", "ModuleNotFoundError", "ModuleNotFoundError"]
    assert all("scikit-learn 1.6 or newer is not installed: pip install" in line for line in lines[1:])


def test_numpy_alone_is_enough_to_train_and_to_save(tmp_path):
    lines = python(
        "import sys, npae\n"
        "x = npae.mnist(which='sample').train_images[:64].reshape(-1, 784)\n"
        "model = npae.dense_autoencoder([784, 8])\n"
        "history = npae.fit(model, x, epochs=1, batch_size=32)\n"
        f"path = npae.save({str(tmp_path / 'm.npz')!r}, model)\n"
        "assert npae.load(path).reconstruct(x).shape == (64, 784)\n"
        "assert not any(m.partition('.')[0] in ('demos', 'benchmarks', 'tests') for m in sys.modules)\n"
        "print(len(history))\n",
        "tqdm", "matplotlib", "cupy", "scipy", "torch",
    )  # fmt: skip
    assert lines[0].startswith("epoch 1/1") and lines[-1] == "1"
