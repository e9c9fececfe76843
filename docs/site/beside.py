"""Formula beside code: a page for every file of the mathematics, the derivation on the left, the code on the right."""

import ast
import re

import npae
from docs.site.docstrings import to_rst
from docs.site.files import ROOT, heading, indent, write

FOLDERS = ("layers", "losses", "penalties", "optim", "models")
ENTRIES = re.findall(r"^    (\S+)  +(\S.*)$", npae.__doc__, re.MULTILINE)
PAGE = """:hide-toc:

{title}
``npae/{file}``: {subject}.{links}

.. container:: beside

   .. container:: derivation

{derivation}

   .. code-block:: python
      :lineno-start: {start}

{code}
"""


def files():
    """{file: its subject}, in reading order. A package names its files and their subjects in its own docstring."""
    found = {}
    for entry, subject in ENTRIES:
        if entry.startswith(FOLDERS) and entry.endswith("/"):
            text = ast.get_docstring(ast.parse((ROOT / "npae" / entry / "__init__.py").read_text(encoding="utf-8")))
            for file, inner in re.findall(r"`(\w+\.py)`\s+\(([^)]+)\)", text):
                found[entry + file] = " ".join(inner.split())
        elif entry.startswith(FOLDERS):
            found[entry] = subject
    return found


FILES = files()


def page_of(file):
    """The name of the page of a file, given as a path below npae/; None if it has none."""
    return f"beside/{file.removesuffix('.py')}" if file in FILES else None


def page(file, links):
    """The page of a file, in reStructuredText. links: {"Reference": [links], "Book": [links]}."""
    source = (ROOT / "npae" / file).read_text(encoding="utf-8")
    tree, lines = ast.parse(source), source.splitlines()
    title, _, derivation = ast.get_docstring(tree).partition("\n")
    start = next(k for k in range(tree.body[0].end_lineno, len(lines)) if lines[k])  # of the code
    derivation, code = "\n".join(to_rst(derivation.strip("\n") or title)), "\n".join(lines[start:])
    return PAGE.format(
        title=heading(title.rstrip(".")), file=file, subject=FILES[file], start=start + 1,
        links="".join(f" {word}: {', '.join(there)}." for word, there in links.items() if there),
        derivation=indent(derivation, 6), code=indent(code, 6),
    )  # fmt: skip


def write_pages(target, links_of):
    """Write a page per file, and their list in reading order. links_of: the links of a file, see page."""
    for file in FILES:
        write(target / f"{page_of(file)}.rst", page(file, links_of(file)))
    rows = "\n".join(f"   * - :doc:`/{page_of(file)}`\n     - {subject}" for file, subject in FILES.items())
    toctree = "\n".join(f"   {file} </{page_of(file)}>" for file in FILES)
    write(target / "beside/index.rst", heading("Formula beside code") + f"""
Every file of the mathematics: its derivation on the left, its code on the right. Each file comes after those that it
imports, so that they can be read in this order.

.. list-table::

{rows}

.. toctree::
   :hidden:

{toctree}
""")  # fmt: skip
