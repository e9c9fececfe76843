"""The committed snapshot of CuPy (cupy_api.json): is a name legal, are its keywords legal?

The double refuses names and keywords by these functions alone, so it is never more permissive than CuPy's wheel.
"""

import inspect
import json
from functools import cache
from pathlib import Path

SNAPSHOT = json.loads(Path(__file__).with_name("cupy_api.json").read_text(encoding="utf-8"))
VERSION = SNAPSHOT["cupy"]


@cache
def signature(section, name):
    """The Signature of an entry, for sections functions, ufuncs, classes, methods and generator."""
    parameters = SNAPSHOT[section][name].partition(" | ")[0]
    return inspect.signature(eval(f"lambda {parameters}: None"))  # noqa: S307 (the project's own file)


def bind(section, name, args, kwargs):
    """Raise CuPy's TypeError unless CuPy's `name` takes these arguments."""
    try:
        signature(section, name).bind(*args, **kwargs)
    except TypeError as e:
        raise TypeError(f"{name}() of CuPy {VERSION}: {e}") from None


def loops(ufunc_name):
    """The type signatures of a ufunc, such as "ff->f"."""
    return SNAPSHOT["ufuncs"][ufunc_name].partition(" | ")[2].split()


def missing(name):
    """The AttributeError for a name that the double does not have."""
    if name in SNAPSHOT["absent"]:
        return AttributeError(f"module 'cupy' has no attribute {name!r} (in {VERSION}; NumPy may have it)")
    return AttributeError(f"module 'cupy' has no attribute {name!r} in the snapshot: ask for it in snapshot.NAMES")


def submodule(prefix):
    """Does any legal name start with `prefix.`?"""
    return any(n.startswith(prefix + ".") for s in ("functions", "classes", "numpy") for n in SNAPSHOT[s])
