"""The page of features as one HTML file, without a library and without a request.

The file has every token with its active features and their activations, rounded to 255 levels of the largest
activation of the feature. All text is escaped in the HTML, and the scripts set it as text, never as HTML.
"""

import html
import json
from importlib.resources import files
from pathlib import Path

import numpy as np

from npae.backend import atomic_write
from npae.export.page.save import fill, pack

SCRIPTS = ("index", "search", "card", "passage", "start")
LEVELS = 255


def save_features(path, codes, states, held, title, summary):
    """Write the page. Returns its Path.

    Args:
        path: of the file.
        codes: an iterable of activations h ≥ 0 of consecutive tokens, (rows, features) each, over all tokens.
        states: the HiddenStates that were encoded.
        held: which of the tokens were held out of training.
        title, summary: text at the top.
    """
    arrays, features = sparse(codes, len(states.x))
    arrays |= {"token": states.token.astype(np.uint16), "passage": _numbered(states.passage),
               "held": held.astype(np.uint8)}  # fmt: skip
    with atomic_write(Path(path)) as temporary:
        temporary.write_text(page(arrays, features, states.words(), title, summary), encoding="utf-8")
    return Path(path)


def sparse(codes, n):
    """({count, feature, strength, largest}, number of features): of each token how many features, which, how strong."""
    parts = []
    for h in codes:
        i, j = np.nonzero(h > 0)
        parts.append((np.bincount(i, minlength=len(h)), j, h[i, j], h.shape[1]))
    count, feature, value = (np.concatenate([part[k] for part in parts]) for k in range(3))
    if len(count) != n:
        raise ValueError(f"save_features: expected the codes of all {n} tokens, got those of {len(count)}.")
    largest = np.zeros(parts[0][3], np.float32)
    np.maximum.at(largest, feature, value.astype(np.float32))
    strength = np.ceil(LEVELS * value / largest[feature]).clip(1, LEVELS).astype(np.uint8)
    return {"count": count.astype(np.uint16), "feature": feature.astype(np.uint16), "strength": strength,
            "largest": largest}, len(largest)  # fmt: skip


def _numbered(passage):
    """The passages as 0, 1, … in reading order. A number that returns after another passage begins a new one."""
    return np.concatenate([[0], np.cumsum(passage[1:] != passage[:-1])]).astype(np.uint16)


def page(arrays, features, words, title, summary):
    """The text of the page."""
    about = {"features": features, "words": words, "summary": summary}
    about["arrays"], data = pack(arrays)
    return fill(_file("page.html"), {
        "title": html.escape(title),
        "style": _file("style.css"),
        "about": json.dumps(about, ensure_ascii=False).replace("<", "\\u003c"),
        "data": data,
        "scripts": "\n".join([_arrays(), *(_file(f"{name}.js") for name in SCRIPTS)]),
    })  # fmt: skip


def _arrays():
    """The script of npae's live pages that reads arrays."""
    return (files("npae.export.page") / "browser" / "arrays.js").read_text(encoding="utf-8")


def _file(name):
    return (files("demos.feature_page") / name).read_text(encoding="utf-8")
