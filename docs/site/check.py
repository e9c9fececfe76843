"""What every built page must keep: nothing is loaded from elsewhere, and links within the site lead somewhere."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {
    "img": ("src", "srcset"), "script": ("src",), "iframe": ("src",), "source": ("src", "srcset"), "video": ("src",),
    "audio": ("src",), "embed": ("src",), "object": ("data",), "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}  # fmt: skip
QUIET = ("canonical", "next", "prev", "author", "license", "help", "index", "search", "top", "up")  # <link rel>
ELSEWHERE = re.compile(r"(?:https?:)?//", re.IGNORECASE)
IN_STYLE = re.compile(r"url\(\s*['\"]?((?:https?:)?//[^)'\"]*)|@import\s+['\"]((?:https?:)?//[^'\"]*)", re.IGNORECASE)


class Page(HTMLParser):
    """What a page loads, where its links lead, and its anchors."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.links, self.anchors, self.styles = [], [], set(), []
        self.in_style = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.styles.append(given.get("style", ""))
        self.loads += [given[name] for name in LOADS.get(tag, ()) if name in given]
        if tag == "link" and given.get("rel") not in QUIET:
            self.loads.append(given.get("href", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.in_style = tag == "style"

    def handle_data(self, data):
        if self.in_style:
            self.styles.append(data)

    def handle_endtag(self, tag):
        self.in_style = False


def styles_from_elsewhere(text):
    """What a style sheet loads from other sites."""
    return [a or b for a, b in IN_STYLE.findall(text)]


def loads_from_elsewhere(text):
    """Every script, style, font and picture that a page loads from other sites."""
    page = Page(text)
    loads = [load for load in page.loads if ELSEWHERE.match(load.strip())]
    return loads + styles_from_elsewhere("\n".join(page.styles))


@cache
def _page(file):
    return Page(file.read_text(encoding="utf-8"))


def broken(file, site):
    """The links, scripts, styles and pictures of a page that lead to no file or no anchor of the site."""
    page, found = _page(file), []
    for link in page.links + page.loads:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or not link or link == "#":
            continue
        path = unquote(parts.path)
        there = (site / path.lstrip("/") if path.startswith("/") else file.parent / path).resolve() if path else file
        there = there / "index.html" if there.is_dir() else there
        anchor = unquote(parts.fragment) if there.suffix == ".html" else ""
        if not (there.is_file() and site in there.parents) or anchor and anchor not in _page(there).anchors:
            found.append(link)
    return found


def faults(site):
    """["page: what is wrong"] of all pages and style sheets of a built site."""
    site, found = Path(site).resolve(), []
    for file in sorted(site.rglob("*.html")):
        text, name = file.read_text(encoding="utf-8"), file.relative_to(site)
        found += [f"{name}: loads {load}" for load in loads_from_elsewhere(text)]
        found += [f"{name}: broken link {link}" for link in broken(file, site)]
    for file in sorted(site.rglob("*.css")):
        loads = styles_from_elsewhere(file.read_text(encoding="utf-8"))
        found += [f"{file.relative_to(site)}: loads {load}" for load in loads]
    return found
