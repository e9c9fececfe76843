"""The reference sections of docstrings: "Args:", "Attributes:" and "Example:", as editors and Sphinx read them."""

import ast
import inspect
import re

HEADS = ("Args:", "Attributes:", "Example:")
ARGUMENT = re.compile(r" {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*):(?: |$)")


def sections(text):
    """{head: its lines} of a docstring as inspect.getdoc returns it."""
    found, here = {}, None
    for line in text.splitlines():
        if line in HEADS:
            here = found.setdefault(line, [])
        elif line and not line.startswith(" "):
            here = None
        elif here is not None:
            here.append(line)
    return found


def explained(text):
    """The names that the sections Args and Attributes of a docstring explain, in order, without stars."""
    there = sections(text or "")
    lines = there.get("Args:", []) + there.get("Attributes:", [])
    return [name.strip(" *") for line in lines if (m := ARGUMENT.match(line)) for name in m[1].split(",")]


def arguments(thing):
    """The names of the arguments of a function, or of a class's __init__, without self and private ones."""
    try:
        parameters = list(inspect.signature(thing).parameters.values())
    except ValueError:  # a builtin
        return []
    return [p.name for p in parameters if p.name not in ("self", "cls") and not p.name.startswith("_")]


def lines_to_read(source):
    """How many lines a source file has beside the reference sections of its docstrings."""
    lines, skipped = source.splitlines(), 0
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) or ast.get_docstring(node) is None:
            continue
        text = node.body[0]
        indent = None  # of the head of the section that a line is in
        for number in range(text.lineno - 1, text.end_lineno):
            line = lines[number]
            if line.strip() and indent is not None and len(line) - len(line.lstrip()) <= indent:
                indent = None
            if line.strip() in HEADS:
                indent = len(line) - len(line.lstrip())
                skipped += not lines[number - 1].strip()  # the blank line before it
            skipped += indent is not None
    return len(lines) - skipped
