"""Pictures of sparse codes: error against sparsity, frequencies of units, directions of the decoder as images."""

import numpy as np

from demos.figures.canvas import bare, new_figure, open_frame, save_figure
from demos.figures.images import _in_unit_range, _tile
from demos.palette import COLOURS, GREY, INK


def frontier(path, lines, title):
    """Unexplained variance against active units: lines is {name: [(active units, fraction of variance)]}.

    The name of a line stands at its right end. "PCA" is grey.
    """
    figure = new_figure(6.8, 4.4)
    axes = figure.subplots()
    ends = []
    for k, (name, points) in enumerate(lines.items()):
        points = np.array(sorted(points))
        colour = GREY if name == "PCA" else COLOURS[(k - 1) % len(COLOURS)]
        axes.plot(points[:, 0], 100 * points[:, 1], "o-", color=colour, linewidth=1.8, markersize=4)
        ends.append((name, *points[-1], colour))
    ticks = sorted({round(float(a)) for a, _ in lines["PCA"]})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.set(xlabel="active units", ylabel="unexplained variance (%)")
    axes.set_ylim(bottom=0)
    open_frame(axes)
    heights = _apart([100 * error for _, _, error, _ in ends], least=0.055 * axes.get_ylim()[1])
    right = max(active for _, active, _, _ in ends)
    for (name, active, error, colour), height in zip(ends, heights, strict=True):
        axes.annotate(name, (active, 100 * error), (right * 1.12, height), color=colour, fontsize=9, va="center",
                      arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6})  # fmt: skip
    axes.set_title(title, fontsize=11)
    save_figure(figure, path)


def _apart(heights, least):
    """The heights moved upwards as far as needed so that no two are nearer than `least`, in their order."""
    moved, order = np.array(heights, float), np.argsort(heights)
    for below, above in zip(order[:-1], order[1:], strict=True):
        moved[above] = max(moved[above], moved[below] + least)
    return moved


def frequencies(path, kinds, title):
    """Histograms of the units by log₁₀ of how often they are active: {name: (units,) fractions of the samples}.

    Units that are never active are counted in the name of the panel.
    """
    figure = new_figure(3.2 * len(kinds), 3.2, layout="constrained")
    everything = np.concatenate([f[f > 0] for f in kinds.values()])
    bins = np.linspace(np.log10(everything.min()) - 0.05, np.log10(everything.max()) + 0.05, 31)
    panels = figure.subplots(1, len(kinds), squeeze=False, sharey=True)[0]
    for k, (axes, (name, f)) in enumerate(zip(panels, kinds.items(), strict=True)):
        axes.hist(np.log10(f[f > 0]), bins, color=COLOURS[k % len(COLOURS)])
        axes.set_title(f"{name}: {int((f == 0).sum()):,} of {len(f):,} never active", fontsize=9)
        axes.set_xlabel("log₁₀ of the fraction of samples")
        open_frame(axes)
    panels[0].set_ylabel("units")
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def basis(path, images, title, caption="", columns=12):
    """Directions (k, h, w) as grey images, as Olshausen & Field draw them: 0 is grey, each has its own scale."""
    sheet = _tile(_in_unit_range(images), columns, gap=1)
    figure = new_figure(6.4, 6.4 * sheet.shape[0] / sheet.shape[1] + 0.5, layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.nan_to_num(sheet, nan=-1.0), cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    bare(axes)
    axes.set_title(title, fontsize=11)
    if caption:
        axes.set_xlabel(caption, fontsize=8, color=INK, labelpad=4)
    save_figure(figure, path)
