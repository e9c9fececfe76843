"""The page is filled from results, and only between its marks."""

import json

from benchmarks import page
from benchmarks.__main__ import PARTS

PAGE = "before <!-- a --> old <!-- /a --> between <!-- b --><!-- /b --> after"
RUN = {
    "part": "a", "seconds": 61.2, "settings": {"quick": False},
    "machine": {
        "date": "2026-01-02T03:04:05+00:00", "commit": "abc", "load_before": [0.1, 0, 0], "load_after": [2.0, 0, 0],
        "cpu": {"model": "some CPU", "cores": 2}, "packages": {"torch": "2.13", "jax": "not installed"},
        "config": {"gpu": "none. CuPy is not installed.", "python": "3.11", "numpy": "2.4", "blas": "openblas",
                   "cupy": "none"},
    },
}  # fmt: skip


def test_sections_are_written_anew(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(RUN))
    (tmp_path / "a.txt").write_text("\nms a step\n")
    (tmp_path / "a_cpu.png").write_bytes(b"")
    filled = page.fill(PAGE, tmp_path)
    assert filled == page.fill(filled, tmp_path), "filling twice is filling once"
    assert "old" not in filled and filled.startswith("before ") and filled.endswith(" after")
    assert "```text\nms a step\n```\n\n![a_cpu](results/a_cpu.png)" in filled
    assert "2026-01-02, commit abc; some CPU, 2 cores, GPU: none;" in filled and "torch 2.13. 61 s;" in filled
    assert "Not yet run: `python -m benchmarks b" in filled


def test_the_page_has_a_place_for_every_part():
    text = (page.HERE / "README.md").read_text(encoding="utf-8")
    for part in PARTS:
        assert text.count(f"<!-- {part} -->") == text.count(f"<!-- /{part} -->") == 1


def test_main_writes_the_page(tmp_path, capsys):
    (tmp_path / "README.md").write_text(PAGE)
    page.main(tmp_path / "README.md", tmp_path)
    assert "Not yet run" in (tmp_path / "README.md").read_text() and "Written" in capsys.readouterr().out
