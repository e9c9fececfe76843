"""The reference: a page for every public name, under the shortest path from which it can be imported."""

import importlib
import inspect
import pkgutil

import npae
from docs.site.files import heading, indent, write

PACKAGE = """{title}
.. currentmodule:: {package}

.. automodule:: {package}
   :no-members:

{tables}
"""


def packages():
    """All packages of npae with a list of public names, and gradcheck: the shortest names first."""
    found = [m.name for m in pkgutil.walk_packages(npae.__path__, "npae.") if m.ispkg]
    return sorted(["npae", "npae.gradcheck", *found], key=lambda name: (name.count("."), name))


def public_names(package):
    """{name: object} of what a package exports, without its packages."""
    module = importlib.import_module(package)
    names = getattr(module, "__all__", None)
    if names is None:
        names = [n for n, thing in vars(module).items()
                 if n[0] != "_" and getattr(thing, "__module__", None) == package]  # fmt: skip
    return {n: getattr(module, n) for n in sorted(names) if not inspect.ismodule(getattr(module, n))}


def homes():
    """{package: {name: the full name of its entry}}: a name that several packages export has one entry."""
    known, found = {}, {}
    for package in packages():
        found[package] = {}
        for name, thing in public_names(package).items():
            there = known.setdefault((name, id(thing)), f"{package}.{name}")
            found[package][name] = there
    return {package: names for package, names in found.items() if names}


def file_of(thing):
    """The path below npae/ of the file that defines a class or function; "" for anything else."""
    module = getattr(thing, "__module__", None) or ""
    return module.removeprefix("npae.").replace(".", "/") + ".py" if module.startswith("npae.") else ""


def entries():
    """{(file below npae/, name): the full name of its entry} of classes and functions."""
    return {(file_of(getattr(importlib.import_module(package), name)), name): full
            for package, names in homes().items() for name, full in names.items()}  # fmt: skip


def write_pages(target):
    """Write a page per package. autosummary makes the pages of the names in its tables."""
    found = homes()
    for package, names in found.items():
        here = [name for name, full in names.items() if full == f"{package}.{name}"]
        elsewhere = [name for name, full in names.items() if full != f"{package}.{name}"]
        tables = ""
        if here:
            tables += ".. autosummary::\n   :toctree: .\n\n" + indent("\n".join(here)) + "\n"
        if elsewhere:
            tables += "\nAlso here, and described elsewhere:\n\n.. autosummary::\n\n"
            tables += indent("\n".join(f"~{n}" for n in elsewhere)) + "\n"
        title = heading(package)
        write(target / f"reference/{package}.rst", PACKAGE.format(title=title, package=package, tables=tables))
    toctree = indent("\n".join(f"/reference/{package}" for package in found))
    write(target / "reference/index.rst", heading("Reference") + f"""
Every public name, with its arguments, errors and an example that the tests run. A name stands under the shortest path
from which it can be imported.

.. toctree::
   :maxdepth: 1

{toctree}
""")  # fmt: skip
