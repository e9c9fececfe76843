"""Text on any console: characters that its encoding lacks are replaced."""

import codecs
import io
import os
import subprocess
import sys
import warnings

import pytest

from npae.backend import (
    DataWarning,
    as_shown,
    console,
    fit_text,
    is_open,
    is_terminal,
    safe_output,
    text_table,
    warn,
)


def test_what_an_encoding_lacks_is_replaced_by_something_readable(monkeypatch):
    for encoding, text in (("ascii", "||x - x^||^2 -> sigma ?"), ("cp1252", "||x - x^||² -> sigma ?"), ("utf-8", None)):
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        safe_output()
        for stream in (out, err):
            print("‖x − x̂‖² → σ 漢", end="", file=stream, flush=True)
            assert stream.buffer.getvalue().decode(encoding) == (text or "‖x − x̂‖² → σ 漢")


LETTERS = "αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΦΨΩϕϵϑ∂ᵀᵏ₁₂ⁿ⁻¹ŷẑéöçñÅßøæŁ∈∫∏∇⊙÷≠≡≪←⟨⌊█≤≥±×·‖→…½¼√∞′"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_no_letter_is_lost(encoding):
    for character in LETTERS:
        shown = as_shown(character, encoding)
        assert shown and "?" not in shown and shown.isascii() or shown == character, character
    text = "Σ_j h_j ≠ Ω, W ∈ Wᵀ, ŷ, x₁, hᵏ⁻¹, λ, Λ"
    assert as_shown(text, "ascii") == "sum_j h_j != Omega, W in W^T, y^, x_1, h^k^-^1, lambda, Lambda"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_no_character_at_all_raises(encoding):
    for code in range(0x20, 0x30000, 7):
        as_shown(chr(code), encoding)
    assert as_shown("\ud800", encoding) == "?"  # half of a pair, as in file names that are not text


def test_streams_without_reconfigure(monkeypatch):
    buffer, notebook = io.BytesIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", codecs.getwriter("ascii")(buffer))
    sys.stdout.encoding = "ascii"
    monkeypatch.setattr(sys, "stderr", notebook)
    safe_output()
    wrapped = sys.stdout
    safe_output()
    print("x ≤ ½", flush=True)
    print("x ≤ ½", file=sys.stderr)
    assert sys.stdout is wrapped and sys.stderr is notebook
    assert buffer.getvalue() == b"x <= 1/2\n" and notebook.getvalue() == "x ≤ ½\n"


def test_without_any_stream_nothing_fails(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    safe_output()
    assert text_table([("a",), ("b",)]) == "a\n-\nb"


def test_replacements_are_ascii():
    assert all(text.isascii() for text in console._PLAIN.values())


def test_decoding_is_not_concerned():
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", errors=console._ERRORS)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_in_a_process(encoding):
    code = "from npae.backend import safe_output; safe_output(); print('η ≥ 漢'); raise SystemExit('∂J')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding}
    )
    assert done.stdout.split() == [b"eta", b">=", b"?"] and done.stderr.strip() == b"dJ" and done.returncode == 1


def test_a_closed_stream_is_no_terminal_and_takes_no_text(monkeypatch):
    stream = open(os.devnull, "w")
    assert is_open(stream) and not is_terminal(stream)
    stream.close()
    assert not is_open(stream) and not is_terminal(stream) and not is_open(None)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "stdout", stream)
    assert fit_text("a text") == "a text"


def test_a_warning_that_a_closed_stderr_cannot_show_is_no_error():
    code = "import sys; from npae.backend import warn; sys.stderr.close(); warn('x: all are 0.'); print('goes on')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "goes on\n" and done.returncode == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataWarning):
            warn("x: all are 0.")
