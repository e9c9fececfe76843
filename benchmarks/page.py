"""Puts the results of a real run into benchmarks/README.md: tables as they were printed, machine, pictures.

    python -m benchmarks --out benchmarks/results && python -m benchmarks.page

The page has a pair of lines `<!-- train_step -->` and `<!-- /train_step -->` for each part; what stands between them is
written anew from the part's JSON, text and pictures in benchmarks/results. A part without results says so.
"""

import json
import re
from pathlib import Path

from npae.backend import atomic_write

HERE = Path(__file__).parent


def section(part, results):
    """The Markdown of one part: when and on what it ran, what it printed, its pictures."""
    told, printed = results / f"{part}.json", results / f"{part}.txt"
    if not (told.exists() and printed.exists()):
        return f"Not yet run: `python -m benchmarks {part} --out benchmarks/results && python -m benchmarks.page`."
    run = json.loads(told.read_text(encoding="utf-8"))
    machine, config, cpu = run["machine"], run["machine"]["config"], run["machine"]["cpu"]
    packages = [f"{name} {version}" for name, version in machine["packages"].items() if version != "not installed"]
    before, after = machine["load_before"][0], machine["load_after"][0]
    on = (
        f"{machine['date'][:10]}, commit {machine['commit']}; {cpu['model']}, {cpu['cores']} cores, GPU: "
        f"{config['gpu'].split('.')[0]}; Python {config['python']}, NumPy {config['numpy']} with {config['blas']}, "
        f"CuPy: {config['cupy']}; {', '.join(packages)}. {run['seconds']:.0f} s"
        f"{', --quick' if run['settings']['quick'] else ''}; load before and after {before} and {after}."
    )
    pictures = [f"![{p.stem}](results/{p.name})" for p in sorted(results.glob(f"{part}*.png"))]
    return "\n\n".join([on, f"```text\n{printed.read_text(encoding='utf-8').strip()}\n```", *pictures])


def fill(text, results):
    """`text` with every marked section written anew."""

    def replace(match):
        part = match[1]
        return f"<!-- {part} -->\n\n{section(part, results)}\n\n<!-- /{part} -->"

    return re.sub(r"<!-- (\w+) -->.*?<!-- /\1 -->", replace, text, flags=re.DOTALL)


def main(page=HERE / "README.md", results=HERE / "results"):
    """Fill the page from the results."""
    text = fill(page.read_text(encoding="utf-8"), results)
    with atomic_write(page) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"Written: {page}.")


if __name__ == "__main__":
    main()
