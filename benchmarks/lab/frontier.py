"""Sparse autoencoders of hidden states in npae and in PyTorch: the same recipe, over seeds.

    python -m benchmarks.lab.frontier [--seeds 3] [--epochs 10] [--most N] [--out FILE]

384-3072-384, top-k with the auxiliary loss, on $NPAE_DATA/minilm_activations, as in demos/activations.py. Both start
from the same weights and see the same batches, so that they differ by rounding only, which a long training amplifies.
Measured are the unexplained variance and the units that are never active, both on held-out passages, and the tokens per
second of training. Runs that are already in the result file are not repeated, so that an interrupted study can be
continued; --most ends it after so many runs.
"""

import json
import statistics
import sys
import time
from pathlib import Path

from benchmarks.opponents.sparse_pytorch import TorchSparse
from demos import hidden_states
from demos.activations import BATCH, RATE, recipe
from demos.machine import origin
from demos.sparse_data import scaled
from npae import SparseAutoencoder, fit
from npae.backend import CommandParser, as_path, atomic_write, command_line, text_table, versions
from npae.evaluate import fraction_of_variance_unexplained
from npae.layers import TopK

KS, UNITS = (32, 64, 16, 8), 3072  # the most important first


def npae_run(model, k, train, held, seed, epochs):
    """Train npae's model. Returns (x̂, h) of the held-out rows."""
    fit(model, train, epochs=epochs, seed=seed, progress="none", data_init=False, **recipe(epochs))
    return lambda: (model.reconstruct(held), model.encode(held))


def torch_run(model, k, train, held, seed, epochs):
    """Train PyTorch's copy of the model. Returns (x̂, h) of the held-out rows."""
    twin, schedule = TorchSparse(k, 0, model=model), recipe(epochs)["schedule"]
    twin.train(train, epochs, BATCH, lambda t: RATE * schedule.factor(t), seed)
    return lambda: twin.reconstruct(held)


MEASURES = ("unexplained_percent", "active_units", "dead_percent", "tokens_per_second")
CONTENDERS = {"npae": npae_run, "PyTorch": torch_run}


def main(argv=None):
    """Run the missing runs, write the JSON file after each, print the table."""
    parser = CommandParser(prog="python -m benchmarks.lab.frontier", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--most", type=int, help="end after so many runs")
    parser.add_argument("--out", type=as_path, default=Path("runs/benchmarks/frontier.json"), help="the JSON file")
    options = parser.parse_args(argv)
    made = origin("benchmarks.lab.frontier", sys.argv[1:] if argv is None else argv)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        states = hidden_states.read(hidden_states.find())
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    mask = states.held_out()
    train, held = scaled(states.x[~mask], states.x[mask])
    result = {"epochs": options.epochs, "tokens": [len(train), len(held)], "runs": {}}
    if options.out.exists():
        before = json.loads(options.out.read_text(encoding="utf-8"))
        if before["epochs"] == options.epochs:
            result = before
    for name, k, seed in missing(result["runs"], options.seeds)[: options.most]:
        result["runs"].setdefault(f"{name}, k = {k}", {})[str(seed)] = one = measure(
            CONTENDERS[name], k, train, held, seed, options.epochs
        )
        print(f"{name}, k = {k}, seed {seed}", one, flush=True)
        result |= made | {"versions": versions()}
        with atomic_write(options.out) as temporary:
            temporary.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    report(result["runs"])


def missing(runs, seeds):
    """[(contender, k, seed)] of the runs that are not in the file."""
    return [(name, k, seed) for seed in range(seeds) for k in KS for name in CONTENDERS
            if str(seed) not in runs.get(f"{name}, k = {k}", {})]  # fmt: skip


def measure(run, k, train, held, seed, epochs):
    """Train one network: its measures."""
    model = SparseAutoencoder(train.shape[1], UNITS, TopK(k), seed=seed)
    began = time.perf_counter()
    outputs = run(model, k, train, held, seed, epochs)
    seconds = time.perf_counter() - began
    x_hat, h = outputs()
    return {
        "unexplained_percent": round(100 * float(fraction_of_variance_unexplained(held, x_hat)), 4),
        "active_units": round(float((h != 0).sum(axis=1).mean()), 3),
        "dead_percent": round(100 * float((h == 0).all(axis=0).mean()), 3),
        "tokens_per_second": round(epochs * len(train) / seconds),
    }


def report(runs):
    """Print mean and range over the seeds of every network."""
    rows = [("unexplained variance of held-out passages, %", "mean", "best", "worst", "active", "dead, %, worst",
             "tokens/s")]  # fmt: skip
    for name, by_seed in sorted(runs.items(), key=lambda run: (int(run[0].split()[-1]), run[0])):
        values, active, dead, speed = ([one[what] for one in by_seed.values()] for what in MEASURES)
        numbers = [f"{v:.2f}" for v in (statistics.mean(values), min(values), max(values))]
        rows.append((name, *numbers, f"{statistics.mean(active):.1f}", f"{max(dead):.2f}",
                     f"{statistics.median(speed):,.0f}"))  # fmt: skip
    print("\n" + text_table(rows, align="lrrrrrr"))


if __name__ == "__main__":
    with command_line():
        main()
