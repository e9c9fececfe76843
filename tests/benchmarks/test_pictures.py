"""Pictures: each is written, is not blank and has colours."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from benchmarks import pictures

X = [1, 16, 256]
DRAWN = {
    "crossover": lambda path: pictures.crossover(
        path, [("batch", X, {"CPU": [1e-3, 2e-3, 1e-1], "GPU": None, "transfer": None}, None),
               ("width", X, {"CPU": [1e-3, 2e-3, 1e-1], "GPU": [2e-3] * 3, "transfer": [1e-5] * 3}, "from 16 on")],
        "title"),
    "scaling": lambda path: pictures.scaling(
        path, [("time", "batch", X, {"npae": ([1e-3, 2e-3, 1e-1], "slope 1")}, "time")] * 3
        + [("memory", "batch", X, {"θ": ([1e3, 1e5, 1e7], "a"), "peak": ([2e3, 2e5, 2e7], "b")}, "size")], "title"),
    "bars": lambda path: pictures.bars(path, {"one": (1.0, "1 ms"), "two": (0.5, "0.5 ms")}, "ms", "title"),
    "ratios": lambda path: pictures.ratios(
        path, {"small": {"a": (1.5, 1.2, 1.9), "b": (0.5, 0.4, 0.6)}, "large": {"b": (2.0, 1.9, 2.1)}}, "x", "title"),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_written_and_is_not_blank(name, tmp_path):
    path = Path(tmp_path) / "new" / f"{name}.png"
    DRAWN[name](path)
    image = imread(path)[..., :3]
    assert min(image.shape[:2]) > 300, "too small to be read"
    ink = (image < 0.9).any(axis=2)
    assert 0.005 < ink.mean() < 0.6
    assert ink[: len(ink) // 4].any() and ink[-len(ink) // 4 :].any()
    colours = {tuple(np.round(255 * np.array(to_rgb(c)))) for c in pictures.COLOURS}
    assert colours & set(map(tuple, np.round(255 * image[ink]).astype(int)[::7])), "nothing is drawn in colour"
    assert [p.name for p in path.parent.iterdir()] == [path.name], "a temporary file stays behind"


def test_numbers_have_units_that_fit():
    assert [pictures.time(s) for s in (2.0, 0.0205, 1.5e-4, 3e-9)] == ["2 s", "20.5 ms", "150 µs", "3 ns"]
    assert [pictures.size(b) for b in (5, 2e3, 3.5e6, 1e9)] == ["5 B", "2 kB", "3.5 MB", "1 GB"]
