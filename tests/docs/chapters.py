"""Run a chapter of the book, so that its own assertions are tests, and try answers to its exercises."""

import runpy
from pathlib import Path

import pytest

pytest.importorskip("sphinx_gallery")  # without it no chapter is built
BOOK = Path(__file__).resolve().parents[2] / "docs" / "book"


def run_chapter(name):
    """The names that a chapter defines, after all of it has run, without a window. It has made pictures."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    try:
        names = runpy.run_path(str(BOOK / name))
        assert pyplot.get_fignums(), f"{name}: expected a picture"
    finally:
        pyplot.close("all")
    return names


def refuses(check, *answers, match="expected .+ got "):
    """Assert that the check of an exercise raises a sentence that helps, for wrong answers and for None."""
    for answer in (*answers, lambda *given: None):
        sentence = match if answer in answers else "expected .+ got "
        with pytest.raises(AssertionError, match=sentence):
            check(answer)
