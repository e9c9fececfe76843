"""The sources of the site in one folder, as Sphinx wants them; nothing is written into docs/."""

from pathlib import Path

from docs.site import beside, gallery, links, live, markdown, reference


def write_all(target, extra):
    """Write everything but the book, which sphinx-gallery makes from docs/book.

    Args:
        target: the folder of the sources.
        extra: the folder of files that Sphinx copies into the site as they are.
    """
    target, extra = Path(target), Path(extra)
    markdown.write_pages(target)
    reference.write_pages(target)
    beside.write_pages(target, links.of_files())
    gallery.write_pages(target)
    live.write_pages(target, extra)
