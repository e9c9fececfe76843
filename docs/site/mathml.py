"""Formulas as MathML, which browsers draw by themselves: no JavaScript, no fonts, no request.

docutils has the translation from LaTeX. A formula that it cannot translate is a warning, and so an error of the build.
"""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

SPELLINGS = {
    r"\dots": r"\ldots", r"\bm": r"\boldsymbol", r"\big": r"\bigl", r"\Big": r"\Bigl", r"\stackrel": r"\overset",
    r"\iff": r"\Longleftrightarrow", r"\nonumber": "", r"\textbf": r"\mathbf",
}  # fmt: skip
COMMAND = r"\\[^\W\d_]+"
ACCENTS = "hat|tilde|bar|dot|ddot|vec|widehat|widetilde|overline"
GROUP = r"\{(?:[^{}]|\{[^{}]*\})*\}"
ACCENT = re.compile(rf"\\(?:{ACCENTS})(?![^\W\d_])\s*(?:{COMMAND}(?:{GROUP})?|{GROUP}|[^\s{{}}\\])")


def respelled(latex):
    """A formula in the words of docutils, and accents in a group: docutils puts an index of a bare accent below it."""
    latex = re.sub(r"(\\(?:begin|end)){(?:split|align\*?)}", r"\1{aligned}", latex)
    latex = ACCENT.sub(lambda accent: f"{{{accent[0]}{{}}}}", latex)
    return re.sub(COMMAND, lambda command: SPELLINGS.get(command[0], command[0]), latex)


def translate(node, latex, block):
    """A formula as MathML, or as LaTeX with a warning."""
    try:
        return tex2mathml(respelled(latex), as_block=block)
    except MathError as error:
        logging.getLogger(__name__).warning("formula %r: %s", latex, error, location=node)
        return f"<code>{latex}</code>"


def inline(writer, node):
    """A formula within a line."""
    writer.body.append(translate(node, node.astext(), False))
    raise nodes.SkipNode


def block(writer, node):
    """Formulas of their own, one per paragraph, with their number if they have a label."""
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    name = f' id="{node["ids"][0]}"' if node.get("ids") else ""
    formulas = "".join(translate(node, latex, True) for latex in node.astext().strip().split("\n\n"))
    writer.body.append(f'<div class="displayed-formula"{name}><div>{formulas}</div>{number}</div>\n')
    raise nodes.SkipNode


def setup(app):
    """Register the renderer under the name "mathml"."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
