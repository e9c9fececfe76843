"""What a benchmark tells: tables on the terminal, and one JSON file a part with the machine that it ran on."""

import json
from dataclasses import asdict

from npae.files import replacing


def table(head, rows):
    """Print rows of cells under a head: the first column to the left, the others to the right."""
    cells = [[str(c) for c in row] for row in (head, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(head))]

    def line(row):
        return "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])

    print("\n".join(["", line(cells[0]), "─" * (sum(widths) + 2 * len(widths) - 2), *map(line, cells[1:])]), flush=True)


def spread(low, high, digits=2):
    """Two quartiles as text."""
    return f"{low:.{digits}f} to {high:.{digits}f}"


def write(settings, part, seconds, machine, result):
    """Write <out>/<part>.json; returns its path. machine: what hardware() says, and the load before and after."""
    path = settings.out / f"{part}.json"
    told = {"part": part, "settings": asdict(settings) | {"out": settings.out.name}, "seconds": round(seconds, 1)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        text = json.dumps(told | {"machine": machine, "result": result}, indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return path
