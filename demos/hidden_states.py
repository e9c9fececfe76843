"""Hidden states of a language model, with the text that they belong to: one .npz file.

    x (n, d)           a vector per token, floats; or q (n, d) of int8 with scale (d,), and x = q · scale
    token (n,)         the word piece of each vector is vocab[token]
    vocab              word pieces, text
    passage (n,)       the number of the passage of each token; the tokens of a passage are in reading order

The package transformers returns such vectors: model(**tokens, output_hidden_states=True).hidden_states[layer].
A passage is held out as a whole. Its tokens share a topic and each other's words, so a test token next to a training
token would be no new one.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path("minilm_activations", "minilm_l3_20k.npz")  # in $NPAE_DATA
HELD = 5  # one passage in so many is held out
HOW = (
    "Make a file with x (n, d), token (n,), vocab and passage (n,), for example from output_hidden_states=True of the "
    "package transformers, and give it by --file"
)


@dataclass
class HiddenStates:
    """x (n, d) float32, token (n,), vocab (a list of text, the word pieces that occur), passage (n,)."""

    x: Any
    token: Any
    vocab: list[str]
    passage: Any

    def held_out(self):
        """A mask of the tokens of held-out passages, the same for every seed of training."""
        numbers = np.unique(self.passage)
        return np.isin(self.passage, np.random.default_rng(0).permutation(numbers)[: len(numbers) // HELD])

    def first(self, n):
        """The first passages, of at most n tokens together."""
        end = n if n < len(self.x) else len(self.x)
        while end < len(self.x) and end and self.passage[end] == self.passage[end - 1]:
            end -= 1
        return HiddenStates(self.x[:end], *_used(self.token[:end], self.vocab), self.passage[:end])

    def words(self):
        """The word pieces as they follow each other in a text, with the space before them.

        "##ing" continues a word (WordPiece); where the vocabulary marks a space, as "Ġ" or "▁", the others continue.
        """
        space = next((mark for mark in "Ġ▁" if any(piece.startswith(mark) for piece in self.vocab)), None)
        if space:
            return [piece.replace(space, " ") for piece in self.vocab]
        return [piece[2:] if piece.startswith("##") else f" {piece}" for piece in self.vocab]


def find(path=None):
    """The file: the given one, else that of $NPAE_DATA. FileNotFoundError, with how to make one, if there is none."""
    path = Path(path) if path is not None else Path(os.environ.get("NPAE_DATA", ""), FILE)
    if not path.is_file():
        where = f"no file {path}" if os.environ.get("NPAE_DATA") or path.name != FILE.name else "NPAE_DATA is not set"
        raise FileNotFoundError(f"No hidden states: {where}. {HOW}.")
    return path


def read(path):
    """The HiddenStates of a file. ValueError, with the reason, if it is not such a file or contradicts itself."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in ("x", "q", "scale", "token", "vocab", "passage") if name in file}
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: expected an .npz file of arrays, got: {error}. {HOW}.") from error
    states = found.get("x")
    if states is None and {"q", "scale"} <= found.keys():
        states = found["q"] * found["scale"].astype(np.float32)
    missing = [name for name in ("token", "vocab", "passage") if name not in found]
    if states is None or missing:
        expected = ", ".join((["x"] if states is None else []) + missing)
        raise ValueError(f"{path}: expected also {expected}, got {', '.join(found) or 'nothing'}. {HOW}.")
    return checked(path, states, found["token"], found["vocab"], found["passage"])


def checked(path, x, token, vocab, passage):
    """The HiddenStates of these arrays, whose shapes and values are compared first."""
    if x.ndim != 2 or not token.shape == passage.shape == x.shape[:1]:
        raise ValueError(
            f"{path}: expected x (n, d), token (n,) and passage (n,), got {x.shape}, {token.shape} and {passage.shape}."
        )
    if not np.isfinite(x).all():
        row = int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])
        raise ValueError(f"{path}: expected finite numbers, got NaN or Inf at token {row}. Leave this token out.")
    if len(x) == 0 or token.min() < 0 or token.max() >= len(vocab):
        most = int(token.max()) if len(x) else "no token"
        raise ValueError(f"{path}: expected token from 0 to {len(vocab) - 1}, the last of vocab, got {most}.")
    if len(np.unique(passage)) < HELD:
        raise ValueError(
            f"{path}: expected at least {HELD} passages, so that one can be held out, got {len(np.unique(passage))}."
        )
    return HiddenStates(x.astype(np.float32), *_used(token, vocab), passage)


def _used(token, vocab):
    """(token, vocab) with the word pieces that occur only."""
    used, token = np.unique(token, return_inverse=True)
    return token, [str(vocab[t]) for t in used]
