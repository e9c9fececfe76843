"""Pictures of codes as points, coloured by digit. A badge at the median of each digit's codes names it."""

from statistics import NormalDist

import numpy as np

from demos.figures.canvas import bare, new_figure, open_frame, save_figure
from demos.figures.images import tiled
from demos.palette import COLOURS, GREY, INK, PAPER

BADGE = 0.22  # inches from one badge to the next, at least


def code_map(path, points, labels, title, xlabel, ylabel):
    """One scatter plot of two-dimensional points (n, 2)."""
    figure = new_figure(6.4, 5.6)
    axes = figure.subplots()
    _scatter(axes, points, labels)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    open_frame(axes)
    axes.set_title(title, fontsize=11)
    save_figure(figure, path)


def code_maps(path, maps, labels, title):
    """Two-dimensional codes side by side: maps is [(name, codes (n, 2))].

    The axes are ranks, not values: a few outliers would leave no room for the other digits.
    """
    figure = new_figure(4.6 * len(maps), 4.9)
    for axes, (name, codes) in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps, strict=True):
        _scatter(axes, codes.argsort(axis=0).argsort(axis=0), labels)
        axes.set_title(name, fontsize=10)
        bare(axes)
    figure.suptitle(title, fontsize=11, y=1.0)
    save_figure(figure, path)


def manifold(path, images, codes, labels, title, cmap="gray_r", times=None):
    """Images (n², …) decoded from the grid of npae.models.latent, beside a scatter plot of codes (m, 2).

    times: numbers that colour the codes from dark to light, in the place of labels.
    Both axes are values of the standard normal distribution function, so that both halves have the same coordinates.
    """
    figure = new_figure(10.4, 5.2)
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.04})
    sheet = tiled(images)
    left.imshow(sheet, cmap=cmap, vmin=0, vmax=1, interpolation="nearest")
    right.set(xlim=(0, 1), ylim=(0, 1), aspect=sheet.shape[0] / sheet.shape[1])
    places = np.vectorize(NormalDist().cdf)(codes)
    if times is None:
        _scatter(right, places, labels)
    else:
        right.scatter(*places.T, c=times, cmap="viridis", s=5, linewidths=0)
    for axes in (left, right):
        bare(axes)
    figure.suptitle(title, fontsize=11, y=0.93)
    save_figure(figure, path)


def codes_below_priors(path, panels, labels, title):
    """Samples of priors, and below each the codes of the data: panels is [(name, samples, their labels, codes)].

    Samples and codes are two-dimensional, on one scale per panel; `labels` are those of the codes.
    """
    figure = new_figure(3.7 * len(panels), 7.6)
    grid = figure.subplots(2, len(panels), squeeze=False, gridspec_kw={"wspace": 0.04, "hspace": 0.04})
    for (above, below), (name, samples, of_samples, codes) in zip(grid.T, panels, strict=True):
        limit = 1.03 * max(np.abs(samples).max(), np.abs(codes).max())
        for axes, points, digits in ((above, samples, of_samples), (below, codes, labels)):
            axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
            _scatter(axes, points, digits)
            bare(axes)
        above.set_title(name, fontsize=10)
    for axes, name in zip(grid[:, 0], ("samples of\nthe prior", "codes of\ntest digits"), strict=True):
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=8)
    figure.suptitle(title, fontsize=11, y=0.94)
    save_figure(figure, path)


def _scatter(axes, points, labels):
    """Points (n, 2) in a random order, so that no digit covers all others; grey without labels."""
    order = np.random.default_rng(0).permutation(len(points))
    colours = GREY if labels is None else np.array(COLOURS)[labels[order]]
    axes.scatter(*points[order].T, c=colours, s=np.clip(2e4 / len(points), 4, 12), linewidths=0, alpha=0.7)
    if labels is not None:
        badges(axes, points, labels)


def badges(axes, points, labels):
    """Each digit in a circle of its colour, at the point nearest to the median of its points; none covers another."""
    low, high = np.transpose([axes.get_xlim(), axes.get_ylim()])
    digits, places = np.unique(labels), []
    for digit in digits:
        own = (points[labels == digit] - low) / (high - low)
        places.append(own[((own - np.median(own, axis=0)) ** 2).sum(axis=1).argmin()])
    inches = min(axes.bbox.size) / axes.figure.dpi
    places = low + (high - low) * _apart(np.array(places), least=BADGE / inches)
    for digit, place in zip(digits, places, strict=True):
        red, green, blue = (int(COLOURS[digit][k : k + 2], 16) for k in (1, 3, 5))
        ink = PAPER if 0.299 * red + 0.587 * green + 0.114 * blue < 140 else INK
        circle = {"boxstyle": "circle,pad=0.22", "facecolor": COLOURS[digit], "edgecolor": PAPER}
        axes.annotate(str(digit), place, ha="center", va="center", fontsize=9, weight="bold", color=ink, bbox=circle)


def _apart(places, least):
    """The places, (n, 2) in units of the axes, moved apart until no two are closer than `least`, or nearly so."""
    for _ in range(100):
        steps = places[:, None] - places
        distances = np.linalg.norm(steps, axis=2) + np.eye(len(places))
        push = np.maximum(least - distances, 0) / (2 * distances)
        places = places + (push[..., None] * steps).sum(axis=1)
    return places
