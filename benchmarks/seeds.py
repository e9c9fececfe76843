"""Collapse and dead units, over many seeds: the demo's deep network in npae and in PyTorch.

    python -m benchmarks.seeds [--seeds 10] [--first 0] [--epochs 20] [--out FILE]

784-256-128-64-32-16-8-4 mirrored, cross-entropy, Adam at 10⁻³, batch 32, on all 60,000 digits. PyTorch as its tutorials
have it: its own first weights, a constant learning rate. npae: first weights calibrated on data, and a rate that falls
along a cosine (for ReLU after one epoch of warm-up). What counts is the cross-entropy a pixel on the 10,000 test digits
after the last epoch, how many of the four code units are dead (constant over the test digits), and whether a run
collapsed to the mean digit. Runs that the result file already holds are not repeated, so an interrupted benchmark goes
on where it was.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.workloads import DEEP
from npae import dense_autoencoder, fit, mnist
from npae.backend import atomic_write, versions
from npae.layers import ELU, ReLU
from npae.models import data_dependent_init
from npae.optim import Adam, Cosine, WarmUp

COLLAPSED = 0.25  # nats a pixel; the mean digit has 0.2625


def npae_run(activation, mean, warm_up):
    """A contender: (train, test, seed, epochs) -> (cross-entropy a pixel, codes of the test digits)."""

    def run(train, test, seed, epochs):
        model = data_dependent_init(dense_autoencoder(DEEP, activation, seed=seed), train[:1000], mean=mean)
        schedule = WarmUp(1, Cosine(max(1, epochs - 1))) if warm_up else Cosine(epochs)
        fit(model, train, epochs=epochs, batch_size=32, optimizer=Adam(1e-3), schedule=schedule, seed=seed,
            progress="none")  # fmt: skip
        return model.evaluate(test)["reconstruction"] / 784, model.encode(test)

    return run


def torch_run(train, test, seed, epochs):
    """The same for PyTorch, written as its tutorials are: nn.Sequential, its default first weights, its Adam."""
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
    "PyTorch, ReLU": torch_run,
    "npae, ReLU (demos.deep)": npae_run(ReLU, mean=2.0, warm_up=True),
    "npae, ELU": npae_run(ELU, mean=0.0, warm_up=False),
}


def main(argv=None):
    """Run what is missing, print the table, write the JSON after every run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seeds", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/seeds.json"), help="the JSON file")
    options = parser.parse_args(argv)
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
            result["versions"] = versions()
            with atomic_write(options.out) as temporary:
                temporary.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    report(result["runs"])


def report(runs):
    """Print median, range, dead units and collapses of every contender."""
    print(f"\n{'nats a pixel, test':36}{'median':>8}{'best':>8}{'worst':>8}   runs with dead units   collapsed")
    for name, by_seed in runs.items():
        values = [one["test_cross_entropy_nats_per_pixel"] for one in by_seed.values()]
        dead = sum(one["dead_code_units"] > 0 for one in by_seed.values())
        collapsed = sum(v > COLLAPSED for v in values)
        print(f"{name:36}{statistics.median(values):8.4f}{min(values):8.4f}{max(values):8.4f}"
              f"{dead:12} of {len(values)}{collapsed:15}")  # fmt: skip


if __name__ == "__main__":
    main()
