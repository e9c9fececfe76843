"""What messages show of files: names, values and reasons, shortened, since a file can hold any."""

from collections.abc import Iterable

LONGEST, ALL = 100, 600  # characters of one value, and about so many of a list
NAMES, REASON = 32, 300  # values of a list, and characters of a reason


def clipped(text: str, longest: int = LONGEST) -> str:
    """The text, or its beginning if it is long."""
    return text if len(text) <= longest else f"{text[:longest]}…"


def some(names: Iterable[str], most: int = NAMES) -> str:
    """The names in one line: the first ones of many, at most `most` of them."""
    names, shown, length = list(names), [], 0
    for name in names[:most]:
        shown.append(clipped(name) or "(no name)")
        length += len(shown[-1])
        if length > ALL:
            break
    listed = ", ".join(shown)
    return listed if len(shown) == len(names) else f"{listed}, … ({len(names)} in all)"


def reason(error: Exception) -> str:
    """The cause of a foreign error in one line, without a full stop."""
    text = " ".join((getattr(error, "strerror", None) or str(error)).split()).rstrip(".")
    return clipped(text, REASON) or type(error).__name__
