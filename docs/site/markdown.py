"""The Markdown pages of the repository as pages of the site: their links lead to pages, where there are such pages."""

import os
import re

from docs.site import beside
from docs.site.files import DOCS, ROOT, write

OUTSIDE = {
    "CONTRIBUTING.md": "contributing", "CHANGELOG.md": "changelog", "benchmarks/README.md": "benchmarks",
    "benchmarks/results/NOTES.md": "settings",
}  # fmt: skip
HOME = "README.md"  # its page is docs/index.md
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
NAMED = re.compile(r"(?<!\[)`npae/(\w[\w/]*\.py)`")
TERM = re.compile(r"^- \*\*(.+?)\*\*(?:, ([^:]+))?: (.*)", re.DOTALL)


def pages():
    """{name of the page: file} of everything in Markdown. The page of a package index says what index.md says."""
    inside = {file.stem: file for file in sorted(DOCS.glob("*.md")) if file.name != "package_index.md"}
    return inside | {page: ROOT / file for file, page in OUTSIDE.items()}


def destination(file):
    """The page of a file of the repository, or None. file is a path from the root."""
    if file == HOME:
        return "index"
    if file in OUTSIDE:
        return OUTSIDE[file]
    if file.startswith("docs/"):
        return file.removeprefix("docs/").removesuffix(".md")
    if page := beside.page_of(file.removeprefix("npae/")):
        return page
    if file.startswith("npae/") and file.endswith("/__init__.py"):
        return "reference/" + file.removesuffix("/__init__.py").replace("/", ".")
    return None


def relinked(text, folder, target):
    """The text of a page in `folder` (a path from the root), with the links that it needs in the folder `target`."""

    def link(match):
        mark, label, to = match.groups()
        if "://" in to or to.startswith("#"):
            return match[0]
        path, _, anchor = to.partition("#")
        file = os.path.relpath(os.path.join(ROOT, folder, path), ROOT)
        if mark:
            return f"![{label}]({os.path.relpath(ROOT / file, target)})"
        page = destination(file)
        if page is None:
            return f"{label} (`{file}`)"
        return f"[{label}](/{page}{'.md' if anchor else ''}{'#' + anchor if anchor else ''})"

    def named(match):
        page = beside.page_of(match[1])
        return f"[{match[0]}](/{page})" if page else match[0]

    return NAMED.sub(named, LINK.sub(link, text))


def glossary(text):
    """The list of terms as a glossary, to which the role "term" leads from every page."""
    head, found, list_of_terms = text.partition("## Terms\n")
    if not found:
        return text
    before, *entries = re.split(r"\n(?=- \*\*)", list_of_terms)
    lines = []
    for entry in entries:
        names, gloss, meaning = TERM.match(entry).groups()
        text = re.sub(r"\s+", " ", f"{gloss}: {meaning}" if gloss else meaning).strip()
        lines += [*names.split(", "), f"  {text[0].upper()}{text[1:]}", ""]
    return f"{head}{found}{before}\n\n```{{glossary}}\n" + "\n".join(lines) + "```\n"


def write_pages(target):
    """Write all pages of Markdown into the folder of the site's sources."""
    for page, file in pages().items():
        folder = file.parent.relative_to(ROOT).as_posix()
        write(target / f"{page}.md", glossary(relinked(file.read_text(encoding="utf-8"), folder, target)))
