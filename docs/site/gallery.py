"""The demos as a gallery: a card per demo, and a page with its description, its pictures and its source."""

import ast
import os

from docs.site.docstrings import to_rst
from docs.site.files import ROOT, heading, indent, write

WIDTH = 640  # pixels of a thumbnail
PICTURES = {
    "anomaly": ("anomaly", "anomaly_curves"), "cells": ("blood_cells", "cell_lines"), "deep": ("deep", "codes"),
    "faces": ("faces", "faces_directions"), "vae": ("vae", "vae_map"),
}  # fmt: skip
CARD = """   .. container:: card

      .. image:: thumbnails/{picture}.png
         :target: {demo}.html
         :alt: {title}

      :doc:`{title} </demos/{demo}>`
"""
PAGE = """{title}
.. code-block:: none

   python -m demos.{demo}

{description}

{pictures}

.. rubric:: Source

.. code-block:: python

{source}
"""
GALLERY = """:hide-toc:

{title}
One model per file, with its pictures. ``python -m demos`` lists them; ``python -m demos.deep`` runs one.

.. container:: cards

{cards}

Without a picture here
----------------------

{others}

Each model on one page of NumPy
-------------------------------

{one_page}

.. toctree::
   :hidden:

{toctree}
"""


def demos():
    """The names of the demos, such as "deep" and "from_scratch.vae", which can be run."""
    files = sorted((ROOT / "demos").glob("*.py")) + sorted((ROOT / "demos/from_scratch").glob("*.py"))
    return [".".join(f.relative_to(ROOT / "demos").with_suffix("").parts) for f in files
            if f.name != "__main__.py" and 'if __name__ == "__main__"' in f.read_text(encoding="utf-8")]  # fmt: skip


def pictures_of(demo):
    """The names of the committed pictures of a demo."""
    named = PICTURES.get(demo, (demo,))
    return [name for name in named if (ROOT / f"demos/pictures/{name}.png").is_file()]


def write_thumbnails(target):
    """Write the committed pictures, at most WIDTH pixels wide."""
    from PIL import Image

    target.mkdir(parents=True, exist_ok=True)
    for file in sorted((ROOT / "demos/pictures").glob("*.png")):
        thumbnail = target / file.name
        if not thumbnail.is_file() or thumbnail.stat().st_mtime < file.stat().st_mtime:
            with Image.open(file) as picture:
                picture.thumbnail((WIDTH, 2 * WIDTH))
                picture.save(thumbnail)


def page(demo, target):
    """(title, text) of the page of a demo, in reStructuredText, for the folder `target`."""
    source = (ROOT / f"demos/{demo.replace('.', '/')}.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    title, _, rest = ast.get_docstring(tree).partition("\n")
    folder = os.path.relpath(ROOT / "demos/pictures", target)
    pictures = "\n\n".join(f".. image:: {folder}/{name}.png\n   :alt: {title}" for name in pictures_of(demo))
    code = "\n".join(source.splitlines()[tree.body[0].end_lineno :]).strip("\n")
    return title.rstrip("."), PAGE.format(
        title=heading(title.rstrip(".")), demo=demo, description="\n".join(to_rst(rest.strip("\n"))), pictures=pictures,
        source=indent(code),
    )  # fmt: skip


def write_pages(target):
    """Write the gallery and a page per demo."""
    here = target / "demos"
    write_thumbnails(here / "thumbnails")
    cards, one_page, others = [], [], []
    for demo in demos():
        title, text = page(demo, here)
        write(here / f"{demo}.rst", text)
        pictures = pictures_of(demo)
        if pictures:
            cards.append(CARD.format(picture=pictures[0], demo=demo, title=title))
        else:
            (one_page if demo.startswith("from_scratch.") else others).append(f"- :doc:`{title} </demos/{demo}>`")
    toctree = indent("\n".join(f"/demos/{demo}" for demo in demos()))
    write(here / "index.rst", GALLERY.format(
        title=heading("Demos"), cards="\n".join(cards), one_page="\n".join(one_page), others="\n".join(others),
        toctree=toctree,
    ))  # fmt: skip
