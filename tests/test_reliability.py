"""docs/reliability.md: every statement names the tests that check it, and these tests exist."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


@cache
def names_in(path):
    """The names of the tests in a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_the_tests_that_are_named_exist():
    missing = [f"{path}::{name}" for path, name in NAMED if not (ROOT / path).is_file() or name not in names_in(path)]
    assert len(NAMED) > 30 and not missing, missing


def test_every_statement_names_a_test():
    promises, _, rest = TEXT.partition("## What is not promised")
    statements = re.split(r"\n- ", promises)[1:]
    without = [s.splitlines()[0] for s in statements if "::test_" not in s]
    assert len(statements) > 20 and not without, without
    assert "::test_" not in rest, "what is not promised has no test"
