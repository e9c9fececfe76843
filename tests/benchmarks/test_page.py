"""The pages: filled from results, and only between their marks."""

import json
import re
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as front
from benchmarks import page

README = "before <!-- a --> old <!-- /a --> between <!-- b --><!-- /b --> after"
RUN = {
    "part": "a", "seconds": 61.2, "settings": {"quick": False}, "result": {"x": 1},
    "machine": {
        "date": "2026-01-02T03:04:05+00:00", "commit": "abc", "load_before": [0.1, 0, 0], "load_after": [2.0, 0, 0],
        "cpu": {"model": "some CPU", "cores": 2}, "packages": {"torch": "2.13", "jax": "not installed"},
        "config": {"gpu": "none. CuPy is not installed.", "python": "3.11", "numpy": "2.4", "blas": "openblas",
                   "cupy": "none"},
    },
}  # fmt: skip


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Two parts, a with results and b without."""
    monkeypatch.setattr(page, "PACKAGES", {"a": "benchmarks", "b": "benchmarks.lab"})
    monkeypatch.setattr(page, "TITLES", {"a": "all of a", "b": "all of b"})
    module = SimpleNamespace(overview=lambda result: f"| x | {result['x']} |")
    monkeypatch.setattr(page.importlib, "import_module", {"benchmarks.a": module}.__getitem__)
    (tmp_path / "a.json").write_text(json.dumps(RUN), encoding="utf-8")
    (tmp_path / "a.txt").write_text("\nms per step\n", encoding="utf-8")
    (tmp_path / "a_cpu.png").write_bytes(b"")
    return tmp_path


def test_sections_are_replaced(results):
    filled = page.fill(README, results)
    assert filled == page.fill(filled, results), "filling twice is filling once"
    assert "old" not in filled and filled.startswith("before ") and filled.endswith(" after")
    assert "2026-01-02, some CPU, 2 cores; [all of it](results/a.md).\n\n| x | 1 |\n<!-- /a -->" in filled
    assert "Not yet run: `python -m benchmarks.lab b --out benchmarks/results && python -m benchmarks.page`" in filled


def test_results_with_a_gpu_have_sections_and_pages_of_their_own(results, capsys):
    marks = "<!-- gpu/a --><!-- /gpu/a --> <!-- gpu/b --><!-- /gpu/b -->"
    command = "python -m benchmarks a --minutes 8 --device gpu --out benchmarks/results && python -m benchmarks.page"
    assert f"Not yet run: `{command}`." in page.fill(marks, results)
    run = json.loads(json.dumps(RUN)) | {"complete": False}
    run["machine"]["config"]["gpu"] = "Some GPU, 80 GiB, TF32 off"
    (results / "gpu").mkdir()
    (results / "gpu" / "a.json").write_text(json.dumps(run), encoding="utf-8")
    (results / "gpu" / "a.txt").write_text("ms", encoding="utf-8")
    (results / "README.md").write_text(marks, encoding="utf-8")
    page.main(results / "README.md", results)
    filled = (results / "README.md").read_text(encoding="utf-8")
    assert "2026-01-02, Some GPU, 80 GiB, TF32 off; some CPU, 2 cores; [all of it](results/gpu/a.md)." in filled
    text = (results / "gpu" / "a.md").read_text(encoding="utf-8")
    assert text.startswith(f"# gpu/a: all of a\n\n    {command}") and "GPU: Some GPU, 80 GiB" in text
    assert "61 s, not complete; load" in text


def test_the_page_of_a_part(results):
    text = page.page("a", RUN, results)
    assert text.startswith("# a: all of a\n\n    python -m benchmarks a --out benchmarks/results && ")
    assert "2026-01-02, commit abc; some CPU, 2 cores, GPU: none;" in text and "torch 2.13. 61 s;" in text
    assert text.endswith("```text\nms per step\n```\n\n![a_cpu](a_cpu.png)\n") and "Other programs" not in text
    busy = RUN | {"machine": RUN["machine"] | {"load_before": [1.9, 0, 0]}}
    assert "load before and after 1.9 and 2.0. **Other programs were running.**" in page.page("a", busy, results)


def test_main_writes_all_pages(results, capsys):
    (results / "README.md").write_text(README, encoding="utf-8")
    page.main(results / "README.md", results)
    assert "| x | 1 |" in (results / "README.md").read_text(encoding="utf-8") and "Written" in capsys.readouterr().out
    assert (results / "a.md").read_text(encoding="utf-8") == page.page("a", RUN, results)
    assert not (results / "b.md").exists()


def test_the_readme_is_up_to_date_and_short():
    text = (page.HERE / "README.md").read_text(encoding="utf-8")
    assert page.fill(text, page.HERE / "results") == text, "run python -m benchmarks.page"
    by_hand = re.sub(r"<!-- ([\w/]+) -->.*?<!-- /\1 -->\n", "", text, flags=re.DOTALL)
    assert len(by_hand.splitlines()) <= 90
    measured = [part for part in page.PACKAGES if part != "layers"]
    on_gpu = [page.GPU + name for name, part in front.PARTS.items() if part.share]
    for part in (*measured, *on_gpu):
        assert text.count(f"<!-- {part} -->") == text.count(f"<!-- /{part} -->") == 1
    for part in page.PACKAGES:
        assert f"(results/{part}.md)" in text and part in text.split("##")[0]


@pytest.mark.parametrize("part", page.PACKAGES)
def test_the_pages_of_results_are_up_to_date(part):
    results = page.HERE / "results"
    run = page.load(part, results)
    assert (results / f"{part}.md").read_text(encoding="utf-8") == page.page(part, run, results)
