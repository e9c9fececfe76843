"""Text that fits the window: paragraphs, indented lines, values, counts and sizes."""

import io
import sys

import numpy as np
import pytest

from npae.backend import counted, fit_text, safe_output, size_text, text_table, value_text
from npae.backend.window import wrap

TEXT = """A title.

A paragraph of two lines, of which
the second is a continuation.

    python -m demos.simple          the embedded 10,000 digits
    x̂ = sigmoid(h V + c)
"""


def test_without_a_terminal_and_in_a_wide_window_nothing_changes(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert fit_text(TEXT) == fit_text(TEXT, 79) == TEXT
    monkeypatch.setenv("COLUMNS", "41")
    assert fit_text(TEXT) == fit_text(TEXT, 40) != TEXT


def test_paragraphs_are_refilled_and_indented_lines_stay_lines():
    assert fit_text(TEXT, 30).splitlines() == [
        "A title.", "", "A paragraph of two lines, of", "which the second is a", "continuation.", "",
        "    python -m demos.simple", "        the embedded 10,000", "        digits", "    x̂ = sigmoid(h V + c)",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [1, 2, 5, 9, 13, 21, 34, 50, 79])
def test_lines_always_fit_and_no_letter_is_lost(width):
    assert max(len(line.replace("\u0302", "")) for line in fit_text(TEXT, width).splitlines()) <= width
    assert "".join(fit_text(TEXT, width).split()) == "".join(TEXT.split())


@pytest.mark.parametrize("width", [12, 20, 34, 50])
def test_only_words_longer_than_a_line_are_broken(width):
    broken = set(TEXT.split()) - set(fit_text(TEXT, width).split())
    assert all(len(word) + 8 > width for word in broken)


def test_a_letter_keeps_its_accent_where_a_word_is_broken():
    assert wrap("x̂x̂x̂", 2) == ["x̂x̂", "x̂"]


def test_the_width_is_that_of_what_the_console_shows(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    safe_output()
    assert fit_text("σ σ σ", 11) == "σ σ\nσ"  # sigma sigma


@pytest.mark.parametrize(("value", "text"), [
    (0.123456, "0.12346"), (np.float32(2.5), "2.5"), (1e-9, "1e-09"), (3, "3"), (1_234_567, "1234567"),
    (np.int64(7), "7"), (True, "True"), (np.bool_(False), "False"), (None, "None"), ("warm-up", "warm-up"),
    (np.str_("text"), "text"), ("two\nlines", "two lines"), (np.array(0.5), "0.5"), (float("nan"), "nan"),
])  # fmt: skip
def test_values(value, text):
    assert value_text(value) == text


def test_counts_and_sizes():
    assert [counted(n, "epoch") for n in (0, 1, 2, 1000)] == ["0 epochs", "1 epoch", "2 epochs", "1,000 epochs"]
    sizes = [size_text(n) for n in (0, 1, 999, 1000, 99_999, 100_000, 3_456_789)]
    assert sizes == ["0 bytes", "1 byte", "999 bytes", "1.0 kB", "100.0 kB", "0.10 MB", "3.46 MB"]


# ---------------------------------------------------------------------- tables


@pytest.mark.parametrize("width", [4, 5, 12, 20, 30])
def test_a_table_always_fits(width):
    rows = [("test digits", "nats per pixel", "why"), ("784-1000-500-250-30", 1234567.5, "incomprehensibilities")]
    table = text_table(rows, width=width, foot="Published numbers are left out.")
    assert max(map(len, table.splitlines())) <= width
    count = lambda text: sum(c.isalpha() for c in text)  # noqa: E731
    assert count(table) >= count("".join(str(cell) for row in rows for cell in row)) + count("Published")


def test_the_foot_is_broken_between_words():
    table = text_table([("a", "b"), ("c", "d")], foot="Published numbers are left out.\nAnother line.", width=20)
    assert table.splitlines()[4:] == ["Published numbers", "  are left out.", "Another line."]


def test_a_table_without_rows_or_columns_is_empty():
    assert text_table([]) == text_table([()]) == "" and text_table([], foot="nothing") == "nothing"
