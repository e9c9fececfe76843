"""Logs: the list of learning rates, the table that survives a kill, and TensorBoard's event files."""

import csv
import math
import os
import subprocess
import sys
import time
import types

import numpy as np
import pytest

from npae import dense_autoencoder, fit, optim
from npae.train import Callback, Checkpoint, CSVLog, LearningRateLog, TensorBoard
from tests.train.test_resume import KILL, ROOT

RNG = np.random.default_rng(0)
X, V = RNG.random((40, 6), np.float32), RNG.random((20, 6), np.float32)


def run(*callbacks, epochs=4, **arguments):
    model = dense_autoencoder([6, 3])
    return fit(model, X, epochs=epochs, batch_size=16, callbacks=callbacks, progress="none", **arguments)


def rows_in(path):
    """The rows of a table, with numbers for texts; every line must be whole."""
    assert path.read_bytes().endswith(b"\n")
    with open(path, newline="", encoding="utf-8") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


# ---------------------------------------------------------------------- learning rates


def test_the_log_has_the_rate_of_every_step_and_the_schedule_changes_it_each_step():
    log, optimizer = LearningRateLog(), optim.SGD(0.5)
    history = run(log, schedule=optim.Cosine(4), optimizer=optimizer)
    expected = [0.5 * 0.5 * (1 + math.cos(math.pi * k / 12)) for k in range(12)]  # 3 steps per epoch
    assert log.rates == pytest.approx(expected) and len(set(log.rates)) == 12
    assert history["lr"] == log.rates[2::3]
    assert optimizer.lr == 0.5


# ---------------------------------------------------------------------- a table on disk


class Watch(Callback):
    """Keeps what is in the file after every epoch, read anew from the disk."""

    observes = True

    def __init__(self, path):
        self.path, self.seen = path, []

    def on_epoch_done(self, trainer, row):
        self.seen.append(rows_in(self.path))


def test_the_table_has_the_rows_of_the_history_after_every_epoch(tmp_path):
    path = tmp_path / "new" / "log.csv"
    watch = Watch(path)
    history = run(CSVLog(path), watch, validation=V)
    assert watch.seen == [history.rows[: k + 1] for k in range(4)]
    history.to_csv(tmp_path / "whole.csv")
    assert path.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert [p.name for p in path.parent.iterdir()] == ["log.csv"]


def test_columns_of_other_callbacks_are_in_it_also_if_they_come_later(tmp_path):
    class Late(Callback):
        def on_epoch_end(self, trainer, row):
            if row["epoch"] in (2, 3):
                row["extra"] = 7.0

    watch = Watch(tmp_path / "log.csv")
    history = run(CSVLog(tmp_path / "log.csv"), Late(), watch)
    assert watch.seen == [history.rows[: k + 1] for k in range(4)]
    assert "extra" not in watch.seen[3][0] and watch.seen[3][1]["extra"] == 7


def test_it_is_appended_to_and_not_written_anew(tmp_path, monkeypatch):
    from npae.train import History

    written, to_csv = [], History.to_csv
    monkeypatch.setattr(History, "to_csv", lambda self, path: written.append(len(self)) or to_csv(self, path))
    run(CSVLog(tmp_path / "log.csv"), epochs=9)
    assert written == [1] and len(rows_in(tmp_path / "log.csv")) == 9


def test_a_new_run_replaces_the_table_once_its_first_epoch_is_over(tmp_path):
    class Look(Callback):
        def on_step(self, trainer):
            self.before = len(rows_in(tmp_path / "log.csv")) if trainer.epoch == 0 else self.before

    log, look = CSVLog(tmp_path / "log.csv"), Look()
    run(log, epochs=4)
    run(log, look, epochs=2)
    assert look.before == 4 and [row["epoch"] for row in rows_in(log.path)] == [1, 2]


def test_a_file_that_was_removed_meanwhile_is_written_whole(tmp_path):
    class Remove(Callback):
        def on_step(self, trainer):
            (tmp_path / "log.csv").unlink(missing_ok=True)

    history = run(CSVLog(tmp_path / "log.csv"), Remove())
    assert rows_in(tmp_path / "log.csv") == history.rows


def test_a_resumed_run_replaces_the_rows_of_epochs_that_are_run_again_and_half_a_line(tmp_path):
    path, place = tmp_path / "log.csv", tmp_path / "c.npz"

    def again(epochs, *more, resume=None):
        return run(CSVLog(path), Checkpoint(place, every=3), *more, epochs=epochs, resume=resume)

    again(5)
    header, *lines = path.read_text().splitlines()
    stale = lines[3].replace(lines[3].split(",")[3], "99.5")
    path.write_text("\n".join([header, *lines[:3], stale, lines[4][:9]]), newline="")  # killed while it wrote
    watch = Watch(path)
    history = again(6, watch, resume="auto")
    assert watch.seen[0] == history.rows[:4] and rows_in(path) == history.rows and history["loss"][3] != 99.5
    assert history["epoch"] == [1, 2, 3, 4, 5, 6]


def test_a_resumed_run_that_is_over_and_a_log_that_was_added_have_all_rows(tmp_path):
    run(Checkpoint(tmp_path / "c.npz"), epochs=3)
    log = CSVLog(tmp_path / "log.csv")
    history = run(log, Checkpoint(tmp_path / "c.npz"), epochs=3, resume="auto")
    assert rows_in(log.path) == history.rows and len(history) == 3


def test_a_place_that_cannot_be_written_raises_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "log.csv", tmp_path):
        with pytest.raises(OSError, match="Cannot write .*(Choose another place|it is a folder. Name a file in it)"):
            run(CSVLog(path), LearningRateLog())
    with pytest.raises(TypeError, match="CSVLog: expected a path"):
        CSVLog(3)


@pytest.mark.parametrize("make", [lambda folder: CSVLog(folder / "log.csv"), lambda folder: tensorboard(folder)])
def test_of_several_processes_only_the_first_writes(make, tmp_path):
    log, trainer = make(tmp_path), types.SimpleNamespace(group=types.SimpleNamespace(rank=1), history=[1], epoch=0)
    log.on_start(trainer)
    log.on_epoch_done(trainer, {"epoch": 1, "loss": 2.0})
    log.on_stop(trainer)
    assert not list(tmp_path.iterdir())


PROGRAM = """
import os, sys
import numpy as np
from npae import dense_autoencoder, fit
from npae.train import Callback, Checkpoint, CSVLog

class Kill(Callback):
    observes = True
    steps = 0
    def on_step(self, trainer):
        self.steps += 1
        if self.steps == int(sys.argv[2]):
            os.kill(os.getpid(), int(sys.argv[3]))

folder, x = sys.argv[1], np.random.default_rng(5).random((70, 12), np.float32)
fit(dense_autoencoder([12, 3]), x, epochs=9, batch_size=16, progress="none", resume="auto",
    callbacks=[CSVLog(folder + "/log.csv"), Checkpoint(folder + "/c.npz", every=2), Kill()])
"""


@pytest.mark.slow
def test_it_survives_kills_and_ends_as_that_of_a_run_without_them(tmp_path):
    def process(folder, kill_at=-1):
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM, str(folder), str(kill_at), str(int(KILL))],
            env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert abs(done.returncode) == (0 if kill_at < 0 else KILL), done.stderr
        return [(row["epoch"], row["loss"]) for row in rows_in(folder / "log.csv")]

    whole = process(tmp_path / "whole")
    assert [epoch for epoch, _ in whole] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    killed = [process(tmp_path / "parts", kill_at) for kill_at in (5 * 3 + 2, 5 * 3 + 4, 3)]  # 5 steps per epoch
    assert killed == [whole[:3], whole[:5], whole[:4]]  # it goes on after epoch 2, then after epoch 4
    assert process(tmp_path / "parts") == whole


# ---------------------------------------------------------------------- TensorBoard


def tensorboard(folder):
    pytest.importorskip("tensorboardX")
    return TensorBoard(folder)


def points(folder):
    """{name: [(step, number or text)]} of all event files in a folder, in their order, as TensorBoard reads them."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    found = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        content, start = file.read_bytes(), 0
        while start < len(content):  # a record: its length (8 bytes), a checksum (4), the event, a checksum (4)
            size = int.from_bytes(content[start : start + 8], "little")
            event = Event.FromString(content[start + 12 : start + 12 + size])
            start += size + 16
            if event.session_log.status == SessionLog.START:
                found = {name: [p for p in line if p[0] < event.step] for name, line in found.items()}
            for value in event.summary.value:
                text = value.tensor.string_val
                found.setdefault(value.tag, []).append((event.step, text[0].decode() if text else value.simple_value))
    return found


def columns(history, names):
    return {name.removeprefix("val_"): [(row["epoch"], pytest.approx(float(row[name]))) for row in history.rows]
            for name in names}  # fmt: skip


def test_tensorboard_has_every_number_and_text_of_the_history_in_two_runs(tmp_path):
    class Text(Callback):
        def on_epoch_end(self, trainer, row):
            row["note"], row["norm"], row["good"] = "a text", np.float32(2.5), np.True_

    history = run(tensorboard(tmp_path / "board"), Text(), validation=V)
    assert sorted(p.name for p in (tmp_path / "board").iterdir()) == ["training", "validation"]
    names = ["lr", "seconds", "loss", "reconstruction", "norm", "good"]
    texts = {"note/text_summary": [(epoch, "a text") for epoch in history["epoch"]]}
    assert points(tmp_path / "board" / "training") == columns(history, names) | texts
    assert points(tmp_path / "board" / "validation") == columns(history, ["val_loss", "val_reconstruction"])


def test_points_of_epochs_that_are_run_again_and_of_a_former_run_are_replaced(tmp_path):
    def again(epochs, resume=None):
        return run(tensorboard(tmp_path), Checkpoint(tmp_path / "c.npz", every=3), epochs=epochs, resume=resume)

    again(5)
    history = again(7, "auto")
    assert points(tmp_path / "training")["loss"] == columns(history, ["loss"])["loss"] and len(history) == 7
    board = tensorboard(tmp_path / "twice")
    run(board, epochs=5)
    time.sleep(1.01 - time.time() % 1)  # tensorboardX names a file by the second in which it is made
    history = run(board, epochs=2)
    assert len(list((tmp_path / "twice" / "training").iterdir())) == 2
    assert points(tmp_path / "twice" / "training")["loss"] == columns(history, ["loss"])["loss"]


def test_the_points_are_on_disk_before_the_run_ends(tmp_path):
    class Wait(Callback):
        def on_epoch_done(self, trainer, row):
            end = time.monotonic() + 20
            while len(points(tmp_path / "training").get("loss", [])) < row["epoch"] and time.monotonic() < end:
                time.sleep(0.05)
            assert len(points(tmp_path / "training")["loss"]) == row["epoch"]

    run(tensorboard(tmp_path), Wait(), epochs=2)


def test_without_tensorboardx_the_message_has_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ModuleNotFoundError, match=r"TensorBoard: tensorboardX is not installed: pip .*\[tensorboard\]"):
        TensorBoard(tmp_path)
