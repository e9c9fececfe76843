"""The live pages of `python -m demos.latent`: made at the first build, shown in chapters and on a page of their own."""

import shutil
import subprocess
import sys

from docs.site.files import ROOT, heading, write

PAGES = {  # name of the page: (title, number of the chapter that shows it)
    "vae": ("A variational autoencoder: a code of two numbers", "12"),
    "autoencoder": ("A deep autoencoder: a code of eight numbers", "05"),
    "denoiser": ("A denoising autoencoder", "06"),
}
FRAME = """
.. raw:: html

   <iframe class="live" src="{up}live/{name}.html" title="{title}" loading="lazy"></iframe>
   <p><a href="{up}live/{name}.html">The page by itself</a></p>
"""


def frame(name, up=""):
    """A live page within another page, in reStructuredText. up: the way from that page to the root of the site."""
    return FRAME.format(name=name, title=PAGES[name][0], up=up)


def of_chapter(page):
    """The live page of a chapter such as "book/05_deep", or nothing."""
    number = page.removeprefix("book/")[:2]
    shown = [name for name, (_, chapter) in PAGES.items() if chapter == number]
    return "".join(f"\n\n.. rubric:: Try it\n{frame(name, '../')}" for name in shown)


def write_pages(target, extra):
    """Write the page of the live pages, and train their networks unless they are in the folder `extra` already."""
    sections = "\n".join(f"{heading(title, '-')}{frame(name)}" for name, (title, _) in PAGES.items())
    write(target / "live.rst", ":hide-toc:\n\n" + heading("Live pages") + """
Three networks that run in this page. Drag a point over the map of test digits and watch what is decoded there, change
the numbers of a code, draw a digit, walk from one digit to another, remove noise. ``python -m demos.latent`` makes the
pages, and ``npae.export.save_page`` one of a network of yours.

""" + sections)  # fmt: skip
    if all((extra / f"live/{name}.html").is_file() for name in PAGES):
        return
    made = extra.parent / "site-live"
    subprocess.run([sys.executable, "-m", "demos.latent", "--quick", "--out", str(made)], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    (extra / "live").mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        shutil.copy(made / f"{name}.html", extra / f"live/{name}.html")
