"""The list of the demos.  python -m demos"""

import ast
from pathlib import Path

from npae.backend import command_line, fit_text

HERE = Path(__file__).parent
TEXT = """
Run one with `python -m demos.NAME`. Options of all but the pages of from_scratch: --quick (2 to 20 seconds, on a part
of the digits), --full (all 60,000 digits), --out FOLDER (default: runs/NAME), --help (the rest, and what to expect).
Pictures, models and numbers go to that folder.
"""


def names():
    """The names of the demos, such as "deep" and "from_scratch.autoencoder": the files that can be run."""
    files = [*sorted(HERE.glob("*.py")), *sorted(HERE.glob("from_scratch/*.py"))]
    return [".".join(file.relative_to(HERE).with_suffix("").parts) for file in files
            if file != Path(__file__) and 'if __name__ == "__main__"' in file.read_text(encoding="utf-8")]  # fmt: skip


def title(name):
    """The first line of a demo's docstring."""
    source = (HERE / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)).splitlines()[0]


def main():
    """Print the demos, one per row."""
    lines = [f"  {name:26}  {title(name)}" for name in names()]
    print(fit_text("\n".join(["Demos:", "", *lines]) + "\n" + TEXT), end="")


if __name__ == "__main__":
    with command_line():
        main()
