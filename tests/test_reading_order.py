"""The reading order: a list in npae/__init__.py, in which a file comes after its imports. README.md has its beginning.

An entry is a file, or a folder for all files within that no other entry names. `backend` may stay shut: it is not in
the order, and its names may be imported from anywhere.
"""

import ast
import re
from pathlib import Path

from tests.docstrings import lines_to_read

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ROOT / "npae"
HEADING = "Reading order"
ENTRY = re.compile(r" {4}(\S+(?:\.py|/))  +\S")
ENGINE_LINES = 1500  # beside the argument lists and examples of docstrings


def parse(text):
    """The blocks of entries below the heading: [[path from npae/, …], …], cut where a line is no entry."""
    lines = text.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith(HEADING))
    blocks = [[]]
    for line in lines[start + 1 :]:
        match = ENTRY.match(line)
        if match:
            blocks[-1].append(match[1])
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


DOCSTRING = ast.get_docstring(ast.parse((HOUSE / "__init__.py").read_text(encoding="utf-8")))
BLOCKS = parse(DOCSTRING) if HEADING in DOCSTRING else []
ORDER = [entry for block in BLOCKS for entry in block]


def inside(path):
    """A path below npae/, as the entries name it."""
    return path.relative_to(HOUSE).as_posix()


def all_files():
    """Every file of npae that has a place in the order: all but backend, lists of names, version and command line."""
    files = (inside(p) for p in HOUSE.rglob("*.py") if p.name not in ("__init__.py", "__main__.py", "version.py"))
    return sorted(f for f in files if not f.startswith("backend/"))


def place(file, order):
    """Where in the order a file stands: the place of its own entry, or of the nearest folder's. None: nowhere."""
    entries = [e for e in order if e == file or e.endswith("/") and file.startswith(e)]
    return order.index(max(entries, key=len)) if entries else None


def sources(module, name):
    """The file that `from module import name` reads, through the lists of names in __init__.py."""
    here = ROOT / module.replace(".", "/")
    if here.with_suffix(".py").is_file():
        return here.with_suffix(".py")
    for inner in (here / f"{name}.py", here / name / "__init__.py"):
        if inner.is_file():
            return inner
    for node in ast.parse((here / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and name in [a.asname or a.name for a in node.names]:
            return sources(node.module, name)
    return here / "__init__.py"  # defined there


def imports(file):
    """The files of npae that a file imports at its top level, without those of backend and the version."""
    found = set()
    for node in ast.parse((HOUSE / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "npae":
            found |= {sources(node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                assert alias.name.partition(".")[0] != "npae", f"{file}: write from … import …, not import {alias.name}"
    return {f for f in map(inside, found) if not f.startswith("backend/") and f != "version.py"}


def too_early(file, order):
    """The imports of a file that come after it in the order, or not at all; all of them, if it has no place itself."""
    here = place(file, order)
    places = {f: place(f, order) for f in imports(file)}
    return sorted(f for f, there in places.items() if here is None or there is None or there > here)


def test_there_is_an_order():
    assert len(BLOCKS) > 1, f'npae/__init__.py: expected blocks of entries below a line "{HEADING}"'


def test_entries_exist_once():
    assert [e for e in ORDER if not (HOUSE / e).exists()] == []
    assert len(set(ORDER)) == len(ORDER)


def test_every_file_has_a_place():
    assert [f for f in all_files() if place(f, ORDER) is None] == []


def test_imports_come_before_the_file():
    later = {f: too_early(f, ORDER) for f in all_files()}
    assert {f: imported for f, imported in later.items() if imported} == {}


def test_the_first_file_derives_and_the_engine_is_short():
    engine = BLOCKS[0]
    assert "∂" in ast.get_docstring(ast.parse((HOUSE / engine[0]).read_text(encoding="utf-8")))
    assert all(e.endswith(".py") for e in engine), "the engine is a list of files"
    lines = {e: lines_to_read((HOUSE / e).read_text(encoding="utf-8")) for e in engine}
    assert sum(lines.values()) <= ENGINE_LINES, lines


def test_the_readme_has_the_engine_in_the_same_order():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^ {4}npae/(\S+(?:\.py|/))  +\S", readme, re.MULTILINE) == BLOCKS[0]


def test_folders_name_their_files_in_the_same_order():
    for file in sorted(HOUSE.rglob("__init__.py")):
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        named = [inside(file.parent / name) for name in re.findall(r"`(\w+\.py)`", text)]
        assert [f for f in named if not (HOUSE / f).exists()] == []
        if not inside(file).startswith("backend/"):
            assert named == sorted(named, key=lambda f: place(f, ORDER)), inside(file)


def test_a_wrong_order_would_be_seen():
    text = f"x\n\n{HEADING}\n\n    layers/dense.py  rows\n    layers/base.py   contract\n\nThen\n\n    losses/    ℓ\n"
    assert parse(text) == [["layers/dense.py", "layers/base.py"], ["losses/"]]
    assert "layers/base.py" in too_early("layers/dense.py", ["layers/dense.py", "layers/base.py"])
    assert too_early("layers/dense.py", ["layers/"]) == []
    assert too_early("layers/dense.py", []) == too_early("layers/dense.py", ["layers/base.py"]) != []
    assert place("layers/dense.py", ["layers/", "layers/dense.py"]) == 1
    assert place("data/sets/mnist.py", ["layers/"]) is None
    assert inside(sources("npae.layers", "Dense")) == inside(sources("npae", "layers")).replace("__init__", "dense")
