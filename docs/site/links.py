"""Links between the chapters of the book, the reference and the pages of formula beside code."""

import ast

from docs.site import beside, live, reference
from docs.site.files import DOCS, ROOT


def names_in(file):
    """The public classes and functions that a file of npae defines."""
    tree = ast.parse((ROOT / "npae" / file).read_text(encoding="utf-8"))
    return {n.name for n in tree.body if isinstance(n, (ast.ClassDef, ast.FunctionDef)) and n.name[0] != "_"}


def names_used(source):
    """The names of npae that a program imports, or takes from a package of npae that it imports."""
    nodes = list(ast.walk(ast.parse(source)))
    imports = [n for n in nodes if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("npae")]
    found = {alias.name for n in imports for alias in n.names}
    attributes = [n for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)]
    return found | {n.attr for n in attributes if n.value.id in found}


def chapters():
    """{page of a chapter: names of npae that it uses}, in order."""
    files = sorted((DOCS / "book").glob("[0-9][0-9]_*.py"))
    return {f"book/{file.stem}": names_used(file.read_text(encoding="utf-8")) for file in files}


def of_files():
    """A function from a file below npae/ to its links into the reference and the book."""
    entries, book = reference.entries(), chapters()

    def links(file):
        names = names_in(file)
        return {"Reference": [f":obj:`{n} <{entries[file, n]}>`" for n in sorted(names) if (file, n) in entries],
                "Book": [f":doc:`/{chapter}`" for chapter, used in book.items() if used & names]}  # fmt: skip

    return links


def of_chapter(used):
    """The end of a chapter: the pages of the files that define the names it uses."""
    links = [f"- :doc:`/{beside.page_of(file)}`" for file in beside.FILES if names_in(file) & used]
    return "\n\n.. rubric:: Formula beside code\n\n" + "\n".join(links) + "\n" if links else ""


def end_of_chapter(app, name, source):
    """The handler of source-read: a chapter ends with its live page and its links."""
    if name.startswith("book/"):
        source[0] += live.of_chapter(name) + of_chapter(chapters().get(name, set()))


def end_of_entry(app, what, name, thing, options, lines):
    """The handler of autodoc-process-docstring: an entry ends with a link to the page of its file."""
    page = beside.page_of(reference.file_of(thing))
    if what in ("class", "function") and page:
        lines += ["", f":doc:`Formula beside code </{page}>`"]
