"""Pictures of the benchmarks: ratios as bars, curves on logarithmic axes. Each function writes one PNG."""

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from demos.palette import COLOURS, GREY, INK, PAPER
from npae.backend import atomic_write


def _save(figure, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150, facecolor=PAPER, bbox_inches="tight", format="png")


def _tidy(axes, xlabel="", ylabel="", title=""):
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_title(title, fontsize=11, color=INK)
    axes.spines[["top", "right"]].set_visible(False)


def _short(number):
    """1,200,000 as 1.2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def time(seconds):
    """Seconds as text with a unit that fits: 1.5 s, 20 ms, 3 µs."""
    for size, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def size(nbytes):
    """Bytes as text with a unit that fits: 3 MB."""
    short = _short(nbytes)
    return f"{short[:-1]} {short[-1]}B" if short[-1].isalpha() else f"{short} B"


def _logarithmic(axes, x, form):
    """Logarithmic axes with a tick at every x, and ticks 1, 2, 5, 10, … at y; form: number -> text."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(x, [f"{v:,}" if v < 100_000 else _short(v) for v in x])
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if high > 50 * low else (1, 2, 5), numticks=20))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: form(v)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.grid(True, which="major", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)


def _head(figure, title, marks, names):
    """A title and a legend, one line each, above the axes."""
    inch = 1 / figure.get_figheight()
    figure.suptitle(title, fontsize=13, color=INK, y=1 - 0.1 * inch)
    figure.legend(marks, names, loc="upper center", ncols=len(names), columnspacing=1.2, frameon=False, fontsize=10,
                  bbox_to_anchor=(0.5, 1 - 0.38 * inch))  # fmt: skip
    figure.subplots_adjust(top=1 - 0.8 * inch, bottom=0.65 * inch)


def crossover(path, panels, title):
    """Time per step on several devices: panels is [(xlabel, x, {curve: seconds or None}, note)]."""
    figure = Figure(figsize=(5.4 * len(panels), 4.4))
    for axes, (xlabel, x, curves, note) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        styles = zip(curves.items(), COLOURS, ("o-", "s-", "D-", "^--"), strict=False)
        for (name, seconds), colour, style in styles:
            if seconds is None:
                axes.plot([], [], style, color=colour, label=f"{name}: not yet run", alpha=0.5)
            else:
                axes.plot(x, seconds, style, color=colour, label=name, linewidth=2)
        _logarithmic(axes, x, time)
        _tidy(axes, xlabel, "time per step")
        axes.legend(frameon=False, fontsize=9, loc="upper left", title=note, title_fontsize=9, alignment="left")
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** 0.35)  # room for the legend
    figure.suptitle(title, fontsize=13, color=INK)
    figure.tight_layout()
    _save(figure, path)


def scaling(path, panels, title):
    """Curves on logarithmic axes: panels is [(title, xlabel, x, {curve: (y, text)}, "time" or "size")].

    The curve "theory" is a grey dashed line.
    """
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.9 * lines))
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes, (name, xlabel, x, curves, kind) in zip(grid.flat, panels, strict=False):
        for (curve, (y, text)), colour, mark in zip(curves.items(), COLOURS, "osD^", strict=False):
            style = {"color": GREY, "linestyle": "--"} if curve == "theory" else {"color": colour, "marker": mark}
            axes.plot(x, y, linewidth=2, label=f"{curve}: {text}", **style)
        _logarithmic(axes, x, time if kind == "time" else size)
        _tidy(axes, xlabel, "", name)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** (0.16 * len(curves)))
        axes.legend(frameon=False, fontsize=8.5, loc="upper left")
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    figure.suptitle(title, fontsize=13, color=INK)
    figure.tight_layout()
    _save(figure, path)


def bars(path, values, ylabel, title):
    """One bar for each {name: (value, text above it)}."""
    figure = Figure(figsize=(1.6 + 1.9 * len(values), 4.0))
    axes = figure.subplots()
    for k, (value, text) in enumerate(values.values()):
        axes.bar(k, value, width=0.6, color=COLOURS[0])
        axes.annotate(text, (k, value), (0, 4), textcoords="offset points", ha="center", fontsize=10, color=INK)
    axes.set_xticks(range(len(values)), values, fontsize=10)
    axes.set_ylim(0, 1.15 * max(value for value, _ in values.values()))
    _tidy(axes, ylabel=ylabel, title=title)
    _save(figure, path)


def ratios(path, rows, xlabel, title):
    """Times divided by ours, as bars: rows is {workload: {name: (median, low, high)}}."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    thick = 0.8 / len(names)
    figure = Figure(figsize=(11, 1.7 + (0.25 + 0.15 * len(names)) * len(rows)))
    axes, handles = figure.subplots(), {}
    for k, row in enumerate(rows.values()):
        for name, (middle, low, high) in row.items():
            n = names.index(name)
            y = k + (n - (len(names) - 1) / 2) * thick
            handles[name] = axes.barh(y, middle, color=COLOURS[n % len(COLOURS)], height=0.9 * thick)
            axes.plot([low, high], [y, y], color=INK, linewidth=1)
            axes.annotate(f"{middle:.2f}", (max(middle, high), y), (4, 0), textcoords="offset points", va="center",
                          fontsize=8, color=INK, bbox={"facecolor": PAPER, "linewidth": 0, "pad": 0.5})  # fmt: skip
    axes.axvline(1, color=INK, linewidth=1.5)
    axes.set_yticks(range(len(rows)), rows, fontsize=10)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1.08 * axes.dataLim.x1)
    _tidy(axes, xlabel)
    _head(figure, title, [handles[name] for name in names], names)
    _save(figure, path)
