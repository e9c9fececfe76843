"""Tables as text: columns, widths, and lines that are broken at spaces."""

import io
import sys

import pytest

from npae.backend import safe_output, text_table

ROWS = [
    ("test digits", "nats per pixel", "‖x − x̂‖² per image", "published (60,000 digits)"),
    ("784-32", "0.0908", 5.25, "0.0914 nats per pixel"),
    ("mean image: a collapsed network", "0.2069", "", ""),
]


def test_columns_line_up_and_numbers_are_to_the_right():
    assert text_table(ROWS).splitlines() == [
        "test digits                      nats per pixel  ‖x − x̂‖² per image  published (60,000 digits)",
        "-" * 94,
        "784-32                                   0.0908                5.25  0.0914 nats per pixel",
        "mean image: a collapsed network          0.2069",
    ]


def test_the_sides_can_be_given_and_lines_follow_below_a_second_rule():
    table = text_table([("name", "output", "parameters"), ("layer", "(32,)", "7")], align="llr", foot="7 parameters")
    assert table.splitlines() == [
        "name   output  parameters",
        "-------------------------",
        "layer  (32,)            7",
        "-------------------------",
        "7 parameters",
    ]


@pytest.mark.parametrize("width", [79, 60, 45, 30])
def test_a_narrow_table_breaks_at_spaces_and_loses_nothing(width):
    lines = text_table(ROWS, width=width).splitlines()
    assert max(len(line.replace("\u0302", "")) for line in lines) <= width
    whole = {word for row in ROWS for cell in row for word in str(cell).split()}
    found = {word for line in lines for word in line.split()} - {line for line in lines if set(line) == {"-"}}
    assert found == whole


def test_a_cell_continues_below_with_an_indent_and_line_breaks_are_kept():
    table = text_table([("what", "seconds"), ("a rather long name", 1.5), ("two\nlines", 2)], width=20)
    assert table.splitlines() == [
        "what         seconds", "-" * 20, "a rather         1.5", "  long name", "two                2", "lines",
    ]  # fmt: skip


def test_columns_without_room_follow_in_a_second_table_with_the_names_again():
    rows = [("method", *"abcd"), ("PCA", *["0.801 / 0.455"] * 4)]
    first, second = text_table(rows, width=36).split("\n\n")
    assert first.splitlines()[2] == second.splitlines()[2] == "PCA     0.801 / 0.455  0.801 / 0.455"
    assert first.split()[:3] == ["method", "a", "b"] and second.split()[:3] == ["method", "c", "d"]


def test_the_width_is_that_of_the_terminal_and_a_pipe_has_none(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert text_table(ROWS) == text_table(ROWS, width=1000)
    monkeypatch.setenv("COLUMNS", "61")
    assert text_table(ROWS) == text_table(ROWS, width=60) != text_table(ROWS, width=1000)


def test_wide_and_combining_characters_count_as_they_are_shown():
    assert text_table([("a", "b"), ("x̂", "c"), ("漢字", "d")]).splitlines() == [
        "a     b",
        "-------",
        "x̂     c",
        "漢字  d",
    ]


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        text_table([("a", "b"), ("c",)])


def test_columns_line_up_on_a_console_that_replaces_characters(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    safe_output()
    print(text_table([("x̂ − σ", "½"), ("ab", "cd")]))
    stream.flush()
    assert stream.buffer.getvalue().decode().splitlines() == ["x^ - sigma  1/2", "-" * 15, "ab          cd"]
