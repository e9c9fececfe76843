"""What README.md and the pages beside it promise: commands, files, links, extras and code that are really there."""

import configparser
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npae

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(str(p.relative_to(ROOT)) for glob in ("*.md", "docs/*.md", "*/README.md") for p in ROOT.glob(glob))
TEST_COMMAND = ('python -m pip install -e ".[test]"', "python -m pytest")


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks_of(page):
    """The blocks of Python code of a page."""
    return re.findall(r"```python\n(.*?)```", text_of(page), re.DOTALL)


def links(text):
    """Where the links and pictures of a page lead, without those to other sites and within the page."""
    found = re.findall(r"\]\(([^)\s#]+)[^)]*\)", text)
    return [link for link in found if "://" not in link]


def named_files(text):
    """Paths of files and folders that stand in backticks."""
    return re.findall(r"`((?:npae|demos|tests|benchmarks|docs)/[\w./-]*)`", text)


def modules(text):
    """Programs that a page tells to run: demos.deep, benchmarks.train_step."""
    text = re.sub(r"\w+\.(png|md|py|txt|json)\b", "", text)
    return set(re.findall(r"\b((?:demos|benchmarks)(?:\.[a-z]\w*)+)", text))


def program(module):
    path = ROOT / module.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def rows(page):
    """The cells of every row of a page's tables, heads left out."""
    lines = [line for line in text_of(page).splitlines() if line.startswith("| ") and not line.startswith("| symbol")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    here = (ROOT / page).parent
    assert [link for link in links(text_of(page)) if not (here / link).exists()] == []


@pytest.mark.parametrize("page", [p for p in PAGES if p != "CHANGELOG.md"])  # that one names files that are gone
def test_named_files_and_programs_exist(page):
    text = text_of(page)
    assert [f for f in named_files(text) if not (ROOT / f).exists()] == []
    assert [m for m in sorted(modules(text)) if not program(m)] == []


@pytest.mark.parametrize("page", PAGES)
def test_extras_exist(page):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    named = re.findall(r"(?:\bnpae|\")\.?\[([\w,]+)\]", text_of(page))
    assert {extra for names in named for extra in names.split(",")} <= set(setup["options.extras_require"])


def test_the_test_command_is_the_one_of_continuous_integration():
    readme, script = text_of("README.md"), (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert " && ".join(TEST_COMMAND) in readme
    lines = [line.removesuffix(" --slow") for line in script.splitlines()]
    assert [command for command in TEST_COMMAND if command not in lines] == [] and "pytest --slow" in script


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", ".ci/run"])
def test_the_site_is_built_by_one_command(page):
    text = text_of(page)
    install, build = text.index('python -m pip install -e ".[docs]"'), text.index("python -m docs")
    assert install < build and "pdoc" not in text


@pytest.mark.parametrize("page", [
    "README.md", "docs/cases.md", "docs/package_index.md", pytest.param("docs/index.md", marks=pytest.mark.slow),
])  # fmt: skip
def test_the_code_of_a_page_runs(page, tmp_path):
    blocks = blocks_of(page)
    if importlib.util.find_spec("sklearn") is None:
        blocks = [block for block in blocks if "sklearn" not in block]
    code = "\n".join(blocks)
    assert "import" in code
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, cwd=tmp_path, timeout=300, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_table_of_the_readme_gives_the_figures_beside_it():
    (code,) = [block for block in blocks_of("README.md") if "np.tri" in block]
    names = {}
    exec(code.replace("epochs=200", 'epochs=200, progress="none"'), names)
    x = names["x"]
    _, s, _ = np.linalg.svd(x, full_matrices=False)
    error, pca = names["errors"].mean(), 0.5 * np.square(s[3:]).sum() / len(x)
    assert f"mean error {error:.2f}; of PCA, {pca:.2f}" in code
    share = (names["flags"] == -1).mean()
    assert f"{share:.0%}".replace("%", " %") + " of the rows" in code and names["why"].shape == x.shape


def test_every_symbol_stands_in_the_file_that_defines_it():
    table = rows("docs/notation.md")
    assert len(table) > 40
    for symbols, *_, file in table:
        source = text_of(file.strip("`"))
        for symbol in re.sub(r"\[c\]", "[", symbols).split(", "):
            assert re.search(rf"(?<![A-Za-z]){re.escape(symbol)}(?![A-Za-z])", source), f"{symbol} is not in {file}"


@pytest.mark.parametrize("term", [
    "Average precision", "Dead unit", "ELBO", "Entropy of the pixels", "5-NN error", "IWAE", "Mahalanobis", "Nat",
    "Parzen", "Principal angles", "R²", "ROC-AUC", "Two-sample accuracy",
])  # fmt: skip
def test_the_glossary_has_one_sentence_and_a_source(term):
    entries = re.findall(r"^- \*\*(.*?)(?=\n- |\Z)", text_of("docs/notation.md"), re.DOTALL | re.MULTILINE)
    (entry,) = [entry for entry in entries if entry.startswith(term)]
    assert re.search(r"\b(19|20)\d\d\b", entry) and re.search(r"[.;] ", entry)


def test_names_of_the_changelog_exist():
    """The second column of its table of names: what a user writes now."""
    for _, new, *_ in rows("CHANGELOG.md"):
        for name in re.findall(r"`npae\.([\w.]+)", new):
            here = npae
            for part in name.split("."):
                assert hasattr(here, part), f"npae.{name}"
                here = getattr(here, part)


def test_what_is_not_there_would_be_found():
    text = "[a](no/file.png) [b](https://x.org) `npae/layers/dence.py` python -m demos.dep `results/demos.png`"
    assert links(text) == ["no/file.png"] and named_files(text) == ["npae/layers/dence.py"]
    assert modules(text) == {"demos.dep"} and not program("demos.dep") and program("benchmarks.train_step")
