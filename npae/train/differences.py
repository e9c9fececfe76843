"""Differences between two runs, in words: why a checkpoint is not one of this run.

The settings that a resumed run must share, its identity (npae.train.prepare), are trees of JSON values. Two trees are
compared from the root, and each place where they part becomes a short phrase. Networks of different sizes are named by
their sizes alone, 6-4-2-4-6.
"""

from typing import Any

import numpy as np

MOST = 5  # phrases about one setting
NAMES = {"optimizer.lr": "learning rate", "batch_size": "batch size"}


def differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """What differs between the identities of two runs, callbacks left out: a list of phrases.

    Args:
        there: the identity of the saved run.
        here: the identity of this run.
    """
    here = plain(here)
    phrases: list[str] = []
    for name in here:
        a, b = there.get(name), here[name]
        if a == b or name == "callbacks":
            continue
        if name in ("data", "validation"):
            phrases += _data({"validation": "validation data"}.get(name, name), a, b)
        elif name == "architecture" and _sizes(a) != _sizes(b):
            phrases.append(f"its network was {short(_sizes(a))}, here it is {short(_sizes(b))}")
        else:
            places = _places(a, b, "" if name == "architecture" else name)
            phrases += [f"its {short(NAMES.get(at, at))} was {short(x)}, here it is {short(y)}"
                        for at, x, y in places[:MOST]]  # fmt: skip
            if len(places) > MOST:
                phrases.append(f"{len(places) - MOST} other settings of its {name} differ")
    return phrases


def plain(value: Any) -> Any:
    """`value` as JSON returns it: lists for tuples, numbers for NumPy's."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def short(tree: Any) -> str:
    """A tree as Python would write it, Adam(lr=0.001), of at most 80 characters."""
    text = _text(tree)
    return text if len(text) <= 80 else text[:77] + "…"


def _text(tree):
    if isinstance(tree, dict) and "class" in tree:
        return f"{tree['class']}({', '.join(f'{k}={_text(v)}' for k, v in tree['config'].items())})"
    if isinstance(tree, list):
        return f"[{', '.join(map(_text, tree))}]"
    return str(tree)


def _places(there, here, path):
    """[(path, there, here)]: where two trees part."""
    if there == here:
        return []
    if isinstance(there, dict) and isinstance(here, dict) and there.get("class") == here.get("class"):
        if "class" in there:
            return _places(there.get("config"), here.get("config"), path)
        return [place for key in there | here for place in _places(there.get(key), here.get(key), _join(path, key))]
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        pairs = enumerate(zip(there, here, strict=True))
        return [place for k, (a, b) in pairs for place in _places(a, b, _join(path, k))]
    return [(path or "model", there, here)]


def _join(path, key):
    return f"{path}.{key}" if path else str(key)


def _sizes(tree):
    """The widths of a network's layers, 784-32-784; several, separated by commas, where a layer does not follow on."""
    chains = []
    for n_in, n_out in _widths(tree):
        if chains and chains[-1][-1] == n_in:
            chains[-1].append(n_out)
        else:
            chains.append([n_in, n_out])
    return ", ".join("-".join(map(str, chain)) for chain in chains)


def _widths(tree):
    """(inputs, outputs) of every layer in a tree that has both."""
    if isinstance(tree, list):
        return [pair for item in tree for pair in _widths(item)]
    if not isinstance(tree, dict):
        return []
    for names in (("n_in", "n_out"), ("c_in", "c_out")):
        if all(isinstance(tree.get(name), int) for name in names):
            return [tuple(tree[name] for name in names)]
    return [pair for item in tree.values() for pair in _widths(item)]


def _data(name, there, here):
    """The differences of two fingerprints of data (npae.data.sources.fingerprint); None: there are no such data."""
    if there is None or here is None:
        return [f"it had {'no' if there is None else 'some'} {name}, here it has {'some' if there is None else 'none'}"]
    if _is_pair(there) and _is_pair(here):
        parts = zip((name, f"{name}'s labels or targets"), there, here, strict=True)
        return [phrase for part, a, b in parts if a != b for phrase in _data(part, a, b)]
    if _is_pair(there) or _is_pair(here):
        return [f"its {name} had {'' if _is_pair(there) else 'no '}labels or targets"]
    for part, a, b in zip(("shape", "dtype"), there, here, strict=False):
        if a != b:
            a, b = (short(str(tuple(v)) if isinstance(v, list) else v) for v in (a, b))
            return [f"its {name} had the {part} {a}, here it is {b}"]
    return [f"its {name} had other values"]


def _is_pair(fingerprint):
    return len(fingerprint) == 2
