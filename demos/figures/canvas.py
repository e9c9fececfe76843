"""Figures and their files. Matplotlib is imported when the first figure is made."""

from demos.palette import PAPER
from npae.backend import atomic_write


def new_figure(width, height, **options):
    """An empty figure of this size, in inches."""
    from matplotlib.figure import Figure  # only here: `--help` and the measures need no matplotlib

    return Figure(figsize=(width, height), **options)


def save_figure(figure, path):
    """Write the figure; the name ends in the format that matplotlib is set to, as by the option --format."""
    from matplotlib import rcParams

    kind = rcParams["savefig.format"]
    with atomic_write(path.with_suffix(f".{kind}")) as temporary:
        figure.savefig(temporary, dpi=150, facecolor=PAPER, bbox_inches="tight", format=kind)


def bare(axes):
    """Take away ticks and frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def open_frame(axes):
    """Take away the lines at the top and to the right."""
    axes.spines[["top", "right"]].set_visible(False)
