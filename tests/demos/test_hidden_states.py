"""Files of hidden states: what is read, what is refused with a reason, and which passages are held out."""

import re

import numpy as np
import pytest

from demos import hidden_states
from demos.hidden_states import find, read


def arrays(n=60, passages=6, **changes):
    """A file's arrays: n tokens of five kinds in passages of equal length."""
    rng = np.random.default_rng(0)
    found = {
        "x": rng.standard_normal((n, 4)).astype(np.float32), "token": np.arange(n) % 5,
        "vocab": np.array(["the", "cat", "##s", "<b>", "unused", "never"]),
        "passage": np.arange(n) * passages // n,
    }  # fmt: skip
    return {name: value for name, value in (found | changes).items() if value is not None}


def saved(path, **changes):
    np.savez(path, **arrays(**changes))
    return path


def test_what_is_read(tmp_path):
    states = read(saved(tmp_path / "a.npz"))
    assert np.array_equal(states.x, arrays()["x"]) and states.x.dtype == np.float32
    assert [states.vocab[t] for t in states.token[:5]] == ["the", "cat", "##s", "<b>", "unused"]
    assert "never" not in states.vocab  # only what occurs
    order = [states.words()[t] for t in states.token[:5]]
    assert order == [" the", " cat", "s", " <b>", " unused"]


def test_int8_with_a_scale(tmp_path):
    q = np.random.default_rng(1).integers(-127, 128, (60, 4), np.int8)
    scale = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    states = read(saved(tmp_path / "a.npz", x=None, q=q, scale=scale))
    np.testing.assert_array_equal(states.x, q * scale)


def test_a_space_is_where_the_vocabulary_marks_one(tmp_path):
    vocab = np.array(["Ġthe", "Ġcat", "s", ".", "Ġ", "never"])
    states = read(saved(tmp_path / "a.npz", vocab=vocab))
    assert [states.words()[t] for t in states.token[:4]] == [" the", " cat", "s", "."]


@pytest.mark.parametrize("changes, words", [
    ({"x": None}, "expected also x, got token, vocab, passage. Make a file with"),
    ({"passage": None, "vocab": None}, "expected also vocab, passage, got x, token"),
    ({"token": np.arange(59) % 5}, r"expected x (n, d), token (n,) and passage (n,), got (60, 4), (59,) and (60,)"),
    ({"token": np.full(60, 6)}, "expected token from 0 to 5, the last of vocab, got 6."),
    ({"passage": np.zeros(60, int)}, "expected at least 5 passages, so that one can be held out, got 1."),
    ({"x": np.where(np.arange(240).reshape(60, 4) == 9, np.nan, 1)}, "NaN or Inf at token 2. Leave this token out."),
])  # fmt: skip
def test_files_that_are_refused(changes, words, tmp_path):
    with pytest.raises(ValueError, match=re.escape(words)):
        read(saved(tmp_path / "a.npz", **changes))


def test_what_is_no_archive(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"not an archive")
    with pytest.raises(ValueError, match="expected an .npz file of arrays, got: "):
        read(tmp_path / "a.npz")


def test_a_missing_file_is_reported_with_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.delenv("NPAE_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="NPAE_DATA is not set. Make a file with x .*output_hidden_states"):
        find()
    with pytest.raises(FileNotFoundError, match="no file .*mine.npz. Make a file"):
        find(tmp_path / "mine.npz")
    monkeypatch.setenv("NPAE_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no file .*minilm_l3_20k.npz"):
        find()
    path = tmp_path / hidden_states.FILE
    path.parent.mkdir()
    assert find(saved(path)) == find() == path


def test_passages_are_held_out_as_a_whole_and_always_the_same(tmp_path):
    states = read(saved(tmp_path / "a.npz", n=200, passages=20))
    held = states.held_out()
    for number in range(20):
        assert len(np.unique(held[states.passage == number])) == 1
    assert len(np.unique(states.passage[held])) == 4 and np.array_equal(held, states.held_out())


def test_the_first_passages(tmp_path):
    states = read(saved(tmp_path / "a.npz"))
    some = states.first(29)
    assert len(some.x) == len(some.token) == 20 and np.array_equal(some.passage, np.arange(20) // 10)
    assert [some.vocab[t] for t in some.token] == [states.vocab[t] for t in states.token[:20]]
    assert len(states.first(1000).x) == 60 and len(states.first(20).x) == 20
