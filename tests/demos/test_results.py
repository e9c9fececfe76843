"""Results of the demos: names of metrics, tables, and numbers that are on disk before anything is printed."""

import json

import pytest

from demos import common, results


def settings(out, *options):
    return common.parse("deep", "The description.", 3, argv=["--device", "cpu", "--out", str(out), *options])


@pytest.mark.parametrize(
    "name, key",
    [("masking 50 %", "masking_50"), ("Gaussian 0.4", "gaussian_0_4"), ("ReLU, L1", "relu_l1"), ("784-32", "784_32")],
)
def test_keys(name, key):
    assert results.key(name) == key


def filled(settings):
    table = settings.table("digits", {"nats": ("nats per pixel", ".3f"), "count": ("units", "d")})
    table.add("784-32", {"nats": 0.12345, "count": 7, "seconds": 3}, "0.1 nats")
    table.cite("a book", "0.2")
    table.add("both", {"count": 12}, prefix="")
    table.add("both", {"nats": 0.5}, prefix="")
    table.row("PCA")
    return table


def test_a_table_by_hand(tmp_path):
    table = filled(settings(tmp_path, "--full"))
    assert str(table).splitlines() == [
        "digits  nats per pixel  units  published (60,000 digits)",
        "-" * 56,
        "784-32           0.123      7  0.1 nats",
        "both             0.500     12",
        "PCA",
        "a book             0.2",
    ]
    assert table.metrics == {"784_32_nats": 0.12345, "784_32_count": 7, "784_32_seconds": 3, "count": 12, "nats": 0.5}
    assert str(settings(tmp_path).table("a", ["b", "c"], published=None)).split() == ["a", "b", "c", "-" * 7]


def test_published_numbers_are_left_out_where_they_are_not_comparable(tmp_path):
    options = (["--quick"], [], ["--epochs", "9"], ["--full", "--epochs", "2"], ["--full"])
    for here in (settings(tmp_path, *given) for given in options):
        if here.full and here.epochs == 3:
            here.stopped = "interrupted after 1 of 3 epochs"
        lines = str(filled(here)).splitlines()
        assert lines[0] == "digits  nats per pixel  units" and "0.1 nats" not in "".join(lines)
        assert not any(line.startswith("a book") for line in lines)
        assert lines[-1] == "Published numbers are left out: they are not comparable with this run."
    assert lines[-2] == "Training was interrupted after 1 of 3 epochs."


@pytest.mark.parametrize("options, words", [
    (["--quick"], "not comparable: a quick run"), ([], "not comparable: 10,000 training digits, not 60,000"),
    (["--full"], "comparable"), (["--full", "--epochs", "4"], "comparable"),
    (["--full", "--epochs", "1"], "not comparable: 1 epoch, not 3"),
])  # fmt: skip
def test_the_file_says_whether_published_numbers_are_comparable(options, words, tmp_path):
    here = settings(tmp_path, *options)
    here.table("a", ["b"]).row("c", "1")
    assert "published_numbers" not in results.write(here)
    filled(here)
    assert results.write(here)["published_numbers"] == words


def test_a_demo_states_the_epochs_of_a_run_that_is_compared(tmp_path):
    for epochs, words in ((2, "comparable"), (1, "not comparable: 1 epoch, not 2")):
        options = ["--device", "cpu", "--out", str(tmp_path), "--full", "--epochs", str(epochs)]
        here = common.parse("deep", "", 3, argv=options, compared_epochs=2)
        filled(here)
        assert results.write(here)["published_numbers"] == words


def test_published_numbers_of_other_data_do_not_need_all_digits(tmp_path):
    here = settings(tmp_path, "--epochs", "1")
    table = here.table("card payments", ["AUC"], published=None, of_digits=False)
    table.cite("a book", "0.9")
    assert "a book" in str(table) and results.write(here)["published_numbers"] == "comparable"
    here.quick = True
    assert "a book" not in str(table)


def test_results_are_on_disk_before_the_table_is_printed(tmp_path):
    class Broken(results.Table):
        def __str__(self):
            raise OSError("no paper")

    here = settings(tmp_path)
    here.tables.append(Broken(here, "digits", {"nats": ("nats", ".1f")}, None))
    here.tables[0].add("deep", {"nats": 1.5})
    here.metrics["error"] = 2.5
    with pytest.raises(OSError, match="no paper"):
        results.finish(here)
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert (found["deep_nats"], found["error"], found["epochs"], found["stopped"]) == (1.5, 2.5, 3, None)


def test_a_table_without_rows_is_not_printed(tmp_path, capsys):
    here = settings(tmp_path)
    here.table("empty", ["a"])
    results.finish(here)
    assert "empty" not in capsys.readouterr().out


def test_the_file_says_how_the_numbers_were_made(tmp_path):
    found = results.write(settings(tmp_path, "--full", "--epochs", "4"))
    assert found["command"] == "python -m demos.deep --device cpu --full --epochs 4"
    assert found["commit"] and found["date"] and found["processor"] and found["cores"] >= 1
