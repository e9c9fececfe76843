"""Optional packages: what is reported about one that is not installed, with the command that installs it."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def install_command(extra: str) -> str:
    """The command that installs the optional packages of npae that `extra` names.

    In a folder with the source of npae, pip installs from that folder. Elsewhere npae has been installed before, and
    pip adds the packages of the extra to it.

    Args:
        extra: a name in setup.cfg, such as "tables".

    Example:
        >>> from npae.backend import install_command
        >>> install_command("tables")  # outside of the source of npae
        'pip install "npae[tables]"'
    """
    in_source = Path("pyproject.toml").is_file() and Path("npae/backend/extras.py").is_file()
    return f'pip install -e ".[{extra}]"' if in_source else f'pip install "npae[{extra}]"'


def missing(package: str, extra: str) -> str:
    """The sentence about a package that is needed and not installed.

    Args:
        package: its name, as people write it.
        extra: the extra of npae that contains it.

    Example:
        >>> from npae.backend import missing
        >>> missing("Pillow", "images")
        'Pillow is not installed: pip install "npae[images]".'
    """
    return f"{package} is not installed: {install_command(extra)}."


def on_demand(package: str, *names: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """(`__getattr__`, `__dir__`) of a package, part of which is imported at its first use (PEP 562).

    A part that needs a library that is not installed is an attribute that does not exist, with the ImportError's
    message. So hasattr, help and inspect work without the library.

    Args:
        package: its name.
        *names: of the modules in it that `import package` does not load.

    Example:
        >>> from npae.backend import on_demand
        >>> attribute, names = on_demand("xml", "dom")
        >>> attribute("dom").__name__, "dom" in names()
        ('xml.dom', True)
    """

    def attribute(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return importlib.import_module(f"{package}.{name}")
        except ImportError as error:
            raise AttributeError(str(error)) from error

    return attribute, lambda: sorted({*vars(sys.modules[package]), *names})
