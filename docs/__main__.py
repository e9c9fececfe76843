"""Build the site.  python -m docs

The pages are in build/site then: open build/site/index.html. Nothing is loaded from elsewhere, neither while the site
is built nor by a browser that shows it. A warning is an error, and so is a broken link.
"""

import os
import sys
from time import perf_counter

from npae.backend import CommandParser, command_line


def main(arguments=None):
    """Write the sources of the site, call Sphinx, check the pages. Returns the exit status."""
    parser = CommandParser(prog="python -m docs", description="Build the site.")
    parser.add_argument("--out", default="build", metavar="FOLDER", help="where the folder `site` is made")
    out = os.path.abspath(parser.parse_args(arguments).out)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # chapters run side by side, a core each

    from sphinx.cmd.build import main as sphinx

    from docs.site import check, sources
    from docs.site.files import DOCS

    start = perf_counter()
    source, extra, cache, site = (os.path.join(out, n) for n in ("site-source", "site-extra", "site-cache", "site"))
    sources.write_all(source, extra)
    options = ["-W", "--keep-going", "-q", "-j", "auto", "-c", str(DOCS), "-d", cache, "-D", f"html_extra_path={extra}"]
    status = sphinx([*options, source, site])
    faults = check.faults(site)
    print(*faults, sep="\n", end="\n" if faults else "")
    pages = sum(name.endswith(".html") for _, _, names in os.walk(site) for name in names)
    print(f"{pages} pages in {perf_counter() - start:.0f} s: {os.path.join(site, 'index.html')}")
    return status or int(bool(faults))


if __name__ == "__main__":
    with command_line():
        sys.exit(main())
