"""The columns of a table: which are features, which is the label, by name; errors list the names that were found."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NoReturn

from npae.data.files.shown import clipped, some
from npae.data.files.text import SEPARATORS, TableError

UNNAMED = re.compile(r"(Unnamed: |\.\.\.)\d+")  # what pandas and readr call a column without a name


def chosen(names: Sequence[str], label: str | None = None, columns: str | Sequence[str] | None = None,
           leave_out: str | Sequence[str] = (), empty: Sequence[int] = ()) -> tuple[list[int], int | None]:  # fmt: skip
    """([the places of the features], the place of the label or None) among the columns of a table.

    Args:
        names: of all columns, "" for a column without a name.
        label: the name of the column of labels; None: there is none.
        columns: names of the features, in their order; None: all but the label, those in `leave_out`, and `empty`.
        leave_out: names of columns that are not features.
        empty: the places of columns without a name and without a cell.

    Raises TableError for names that do not exist, or exist twice, and for a feature without a name; ValueError if a
    name is given two roles.
    """
    leave_out = [leave_out] if isinstance(leave_out, str) else list(leave_out)
    given = [columns] if isinstance(columns, str) else None if columns is None else list(columns)
    used = ([] if label is None else [label]) + (given or [])
    _check_roles(used, leave_out)
    count, left_out, no_cells = Counter(names), set(leave_out), set(empty)
    missing = [name for name in (*used, *leave_out) if name not in count]
    if missing:
        raise TableError(f"it has no column {some(missing)}. {_found(names, missing)}")
    if given is None:
        places = [k for k, name in enumerate(names) if name != label and name not in left_out and k not in no_cells]
    else:
        first = {name: k for k, name in reversed(list(enumerate(names)))}
        places = [first[name] for name in given]
    for name in (*used, *(names[k] for k in places)):
        if name and count[name] > 1:
            raise TableError(f"it has {count[name]} columns called {clipped(name)}. Rename them.")
    if not places:
        raise TableError(f"it has no column of features. It has the columns {some(names)}. Check label and leave_out.")
    for k in places:
        if given is None and (not names[k] or UNNAMED.fullmatch(names[k])):
            _refuse_unnamed(k, names[k])
    return places, None if label is None else names.index(label)


def _check_roles(used, leave_out):
    for name in (*used, *leave_out):
        if not isinstance(name, str):
            raise TypeError(f"read_table: expected names of columns as text, got {name!r}.")
    count, left_out = Counter(used), set(leave_out)
    for name in used:
        if count[name] > 1 or name in left_out:
            raise ValueError(f"read_table: expected {name} once: as label, among the columns, or left out.")


def _found(names, missing):
    """What is there instead of the missing columns, with a guess at the cause."""
    text = f"It has the columns {some(names)}" if len(names) > 1 else f"It has one column, {some(names)}"
    others = [s for s in SEPARATORS if s in names[0]] if len(names) == 1 else []
    if others:
        return f"{text}; is it separated by {others[0]!r}?"
    near = [name for name in names if name.casefold() in {m.casefold().strip() for m in missing}]
    return f"{text}; is {some(near)} meant?" if near else f"{text}."


def _refuse_unnamed(k: int, name: str) -> NoReturn:
    name = clipped(name)
    raise TableError(
        f"its column {k + 1} has no name{f' of its own, {name}' if name else ''}: pandas and R write the row numbers "
        f'there. Leave it out: leave_out=["{name}"]; or write the file without it, to_csv(path, index=False), '
        "write.csv(…, row.names=FALSE)."
    )
