"""The first page of npae.backend keeps its word: with plain NumPy in its place, the mathematics is the same."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from npae import backend

ROOT = Path(__file__).resolve().parent.parent.parent
STAND_INS = ROOT / "tests" / "plain_backend.py"
CONTRACTS = 100  # tests of contracts that must have run, at least
PROGRAM = f"""
import importlib.util, sys

class StandIns:
    def find_spec(name, path=None, target=None):
        if name == "npae.backend":
            return importlib.util.spec_from_file_location(
                name, {str(STAND_INS)!r}, submodule_search_locations=[{str(ROOT / "npae" / "backend")!r}])

sys.meta_path.insert(0, StandIns)
import pytest
code = pytest.main(sys.argv[1:])
import npae.layers.dense
assert npae.layers.dense.matmul is __import__("numpy").matmul
sys.exit(code)
"""


def names_of(file):
    """Names that a file defines at its top level: functions, classes, and what is assigned."""
    defined = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, ast.Assign):
            defined |= {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return defined


def test_the_contracts_hold_with_plain_stand_ins():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "-n0", "-p", "no:cacheprovider", "-q", "-k", "contract and not fake",
         "tests/layers", "tests/losses", "tests/penalties"],
        capture_output=True, text=True, cwd=ROOT, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= CONTRACTS, done.stdout


def test_every_name_that_computes_has_a_stand_in():
    """Only names from files that compute nothing may be the package's own."""
    plain = names_of(STAND_INS)
    own = ast.literal_eval(re.search(r"(?s)COMPUTE_NOTHING = (\(.*?\))", STAND_INS.read_text(encoding="utf-8"))[1])
    for node in ast.parse(Path(backend.__file__).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module.removeprefix("npae.backend.") not in own:
            assert {alias.name for alias in node.names} <= plain, node.module
