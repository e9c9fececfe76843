"""How long does a training step take, beside PyTorch's?  python -m benchmarks.train_step [--quick] [--out FILE]

Validates first (from the same weights: the same J, the same ∂J/∂θ, the same Σ|θ| after the step, to 1e-5), then times
npae, PyTorch eager and NumPy's bare matrix products alternately. Without PyTorch it times the other two and says so.
"""

import argparse
import importlib.util
import json
from pathlib import Path

import numpy as np

from benchmarks.alternate import Contender, measure, summary
from benchmarks.workloads import STEPS, WORKLOADS
from npae.config import config
from npae.files import replacing


def main(argv=None):
    """Run, print the table, write the JSON. Returns what the JSON holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_step", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few turns, in half a minute: noisier")
    parser.add_argument("--turns", type=int, help="how often each contender has its turn (default 15, with --quick 5)")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/train_step.json"), help="the JSON file")
    options = parser.parse_args(argv)
    turns = options.turns or (5 if options.quick else 15)
    if turns < 2:
        parser.error(f"--turns: expected at least 2, to have a spread, got {turns}.")
    names = [n for n in STEPS if n != "PyTorch" or importlib.util.find_spec("torch")]
    if "PyTorch" not in names:
        print("PyTorch is not installed: nothing to compare with (pip install torch).")

    results = {}
    print(f"{'milliseconds a step, median':32}" + "".join(f"{n:>17}" for n in names) + "   PyTorch / npae")
    for workload, (sizes, batch, count) in WORKLOADS.items():
        contenders = {name: Contender(STEPS[name], (sizes, batch)) for name in names}
        validate(workload, contenders)
        times = measure(contenders, max(1, count // 3) if options.quick else count, turns)
        for contender in contenders.values():
            contender.close()
        results[workload] = report(workload, times)

    result = {"turns": turns, "unit": "seconds a step: median, lower and upper quartile", "steps": results}
    result["versions"] = config() | ({"torch": torch_version()} if "PyTorch" in names else {})
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(options.out) as temporary:
        temporary.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"Written to {options.out}.")
    return result


def validate(workload, contenders):
    """Raise SystemExit unless npae and PyTorch came to the same J and θ from the same start."""
    if "PyTorch" not in contenders:
        return
    pairs = zip(("J", "∂J/∂θ", "Σ|θ|"), contenders["npae"].first, contenders["PyTorch"].first, strict=True)
    for what, ours, theirs in pairs:
        error = np.linalg.norm(np.subtract(ours, theirs)) / np.linalg.norm(theirs)
        if not error <= 1e-5:
            raise SystemExit(f"{workload}: {what} differs from PyTorch's by {error:.2g}: not the same step.")


def report(workload, times):
    """Print the workload's line; return {name: [median, low, high], "ratio": …, "ratio_quartiles": …}."""
    numbers = {name: summary(t) for name, t in times.items()}
    line = f"{workload:32}" + "".join(f"{m * 1e3:8.2f} ±{(h - low) / 2 * 1e3:5.2f}  " for m, low, h in numbers.values())
    result = {name: [round(v, 7) for v in three] for name, three in numbers.items()}
    if "PyTorch" in numbers:
        ratios = [theirs / ours for theirs, ours in zip(times["PyTorch"], times["npae"], strict=True)]
        middle, low, high = summary(ratios)
        result |= {"ratio": round(middle, 3), "ratio_quartiles": [round(low, 3), round(high, 3)]}
        line += f"  {middle:5.2f}  ({low:.2f} to {high:.2f})"
    print(line, flush=True)
    return result


def torch_version():
    """PyTorch's version and threads, as text."""
    import torch

    return f"{torch.__version__}, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
