"""Optional packages: the command that installs them, from a folder with the source and from anywhere else."""

import ast
import configparser
import re
from pathlib import Path

import pytest

from npae.backend import install_command, missing

ROOT = Path(__file__).resolve().parent.parent.parent


def test_in_the_source_pip_installs_from_the_folder(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert install_command("tables") == 'pip install -e ".[tables]"'
    assert missing("pandas", "tables") == 'pandas is not installed: pip install -e ".[tables]".'


def test_elsewhere_pip_adds_to_the_installed_package(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert install_command("tables") == 'pip install "npae[tables]"'
    (tmp_path / "pyproject.toml").touch()  # of another project
    assert missing("pandas", "tables") == 'pandas is not installed: pip install "npae[tables]".'


@pytest.mark.parametrize("folder", ["npae", "benchmarks"])
def test_every_extra_that_a_message_names_exists(folder):
    if not (ROOT / folder).is_dir():
        pytest.skip(f"no folder {folder} here")
    text = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / folder).rglob("*.py") if p.name != "extras.py")
    call = r"""\b(?:missing\(\s*["'][^"']+["'],\s*|install_command\(\s*)["']([^"']+)["']\)"""
    named, setup = set(re.findall(call, text)), configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert named and named <= set(setup["options.extras_require"])
    assert "npae[" not in text


def test_a_package_that_is_missing_is_always_the_same_kind_of_error():
    """`raise ModuleNotFoundError(… missing(…) …)`, of which there are several."""
    kinds = [
        (node.exc.func.id, path.relative_to(ROOT).as_posix())
        for path in (ROOT / "npae").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
        and (node.exc.func.id == "ImportError" or "missing(" in ast.unparse(node.exc))
    ]  # fmt: skip
    assert len(kinds) >= 9 and {kind for kind, _ in kinds} == {"ModuleNotFoundError"}, kinds
