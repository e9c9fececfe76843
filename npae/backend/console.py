"""Text on any console: characters that its encoding lacks are replaced."""

import codecs
import sys
import unicodedata
from typing import Any

_ERRORS = "npae.console"  # the name of the error handler below
_PLAIN = {
    "−": "-", "–": "-", "─": "-", "━": "=", "…": "...", "·": "*", "×": "x", "‖": "||", "→": "->", "≤": "<=", "≥": ">=",
    "≈": "~", "±": "+-", "²": "^2", "½": "1/2", "¼": "1/4", "∂": "d", "√": "sqrt", "′": "'", "∞": "inf",
    "\u0302": "^", "\u0303": "~",
}  # fmt: skip


def _substitute(character: str) -> str:
    """A character in ASCII: "-" for a minus sign, "sigma" for σ, "?" for what has no likeness."""
    script, _, letter = unicodedata.name(character, "").partition(" SMALL LETTER ")
    return letter.lower().replace("lamda", "lambda") if script == "GREEK" else _PLAIN.get(character, "?")


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_substitute, error.object[error.start : error.end])), error.end


codecs.register_error(_ERRORS, _replace)


def as_shown(text: str, encoding: str | None) -> str:
    """What a stream of this encoding shows of the text: characters that it lacks are replaced as in safe_output.

    Args:
        text: any text.
        encoding: such as "cp1252"; None: one that has every character.

    Example:
        >>> from npae.backend import as_shown
        >>> as_shown("σ² ≥ 0", "ascii")
        'sigma^2 >= 0'
    """
    return text if encoding is None else text.encode(encoding, _ERRORS).decode(encoding)


class _Readable:
    """A stream whose text is replaced before its own write() could fail."""

    def __init__(self, stream: Any):
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(as_shown(text, self._stream.encoding))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def safe_output() -> None:
    """Let stdout and stderr replace characters that their encoding lacks, where printing them would fail.

    A minus sign becomes "-", x̂ becomes "x^", σ becomes "sigma" on a console that shows only ASCII. Streams of other
    kinds than that of a console, such as those of a notebook, need no change if they take all characters; the rest is
    wrapped. Calling it again changes nothing.

    Example:
        >>> from npae.backend import safe_output
        >>> safe_output()
        >>> print("J = -ELBO")
        J = -ELBO
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ERRORS)
        elif not isinstance(stream, _Readable) and (encoding := getattr(stream, "encoding", None)):
            if not codecs.lookup(encoding).name.startswith("utf"):
                setattr(sys, name, _Readable(stream))
