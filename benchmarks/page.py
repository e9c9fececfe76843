"""The pages of results: benchmarks/results/<part>.md, and the tables of benchmarks/README.md.

    python -m benchmarks --out benchmarks/results && python -m benchmarks.page
    python -m benchmarks --minutes 8 --device gpu --out benchmarks/results && python -m benchmarks.page

The page of a part has the machine, the printed text and the pictures. README.md has pairs of lines such as
`<!-- train_step -->` and `<!-- /train_step -->`: main() replaces what stands between them by overview(result), a
function of the part's module that returns its main tables in Markdown. A part without results is marked as not yet run.
`gpu/train_step` is the same part on a machine with a GPU, whose results are in the subfolder gpu.
"""

import importlib
import json
from pathlib import Path

from benchmarks import __main__ as front
from benchmarks import report
from benchmarks.lab import __main__ as lab
from benchmarks.suite import BUSY
from npae.backend import atomic_write, command_line, fit_text

HERE = Path(__file__).parent
PACKAGES = {
    name: package
    for package, parts in (("benchmarks", front.PARTS), ("benchmarks.lab", lab.PARTS))
    for name, part in parts.items()
    if not part.named
}
GPU = "gpu/"  # before the name of a part: its results with a GPU
TITLES = {name: part.what for name, part in (front.PARTS | lab.PARTS).items()}


def command(part):
    """The command that runs a part and writes its page."""
    name = part.removeprefix(GPU)
    options = f"{'' if part == name else '--minutes 8 --device gpu '}--out benchmarks/results"
    return f"python -m {PACKAGES[name]} {name} {options} && python -m benchmarks.page"


def load(part, results):
    """What the JSON file of a part holds, or None without a file."""
    path = results / f"{part}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def page(part, run, results):
    """The Markdown of the page of one part: title, command, machine, printed text, pictures."""
    machine, config, cpu = run["machine"], run["machine"]["config"], run["machine"]["cpu"]
    packages = [f"{name} {version}" for name, version in machine["packages"].items() if version != "not installed"]
    before, after = (machine[when] if machine[when] == "unknown" else machine[when][0]
                     for when in ("load_before", "load_after"))  # fmt: skip
    busy = " **Other programs were running.**" if before != "unknown" and before > BUSY else ""
    part_of = "" if run.get("complete", True) else ", not complete"
    on = (
        f"{machine['date'][:10]}, commit {machine['commit']}; {cpu['model']}, {cpu['cores']} cores, GPU: "
        f"{config['gpu'].split('.')[0]}; Python {config['python']}, NumPy {config['numpy']} with {config['blas']}, "
        f"CuPy: {config['cupy']}; {', '.join(packages)}. {run['seconds']:.0f} s"
        f"{', --quick' if run['settings']['quick'] else ''}{part_of}; load before and after {before} and {after}.{busy}"
    )
    printed = (results / f"{part}.txt").read_text(encoding="utf-8").strip()
    pictures = [f"![{p.stem}]({p.name})" for p in sorted(results.glob(f"{part}*.png"))]
    title = f"# {part}: {TITLES[part.removeprefix(GPU)]}"
    return "\n\n".join([title, f"    {command(part)}", on, f"```text\n{printed}\n```", *pictures]) + "\n"


def section(part, results):
    """The Markdown of one part for README.md: date and machine, and its main tables."""
    if (run := load(part, results)) is None:
        return f"Not yet run: `{command(part)}`."
    cpu, name = run["machine"]["cpu"], part.removeprefix(GPU)
    gpu = "" if part == name else f"{run['machine']['config']['gpu'].split('.')[0]}; "
    on = f"{run['machine']['date'][:10]}, {gpu}{cpu['model']}, {cpu['cores']} cores; [all of it](results/{part}.md)."
    tables = importlib.import_module(f"{PACKAGES[name]}.{name}").overview(run["result"])
    return f"{on}\n\n{tables}"


def fill(text, results):
    """`text` with every marked section replaced."""
    return report.fill_marked(text, lambda part: section(part, results))


def main(readme=HERE / "README.md", results=HERE / "results"):
    """Write the page of every part that has results, and fill README.md."""
    pages = {readme: fill(readme.read_text(encoding="utf-8"), results)}
    for part in (*PACKAGES, *(GPU + name for name in PACKAGES)):
        if run := load(part, results):
            pages[results / f"{part}.md"] = page(part, run, results)
    for path, text in pages.items():
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(fit_text(f"Written: {', '.join(map(str, pages))}."))


if __name__ == "__main__":
    with command_line():
        main()
