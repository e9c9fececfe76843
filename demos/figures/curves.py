"""Pictures of curves and bars: learning, ROC and precision-recall curves, angles, contributions, heartbeats."""

import numpy as np

from demos.figures.canvas import new_figure, open_frame, save_figure
from demos.palette import COLOURS, GREY, INK
from npae import anomaly


def losses(name, history, unit=784):
    """Curves for `learning_curves`: the loss of training (solid) and of the validation data (dashed), over `unit`."""
    return [(f"{name}, training", np.array(history["loss"]) / unit, "-"),
            (f"{name}, test", np.array(history["val_loss"]) / unit, "--")]  # fmt: skip


def learning_curves(path, curves, ylabel, title="Learning curves", levels=()):
    """Curves over the epochs, two per colour: [(name, values, style)]; levels: horizontal lines [(name, value)]."""
    figure = new_figure(6.4, 4.0)
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
    save_figure(figure, path)


def subspace(path, angles, excess, title):
    """Principal angles over the epochs, (epochs, k) in degrees, beside the error minus that of PCA, (epochs,)."""
    figure = new_figure(8.6, 3.8)
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.28})
    epochs = np.arange(1, len(angles) + 1)
    for j, line in enumerate(angles.T):  # the largest darkest
        left.plot(epochs, line, color=COLOURS[0], linewidth=1.3, alpha=0.25 + 0.75 * (j + 1) / angles.shape[1])
    left.set_yticks([0, 30, 60, 90])
    left.set_ylabel("principal angles (degrees)")
    right.semilogy(epochs, excess, color=COLOURS[2], linewidth=1.8)
    right.set_ylabel("‖x − x̂‖² per image, minus that of PCA")
    for axes in (left, right):
        _over_epochs(axes)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def _over_epochs(axes):
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    open_frame(axes)


def detection_curves(path, y, scores, title):
    """ROC and precision-recall curves, side by side. y: 1 for an anomaly; scores: [(name, (n,) anomaly scores)]."""
    figure = new_figure(9.0, 4.6)
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.26, "bottom": 0.3})
    for colour, (name, s) in zip(COLOURS, scores, strict=False):
        fpr, tpr, _ = anomaly.roc_curve(y, s)
        precision, recall, _ = anomaly.precision_recall_curve(y, s)
        left.plot(fpr, tpr, color=colour, linewidth=1.8, label=f"{name}: {anomaly.roc_auc(y, s):.3f}")
        right.step(recall, precision, color=colour, linewidth=1.8, where="pre",
                   label=f"{name}: {anomaly.average_precision(y, s):.3f}")  # fmt: skip
    left.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1, label="random scores: 0.500")
    share = float(np.mean(y))
    right.axhline(share, linestyle=":", color=GREY, linewidth=1, label=f"random scores: {share:.3f}")
    for axes, x_name, y_name, measure in (
        (left, "false positive rate", "true positive rate", "area under the ROC curve"),
        (right, "recall", "precision", "average precision"),
    ):
        axes.set(xlabel=x_name, ylabel=y_name, xlim=(-0.01, 1.01))
        open_frame(axes)
        axes.legend(frameon=False, fontsize=8.5, title=measure, title_fontsize=9, loc="upper center",
                    bbox_to_anchor=(0.5, -0.17))  # fmt: skip
    figure.suptitle(title, fontsize=11, y=0.96)
    save_figure(figure, path)


def contributions(path, rows, names, title, bars=8):
    """The largest contributions of features to rows, one panel per row: rows is [(name, contributions (d,))].

    names: of the d features, or () for "feature 1", …; orange makes a row odd, blue makes it less odd.
    """
    names = names or [f"feature {j + 1}" for j in range(len(rows[0][1]))]
    figure = new_figure(2.9 * len(rows), 0.32 * bars + 1.1, layout="constrained")
    for axes, (name, c) in zip(figure.subplots(1, len(rows), squeeze=False)[0], rows, strict=True):
        largest = np.argsort(-np.abs(c), kind="stable")[:bars][::-1]
        colours = [COLOURS[1] if value > 0 else COLOURS[0] for value in c[largest]]
        axes.barh([names[j] for j in largest], c[largest], color=colours)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_title(name, fontsize=10)
        axes.tick_params(labelsize=8)
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", nbins=4)
        axes.spines[["top", "right", "left"]].set_visible(False)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def beats(path, panels, scores, odd, threshold):
    """Heartbeats with their reconstructions, the error shaded, beside the errors of all beats.

    panels: two of [(title, beat, reconstruction)]; scores: (n,); odd: which of these beats are abnormal, (n,).
    """
    figure = new_figure(11.4, 3.3, layout="constrained")
    *drawn, last = figure.subplots(1, 3, width_ratios=(1, 1, 0.95))
    drawn[0].set_ylabel("standardised signal")
    low, high = (f(np.array([panel[1:] for panel in panels])) for f in (np.min, np.max))
    for axes, colour, (title, beat, x_hat) in zip(drawn, COLOURS, panels, strict=False):
        t = np.arange(len(beat))
        axes.fill_between(t, beat, x_hat, color=colour, alpha=0.3, linewidth=0, label="error")
        axes.plot(t, beat, color=INK, linewidth=1.6, label="heartbeat")
        axes.plot(t, x_hat, color=colour, linewidth=1.8, label="reconstruction")
        axes.set(title=title, xlabel="sample", ylim=(low - 0.25, high + 0.25), xlim=(0, len(beat) - 1))
        axes.legend(frameon=False, fontsize=8.5, loc="best")
        open_frame(axes)
    bins = np.linspace(0, scores.max(), 50)
    for colour, name, which in ((COLOURS[0], "normal", ~odd), (COLOURS[1], "abnormal", odd)):
        last.hist(scores[which], bins, color=colour, alpha=0.65, label=f"{which.sum()} {name} beats")
    last.axvline(threshold, color=INK, linewidth=1.2, linestyle="--", label=f"threshold {threshold:.3f}")
    last.set(title="Errors of new beats", xlabel="mean absolute error", ylabel="beats", xlim=(0, None))
    last.legend(frameon=False, fontsize=8.5)
    open_frame(last)
    save_figure(figure, path)
