"""Every public name states its arguments, one per line, shows a use that runs, and has annotations."""

import doctest
import importlib
import inspect
import re
import textwrap
from contextlib import contextmanager
from pathlib import Path

import pytest

from npae.backend import Serializable
from npae.layers import Layer
from tests.docstrings import arguments, explained, lines_to_read, sections

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = sorted(
    ".".join(p.relative_to(ROOT).parent.parts) for p in (ROOT / "npae").rglob("__init__.py")
) + ["npae.gradcheck"]  # fmt: skip
FORMULAS = {"absolute", "cos", "exp", "expm1", "log", "log1p", "maximum", "minimum", "sigmoid", "sin", "softplus",
            "sqrt", "tanh"}  # fmt: skip
# Names of npae.backend that no user calls: arguments, but no example.
MACHINERY = {"Arena", "Cublas", "CublasLt", "LazyRows", "aligned", "blas_of_graphs", "gather_bytes", "gpu_module",
             "replace_gpu_module", "use_blas", "im2col", "window_maxima", "window_maxima_backward", "window_sums",
             "window_sums_adjoint", "Places", "Fork", "fork_is_on", "join", "run_aside", "use_fork"}  # fmt: skip


def own(package):
    """(name, function or class) of everything that the package exports and that a file of it defines.

    Nothing of a package whose library is missing (npae.estimators).
    """
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        assert "pip install" in str(error)
        return
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    for name in sorted(names):
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            home = inspect.getmodule(thing).__name__
            nearest = max((p for p in PACKAGES if home == p or home.startswith(f"{p}.")), key=len, default="")
            if nearest == package:
                yield name, thing


THINGS = [(f"{package}.{name}", thing) for package in PACKAGES for name, thing in own(package)]
NEED = [(name, thing) for name, thing in THINGS if name.rpartition(".")[2] not in FORMULAS]
BY_NAME = pytest.mark.parametrize("name, thing", NEED, ids=[name for name, _ in NEED])


def methods(thing):
    """(name, function) of the public methods that a class defines itself."""
    for name, member in vars(thing).items():
        member = getattr(member, "__func__", member)
        if inspect.isfunction(member) and not name.startswith("_"):
            yield name, member


def inherited(cls, name):
    """Does a base class document the method?"""
    return any(getattr(vars(base).get(name), "__doc__", None) for base in cls.__mro__[1:])


@BY_NAME
def test_every_argument_has_a_line(name, thing):
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return
    needed = arguments(thing)
    assert [n for n in explained(inspect.getdoc(thing)) if n in needed] == needed
    for method, function in methods(thing) if inspect.isclass(thing) else ():
        if len(arguments(function)) > 1 and not inherited(thing, method):
            assert explained(inspect.getdoc(function)) == arguments(function), method


@BY_NAME
def test_every_name_has_an_example(name, thing):
    if inspect.isclass(thing) and issubclass(thing, BaseException) or name.rpartition(".")[2] in MACHINERY:
        return
    assert any(">>> " in line for line in sections(inspect.getdoc(thing) or "").get("Example:", []))


@BY_NAME
def test_every_public_function_has_annotations(name, thing):
    bare = []
    if inspect.isclass(thing):
        members = {f"{name}.{key}": f for key, f in methods(thing)}
        if "__init__" in vars(thing) and inspect.isfunction(thing.__init__) and not hasattr(thing, "_fields"):
            members[f"{name}.__init__"] = thing.__init__
        members |= {f"{name}.{k}": p.fget for k, p in vars(thing).items() if isinstance(p, property) and k[0] != "_"}
    else:
        members = {name: thing}
    for key, function in members.items():
        signature = inspect.signature(function)
        bare += [f"{key}({p.name})" for k, p in enumerate(signature.parameters.values())
                 if p.annotation is p.empty and not (k == 0 and p.name in ("self", "cls"))]  # fmt: skip
        if signature.return_annotation is signature.empty and not key.endswith("__init__"):
            bare.append(f"{key} -> ")
    assert not bare


@contextmanager
def classes_of_its_own():
    """The classes that the block defines leave the registries of their families when it ends."""
    before = {name: dict(head.registry) for name, head in Serializable.families.items()}
    try:
        yield
    finally:
        for name, registry in before.items():
            Serializable.families[name].registry.clear()
            Serializable.families[name].registry.update(registry)


@BY_NAME
def test_its_example_runs(name, thing, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tests = [t for t in doctest.DocTestFinder(recurse=False).find(thing, name, globs={}) if t.examples]
    runner = doctest.DocTestRunner(verbose=False)
    with classes_of_its_own():
        for test in tests:
            runner.run(test)
    failed, printed = runner.summarize().failed, capsys.readouterr().out
    if failed and (missing := re.search(r"Error: (.* is not installed: pip install .*)", printed)):
        pytest.skip(missing[1])
    assert failed == 0, printed


def test_classes_of_an_example_are_not_found_afterwards():
    with classes_of_its_own():
        type("OfAnExample", (Layer,), {})
        assert "OfAnExample" in Layer.registry
    assert "OfAnExample" not in Layer.registry and "Dense" in Layer.registry


def test_sections_are_read_as_they_are_written():
    text = inspect.cleandoc(
        """Title.

        Args:
            a, *b: two,
                with a colon: no name.
            c: the third.

        Raises ValueError.

        Example:
            >>> 1
            1
        """
    )
    assert explained(text) == ["a", "b", "c"]
    assert sections(text)["Example:"] == ["    >>> 1", "    1"]
    source = f'def f():\n    """{textwrap.indent(text, "    ").strip()}\n    """\n    return 1\n'
    assert len(source.splitlines()) - lines_to_read(source) == 10


def test_a_missing_argument_would_be_found():
    def bare(a, b):
        """Title.

        Args:
            a: the first.
        """

    assert explained(bare.__doc__ and inspect.getdoc(bare)) != arguments(bare)
