"""Learning curves: the objective J and its terms over the epochs, as a matplotlib picture.

If the validation loss rises while the training loss still falls, the model overfits: stop earlier, or regularise. If
both are high and flat, it underfits: take a larger model, or another learning rate.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from npae.backend import missing

if TYPE_CHECKING:
    from npae.train.history import History

# petroff10, which matplotlib has since 3.10: ten colours that readers with a colour vision deficiency can distinguish.
# Petroff 2021, "Accessible color sequences for data visualization".
PETROFF10 = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
             "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")  # fmt: skip


def learning_curves(history: "History", columns: Sequence[str], ax: Any = None) -> Any:
    """Draw columns of a History over the epochs. Returns the matplotlib Axes.

    Training is a solid line, validation a dashed one: of the same colour, unless there is only one quantity.

    Args:
        history: what fit returned.
        columns: "loss", "val_loss", or others; "val_loss" is the validation of "loss".
        ax: the matplotlib Axes to draw in; None: a new figure.

    Raises ValueError if there are no epochs, ModuleNotFoundError without matplotlib.
    """
    if not len(history):
        raise ValueError("History.plot: expected at least one epoch, got none.")
    try:
        from matplotlib import pyplot
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise ModuleNotFoundError(f"History.plot: {missing('matplotlib', 'demos')}") from None
    if ax is None:
        ax = pyplot.figure(layout="constrained").add_subplot()
    quantities = list(dict.fromkeys(name.removeprefix("val_") for name in columns))
    several = len(quantities) > 1
    for name in columns:
        quantity, validation = name.removeprefix("val_"), name.startswith("val_")
        label = "validation" if validation else "training"
        ax.plot(
            history["epoch"], [float("nan") if value is None else value for value in history[name]],
            linestyle="--" if validation else "-", marker="o" if len(history) == 1 else None, linewidth=1.8,
            color=PETROFF10[(quantities.index(quantity) if several else validation) % len(PETROFF10)],
            label=f"{quantity.replace('_', ' ')}, {label}" if several else label,
        )  # fmt: skip
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(history) == 1:  # matplotlib would choose the surroundings of a single point by its value
        ax.set_xlim(history["epoch"][0] - 0.5, history["epoch"][0] + 0.5)
        ax.set_xticks(history["epoch"])
    ax.set_ylabel("mean per sample" if several else f"{quantities[0]}, mean per sample")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return ax
