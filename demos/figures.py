"""The pictures of the demos: digits in rows, learning curves, spaces of codes, filters. Each writes one PNG."""

from statistics import NormalDist

import numpy as np
from matplotlib.figure import Figure

from npae import anomaly
from npae.backend import atomic_write

INK, PAPER = "#222222", "#ffffff"
DIGIT_COLOURS = ["#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2",
                 "#b279a2", "#ff9da6", "#9d755d", "#8c8c8c", "#d4b000"]  # fmt: skip


def _save(figure, path):
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150, facecolor=PAPER, bbox_inches="tight", format="png")


def _bare(axes):
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def one_of_each(labels, count=10):
    """Indices of `count` samples, going round the labels in order: 0, 1, …, 9, 0, 1, …"""
    kinds = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    return np.array([kinds[i % len(kinds)][i // len(kinds)] for i in range(count)])


def digit_rows(path, rows, title, codes=None, code_after=1, cmap="gray_r"):
    """Rows of digits, one below the other: rows is [(name, images (k, 784) in [0, 1])], or other square images.

    codes: (k, d) values of the code, drawn as bars in a row of their own after `code_after` rows. cmap: "gray_r" for
    ink on paper, "gray" for light.
    """
    k = len(rows[0][1])
    heights = [1.0] * len(rows)
    if codes is not None:
        heights.insert(code_after, 0.7)
    height = 0.45 + 0.82 * sum(heights)
    figure = Figure(figsize=(1.0 + 0.8 * k, height))
    places = {"wspace": 0.06, "hspace": 0.08, "top": max(0.88, 1 - 0.6 / height)}
    grid = figure.subplots(len(heights), k, squeeze=False, height_ratios=heights, gridspec_kw=places)
    figure.suptitle(title, fontsize=11, color=INK, y=max(0.96, 1 - 0.25 / height))
    lines = [(name, images) for name, images in rows]
    if codes is not None:
        lines.insert(code_after, ("code", None))
    for axes_row, (name, images) in zip(grid, lines, strict=True):
        for j, axes in enumerate(axes_row):
            _bare(axes)
            if images is None:
                _code_bars(axes, codes[j], codes)
            else:
                side = round(images[j].size ** 0.5)
                axes.imshow(images[j].reshape(side, side), cmap=cmap, vmin=0, vmax=1, interpolation="nearest")
        axes_row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=8)
    _save(figure, path)


def _code_bars(axes, code, codes):
    low, high = min(0, codes.min()), max(0, codes.max())
    margin = 0.08 * (high - low or 1)
    axes.bar(range(len(code)), code, width=0.72, color="#4c78a8")
    axes.axhline(0, color=INK, linewidth=0.5)
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlim(-1, len(code))


def learning_curves(path, curves, ylabel, title, levels=()):
    """Curves over the epochs: curves is [(name, values, style)]; levels are horizontal lines [(name, value)]."""
    figure = Figure(figsize=(6.4, 4.0))
    axes = figure.subplots()
    for k, (name, values, style) in enumerate(curves):
        axes.plot(range(1, len(values) + 1), values, style, label=name, color=DIGIT_COLOURS[k // 2], linewidth=1.8)
    for name, value in levels:
        axes.axhline(value, color="#888888", linewidth=1, linestyle=":")
        axes.annotate(name, (1, value), xycoords=("axes fraction", "data"), xytext=(-4, 3), ha="right",
                      textcoords="offset points", fontsize=8, color="#666666")  # fmt: skip
    axes.set_xlabel("epoch")
    axes.set_ylabel(ylabel)
    axes.set_title(title, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    _save(figure, path)


def code_space(path, codes, labels, title):
    """A scatter plot of every pair of code units, coloured by digit: (n, d) codes, d(d − 1)/2 panels."""
    pairs = [(i, j) for i in range(codes.shape[1]) for j in range(i + 1, codes.shape[1])]
    columns = min(3, len(pairs))
    lines = -(-len(pairs) // columns)
    figure = Figure(figsize=(3.1 * columns + 0.8, 2.9 * lines + 0.4))
    grid = figure.subplots(lines, columns, squeeze=False, gridspec_kw={"wspace": 0.25, "hspace": 0.3})
    order = np.random.default_rng(0).permutation(len(codes))  # no digit lies on top of all others
    colours = np.array(DIGIT_COLOURS)[labels[order]]
    for axes, (i, j) in zip(grid.flat, pairs, strict=False):
        axes.scatter(codes[order, i], codes[order, j], c=colours, s=4, linewidths=0, alpha=0.7)
        axes.set_xlabel(f"$h_{i + 1}$", labelpad=1)
        axes.set_ylabel(f"$h_{j + 1}$", labelpad=1)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid.flat[len(pairs) :]:
        axes.set_axis_off()
    figure.suptitle(title, fontsize=11, y=0.94)
    dots = [grid[0, 0].scatter([], [], c=c, s=22) for c in DIGIT_COLOURS]
    figure.legend(dots, range(10), loc="center right", frameon=False, fontsize=9, title="digit")
    _save(figure, path)


def code_maps(path, maps, labels, title):
    """Maps of two numbers a digit, side by side: maps is [(name, codes (n, 2))], coloured by digit.

    The axes are ranks, not values: a few digits far away would leave no room for the others.
    """
    figure = Figure(figsize=(4.2 * len(maps) + 0.8, 4.6))
    order = np.random.default_rng(0).permutation(len(labels))  # no digit lies on top of all others
    colours = np.array(DIGIT_COLOURS)[labels[order]]
    for axes, (name, codes) in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps, strict=True):
        axes.scatter(*codes[order].argsort(axis=0).argsort(axis=0).T, c=colours, s=4, linewidths=0, alpha=0.7)
        axes.set_title(name, fontsize=10)
        _bare(axes)
    figure.suptitle(title, fontsize=11)
    dots = [axes.scatter([], [], c=c, s=22) for c in DIGIT_COLOURS]
    figure.legend(dots, range(10), loc="center right", frameon=False, fontsize=9, title="digit")
    _save(figure, path)


def subspace(path, angles, excess, title):
    """Principal angles over the epochs, (epochs, k) in degrees, beside the error above the least one, (epochs,)."""
    figure = Figure(figsize=(8.6, 3.8))
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.28})
    epochs = np.arange(1, len(angles) + 1)
    for j, line in enumerate(angles.T):  # the largest darkest
        left.plot(epochs, line, color="#4c78a8", linewidth=1.3, alpha=0.25 + 0.75 * (j + 1) / angles.shape[1])
    left.set_yticks([0, 30, 60, 90])
    left.set_ylabel("principal angles, degrees")
    right.semilogy(epochs, excess, color="#e45756", linewidth=1.8)
    right.set_ylabel("squared error an image, above PCA's")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def filters(path, panels, title, columns=8):
    """Weights seen as images, one panel beside the other: panels is [(name, weights (k, 784))], a row a unit.

    White is 0, blue positive, red negative; every filter has a scale of its own.
    """
    lines = max(-(-len(weights) // columns) for _, weights in panels)
    figure = Figure(figsize=(2.9 * len(panels), 0.8 + 2.6 * lines / columns))
    for axes, (name, weights) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        sheet = np.zeros((29 * lines + 1, 29 * columns + 1))
        for k, w in enumerate(weights):
            i, j = 29 * (k // columns) + 1, 29 * (k % columns) + 1
            sheet[i : i + 28, j : j + 28] = (w / np.abs(w).max()).reshape(28, 28)
        axes.imshow(sheet, cmap="RdBu", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_title(name, fontsize=10)
        _bare(axes)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def detection_curves(path, y, scores, title):
    """ROC and precision-recall curves, side by side. y: 1 for an anomaly; scores: [(name, (n,) higher is odder)]."""
    figure = Figure(figsize=(8.6, 4.1))
    roc, precise = figure.subplots(1, 2)
    for colour, (name, s) in zip(DIGIT_COLOURS, scores, strict=False):
        fpr, tpr, _ = anomaly.roc_curve(y, s)
        precision, recall, _ = anomaly.precision_recall_curve(y, s)
        roc.plot(fpr, tpr, color=colour, linewidth=1.8, label=f"{name}: {anomaly.roc_auc(y, s):.3f}")
        precise.step(recall, precision, color=colour, linewidth=1.8, where="pre",
                     label=f"{name}: {anomaly.average_precision(y, s):.3f}")  # fmt: skip
    roc.plot([0, 1], [0, 1], ":", color="#888888", linewidth=1)
    precise.axhline(np.mean(y), linestyle=":", color="#888888", linewidth=1)
    for axes, x_name, y_name, area in (
        (roc, "false positive rate", "true positive rate", "area under it"),
        (precise, "recall", "precision", "average precision"),
    ):  # fmt: skip
        axes.set_xlabel(x_name)
        axes.set_ylabel(y_name)
        axes.set_xlim(-0.01, 1.01)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8, loc="lower right" if axes is roc else "lower left", title=area,
                    title_fontsize=8)  # fmt: skip
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def sheets(path, panels, title, columns=8):
    """Sheets of digits side by side: panels is [(name, images (k, 784) in [0, 1])], `columns` digits a line."""
    height = 0.6 + 3.0 * max(-(-len(images) // columns) for _, images in panels) / columns
    figure = Figure(figsize=(3.2 * len(panels), height))
    places = {"left": 0, "right": 1, "bottom": 0, "top": 1 - 0.6 / height, "wspace": 0.06}
    grid = figure.subplots(1, len(panels), squeeze=False, gridspec_kw=places)
    for axes, (name, images) in zip(grid[0], panels, strict=True):
        axes.imshow(_sheet(images, columns), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(name, fontsize=10)
        _bare(axes)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def _sheet(images, columns, gap=2):
    lines, size = -(-len(images) // columns), 28 + gap
    sheet = np.zeros((size * lines - gap, size * columns - gap))
    for k, image in enumerate(images):
        i, j = size * (k // columns), size * (k % columns)
        sheet[i : i + 28, j : j + 28] = image.reshape(28, 28)
    return sheet


def manifold(path, images, codes, labels, title):
    """What codes of two numbers mean, (n², 784) on the grid of npae.models.latent.paths, beside where digits lie: (m, 2).

    Both axes go by shares of the normal distribution, so that the two halves are one map.
    """
    n = round(len(images) ** 0.5)
    figure = Figure(figsize=(10.4, 5.2))
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.04, "right": 0.87})
    left.imshow(_sheet(images, n, gap=0), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    shares = np.vectorize(NormalDist().cdf)(codes)
    order = np.random.default_rng(0).permutation(len(labels))  # no digit lies on top of all others
    right.scatter(*shares[order].T, c=np.array(DIGIT_COLOURS)[labels[order]], s=4, linewidths=0, alpha=0.7)
    right.set_xlim(0, 1)
    right.set_ylim(0, 1)
    right.set_aspect("equal")
    for axes in (left, right):
        _bare(axes)
    figure.suptitle(title, fontsize=11, y=0.95)
    dots = [right.scatter([], [], c=c, s=22) for c in DIGIT_COLOURS]
    figure.legend(dots, range(10), loc="center left", bbox_to_anchor=(0.88, 0.5), frameon=False, fontsize=9,
                  title="digit")  # fmt: skip
    _save(figure, path)


def feature_maps(path, rows, title, columns=8):
    """Sheets of maps: rows is [[(name, maps (k, h, w))]]. White is 0, blue above, red below; every map's own scale."""
    figure = Figure(figsize=(3.2 * len(rows[0]), 0.5 + sum(0.4 + 3.0 * _lines(row, columns) / columns for row in rows)))
    grid = figure.subplots(len(rows), len(rows[0]), squeeze=False,
                           height_ratios=[_lines(row, columns) for row in rows])  # fmt: skip
    for axes_row, row in zip(grid, rows, strict=True):
        for axes, (name, maps) in zip(axes_row, row, strict=True):
            scale = np.abs(maps).max(axis=(1, 2), keepdims=True)
            axes.imshow(_tiles(maps / np.where(scale, scale, 1), columns), cmap="RdBu", vmin=-1, vmax=1,
                        interpolation="nearest")  # fmt: skip
            axes.set_title(name, fontsize=10)
            axes.set_facecolor("#d0d0d0")
            _bare(axes)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def _lines(row, columns):
    return max(-(-len(maps) // columns) for _, maps in row)


def _tiles(maps, columns):
    """Images (k, h, w) as one, `columns` a line; between them nothing, NaN."""
    k, h, w = maps.shape
    gap = max(1, h // 8)
    sheet = np.full((-(-k // columns) * (h + gap) + gap, min(k, columns) * (w + gap) + gap), np.nan)
    for n, image in enumerate(maps):
        i, j = gap + n // columns * (h + gap), gap + n % columns * (w + gap)
        sheet[i : i + h, j : j + w] = image
    return sheet


def codes_below_priors(path, panels, labels, title):
    """Draws of priors, and below each the codes that should lie so: panels is [(name, draws, their labels, codes)].

    Draws and codes are of two numbers, coloured by digit, a panel on one scale; `labels` are those of the codes.
    """
    figure = Figure(figsize=(3.7 * len(panels) + 0.8, 7.6))
    grid = figure.subplots(2, len(panels), squeeze=False, gridspec_kw={"wspace": 0.04, "hspace": 0.04})
    order = np.random.default_rng(0).permutation(len(labels))  # no digit lies on top of all others
    for (above, below), (name, draws, of_draws, codes) in zip(grid.T, panels, strict=True):
        limit = 1.03 * max(np.abs(draws).max(), np.abs(codes).max())
        for axes, z, y in ((above, draws, of_draws), (below, codes, labels)):
            colours = "#8c8c8c" if y is None else np.array(DIGIT_COLOURS)[y[order]]
            axes.scatter(*z[order].T, c=colours, s=4, linewidths=0, alpha=0.7)
            axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
            _bare(axes)
        above.set_title(name, fontsize=10)
    for axes, name in zip(grid[:, 0], ("draws of\nthe prior", "codes of\ntest digits"), strict=True):
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=8)
    figure.suptitle(title, fontsize=11, y=0.95)
    dots = [grid[0, 0].scatter([], [], c=c, s=22) for c in DIGIT_COLOURS]
    figure.legend(dots, range(10), loc="center right", frameon=False, fontsize=9, title="digit")
    _save(figure, path)
