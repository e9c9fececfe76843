"""The checks of the book with their errors: a page, written from the assertions of the chapters as they ran.

Sphinx-Gallery calls `record` after each code cell, with the names that the cell has left. Each comparison of an
`assert` is evaluated once more there, side by side, and kept in a file per chapter until the page is written.
"""

import ast
import json
from hashlib import sha256
from pathlib import Path

from docs.site.files import heading, indent, write

PAGE = """{title}
Each chapter asserts what it states: formulas against the engine, against finite differences or against a closed form,
and every number of its prose. If one fails, this site is not built. Below are all {n} comparisons, with the values that
they found when these pages were built.

{chapters}
"""


def comparisons(source):
    """(line within the cell, condition) of each assert at the top of a cell; `a and b` are two conditions."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assert):
            both = isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And)
            yield from ((node.lineno, condition) for condition in (node.test.values if both else [node.test]))


def shown(value):
    """A number or a few of them, with three digits."""
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(map(shown, value)) + ")"
    value = value.item() if hasattr(value, "item") else value
    return f"{value:.3g}" if isinstance(value, float) else f"{value}"


def evaluated(condition, names):
    """The condition as code, and the values of its sides that are not constants. Raises where it does not hold."""
    code = ast.unparse(condition)

    def value_of(node):
        return eval(compile(ast.Expression(node), "<check>", "eval"), names)

    if not value_of(condition):
        raise AssertionError(f"{code}: expected the value that the assertion saw. Do not assign its names again.")
    sides = [condition.left, *condition.comparators] if isinstance(condition, ast.Compare) else [condition]
    measured = [side for side in sides if not isinstance(side, ast.Constant)]
    return {"condition": code, "found": [shown(value_of(side)) for side in measured]}


def record(block, block_vars, gallery_conf):
    """Keep the checks of a code cell that has just run. A scraper of Sphinx-Gallery, which finds no pictures."""
    _, source, first = block
    chapter = Path(block_vars["src_file"])
    text = sha256(chapter.read_bytes()).hexdigest()
    file = Path(gallery_conf["src_dir"], "checks", f"{chapter.stem}.json")
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    before = kept["checks"] if kept.get("text") == text else []  # else of another text of this chapter
    new = [evaluated(c, block_vars["example_globals"]) | {"line": first + line} for line, c in comparisons(source)]
    write(file, json.dumps({"text": text, "checks": [check for check in before if check["line"] <= first] + new}))
    return ""


def write_page(app):
    """Write the page from the files of all chapters, after Sphinx-Gallery has run them."""
    chapters, n = [], 0
    for file in sorted(Path(app.srcdir, "checks").glob("*.json")):
        checks = json.loads(file.read_text(encoding="utf-8"))["checks"]
        n += len(checks)
        rows = [f"* - ``{check['condition']}``\n  - {', '.join(check['found'])}" for check in checks]
        table = ".. list-table::\n   :widths: 70 30\n   :header-rows: 1\n\n   * - asserted\n     - found\n"
        chapters.append(f".. rubric:: :doc:`/book/{file.stem}`\n\n{table}{indent(chr(10).join(rows))}\n")
    text = PAGE.format(title=heading("Checks of the book"), n=n, chapters="\n".join(chapters))
    write(Path(app.srcdir, "checks.rst"), text)
