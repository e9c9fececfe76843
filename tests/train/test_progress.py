"""Progress: nothing, one line per epoch, or a bar that fits into any window."""

import importlib.util
import io
import os
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from npae import dense_autoencoder, fit
from npae.train import Callback, progress
from npae.train.progress import Bar, Lines, Reporter, make_progress, row_text

ROOT = Path(__file__).resolve().parents[2]
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


def test_a_row_may_have_values_of_any_kind():
    row = {"epoch": 1, "seconds": 1.0, "loss": np.float32(3), "phase": "warm\nup", "done": True, "none": None}
    assert row_text(row, 1) == "epoch 1/1  loss 3  phase warm up  done True  none None  1.0 s"


class StopAfter(Callback):
    """Stops a run."""

    def on_epoch_end(self, trainer, row):
        time.sleep(0.25)
        trainer.stop("early stopping: enough")


def test_lines_end_with_the_reason(capfd):
    run("lines", callbacks=StopAfter())
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1] == "Training stopped: early stopping: enough."


def test_lines_fit_the_window(monkeypatch, capfd):
    monkeypatch.setenv("COLUMNS", "30")
    history = run("lines", validation=0.2)
    text = capfd.readouterr().out
    assert max(map(len, text.splitlines())) < 30 and f"{history['val_loss'][2]:.5g}" in text.split()


@pytest.mark.parametrize(("kind", "expected"), [(True, Lines), (False, Reporter), ("none", Reporter)])
def test_true_and_false_are_auto_and_none(kind, expected):
    assert type(make_progress(kind)) is expected


@pytest.mark.parametrize("kind", ["loud", None, 3])
def test_an_unknown_kind_raises(kind):
    with pytest.raises(ValueError, match=f"Unknown progress {kind!r}.*lines"):
        make_progress(kind)


# ---------------------------------------------------------------------- what auto chooses


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


class Shell:
    """What IPython.get_ipython() returns in a notebook."""

    kernel = "a kernel"


def test_auto_is_lines_where_no_terminal_is():
    assert type(make_progress("auto")) is Lines


def test_auto_is_a_bar_on_a_terminal(terminal):
    pytest.importorskip("tqdm")
    assert type(make_progress("auto")) is Bar


@pytest.mark.parametrize(("shell", "expected"), [(Shell(), Bar), (object(), Lines), (None, Lines)])
def test_auto_is_a_bar_in_a_notebook_but_not_in_any_ipython(shell, expected, monkeypatch):
    pytest.importorskip("tqdm")
    ipython = type(sys)("IPython")
    ipython.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert type(make_progress("auto")) is expected


def test_auto_is_lines_in_a_program_without_stderr(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert type(make_progress("auto")) is Lines


def test_without_tqdm_auto_is_lines_and_a_bar_is_refused(monkeypatch, terminal):
    monkeypatch.setattr(progress, "_has_tqdm", lambda: False)
    assert type(make_progress("auto")) is Lines and type(make_progress("none")) is Reporter
    words = 'progress="bar": tqdm is not installed: pip install .*demos.*"lines"'
    with pytest.raises(ModuleNotFoundError, match=words):
        make_progress("bar")


def test_tqdm_is_looked_for_and_imported_only_for_a_bar():
    code = """if True:
        import sys
        from npae.train import progress
        assert "tqdm" not in sys.modules
        sys.modules["tqdm"] = None
        print(progress._has_tqdm())
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n", done.stderr


# ---------------------------------------------------------------------- the bar


class Terminal(io.StringIO):
    """A stream with an encoding."""

    def __init__(self, encoding):
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self):
        return self._encoding


@pytest.fixture
def drawn(monkeypatch):
    """drawn(columns, …) -> the lines of a bar in a window of that width."""
    std = pytest.importorskip("tqdm.std")

    def draw(columns, encoding="utf-8", **arguments):
        stream = Terminal(encoding)
        with monkeypatch.context() as patch:
            patch.setattr(std, "_screen_shape_wrapper", lambda: lambda file: (columns - 1, 23))
            patch.setattr(sys, "stderr", stream)
            run("bar", **arguments)
        return [line.rstrip() for line in re.split(r"[\r\n]+", stream.getvalue()) if line.strip()]

    return draw


class Slow(Callback):
    """Makes every epoch long enough to be drawn."""

    def on_epoch_end(self, trainer, row):
        time.sleep(0.25)


def test_the_bar_shows_epoch_share_time_left_and_losses(drawn):
    first, *others, last = drawn(100, validation=0.2, callbacks=Slow())
    assert re.fullmatch(r"epoch 1/3   0%\| +\| \? left", first)
    middle = next(line for line in others if line.startswith("epoch 3/3  67%"))
    assert re.fullmatch(r"epoch 3/3  67%\|█+. +\| \d\d:\d\d left  loss \d.\d+  val_loss \d.\d+  \S+ s.+", middle)
    assert re.fullmatch(r"epoch 3/3 100%\|█+\| 00:0\d in all  loss \d.\d+  val_loss \d.\d+  \S+ s.+", last)


@pytest.mark.parametrize(
    ("columns", "shown", "not_shown"),
    [
        (72, ("|", "loss", "val_loss"), ("steps",)), (30, (), ("|", "loss")),
        *[pytest.param(*values, marks=pytest.mark.slow) for values in (
            (120, ("|", "loss", "val_loss", "steps/s"), ()), (60, ("|", "loss"), ("val_loss",)),
            (40, ("|",), ("loss",)))],
    ],
)  # fmt: skip
def test_what_has_no_room_is_left_out_and_the_time_stays(columns, shown, not_shown, drawn):
    for line in drawn(columns, validation=0.2, callbacks=Slow())[1:]:
        assert len(line) < columns and re.search(r"epoch \d/3 +\d+%.* \d\d:\d\d (left|in all)", line)
        assert all(part in line for part in shown) and not any(part in line for part in not_shown), line


def test_a_run_that_stops_early_ends_with_a_whole_bar_and_the_reason(drawn):
    *_, bar, reason = drawn(100, callbacks=StopAfter())
    assert re.fullmatch(r"epoch 1/3 100%\|█+\| 00:0\d in all  loss \d.\d+  \S+ s.+", bar)
    assert reason == "Training stopped: early stopping: enough."


def test_a_run_that_fails_leaves_the_bar_where_it_was(drawn):
    class Fail(Callback):
        def on_epoch_end(self, trainer, row):
            raise OSError

    std = pytest.importorskip("tqdm.std")
    with pytest.raises(OSError):
        drawn(100, callbacks=Fail())
    assert not std.tqdm._instances  # it is closed


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_the_bar_is_plain_where_the_encoding_has_no_blocks(encoding, drawn):
    lines = drawn(80, encoding, validation=0.2)
    assert "##" in lines[-1] and "".join(lines).isascii()


def test_fast_epochs_are_not_all_drawn(drawn):
    assert len(drawn(80)) == 2  # the first and the last line


def test_a_bar_that_never_began_can_be_closed():
    bar = Bar()
    bar.close(None)
    assert bar.bar is None


# ---------------------------------------------------------------------- in reality

PROGRAM = """
import sys, time
import numpy as np
from npae import dense_autoencoder, fit
from npae.train import Callback

class Named(Callback):
    observes = True
    def on_epoch_end(self, trainer, row):
        row["‖θ‖ 漢"] = 1.0
        time.sleep(float(sys.argv[2]))

x = np.random.default_rng(0).random((20, 6), np.float32)
fit(dense_autoencoder([6, 2]), x, validation=0.2, epochs=8, batch_size=8, progress=sys.argv[1], callbacks=Named())
"""


def environment(encoding="utf-8"):
    without = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return without | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("kind", ["lines", "bar"])
def test_no_encoding_stops_a_run(kind, encoding):
    if kind == "bar":
        pytest.importorskip("tqdm")
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM, kind, "0"], env=environment(encoding),
                          capture_output=True, timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = (done.stdout + done.stderr).decode(encoding)
    assert "epoch 8/8" in text and text.isascii()
    assert kind == "bar" or len(text.splitlines()) == 8 and "????? ? 1" not in text and "? 1 " in text


def in_terminal(command, sizes, encoding="utf-8"):
    """What a command prints on a real terminal whose width changes: a text. Skips where there are no terminals."""
    pty, select = pytest.importorskip("pty"), pytest.importorskip("select")
    fcntl, termios, struct = (pytest.importorskip(name) for name in ("fcntl", "termios", "struct"))
    master, slave = pty.openpty()
    resize = lambda columns: fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))  # noqa: E731
    resize(sizes[0])
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment(encoding))
    text, sizes = b"", list(sizes)
    while process.poll() is None or select.select([master], [], [], 0)[0]:
        if select.select([master], [], [], 0.05)[0]:
            text += os.read(master, 4096)
        if len(sizes) > 1 and text.count(b"left") > 4:
            sizes.pop(0)
            text += b"\rRESIZED\r"
            resize(sizes[0])
    os.close(slave)
    os.close(master)
    assert process.returncode == 0, text
    return text.decode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.slow
def test_on_a_terminal_of_80_columns_that_becomes_40_wide(encoding):
    pytest.importorskip("tqdm")
    text = in_terminal([sys.executable, "-W", "error", "-c", PROGRAM, "auto", "0.25"], (80, 40), encoding)
    before, after = (re.split(r"[\r\n]+", part) for part in text.split("RESIZED"))
    assert 79 <= max(map(len, before)) <= 80 and sum("val_loss" in line for line in before) > 1
    drawn = [line for line in after if line.strip()]
    assert max(map(len, drawn)) <= 80 and len(drawn[-1].rstrip()) <= 40  # tqdm before 4.69 fills the last column
    assert all(re.search(r"\d\d:\d\d (left|in all)", line) for line in drawn)
    assert ("█" in drawn[-1]) == (encoding == "utf-8") and ("##" in drawn[-1]) == (encoding != "utf-8")


def test_on_a_terminal_that_does_not_know_its_size():
    pytest.importorskip("tqdm")
    text = in_terminal([sys.executable, "-W", "error", "-c", PROGRAM, "auto", "0"], (0,))
    assert re.search(r"epoch 8/8 100%\|█+\| 00:0\d in all  loss \S+  val_loss", text)


@pytest.mark.skipif(importlib.util.find_spec("nbclient") is None, reason="could not import 'nbclient'")
@pytest.mark.skipif(importlib.util.find_spec("ipykernel") is None, reason="could not import 'ipykernel'")
@pytest.mark.slow
def test_in_a_notebook_auto_is_a_bar_and_nothing_warns(tmp_path):
    pytest.importorskip("tqdm")
    code = """if True:
        import nbformat, sys
        from nbclient import NotebookClient
        source = '''
import warnings
warnings.simplefilter("error")
import numpy as np
from npae import dense_autoencoder, fit
history = fit(dense_autoencoder([6, 2]), np.random.default_rng(0).random((20, 6), np.float32), epochs=3)
'''
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
        for output in notebook.cells[0].outputs:
            print(output.get("name", ""), output.get("text") or output["data"]["text/plain"])
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=120, capture_output=True, text=True,
                          encoding="utf-8", env=environment() | {"JUPYTER_PLATFORM_DIRS": "1"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "epoch 1/3   0%" in done.stdout and "stderr" not in done.stdout, done.stdout
    if importlib.util.find_spec("ipywidgets") is None:  # a bar of text
        assert re.search(r"stdout \s*epoch 3/3 100%\|█+\| 00:0\d in all  loss ", done.stdout)


class Broken(io.StringIO):
    """A stream whose reader is gone, or whose disk is full, after some characters."""

    def __init__(self, error, after):
        super().__init__()
        self.error, self.after = error, after

    def write(self, text):
        self.after -= len(text)
        if self.after < 0:
            raise self.error
        return super().write(text)


@pytest.mark.parametrize("error", [
    BrokenPipeError(32, "Broken pipe"), OSError(28, "No space left on device"),
    ValueError("I/O operation on closed file"),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["lines", "bar"])
@pytest.mark.parametrize("after", [0, 60])
def test_a_stream_that_fails_does_not_end_training(monkeypatch, kind, error, after):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stdout" if kind == "lines" else "stderr", Broken(error, after))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = run(kind)
    assert history["epoch"] == [1, 2, 3]
    silent = kind == "bar" and isinstance(error, ValueError)  # tqdm passes over a closed file by itself
    assert [str(w.message)[:32] for w in caught] == ["progress: training goes on, but "] * (not silent)


def test_other_errors_of_a_reporter_are_raised():
    class Wrong(Reporter):
        def step(self):
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        progress.Guarded(Wrong()).step()


def closed_stream():
    stream = open(os.devnull, "w")
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [lambda: None, closed_stream], ids=["none", "closed"])
@pytest.mark.parametrize("names", [("stderr",), ("stdout",), ("stdout", "stderr")], ids=" ".join)
@pytest.mark.parametrize("kind", ["auto", "bar", "lines"])
def test_a_program_without_streams_trains(monkeypatch, kind, names, stream):
    pytest.importorskip("tqdm")
    for name in names:
        monkeypatch.setattr(sys, name, stream())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history, model = run(kind), dense_autoencoder([6, 2])
        assert len(history) == 3 and "Dense(6 -> 2)" in repr(model) and "32 parameters" in model.summary()
    not_drawn = kind == "bar" and names == ("stdout",) and sys.stdout is not None  # tqdm flushes stdout before it draws
    assert [str(w.message)[:32] for w in caught] == ["progress: training goes on, but "] * not_drawn
