"""Docstrings as reStructuredText: prose, formulas with their columns, and the sections Args, Attributes and Example.

A docstring of npae is plain text. Lines that begin at the margin are prose, with `code`, *emphasis* and **headings**.
Blocks of lines indented by four are formulas: each becomes a literal block, so that its columns stay. The sections are
left to sphinx.ext.napoleon.
"""

import re

HEADS = ("Args:", "Attributes:", "Example:")
MARKED = re.compile(r"(`[^`]+`|\*\*[^*]+\*\*|(?<![\w*])\*[^\s*][^*]*\*(?![\w*]))")


def prose(text):
    """A paragraph with its marks as in reStructuredText, and every other special character escaped."""
    parts = MARKED.split(text)
    parts[::2] = [re.sub(r"([\\*|_`])", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [f"`{part}`" if part[0] == "`" else part for part in parts[1::2]]
    return "".join(parts)


def blocks(lines):
    """[(is a formula, lines)]: a formula is indented by four or more, and begins after an empty line."""
    found, after_empty = [], True
    for line in lines:
        indented = line.startswith("    ")
        formula = indented and (after_empty or bool(found) and found[-1][0])
        if not line.strip():
            if found:
                found[-1][1].append("")
        elif found and found[-1][0] == formula:
            found[-1][1].append(line)
        else:
            found.append((formula, [line]))
        after_empty = not line.strip()
    return found


def body(lines):
    """The lines outside of the sections, as reStructuredText. A list, and a heading, are paragraphs of their own."""
    out = []
    for formula, block in blocks(lines):
        if formula:
            out += ["", ".. code-block:: none", "", *block, ""]
            continue
        before = ""
        for line in prose("\n".join(block)).split("\n"):
            bullet, inside = line.startswith("- "), before.startswith(("- ", "  "))
            if line and before and (bullet != inside if bullet or not line.startswith("  ") else not inside):
                out.append("")
            out.append(line if inside or bullet or not line.startswith("  ") else line.strip())
            before = out[-1]
    return out


def to_rst(text):
    """A docstring, without its indentation, as lines of reStructuredText."""
    parts, head = [(None, [])], None
    for line in text.splitlines():
        if line in HEADS:
            head = line
            parts.append((head, []))
        elif head and line and not line.startswith(" "):
            head = None
            parts.append((None, []))
        parts[-1][1].append(line)
    out = []
    for head, lines in parts:
        if head == "Example:":
            out += lines
        else:
            out += body(lines) if head is None else [lines[0], *prose("\n".join(lines[1:])).split("\n")]
        out.append("")
    return out


def process(app, what, name, thing, options, lines):
    """The handler of autodoc-process-docstring, before that of napoleon."""
    inherited = what == "data" and getattr(thing, "__doc__", None) == type(thing).__doc__  # that of dict, say
    lines[:] = [] if inherited else to_rst("\n".join(lines))
