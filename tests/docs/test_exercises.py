"""The exercises of the book have one form: a statement, an empty function, its check, and a line that tries it."""

import ast
import re

import pytest

from tests.docs.chapters import BOOK

INTRODUCTION = """# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_{}.py``.
#
# **1. """


@pytest.mark.parametrize("path", sorted(BOOK.glob("*.py")), ids=lambda path: path.stem)
def test_a_chapter_has_two_exercises(path):
    source = path.read_text(encoding="utf-8")
    part = source[source.index(INTRODUCTION.format(path.name[:2])) :]
    assert re.findall(r"^# \*\*(\d)\. [A-Z]", part, re.MULTILINE) == ["1", "2"]
    assert re.search(r"^# %%\n# (Next: chapter \d+|This is the last chapter)", part, re.MULTILINE)
    body = ast.parse(part).body
    for exercise, check, last in zip(body[:-1:3], body[1:-1:3], body[2::3], strict=True):
        assert check.name == f"check_{exercise.name}"
        assert ast.unparse(last) == f"attempt({check.name}, {exercise.name})"
        assert len(exercise.body) == 1 and re.match("(Returns|Sets) .*[.…](\n|$)", ast.get_docstring(exercise))
    assert max(len(line) for line in part.splitlines() if not line.startswith("# ")) <= 95
