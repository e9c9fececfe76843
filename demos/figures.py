"""The pictures of the demos: rows and sheets of digits, weights, learning curves, codes. Each function writes a PNG."""

from statistics import NormalDist

import numpy as np
from matplotlib.figure import Figure

from npae import anomaly
from npae.backend import atomic_write

INK, GREY = "#222222", "#888888"
COLOURS = np.array(["#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2",
                    "#b279a2", "#ff9da6", "#9d755d", "#8c8c8c", "#d4b000"])  # fmt: skip


def one_of_each(labels, count=10):
    """Indices of `count` samples, cycling through the labels in order: 0, 1, …, 9, 0, 1, …"""
    kinds = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    return np.array([kinds[i % len(kinds)][i // len(kinds)] for i in range(count)])


# ---------------------------------------------------------------------- images


def digit_rows(path, rows, title, codes=None, cmap="gray_r"):
    """Rows of square images, one below the other: rows is [(name, images (k, …) in [0, 1])].

    codes: (k, d) codes, drawn as bars below the first row. cmap: "gray_r" for black on white, "gray" for photographs.
    """
    k = len(rows[0][1])
    rows = [(name, _tile(_square(images), columns=k, gap=3)) for name, images in rows]
    if codes is not None:
        rows.insert(1, ("code", None))
    width, (h, w) = 0.8 * k, rows[0][1].shape
    height = len(rows) * width * h / w
    figure = Figure(figsize=(width, height))
    for i, (name, image) in enumerate(rows):
        axes = figure.add_axes((0, 1 - (i + 1) / len(rows), 1, 1 / len(rows)))
        if image is None:
            _code_bars(axes, codes)
        else:
            axes.imshow(image, cmap=cmap, vmin=0, vmax=1, interpolation="nearest")
        _bare(axes)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=8)
        if i == 0:
            axes.set_title(title, fontsize=11, color=INK, pad=8)
    _save(figure, path)


def _code_bars(axes, codes):
    k, d = codes.shape
    x = np.arange(k)[:, None] + np.linspace(0.25, 0.75, d)
    axes.bar(x.ravel(), codes.ravel(), width=0.4 / d, color=COLOURS[0])
    axes.hlines(np.zeros(k), np.arange(k) + 0.12, np.arange(k) + 0.88, color=INK, linewidth=0.5)
    low, high = min(0, codes.min()), max(0, codes.max())
    margin = 0.12 * (high - low or 1)
    axes.set(xlim=(0, k), ylim=(low - margin, high + margin))


def sheets(path, panels, title, columns=8):
    """Sheets of digits side by side: panels is [(name, images (k, 784) in [0, 1])], `columns` digits per line."""
    panels = [(name, _tile(_square(images), columns, gap=2)) for name, images in panels]
    _panels(path, [panels], title, cmap="gray_r", vmin=0, vmax=1)


def filters(path, panels, title, columns=8):
    """Weights as images, panels side by side: panels is [(name, weights (k, 784))], one row of weights per unit.

    Blue is positive, white 0, red negative; every unit has its own scale.
    """
    feature_maps(path, [[(name, _square(weights)) for name, weights in panels]], title, columns)


def feature_maps(path, rows, title, columns=8):
    """Sheets of maps: rows is [[(name, maps (k, h, w))]]. Blue is positive, white 0, red negative, scaled by map."""
    panels = [[(name, _tile(_in_unit_range(maps), columns, gap=max(1, maps.shape[1] // 8))) for name, maps in row]
              for row in rows]  # fmt: skip
    _panels(path, panels, title, background="#d0d0d0", cmap="RdBu", vmin=-1, vmax=1)


def _panels(path, rows, title, background="white", **imshow):
    """Images in a grid, each below its name."""
    heights = [3.2 * max(image.shape[0] / image.shape[1] for _, image in row) for row in rows]
    figure = Figure(figsize=(3.2 * len(rows[0]), sum(heights) + 0.3 * len(rows) + 0.3), layout="constrained")
    grid = figure.subplots(len(rows), len(rows[0]), squeeze=False, height_ratios=heights)
    for axes, (name, image) in zip(grid.flat, sum(rows, []), strict=True):
        axes.imshow(image, interpolation="nearest", **imshow)
        axes.set_facecolor(background)
        axes.set_title(name, fontsize=10)
        _bare(axes)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def _square(images):
    """(k, …) images of as many rows as columns: (k, side, side)."""
    side = round((images[0].size) ** 0.5)
    return images.reshape(-1, side, side)


def _in_unit_range(maps):
    """Each map divided by its largest absolute value."""
    scale = np.abs(maps).max(axis=(1, 2), keepdims=True)
    return maps / np.where(scale, scale, 1)


def _tile(images, columns, gap):
    """Images (k, h, w) as one, `columns` per line, `gap` pixels of NaN around each."""
    k, h, w = images.shape
    sheet = np.full((-(-k // columns) * (h + gap) + gap, min(k, columns) * (w + gap) + gap), np.nan)
    for n, image in enumerate(images):
        i, j = gap + n // columns * (h + gap), gap + n % columns * (w + gap)
        sheet[i : i + h, j : j + w] = image
    return sheet


# ---------------------------------------------------------------------- curves


def losses(name, history, unit=784):
    """Curves for `learning_curves`: the loss of training (solid) and of the validation data (dashed), over `unit`."""
    return [(f"{name}, training", np.array(history["loss"]) / unit, "-"),
            (f"{name}, test", np.array(history["val_loss"]) / unit, "--")]  # fmt: skip


def learning_curves(path, curves, ylabel, title="Learning curves", levels=()):
    """Curves over the epochs, two per colour: [(name, values, style)]; levels: horizontal lines [(name, value)]."""
    figure = Figure(figsize=(6.4, 4.0))
    axes = figure.subplots()
    for k, (name, values, style) in enumerate(curves):
        axes.plot(range(1, len(values) + 1), values, style, label=name, color=COLOURS[k // 2], linewidth=1.8)
    for name, value in levels:
        axes.axhline(value, color=GREY, linewidth=1, linestyle=":")
        axes.annotate(name, (1, value), xycoords=("axes fraction", "data"), xytext=(-4, 3), ha="right",
                      textcoords="offset points", fontsize=8, color="#666666")  # fmt: skip
    axes.set_ylabel(ylabel)
    axes.set_title(title, fontsize=11)
    axes.legend(frameon=False)
    _over_epochs(axes)
    _save(figure, path)


def subspace(path, angles, excess, title):
    """Principal angles over the epochs, (epochs, k) in degrees, beside the error minus that of PCA, (epochs,)."""
    figure = Figure(figsize=(8.6, 3.8))
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.28})
    epochs = np.arange(1, len(angles) + 1)
    for j, line in enumerate(angles.T):  # the largest darkest
        left.plot(epochs, line, color=COLOURS[0], linewidth=1.3, alpha=0.25 + 0.75 * (j + 1) / angles.shape[1])
    left.set_yticks([0, 30, 60, 90])
    left.set_ylabel("principal angles (degrees)")
    right.semilogy(epochs, excess, color=COLOURS[3], linewidth=1.8)
    right.set_ylabel("‖x − x̂‖² per image, minus that of PCA")
    for axes in (left, right):
        _over_epochs(axes)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def _over_epochs(axes):
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)


def detection_curves(path, y, scores, title):
    """ROC and precision-recall curves, side by side. y: 1 for an anomaly; scores: [(name, (n,) anomaly scores)]."""
    figure = Figure(figsize=(8.6, 4.1))
    left, right = figure.subplots(1, 2)
    for colour, (name, s) in zip(COLOURS, scores, strict=False):
        fpr, tpr, _ = anomaly.roc_curve(y, s)
        precision, recall, _ = anomaly.precision_recall_curve(y, s)
        left.plot(fpr, tpr, color=colour, linewidth=1.8, label=f"{name}: {anomaly.roc_auc(y, s):.3f}")
        right.step(recall, precision, color=colour, linewidth=1.8, where="pre",
                   label=f"{name}: {anomaly.average_precision(y, s):.3f}")  # fmt: skip
    left.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1)
    right.axhline(np.mean(y), linestyle=":", color=GREY, linewidth=1)
    for axes, x_name, y_name, legend, place in (
        (left, "false positive rate", "true positive rate", "area under the curve", "lower right"),
        (right, "recall", "precision", "average precision", "lower left"),
    ):
        axes.set(xlabel=x_name, ylabel=y_name, xlim=(-0.01, 1.01))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(edgecolor="none", fontsize=8, loc=place, title=legend, title_fontsize=8)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def contributions(path, rows, names, title, bars=8):
    """The largest contributions of features to rows, one panel per row: rows is [(name, contributions (d,))].

    names: of the d features, or () for "feature 1", …; orange makes a row odd, blue makes it less odd.
    """
    names = names or [f"feature {j + 1}" for j in range(len(rows[0][1]))]
    figure = Figure(figsize=(2.9 * len(rows), 0.32 * bars + 1.1), layout="constrained")
    for axes, (name, c) in zip(figure.subplots(1, len(rows), squeeze=False)[0], rows, strict=True):
        largest = np.argsort(-np.abs(c), kind="stable")[:bars][::-1]
        axes.barh([names[j] for j in largest], c[largest], color=np.where(c[largest] > 0, COLOURS[1], COLOURS[0]))
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_title(name, fontsize=10)
        axes.tick_params(labelsize=8)
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", nbins=4)
        axes.spines[["top", "right", "left"]].set_visible(False)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


# ---------------------------------------------------------------------- codes


def code_space(path, codes, labels, title):
    """Scatter plots of every pair of code units, coloured by digit: (n, d) codes, d(d − 1)/2 panels."""
    pairs = [(i, j) for i in range(codes.shape[1]) for j in range(i + 1, codes.shape[1])]
    columns = min(3, len(pairs))
    lines = -(-len(pairs) // columns)
    figure = Figure(figsize=(3.1 * columns + 0.8, 2.9 * lines + 0.4))
    grid = figure.subplots(lines, columns, squeeze=False, gridspec_kw={"wspace": 0.25, "hspace": 0.3})
    for axes, (i, j) in zip(grid.flat, pairs, strict=False):
        _scatter(axes, codes[:, [i, j]], labels)
        axes.set_xlabel(f"$h_{i + 1}$", labelpad=1)
        axes.set_ylabel(f"$h_{j + 1}$", labelpad=1)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid.flat[len(pairs) :]:
        axes.set_axis_off()
    figure.suptitle(title, fontsize=11, y=0.94)
    _digit_legend(figure, axes)
    _save(figure, path)


def code_maps(path, maps, labels, title):
    """Two-dimensional codes side by side: maps is [(name, codes (n, 2))], coloured by digit.

    The axes are ranks, not values: a few outliers would leave no room for the other digits.
    """
    figure = Figure(figsize=(4.2 * len(maps) + 0.8, 4.6))
    for axes, (name, codes) in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps, strict=True):
        _scatter(axes, codes.argsort(axis=0).argsort(axis=0), labels)
        axes.set_title(name, fontsize=10)
        _bare(axes)
    figure.suptitle(title, fontsize=11)
    _digit_legend(figure, axes)
    _save(figure, path)


def manifold(path, images, codes, labels, title):
    """Images (n², 784) decoded from the grid of npae.models.latent, beside a scatter plot of codes (m, 2).

    Both axes are values of the standard normal distribution function, so that both halves have the same coordinates.
    """
    figure = Figure(figsize=(10.4, 5.2))
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.04, "right": 0.87})
    sheet = _tile(_square(images), columns=round(len(images) ** 0.5), gap=0)
    left.imshow(sheet, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    _scatter(right, np.vectorize(NormalDist().cdf)(codes), labels)
    right.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    for axes in (left, right):
        _bare(axes)
    figure.suptitle(title, fontsize=11, y=0.92)
    _digit_legend(figure, right, loc="center left", bbox_to_anchor=(0.88, 0.5))
    _save(figure, path)


def codes_below_priors(path, panels, labels, title):
    """Samples of priors, and below each the codes of the data: panels is [(name, samples, their labels, codes)].

    Samples and codes are two-dimensional, coloured by digit, on one scale per panel; `labels` are those of the codes.
    """
    figure = Figure(figsize=(3.7 * len(panels) + 0.8, 7.6))
    grid = figure.subplots(2, len(panels), squeeze=False, gridspec_kw={"wspace": 0.04, "hspace": 0.04})
    for (above, below), (name, samples, of_samples, codes) in zip(grid.T, panels, strict=True):
        limit = 1.03 * max(np.abs(samples).max(), np.abs(codes).max())
        _scatter(above, samples, of_samples)
        _scatter(below, codes, labels)
        for axes in (above, below):
            axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
            _bare(axes)
        above.set_title(name, fontsize=10)
    for axes, name in zip(grid[:, 0], ("samples of\nthe prior", "codes of\ntest digits"), strict=True):
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=8)
    figure.suptitle(title, fontsize=11, y=0.95)
    _digit_legend(figure, axes)
    _save(figure, path)


def _scatter(axes, points, labels):
    """Points (n, 2) coloured by digit, in a random order, so that no digit covers all others; grey without labels."""
    order = np.random.default_rng(0).permutation(len(points))
    colours = GREY if labels is None else COLOURS[labels[order]]
    axes.scatter(*points[order].T, c=colours, s=4, linewidths=0, alpha=0.7)


def _digit_legend(figure, axes, loc="center right", **place):
    dots = [axes.scatter([], [], c=colour, s=22) for colour in COLOURS]
    figure.legend(dots, range(10), loc=loc, frameon=False, fontsize=9, title="digit", **place)


# ---------------------------------------------------------------------- files


def _bare(axes):
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _save(figure, path):
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150, facecolor="white", bbox_inches="tight", format="png")
