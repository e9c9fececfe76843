"""Pictures of images: rows and sheets of digits, weights, feature maps."""

import numpy as np

from demos.figures.canvas import bare, new_figure, save_figure
from demos.palette import COLOURS, INK


def one_of_each(labels, count=10):
    """Indices of `count` samples, cycling through the labels in order: 0, 1, …, 9, 0, 1, …"""
    kinds = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    return np.array([kinds[i % len(kinds)][i // len(kinds)] for i in range(count)])


def digit_rows(path, rows, title, codes=None, cmap="gray_r", caption=""):
    """Rows of images, one below the other: rows is [(name, images (k, …) in [0, 1])].

    codes: (k, d) codes, drawn as bars below the first row. cmap: "gray_r" for black on white, "gray" for photographs.
    caption: a line below, such as the source of the images.
    """
    k = len(rows[0][1])
    rows = [(name, _tile(_plane(images), columns=k, gap=3)) for name, images in rows]
    if codes is not None:
        rows.insert(1, ("code", None))
    width, (h, w) = 0.8 * k, rows[0][1].shape
    height = len(rows) * width * h / w
    figure = new_figure(width, height)
    for i, (name, image) in enumerate(rows):
        axes = figure.add_axes((0, 1 - (i + 1) / len(rows), 1, 1 / len(rows)))
        if image is None:
            _code_bars(axes, codes)
        else:
            axes.imshow(image, cmap=cmap, vmin=0, vmax=1, interpolation="nearest")
        bare(axes)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=8)
        if i == 0:
            axes.set_title(title, fontsize=11, color=INK, pad=8)
    if caption:
        axes.set_xlabel(caption, fontsize=8, color=INK, labelpad=4)
    save_figure(figure, path)


def _code_bars(axes, codes):
    k, d = codes.shape
    x = np.arange(k)[:, None] + np.linspace(0.25, 0.75, d)
    axes.bar(x.ravel(), codes.ravel(), width=0.4 / d, color=COLOURS[0])
    axes.hlines(np.zeros(k), np.arange(k) + 0.12, np.arange(k) + 0.88, color=INK, linewidth=0.5)
    low, high = min(0, codes.min()), max(0, codes.max())
    margin = 0.12 * (high - low or 1)
    axes.set(xlim=(0, k), ylim=(low - margin, high + margin))


def sheets(path, panels, title, columns=8, cmap="gray_r"):
    """Sheets of images side by side: panels is [(name, images (k, …) in [0, 1])], `columns` images per line."""
    panels = [(name, _tile(_plane(images), columns, gap=2)) for name, images in panels]
    _panels(path, [panels], title, cmap=cmap, vmin=0, vmax=1)


def filters(path, panels, title, columns=8):
    """Weights as images, panels side by side: panels is [(name, weights (k, 784))], one row of weights per unit.

    Blue is positive, white 0, red negative; every unit has its own scale.
    """
    feature_maps(path, [[(name, _plane(weights)) for name, weights in panels]], title, columns)


def feature_maps(path, rows, title, columns=8):
    """Sheets of maps: rows is [[(name, maps (k, h, w))]]. Blue is positive, white 0, red negative, scaled by map."""
    panels = [[(name, _tile(_in_unit_range(maps), columns, gap=max(1, maps.shape[1] // 8))) for name, maps in row]
              for row in rows]  # fmt: skip
    _panels(path, panels, title, background="#d0d0d0", cmap="RdBu", vmin=-1, vmax=1)


def _panels(path, rows, title, background="white", **imshow):
    """Images in a grid, each below its name."""
    heights = [3.2 * max(image.shape[0] / image.shape[1] for _, image in row) for row in rows]
    figure = new_figure(3.2 * len(rows[0]), sum(heights) + 0.3 * len(rows) + 0.3, layout="constrained")
    grid = figure.subplots(len(rows), len(rows[0]), squeeze=False, height_ratios=heights)
    for axes, (name, image) in zip(grid.flat, sum(rows, []), strict=True):
        axes.imshow(image, interpolation="nearest", **imshow)
        axes.set_facecolor(background)
        axes.set_title(name, fontsize=10)
        bare(axes)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def _plane(images):
    """(k, h, w), of images (k, …, h, w), or of rows (k, h²) of square images."""
    side = round((images[0].size) ** 0.5)
    return images.reshape(-1, *(images.shape[-2:] if images.ndim > 2 else (side, side)))


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


def tiled(images):
    """Images (n², …) as one image of n rows and n columns."""
    return _tile(_plane(images), columns=round(len(images) ** 0.5), gap=0)
