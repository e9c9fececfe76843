"""The study of sparse autoencoders over seeds: runs are added to the result file, and not repeated."""

import json

import numpy as np
import pytest

from benchmarks.lab import frontier
from demos import hidden_states


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Contenders that return at once; calls: (contender, k, seed)."""
    calls = []

    def contender(name, error):
        def run(model, k, train, held, seed, epochs):
            calls.append((name, k, seed))
            assert model.theta.value.any() and model.activation.k == k
            h = np.zeros((len(held), 3))
            h[:, 0] = 1
            return lambda: (held * (1 - error), h)

        return run

    monkeypatch.setattr(frontier, "CONTENDERS", {"a": contender("a", 0.1), "b": contender("b", 0.5)})
    monkeypatch.setattr(frontier, "KS", (2, 3))
    monkeypatch.setattr(frontier, "UNITS", 6)
    rng = np.random.default_rng(0)
    states = hidden_states.checked("file", rng.standard_normal((100, 4)), np.zeros(100, int), ["the"],
                                   np.arange(100) // 10)  # fmt: skip
    monkeypatch.setattr(frontier.hidden_states, "find", lambda: "file")
    monkeypatch.setattr(frontier.hidden_states, "read", lambda path: states)
    return calls


def test_runs_are_recorded_and_continued(runs, tmp_path, capsys):
    options = ["--epochs", "2", "--out", str(tmp_path / "frontier.json")]
    frontier.main([*options, "--seeds", "1", "--most", "3"])
    assert runs == [("a", 2, 0), ("b", 2, 0), ("a", 3, 0)]
    frontier.main([*options, "--seeds", "2"])
    assert runs[3:] == [("b", 3, 0), ("a", 2, 1), ("b", 2, 1), ("a", 3, 1), ("b", 3, 1)]
    written = json.loads((tmp_path / "frontier.json").read_text(encoding="utf-8"))
    assert written["tokens"] == [80, 20] and set(written["runs"]) == {f"{n}, k = {k}" for n in "ab" for k in (2, 3)}
    states = hidden_states.read("file")
    held = states.held_out()
    _, x = frontier.scaled(states.x[~held], states.x[held])
    expected = ((0.5 * x) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum()
    one = written["runs"]["b, k = 3"]["1"]
    assert one["active_units"] == 1 and one["dead_percent"] == pytest.approx(66.667)
    assert one["unexplained_percent"] == pytest.approx(100 * expected, abs=1e-3) and one["tokens_per_second"] > 0
    row = next(line for line in capsys.readouterr().out.split("\n")[::-1] if line.startswith("b, k = 3"))
    assert row.split()[4:7] == [f"{one['unexplained_percent']:.2f}"] * 3 and row.split()[7:9] == ["1.0", "66.67"]
    frontier.main(["--epochs", "3", "--seeds", "1", "--most", "1", "--out", str(tmp_path / "frontier.json")])
    assert runs[8:] == [("a", 2, 0)]  # another number of epochs: a new file


def test_without_the_data_it_prints_how_to_make_them(monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("NPAE_DATA", raising=False)
    with pytest.raises(SystemExit):
        frontier.main(["--out", str(tmp_path / "frontier.json")])
    assert "NPAE_DATA is not set. Make a file" in capsys.readouterr().err


def test_both_contenders_learn_the_same():
    pytest.importorskip("torch")
    from npae import SparseAutoencoder
    from npae.layers import TopK

    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, 8)).astype(np.float32)
    found = []
    for run in frontier.CONTENDERS.values():
        model = SparseAutoencoder(8, 24, TopK(3), seed=0, dead_after=300)
        x_hat, h = run(model, 3, x, x[:100], 0, 2)()
        found.append(((x_hat - x[:100]) ** 2).mean())
        assert h.shape == (100, 24)
    assert found[0] == pytest.approx(found[1], rel=1e-2) and found[0] < 0.9
