"""What is in a model file, as text: the network, its training data, the run or the detector that it belongs to."""

from pathlib import Path
from typing import Any

from npae.backend import counted, size_text, text_table, value_text
from npae.serialization.archive import ModelFileError, reason
from npae.serialization.content import FORMAT, Saved
from npae.serialization.model_files import load_all
from npae.serialization.places import place_to_read

HIDDEN = ("epoch", "seconds")  # of the last row of a history, which are stated beside it


def file_info(path: str | Path) -> str:
    """The content of a model file as lines of text.

    Args:
        path: a file of npae.save, of the callback Checkpoint or of anomaly.save_detector; ".npz" may be left out.

    Raises FileNotFoundError and ModelFileError, as npae.load.

    Example:
        >>> from npae import dense_autoencoder, save
        >>> from npae.serialization import file_info
        >>> path = save("tiny", dense_autoencoder([4, 2]))
        >>> file_info(path).startswith("tiny.npz: a model, format 2")
        True
    """
    place = place_to_read(path)
    saved = load_all(place)
    lines = [f"{place}: {_kind(saved)}, format {FORMAT}, {size_text(place.stat().st_size)}", "", saved.model.summary()]
    try:
        facts = _data(saved) + _run(saved) + _detector(saved)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{place}: its run or detector is damaged ({reason(error)}). Write the file again."
        ) from error
    return "\n".join([*lines, "", text_table([("about", "value"), *facts], align="ll")])


def _kind(saved: Saved) -> str:
    """What npae calls a file of this content."""
    if "detector" in saved.extra:
        return "an anomaly detector"
    return "a checkpoint of a training run" if "identity" in saved.extra else "a model"


def _data(saved: Saved) -> list[tuple[str, str]]:
    """The training data that the model remembers."""
    seen = getattr(saved.model, "seen", None)
    if seen is None:
        return [("data", "none: the model was not trained by fit")]
    shape = " x ".join(map(str, seen.shape)) or "unknown shape"
    low, high = (0, 255) if seen.kind == "uint8" else (seen.low, seen.high)  # batches have them divided by 255
    values = "values, standardised," if "mean" in saved.arrays and "detector" in saved.extra else "values"
    facts = [("data", f"{seen.kind}, samples of {shape}, {values} from {low:g} to {high:g}")]
    return facts + ([("columns", ", ".join(map(str, seen.names)))] if seen.names else [])


def _run(saved: Saved) -> list[tuple[str, str]]:
    """The optimizer, and the epochs of a run with the numbers of the last one."""
    facts = []
    if saved.optimizer is not None:
        facts.append(("optimizer", f"{saved.optimizer!r} after {counted(saved.optimizer.t, 'step')}"))
    history: Any = saved.extra.get("history")
    if "identity" in saved.extra and isinstance(history, list) and history:
        numbers = ", ".join(f"{k} {value_text(v)}" for k, v in history[-1].items() if k not in HIDDEN)
        seconds = sum(row["seconds"] for row in history)
        facts.append(("epochs", f"{len(history)} in {seconds:.1f} s; the last one: {numbers}"))
    if saved.extra.get("stopped"):
        facts.append(("stopped", str(saved.extra["stopped"])))
    return facts


def _detector(saved: Saved) -> list[tuple[str, str]]:
    """The distance and the threshold of a detector."""
    extra = saved.extra
    if "detector" not in extra:
        return []
    names = extra.get("feature_names")
    settings = ", ".join(f"{name}={value!r}" for name, value in extra["detector"].items())
    return [("detector", settings), ("threshold", f"{extra['threshold']:.6g}")] + (
        [("features", ", ".join(map(str, names)))] if names else []
    )
