"""The summary of a network: its layers, shapes and parameter counts, as text for print and as HTML for a notebook."""

from dataclasses import dataclass
from html import escape
from itertools import repeat
from typing import TYPE_CHECKING

from npae.backend.shapes import output_shapes
from npae.backend.text_table import text_table
from npae.backend.window import counted, size_text

if TYPE_CHECKING:
    from npae.backend.parameterized import Parameterized

HEADS = ("name", "layer", "output", "parameters")
SIDES = ("left", "left", "left", "right")


@dataclass(frozen=True)
class Summary:
    """What a summary states, cell by cell. `summarise` makes it of a network.

    Attributes:
        title: the network's class.
        rows: (name, layer, output shape of one sample, number of parameters) of every layer, after those of the input.
        total: the number of all parameters, and their size in memory.
        stated: (name, value) of what stands below the table: the parts of the objective.
    """

    title: str
    rows: list[tuple[str, str, str, str]]
    total: str
    stated: list[tuple[str, str]]

    def text(self) -> str:
        """The table as text, as wide as the terminal at most."""
        foot = "\n".join([self.total, *(f"{name} {value}" for name, value in self.stated)])
        return text_table([HEADS, *self.rows], align="lllr", foot=foot)

    def html(self) -> str:
        """The table as HTML. It sets no colours, so that those of a light or a dark page apply."""
        rule = "border-top: 1px solid"
        return "\n".join([
            "<table>",
            f'<caption style="text-align: left; color: inherit">{escape(self.title)}</caption>',
            f"<thead>{_row(HEADS, tag='th')}</thead>",
            "<tbody>",
            *map(_row, self.rows),
            "</tbody>",
            "<tfoot>",
            f'<tr style="{rule}"><td colspan="4" style="text-align: left">{escape(self.total)}</td></tr>',
            *(f'<tr><td style="text-align: left">{escape(name)}</td>'
              f'<td colspan="3" style="text-align: left">{escape(value)}</td></tr>' for name, value in self.stated),
            "</tfoot>",
            "</table>",
        ])  # fmt: skip


def summarise(network: "Parameterized", input_shape: tuple[int, ...] | None = None) -> Summary:
    """The Summary of a network, with values or without. Parameters that layers share are counted where first met.

    Args:
        network: a layer.
        input_shape: of one sample; by default that of the first layer that states one. Where it is not known, output
            shapes are "?".

    Raises ValueError for an input that does not fit the network.
    """
    first = next((leaf for _, leaf in network.leaves() if leaf.parameters), network)
    shape = tuple(input_shape) if input_shape else first.in_shape
    rows = [("", "input", str(shape or "?"), "")]
    met = set()
    for name, layer, out in output_shapes(network, shape):
        new = [p for _, p in layer.named_parameters() if p not in met]
        met.update(new)
        count = sum(p.size for p in new)
        rows.append((name, repr(layer), str(out or "?"), f"{count:,}" if count else ""))
    stated = [(name, _text(value)) for name in network.stated if (value := getattr(network, name, None))]
    return Summary(type(network).__name__, rows, _total(network), stated)


def _total(network: "Parameterized") -> str:
    """The number of parameters and, once they have values, the memory that these take."""
    values = [p.value for _, p in network.named_parameters() if p.home is not None]
    size = f", {size_text(sum(v.nbytes for v in values))} as {values[0].dtype}" if values else ""
    return counted(network.parameter_count, "parameter") + size


def _text(value: object) -> str:
    return ", ".join(map(repr, value)) if isinstance(value, tuple) else repr(value)


def _row(cells: tuple[str, ...], tag: str = "td") -> str:
    """A row of an HTML table."""
    return "<tr>" + "".join(map(_cell, cells, SIDES, repeat(tag))) + "</tr>"


def _cell(text: str, side: str, tag: str) -> str:
    return f'<{tag} style="text-align: {side}">{escape(text)}</{tag}>'
