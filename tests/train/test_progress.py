"""Progress: nothing, one line per epoch, or a bar."""

import sys

import numpy as np
import pytest

from npae import dense_autoencoder, fit
from npae.train import progress
from npae.train.progress import Bar, Lines, NoProgress, make_progress, row_text

X = np.random.default_rng(0).random((20, 6), np.float32)


def run(kind, **arguments):
    return fit(dense_autoencoder([6, 2]), X, epochs=3, batch_size=8, progress=kind, **arguments)


def test_none_says_nothing(capfd):
    run("none")
    assert capfd.readouterr() == ("", "")


def test_lines_says_one_line_an_epoch(capfd):
    history = run("lines", validation=0.2)
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith(f"epoch 2/3  loss {history['loss'][1]:.5g}  val_loss {history['val_loss'][1]:.5g}")
    assert "reconstruction" not in lines[1]  # the only term is the loss itself


def test_a_row_with_several_terms_shows_them():
    row = {"epoch": 1, "lr": 0.1, "seconds": 1.25, "loss": 3.0, "reconstruction": 2.0, "sparsity": 1.0}
    assert row_text(row, 4) == "epoch 1/4  loss 3  reconstruction 2  sparsity 1  1.2 s"


def test_the_bar_counts_all_steps_and_shows_the_last_row(capfd):
    pytest.importorskip("tqdm")
    run("bar")
    out, err = capfd.readouterr()
    assert out == "" and "9/9" in err and "epoch 3/3" in err


def test_auto_is_lines_where_no_terminal_is_and_a_bar_on_one(monkeypatch):
    assert type(make_progress("auto")) is Lines
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert type(make_progress("auto")) is Bar


def test_without_tqdm_auto_is_lines_and_a_bar_is_refused(monkeypatch):
    monkeypatch.setattr(progress, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert type(make_progress("auto")) is Lines and type(make_progress("none")) is NoProgress
    with pytest.raises(ValueError, match="needs tqdm"):
        make_progress("bar")


@pytest.mark.parametrize("kind", ["loud", None, 3])
def test_an_unknown_kind_raises(kind):
    with pytest.raises(ValueError, match=f"Unknown progress {kind!r}.*lines"):
        make_progress(kind)


def test_a_bar_that_never_began_can_be_closed():
    bar = Bar()
    bar.close()
    assert bar.bar is None
