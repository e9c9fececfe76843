"""What every reader of files must keep, and the verdict on one mutated file: refused, loaded, or wrong."""

import re
import traceback

import numpy as np

from npae.data.files.limits import LEAST

LONGEST = 3000  # characters of an error message


class Wrong(Exception):
    """What a reader must not do; the message describes it."""


class Reader:
    """A function that reads files which are not trusted.

    Subclasses set `suffix`, `edits` and `refusals`, and implement `valid`, `read` and `use`. `edits` are functions
    (data, rng) -> data. `refusals` are the exceptions that the reader documents, these classes and no others. `least`
    is how many bytes of memory any file may cost.
    """

    suffix = ".npz"
    edits = ()
    refusals = ()
    least = LEAST

    def valid(self, folder):
        """{name without dots: bytes} of files that the reader must load. It may write files into `folder`."""
        raise NotImplementedError

    def read(self, path):
        """The content of a file."""
        raise NotImplementedError

    def use(self, content, path):
        """Raise Wrong unless the content can be worked with."""
        raise NotImplementedError

    def after_refusal(self):
        """Raise Wrong if the refused file has changed anything."""


def judge(reader, path):
    """("refused" or "loaded" or "wrong", reason) for the file."""
    try:
        try:
            content = reader.read(path)
        except reader.refusals as error:
            if type(error) not in reader.refusals:
                raise
            check_sentence(error, path)
            reader.after_refusal()
            return "refused", f"{type(error).__name__}: {error}"
        reader.use(content, path)
        return "loaded", ""
    except Wrong as wrong:
        return "wrong", str(wrong)
    except Exception as error:  # every other kind is what is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        return "wrong", f"{type(error).__name__} in {last.filename}:{last.lineno}: {str(error)[:200]}"


def check_sentence(error, path):
    """Raise Wrong unless the message of an error names the file and is a sentence of reasonable length."""
    text = str(error)
    if path.name not in text and str(path) not in text:
        raise Wrong(f"the message does not name the file: {text[:200]}")
    if not re.search(r"[.?)]$", text) or len(text) > LONGEST or "Traceback" in text:
        raise Wrong(f"the message is no sentence, or has {len(text)} characters: {text[:150]} … {text[-50:]}")


def check_finite(name, values):
    """Raise Wrong unless all values are finite numbers."""
    values = np.asarray(values)
    if values.dtype.kind not in "buif" or not np.isfinite(values).all():
        raise Wrong(f"loaded, but {name} holds {values.dtype} with NaN, Inf or no numbers")
