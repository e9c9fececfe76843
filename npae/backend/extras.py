"""Optional packages: what is reported about one that is not installed, with the command that installs it."""

from pathlib import Path


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
