"""Two training recipes for a deep autoencoder, over many seeds: collapse and dead units.

    python -m benchmarks.lab.seeds [--seeds 10] [--first 0] [--epochs 20] [--out FILE]

784-256-128-64-32-16-8-4 and its mirror image, cross-entropy, Adam at 10⁻³, batch 32, on all 60,000 digits. The study
compares *recipes*, not frameworks: PyTorch's defaults (its default initial weights, a constant learning rate) with
npae's recipe of demos/deep.py (data-dependent initialisation, a cosine schedule, for ReLU after one epoch of warm-up).
Either recipe could be written in either framework. Measured are the cross-entropy per pixel on the 10,000 test digits
after the last epoch, the number of dead code units among four (constant over the test digits), and the number of runs
that collapsed to the mean digit. Runs that are already in the result file are not repeated, so that an interrupted
study can be continued.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.workloads import DEEP
from demos.machine import origin
from npae import dense_autoencoder, fit, mnist
from npae.backend import CommandParser, as_path, atomic_write, command_line, text_table, versions
from npae.layers import ELU, ReLU
from npae.models import data_dependent_init
from npae.optim import Adam, Cosine, WarmUp

COLLAPSED = 0.25  # nats per pixel; the mean digit has 0.2625


def npae_run(activation, mean, warm_up):
    """A contender: (train, test, seed, epochs) -> (cross-entropy per pixel, codes of the test digits)."""

    def run(train, test, seed, epochs):
        model = data_dependent_init(dense_autoencoder(DEEP, activation, activation, seed=seed), train[:1000], mean=mean)
        schedule = WarmUp(1, Cosine(max(1, epochs - 1))) if warm_up else Cosine(epochs)
        fit(model, train, epochs=epochs, batch_size=32, optimizer=Adam(1e-3), schedule=schedule, seed=seed,
            progress="none")  # fmt: skip
        return model.evaluate(test)["reconstruction"] / 784, model.encode(test)

    return run


def torch_run(train, test, seed, epochs):
    """The same in PyTorch, as in its tutorials: nn.Sequential, default initial weights, Adam, a constant rate."""
    import torch

    torch.manual_seed(seed)
    sizes = DEEP + DEEP[-2::-1]
    layers = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    network, code_end = torch.nn.Sequential(*layers[:-1]), 2 * (len(DEEP) - 1)
    optimizer, loss = torch.optim.Adam(network.parameters()), torch.nn.BCEWithLogitsLoss()
    images = torch.from_numpy(train).float() / 255
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(32):
            optimizer.zero_grad()
            x = images[rows]
            loss(network(x), x).backward()
            optimizer.step()
    with torch.no_grad():
        x = torch.from_numpy(test).float() / 255
        return float(loss(network(x), x)), network[:code_end](x).numpy()


CONTENDERS = {
    "PyTorch's defaults, ReLU": torch_run,
    "data-dependent init, warm-up, cosine, ReLU": npae_run(ReLU, mean=2.0, warm_up=True),
    "data-dependent init, cosine, ELU": npae_run(ELU, mean=0.0, warm_up=False),
}


def main(argv=None):
    """Run the missing runs, write the JSON file after each, print the table."""
    parser = CommandParser(prog="python -m benchmarks.lab.seeds", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=as_path, default=Path("runs/benchmarks/seeds.json"), help="the JSON file")
    options = parser.parse_args(argv)
    made = origin("benchmarks.lab.seeds", sys.argv[1:] if argv is None else argv)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    data = mnist(which="full")
    train, test = data.train_images.reshape(-1, 784), data.test_images.reshape(-1, 784)
    result = {"epochs": options.epochs, "runs": {name: {} for name in CONTENDERS}}
    if options.out.exists():
        before = json.loads(options.out.read_text(encoding="utf-8"))
        if before["epochs"] == options.epochs:
            result = before
    for seed in range(options.first, options.first + options.seeds):
        for name, run in CONTENDERS.items():
            if str(seed) in result["runs"].setdefault(name, {}):
                continue
            began = time.perf_counter()
            cross_entropy, codes = run(train, test, seed, options.epochs)
            result["runs"][name][str(seed)] = one = {
                "test_cross_entropy_nats_per_pixel": round(cross_entropy, 5),
                "dead_code_units": int((np.ptp(codes, axis=0) == 0).sum()),
                "seconds": round(time.perf_counter() - began, 1),
            }
            print(name, "seed", seed, one, flush=True)
            result |= made | {"versions": versions()}
            with atomic_write(options.out) as temporary:
                temporary.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    report(result["runs"])


def report(runs):
    """Print median, range, dead units and collapses of every recipe."""
    rows = [("recipe; test nats per pixel", "median", "best", "worst", "runs with dead units", "collapsed")]
    for name, by_seed in runs.items():
        values = [one["test_cross_entropy_nats_per_pixel"] for one in by_seed.values()]
        dead = sum(one["dead_code_units"] > 0 for one in by_seed.values())
        collapsed = sum(v > COLLAPSED for v in values)
        numbers = [f"{v:.4f}" for v in (statistics.median(values), min(values), max(values))]
        rows.append((name, *numbers, f"{dead} of {len(values)}", collapsed))
    print("\n" + text_table(rows, align="lrrrrr"))


if __name__ == "__main__":
    with command_line():
        main()
