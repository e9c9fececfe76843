"""The study of two recipes: runs are added to the result file, and not repeated."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.lab import seeds


@pytest.fixture
def recipes(monkeypatch):
    """Two recipes that return at once, one of which collapses for seed 1; calls: (recipe, seed)."""
    calls = []

    def recipe(name, collapsing):
        def run(train, test, seed, epochs):
            calls.append((name, seed))
            codes = np.random.default_rng(seed).random((len(test), 4))
            if collapsing and seed == 1:
                return 0.26, 0 * codes
            return 0.13 + 0.01 * seed, codes

        return run

    monkeypatch.setattr(seeds, "CONTENDERS", {"good": recipe("good", False), "bad": recipe("bad", True)})
    images = np.zeros((5, 28, 28), np.uint8)
    monkeypatch.setattr(seeds, "mnist", lambda which: SimpleNamespace(train_images=images, test_images=images))
    return calls


def test_runs_are_recorded_and_continued(recipes, tmp_path, capsys):
    out = tmp_path / "seeds.json"
    seeds.main(["--seeds", "1", "--epochs", "2", "--out", str(out)])
    seeds.main(["--seeds", "3", "--epochs", "2", "--out", str(out)])
    assert recipes == [("good", 0), ("bad", 0), ("good", 1), ("bad", 1), ("good", 2), ("bad", 2)]
    runs = json.loads(out.read_text(encoding="utf-8"))["runs"]
    assert [one["dead_code_units"] for one in runs["bad"].values()] == [0, 4, 0]
    table = capsys.readouterr().out.split("\n")[-3:-1]
    assert table[0].split() == "good 0.1400 0.1300 0.1500 0 of 3 0".split()
    assert table[1].split() == "bad 0.1500 0.1300 0.2600 1 of 3 1".split()
    seeds.main(["--seeds", "1", "--epochs", "3", "--out", str(out)])  # another number of epochs: a new file
    assert recipes[6:] == [("good", 0), ("bad", 0)]


def test_the_published_runs_have_the_names_of_the_recipes():
    path = seeds.Path(seeds.__file__).parents[1] / "results" / "seeds.json"
    assert set(json.loads(path.read_text(encoding="utf-8"))["runs"]) == set(seeds.CONTENDERS)
