"""Readers with one fault each, which the fuzzer must find: they show that it can fail."""

import os
import time

from tests.fuzz import bytes_edits
from tests.fuzz.reader import Reader, Wrong, check_finite


class Planted(Reader):
    """Reads its valid file only; what it does with another is its fault.

    Args:
        fault: is called with the path of a file that is not the valid one, and returns a content.
    """

    suffix, edits, refusals = ".txt", bytes_edits.EDITS, (ValueError,)
    content = b"0123456789" * 20

    def __init__(self, fault):
        self.fault, self.changed = fault, False

    def valid(self, folder):
        return {"valid": self.content}

    def read(self, path):
        return [1.0] if path.read_bytes() == self.content else self.fault(path)

    def use(self, content, path):
        check_finite("the content", content)


class HalfChanged(Planted):
    """Changes something before it refuses the file."""

    def after_refusal(self):
        raise Wrong("half changed by a refused file")


def refuse(path):
    """What a good reader does."""
    raise ValueError(f"{path}: expected the valid file. Copy it again.")


def undocumented(path):
    raise KeyError(path)


def no_sentence(path):
    raise ValueError("bad")


def accept_nan(path):
    return [float("nan")]


def take_memory(path):
    return [float((b"1" * 100_000_000)[0])]


def take_time(path):
    while True:
        pass


def wait_for_ever(path):
    while True:
        time.sleep(1)


def crash(path):
    os.abort()


FAULTS = (undocumented, no_sentence, accept_nan, take_memory, take_time, wait_for_ever, crash)
PLANTED = {f"planted-{fault.__name__}": Planted(fault) for fault in (*FAULTS, refuse)} | {
    "planted-half_changed": HalfChanged(refuse)
}
