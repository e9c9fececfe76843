"""Maps of classes: codes of two numbers, coloured by class, with the name of each class written on its points."""

import numpy as np

from demos.figures.canvas import bare, new_figure, save_figure
from demos.palette import COLOURS, GREY, PAPER


def class_maps(path, panels, names, caption=""):
    """Codes of training rows, pale, and of held-out rows, side by side: [(title, (codes, labels), (codes, labels))].

    names: of the classes, written at the medians of their codes.
    """
    figure = new_figure(4.4 * len(panels), 4.9, layout="constrained")
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, known, new) in zip(all_axes, panels, strict=True):
        _points(axes, *known, alpha=0.3)
        _points(axes, *new, alpha=0.95)
        axes.set_title(title, fontsize=10)
        bare(axes)
    figure.supxlabel(f"pale: training, strong: held out{'. ' + caption if caption else ''}", fontsize=8, color=GREY)
    figure.draw_without_rendering()  # so that all has its place
    for axes, (_, known, new) in zip(all_axes, panels, strict=True):
        _write(axes, *(np.concatenate(parts) for parts in zip(known, new, strict=True)), names)
    save_figure(figure, path)


def _points(axes, codes, labels, alpha):
    order = np.random.default_rng(0).permutation(len(codes))
    colours = np.array([COLOURS[k % len(COLOURS)] for k in range(labels.max() + 1)])[labels[order]]
    size = np.clip(6e3 / len(codes), 2, 9)
    axes.scatter(*np.asarray(codes)[order].T, c=colours, s=size, linewidths=0, alpha=alpha)


def _write(axes, codes, labels, names):
    """Write the name of each class at the median of its codes, moved so that no two overlap."""
    from matplotlib.patheffects import withStroke  # only here: `--help` needs no matplotlib

    texts, outline = [], [withStroke(linewidth=2.5, foreground=PAPER)]
    for kind in np.unique(labels):
        own = codes[labels == kind]
        place, colour = own[((own - np.median(own, axis=0)) ** 2).sum(axis=1).argmin()], COLOURS[kind % len(COLOURS)]
        texts.append(axes.text(*place, names[kind], ha="center", va="center", fontsize=8.5, weight="bold",
                               color=_darker(colour), path_effects=outline, in_layout=False))  # fmt: skip
    boxes = np.array([text.get_window_extent().get_points() for text in texts])  # pixels: (n, two corners, x and y)
    centres = _apart(boxes.mean(axis=1), boxes[:, 1] - boxes[:, 0] + (4, 0))
    for text, place in zip(texts, axes.transData.inverted().transform(centres), strict=True):
        text.set_position(place)


def _darker(colour, share=0.7):
    """The colour with less light, so that thin letters can be read."""
    return "#" + "".join(f"{int(share * int(colour[k : k + 2], 16)):02x}" for k in (1, 3, 5))


def _apart(centres, sizes, steps=300):
    """The centres of boxes (n, 2), moved up and down until no two boxes overlap, or nearly so."""
    number = np.arange(len(centres))
    for _ in range(steps):
        between = centres[:, None] - centres
        overlap = (sizes[:, None] + sizes) / 2 - np.abs(between)
        hit = (overlap > 0).all(axis=2) & (number[:, None] != number)
        side = np.sign(between[..., 1])
        side += (side == 0) * np.sign(number[:, None] - number)
        centres[:, 1] += (hit * overlap[..., 1] * side).sum(axis=1) / 4
    return centres
