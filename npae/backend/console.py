"""Text on any console: characters that its encoding lacks are replaced."""

import codecs
import re
import sys
import unicodedata
from typing import Any

_ERRORS = "npae.console"  # the name of the error handler below
_PLAIN = {
    "−": "-", "–": "-", "─": "-", "━": "=", "…": "...", "·": "*", "×": "x", "‖": "||", "→": "->", "≤": "<=", "≥": ">=",
    "≈": "~", "±": "+-", "²": "^2", "½": "1/2", "¼": "1/4", "∂": "d", "√": "sqrt", "′": "'", "∞": "inf",
    "\u0302": "^", "\u0303": "~", "Σ": "sum", "∏": "prod", "∫": "integral", "∇": "grad", "⊙": "*", "÷": "/", "∈": "in",
    "≠": "!=", "≡": "==", "≪": "<<", "≫": ">>", "←": "<-", "▶": ">", "⟨": "<", "⟩": ">", "⌊": "[", "⌋": "]", "⌈": "[",
    "⌉": "]", "⎡": "[", "⎤": "]", "⎣": "[", "⎦": "]", "█": "#", "▍": "#", "ß": "ss",
}  # fmt: skip


def _substitute(character: str) -> str:
    """A character in ASCII: "-" for a minus sign, "sigma" for σ, "o" for ø, "?" for what has no likeness."""
    if character in _PLAIN:
        return _PLAIN[character]
    parts = unicodedata.normalize("NFKD", character)
    if parts != character:
        sign = {"<super>": "^", "<sub>": "_"}.get(unicodedata.decomposition(character).partition(" ")[0], "")
        return sign + "".join(c if c.isascii() else _substitute(c) for c in parts)
    letter = re.fullmatch(r"(?:GREEK|LATIN) (SMALL|CAPITAL) LETTER (\w+)(?: WITH .*)?", unicodedata.name(character, ""))
    if letter:
        name = letter[2].replace("LAMDA", "LAMBDA")
        return name.capitalize() if letter[1] == "CAPITAL" else name.lower()
    return "" if unicodedata.combining(character) else "?"


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


def is_terminal(stream: Any) -> bool:
    """Is the stream a terminal? None, as in a program without a console, and a closed stream are not.

    Args:
        stream: such as sys.stderr.

    Example:
        >>> import io
        >>> from npae.backend import is_terminal
        >>> is_terminal(io.StringIO()), is_terminal(None)
        (False, False)
    """
    return is_open(stream) and stream.isatty()


def is_open(stream: Any) -> bool:
    """Can text be written to the stream? Not to None, nor to a closed stream.

    Args:
        stream: such as sys.stderr.

    Example:
        >>> import io
        >>> from npae.backend import is_open
        >>> is_open(io.StringIO()), is_open(None)
        (True, False)
    """
    return stream is not None and not getattr(stream, "closed", False)


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
