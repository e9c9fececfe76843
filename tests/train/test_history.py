"""History: the rows of a run, their pictures and tables, and the check for NaN and Inf."""

import csv
import json
import sys

import numpy as np
import pytest

from npae import DataWarning, dense_autoencoder, fit, variational_autoencoder
from npae.backend import Seen
from npae.optim import SGD, Adam
from npae.train import Checkpoint
from npae.train.epoch_means import Diverged, EpochMeans
from npae.train.history import History
from npae.train.learning_curves import PETROFF10

ROWS = [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 1.0}, {"epoch": 3, "loss": 2.0}]


def test_columns_length_and_best():
    history = History(ROWS)
    assert history["loss"] == [3.0, 1.0, 2.0] and len(history) == 3
    assert history.best("loss") == ROWS[1]
    assert "3 epochs" in repr(history) and "loss 2" in repr(history)
    assert history.stopped is None


ANY = {"note": "warm, up", "done": True, "none": None, "numpy": np.float32(0.123456789), "whole": np.int64(3),
       "flag": np.bool_(False)}  # fmt: skip


def test_values_of_callbacks_may_be_of_any_kind(tmp_path):
    history = History([{"epoch": 1, "loss": 0.5} | ANY])
    assert repr(history) == ("History(1 epoch; last: epoch 1, loss 0.5, note warm, up, done True, none None, "
                             "numpy 0.12346, whole 3, flag False)")  # fmt: skip
    history.to_json(tmp_path / "h.json")
    (row,) = json.loads((tmp_path / "h.json").read_text())
    assert row == {"epoch": 1, "loss": 0.5} | ANY and row["whole"] is not True and type(row["flag"]) is bool
    history.to_csv(tmp_path / "h.csv")
    with open(tmp_path / "h.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["note"] == "warm, up" and (row["done"], row["none"], row["flag"]) == ("True", "", "False")
    assert np.float32(row["numpy"]) == ANY["numpy"] and row["whole"] == "3"


def test_values_of_any_kind_in_pictures_and_frames(pyplot):
    history = History([{"epoch": 1, "loss": 0.5} | ANY, {"epoch": 2, "loss": 0.25} | ANY], terms=["note"])
    assert drawn(history.plot())["training"][1] == [0.5, 0.25]
    frame = pytest.importorskip("pandas") and history.to_frame()
    assert frame["note"].tolist() == ["warm, up"] * 2 and frame["done"].tolist() == [True, True]


def test_an_unknown_column_names_those_there_are():
    with pytest.raises(KeyError, match="No column 'val_loss'.*epoch, loss"):
        History(ROWS)["val_loss"]


def test_an_empty_history():
    assert History()["loss"] == [] and len(History()) == 0 and "empty" in repr(History())


def test_json_and_csv_hold_the_rows(tmp_path):
    History(ROWS).to_json(tmp_path / "h.json")
    History(ROWS).to_csv(tmp_path / "h.csv")
    assert json.loads((tmp_path / "h.json").read_text()) == ROWS
    with open(tmp_path / "h.csv", newline="") as file:
        assert [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)] == ROWS
    assert sorted(p.name for p in tmp_path.iterdir()) == ["h.csv", "h.json"]


def test_a_column_that_a_callback_added_later_is_empty_before(tmp_path):
    History([{"epoch": 1}, {"epoch": 2, "extra": 5}]).to_csv(tmp_path / "h.csv")
    assert (tmp_path / "h.csv").read_text().splitlines() == ["epoch,extra", "1,", "2,5"]


def test_an_empty_history_can_be_written(tmp_path):
    History().to_csv(tmp_path / "h.csv")
    assert (tmp_path / "h.csv").read_text().splitlines() == ["epoch"]


def test_means_are_weighted_by_batch_size_and_the_loss_is_the_sum_of_the_terms():
    sums = EpochMeans(epoch=0)
    sums.add({"a": np.float32(1), "b": np.float32(10)}, 30)
    sums.add({"a": np.float32(4), "b": np.float32(10)}, 10)
    assert sums.means() == {"loss": 11.75, "a": 1.75, "b": 10.0}


def test_phases_may_tell_their_terms_one_after_the_other():
    sums = EpochMeans(epoch=0)
    for size, a, b in ((2, 1.0, 3.0), (1, 4.0, 6.0)):
        sums.add({"a": np.float32(a)}, size)
        sums.add({"b": np.float32(b)}, size)
    assert sums.means() == {"loss": 6.0, "a": 2.0, "b": 4.0} and sums.steps == 2


@pytest.mark.parametrize("value, text", [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_a_term_that_is_not_finite_is_named_with_epoch_and_step(value, text):
    sums = EpochMeans(epoch=4)
    sums.add({"a": np.float32(1), "b": np.float32(1)}, 5)
    with pytest.raises(Diverged, match=f"term 'b' became {text} in epoch 5, step 2.*learning rate.*checkpoint"):
        sums.add({"a": np.float32(1), "b": np.float32(value)}, 5)


def test_diverged_is_an_arithmetic_error():
    assert issubclass(Diverged, ArithmeticError)


@pytest.mark.parametrize("read_every", [1, 100])
def test_before_the_first_update_the_learning_rate_is_not_the_cause(read_every):
    for seen, words in (
        (Seen(None, 1e4, 1e6, "float"), r"The data range from 10000 to 1e\+06: standardise each feature, \(x - x.mean"),
        (Seen(None, 0.0, 1.0, "uint8"), r"The data range from 0 to 1\. Or the weights are too large"),
        (None, "Look at the data"),
    ):
        means = EpochMeans(0, read_every, seen)
        with pytest.raises(Diverged, match=f"in epoch 1, step 1, before the first update of θ.*{words}") as caught:
            means.add({"a": np.float32(1), "b": np.float32("nan")}, 5)
            means.means()
        assert "Lower" not in str(caught.value)


def test_after_the_first_update_both_causes_are_named():
    means = EpochMeans(0, seen=Seen(None, 1e4, 1e6, "float"))
    means.add({"a": np.float32(1)}, 5)
    with pytest.raises(Diverged, match=r"step 2. Lower the learning rate.*data range from 10000 to 1e\+06: standard"):
        means.add({"a": np.float32("inf")}, 5)
    two_phases = EpochMeans(0)
    two_phases.add({"a": np.float32(1)}, 5)  # after it the first phase has changed its θ
    with pytest.raises(Diverged, match="term 'b' became nan in epoch 1, step 1. Lower the learning rate"):
        two_phases.add({"b": np.float32("nan")}, 5)


def test_incomes_that_overflow_are_not_blamed_on_the_learning_rate():
    incomes = np.random.default_rng(0).uniform(1e22, 1e24, (50, 4))
    model = dense_autoencoder([4, 2], loss="mse")
    for optimizer in (Adam(1e-12), SGD(0.1)):
        with pytest.warns(DataWarning, match="Standard"), pytest.raises(Diverged, match="step 1, before .*: standard"):
            fit(model, incomes, epochs=1, optimizer=optimizer, clip_norm=1.0, progress="none")


# ---------------------------------------------------------------------- pictures and frames


def trained(**arguments):
    model = variational_autoencoder([6, 4, 2])
    return fit(model, np.random.default_rng(0).random((40, 6), np.float32), progress="none", **arguments)


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def drawn(axes):
    """{label: (epochs, values, line style)} of the curves in the legend."""
    lines = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata()), line.get_linestyle())
             for line in axes.lines}  # fmt: skip
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(lines)
    return lines


def test_plot_shows_loss_and_validation_loss_with_words(pyplot):
    history = trained(epochs=5, validation=0.2)
    axes = history.plot()
    assert drawn(axes) == {
        "training": ([1, 2, 3, 4, 5], history["loss"], "-"),
        "validation": ([1, 2, 3, 4, 5], history["val_loss"], "--"),
    }
    assert [line.get_color() for line in axes.lines] == ["#3f90da", "#ffa90e"]  # the first two of petroff10
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss, mean per sample")
    axes.figure.canvas.draw()
    assert all(tick == int(tick) for tick in axes.get_xticks())


def test_the_colours_are_those_of_matplotlib(pyplot):
    from matplotlib import color_sequences
    from matplotlib.colors import to_hex

    if "petroff10" not in color_sequences:
        pytest.skip("matplotlib has petroff10 since 3.10")
    assert list(PETROFF10) == [to_hex(colour) for colour in color_sequences["petroff10"]]


def test_all_terms_are_drawn_on_request_in_pairs_of_one_colour(pyplot):
    history = trained(epochs=3, validation=0.2)
    axes = history.plot(terms=True)
    assert history.terms == ("reconstruction", "kl")
    assert list(drawn(axes)) == [f"{name}, {data}" for name in ("loss", "reconstruction", "kl")
                                 for data in ("training", "validation")]  # fmt: skip
    colours = [line.get_color() for line in axes.lines]
    assert colours[::2] == colours[1::2] == list(PETROFF10[:3]) and axes.get_ylabel() == "mean per sample"


def test_plot_draws_in_given_axes_and_opens_no_figure(pyplot):
    figure, (left, right) = pyplot.subplots(1, 2)
    history = trained(epochs=2)
    assert history.plot(ax=right) is right and not left.lines and list(drawn(right)) == ["training"]
    assert history.plot(left) is left and pyplot.get_fignums() == [figure.number]


def test_one_epoch_is_a_point_and_none_is_refused(pyplot):
    axes = trained(epochs=1).plot()
    assert axes.lines[0].get_marker() == "o" and list(axes.get_xticks()) == [1] and axes.get_xlim() == (0.5, 1.5)
    with pytest.raises(ValueError, match="expected at least one epoch, got none"):
        History().plot()


def test_a_gap_in_a_column_is_a_gap_in_the_curve(pyplot):
    axes = History([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "val_loss": 3.0}]).plot()
    assert np.isnan(drawn(axes)["validation"][1]).tolist() == [True, False]


def test_the_terms_are_known_again_after_a_resume(tmp_path):
    trained(epochs=2, callbacks=Checkpoint(tmp_path / "c.npz"))
    history = trained(epochs=2, callbacks=Checkpoint(tmp_path / "c.npz"), resume="auto")
    assert history.terms == ("reconstruction", "kl")


def test_to_frame_has_a_row_per_epoch():
    pandas = pytest.importorskip("pandas")
    history = trained(epochs=3, validation=0.2)
    frame = history.to_frame()
    assert frame.index.name == "epoch" and list(frame.index) == [1, 2, 3]
    assert list(frame.columns) == history.columns[1:] and frame["val_loss"].tolist() == history["val_loss"]
    gap = History([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "extra": 3.0}]).to_frame()
    assert pandas.isna(gap.loc[1, "extra"]) and gap.loc[2, "extra"] == 3
    assert len(History().to_frame()) == 0 and History().to_frame().index.name == "epoch"


@pytest.mark.parametrize(("package", "call"), [
    ("matplotlib", "plot"), ("pandas", "to_frame"),
])  # fmt: skip
def test_without_the_package_the_message_has_the_command(package, call, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=f"History.{call}: {package} is not installed: pip install"):
        getattr(History(ROWS), call)()


def test_nan_is_never_the_best():
    nan = float("nan")
    history = History([{"epoch": k, "score": s} for k, s in enumerate((nan, 3.0, nan, 2.0, nan))])
    assert history.best("score")["epoch"] == 3
