"""The places of the site's sources, and how a page is written."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def write(path, text):
    """Write a page, unless it is there already: Sphinx reads again what is newer than its last build."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def heading(title, mark="="):
    """A title in reStructuredText."""
    return f"{title}\n{mark * max(4, 2 * len(title))}\n"


def indent(text, by=3):
    """The lines of a text, further to the right."""
    return "\n".join(" " * by + line if line.strip() else "" for line in text.splitlines())
