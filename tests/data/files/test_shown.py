"""Values in messages: shortened, each and all together."""

from npae.data.files.shown import ALL, LONGEST, NAMES, REASON, clipped, reason, some


def test_short_values_are_shown_as_they_are():
    assert clipped("age") == "age" and some(["age", "", "sex"]) == "age, (no name), sex" and some([]) == ""
    assert some(map(str, range(NAMES))) == ", ".join(map(str, range(NAMES)))


def test_long_values_and_lists_are_cut_and_counted():
    assert clipped("x" * (LONGEST + 1)) == "x" * LONGEST + "…" and clipped("abc", 2) == "ab…"
    assert some("abc", 2) == "a, b, … (3 in all)"
    listed = some(["x" * 10_000] * 5000)
    assert ALL < len(listed) < 2 * ALL and listed.endswith("…, … (5000 in all)")


def test_a_reason_is_one_line_without_a_full_stop():
    assert reason(ValueError("two\n lines.")) == "two lines" and reason(KeyError()) == "KeyError"
    assert reason(OSError(28, "No space left")) == "No space left"
    assert len(reason(ValueError("x" * 10_000))) == REASON + 1
