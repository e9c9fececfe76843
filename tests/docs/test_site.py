"""The parts of the site: docstrings and pages as Sphinx gets them, formulas, and the check of the built pages."""

import ast
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from docs.site import assertions, beside, check, docstrings, gallery, links, live, markdown, reference
from docs.site.files import DOCS, ROOT
from tests.test_docstrings import THINGS
from tests.test_reading_order import ORDER


def test_formulas_of_docstrings_keep_their_columns():
    formula = "    a = x W        ∂J/∂W = xᵀ da\n\n      b\n"
    rst = "\n".join(docstrings.to_rst(f"With `W`, a_ij and x|y:\n\n{formula}\n**Backward.** Then *y*.\n"))
    assert f".. code-block:: none\n\n{formula}" in rst
    assert "With ``W``, a\\_ij and x\\|y:" in rst and "\n**Backward.** Then *y*." in rst


def test_the_sections_of_docstrings_are_left_to_napoleon():
    text = "A layer.\n\nArgs:\n    n: 2 * 3 numbers,\n        and more.\n\nRaises ValueError.\n\nExample:\n"
    rst = "\n".join(docstrings.to_rst(text + "    >>> 2 * 3\n    6\n"))
    assert "Args:\n    n: 2 \\* 3 numbers,\n        and more.\n" in rst
    assert "\nRaises ValueError.\n" in rst and "Example:\n    >>> 2 * 3\n    6" in rst


def test_a_list_and_the_prose_around_it_are_paragraphs():
    rst = docstrings.to_rst("Title:\n- one,\n  two\n- three\nEnd.")
    assert rst[:6] == ["Title:", "", "- one,", "  two", "- three", ""] and rst[6] == "End."


def test_every_file_of_the_mathematics_has_a_page_in_reading_order():
    entries = [f for f in ORDER if f.startswith(beside.FOLDERS)]
    files = [f"{f.rpartition('/')[0]}/" if f"{f.rpartition('/')[0]}/" in entries else f for f in beside.FILES]
    assert list(dict.fromkeys(files)) == entries and len(beside.FILES) > 50


def test_a_package_that_is_one_entry_has_a_page_per_file():
    for package in ("layers/sparse", "models/sparse"):
        there = {f"{package}/{f.name}" for f in (ROOT / "npae" / package).glob("*.py") if f.name != "__init__.py"}
        assert {f for f in beside.FILES if f.startswith(package)} == there


@pytest.mark.parametrize("file", ["layers/dense.py", "layers/output.py", "penalties/contractive.py"])
def test_a_page_has_the_derivation_and_all_of_the_code(file):
    source = (ROOT / "npae" / file).read_text(encoding="utf-8")
    page = beside.page(file, {"Reference": ["one", "two"], "Book": []})
    start = int(re.search(r":lineno-start: (\d+)", page)[1])
    code = [line[6:] for line in page.partition(":lineno-start:")[2].splitlines()[2:]]
    assert code == source.splitlines()[start - 1 :]
    for formula in re.findall(r"^    \S.*$", ast.get_docstring(ast.parse(source)), re.MULTILINE):
        assert formula in page
    assert "Reference: one, two." in page and "Book" not in page


def test_every_public_name_has_one_entry_in_the_reference():
    pytest.importorskip("sklearn")
    homes = reference.homes()
    entries = [f"{package}.{n}" for package, names in homes.items() for n in names if names[n] == f"{package}.{n}"]
    assert len(set(entries)) == len(entries)
    assert {"npae.Autoencoder", "npae.layers.Dense", "npae.estimators.AutoencoderDetector"} <= set(entries)
    for name, _ in THINGS:
        package, _, last = name.rpartition(".")
        assert homes[package][last] in entries, name


def test_a_chapter_leads_to_the_files_of_the_names_that_it_uses():
    used = links.names_used("from npae import layers\nfrom npae.losses import SquaredError\nlayers.TopK(3)\nnp.Dense")
    assert used == {"layers", "SquaredError", "TopK"}
    assert re.findall(r":doc:`/(.*)`", links.of_chapter(used)) == ["beside/losses/squared_error", "beside/layers/top_k"]


@pytest.mark.parametrize("page, name", [("05_deep", "autoencoder"), ("06_denoising", "denoiser"), ("12_vae", "vae")])
def test_three_chapters_show_a_live_page(page, name):
    assert f'src="../live/{name}.html"' in live.of_chapter(f"book/{page}")
    assert live.of_chapter("book/00_one_page") == ""


def test_chapters_are_numbered():
    files = sorted(file.stem for file in (DOCS / "book").glob("*.py"))
    numbers = [int(name[:2]) for name in files]
    assert len(set(numbers)) == len(numbers) and all(re.fullmatch(r"\d\d_\w+", name) for name in files)


def test_every_page_of_markdown_is_in_the_table_of_contents():
    trees = re.findall(r"```{toctree}(.*?)```", (DOCS / "index.md").read_text(encoding="utf-8"), re.DOTALL)
    listed = re.findall(r"^([\w/]+)$", "\n".join(trees), re.MULTILINE)
    assert set(markdown.pages()) - {"index"} | {"live", "checks"} == {page for page in listed if "/" not in page}


def test_links_between_files_become_links_between_pages(tmp_path):
    made = {
        "[a](../CONTRIBUTING.md)": "[a](/contributing)", "[a](../npae/layers/dense.py)": "[a](/beside/layers/dense)",
        "[a](../benchmarks/results)": "a (`benchmarks/results`)", "[a](https://x.org)": "[a](https://x.org)",
        "[a](notation.md#terms)": "[a](/notation.md#terms)", "[a](#terms)": "[a](#terms)",
        "`npae/optim/adam.py`": "[`npae/optim/adam.py`](/beside/optim/adam)", "`npae/version.py`": "`npae/version.py`",
    }  # fmt: skip
    assert {text: markdown.relinked(text, "docs", tmp_path) for text in made} == made
    assert "](/" not in markdown.relinked("![a](../demos/pictures/deep.png)", "docs", tmp_path)


def test_every_term_of_the_notation_is_in_the_glossary():
    text = (DOCS / "notation.md").read_text(encoding="utf-8")
    names = re.findall(r"^- \*\*(.+?)\*\*", text, re.MULTILINE)
    lines = markdown.glossary(text).partition("```{glossary}\n")[2].splitlines()
    assert len(names) > 20 and [n for name in names for n in name.split(", ") if n not in lines] == []
    assert {"ELBO", "IWAE", "Nat", "Whitening", "5-NN accuracy"} <= set(lines)
    assert names == sorted(names, key=lambda name: name.lower().replace("5-", "five-").replace("²", ""))


def test_every_picture_of_the_demos_is_shown():
    shown = {name for demo in gallery.demos() for name in gallery.pictures_of(demo)}
    assert shown == {file.stem for file in (ROOT / "demos/pictures").glob("*.png")}


@pytest.mark.parametrize("loads", [
    '<script src="https://x.org/a.js"></script>', '<link rel="stylesheet" href="//x.org/a.css">',
    "<style>@font-face { src: url('https://x.org/a.woff2') }</style>", '<img src="http://x.org/a.png">',
    '<p style="background: url(https://x.org/a.png)">', "<style>@import 'https://x.org/a.css';</style>",
])  # fmt: skip
def test_what_a_page_loads_from_elsewhere_is_found(loads):
    assert len(check.loads_from_elsewhere(loads)) == 1


def test_links_and_files_of_the_site_are_no_loads_from_elsewhere():
    text = '<a href="https://x.org">x</a><script src="../a.js"></script><img src="data:image/png;base64,AAAA">https://x.org'
    assert check.loads_from_elsewhere(text) == []


def test_broken_links_are_found(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text('<p id="here"><a href="sub/b.html#there"></a><a href="#here"></a><a href="sub/">')
    (tmp_path / "sub/b.html").write_text('<p id="there"><a href="../a.html#gone"><a href="c.html"><img src="d.png">')
    (tmp_path / "sub/index.html").write_text("")
    (tmp_path / "a.css").write_text("p { background: url(https://x.org/a.png) }")
    assert check.faults(tmp_path) == [
        "sub/b.html: broken link ../a.html#gone", "sub/b.html: broken link c.html", "sub/b.html: broken link d.png",
        "a.css: loads https://x.org/a.png",
    ]  # fmt: skip


def test_the_checks_of_a_cell_are_kept_with_what_they_found(tmp_path):
    chapter = tmp_path / "07_x.py"

    def run(source, first, **names):
        seen = {"src_file": chapter, "example_globals": names}
        assertions.record(("code", source, first), seen, {"src_dir": tmp_path})
        return json.loads((tmp_path / "checks/07_x.json").read_text(encoding="utf-8"))["checks"]

    chapter.write_text("an earlier text, whose last build stopped at its first check")
    run("assert a < 1", 1, a=0)
    chapter.write_text("the text of today")
    for _ in range(2):  # built twice
        cell = "x = 1\nassert 0 < error < 1e-6 and n == 3\ndef f():\n    assert x"
        one = run(cell, 10, error=np.float64(2.344e-9), n=3)
        assert one == [{"condition": "0 < error < 1e-06", "found": ["2.34e-09"], "line": 12},
                       {"condition": "n == 3", "found": ["3"], "line": 12}]  # fmt: skip
        assert len(run("assert (a > b).all() and sizes == (1, 2.5)", 20, a=np.ones(2), b=0, sizes=(1, 2.5))) == 4
    with pytest.raises(AssertionError, match="error < 1.*Do not assign"):
        run("assert error < 1\nerror = 2", 1, error=2)


def test_the_page_of_checks_leads_to_the_chapters(tmp_path):
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks/01_one_layer.json").write_text(
        '{"text": "", "checks": [{"condition": "a < 1", "found": ["0.5"], "line": 3}]}'
    )
    assertions.write_page(SimpleNamespace(srcdir=tmp_path))
    page = (tmp_path / "checks.rst").read_text(encoding="utf-8")
    assert "all 1 comparisons" in page and ":doc:`/book/01_one_layer`" in page
    assert "   * - ``a < 1``\n     - 0.5\n" in page
