"""Short trainings for the smoke test: in ordinary steps, captured, on the CPU; and how they are compared."""

import os
import warnings
from unittest import mock

import numpy as np

from benchmarks.smoke_models import BATCH
from npae.backend import Stream, module_for, synchronize, to_device
from npae.train import DeadUnitWarning, prepare

EPOCHS = 3  # random numbers begin anew with each
OF_J, OF_THETA = 2e-4, 1e-2  # relative errors: of J per epoch, and of θ, where Adam enlarges rounding


class Skip(Exception):
    """The check makes no sense here; the message is the reason."""


class Failure(AssertionError):
    """A check found something wrong."""


def relative(a, b):
    """‖a − b‖ / ‖b‖; NaN if a has one."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(b), np.finfo(np.float32).tiny))


def expect(error, limit, what):
    """The error as text; raises Failure if it is larger than the limit, or NaN."""
    if not error <= limit:
        raise Failure(f"{what}: expected a relative error up to {limit:g}, got {error:.2g}.")
    return f"{what} to {error:.1e}"


def draws(device):
    """(U[0, 1), N(0, 1)), drawn on a device with a fixed seed, on the CPU."""
    stream, like = Stream(), module_for(device).empty((300, 70), np.float32)
    stream.reseed(3)
    return [to_device(a, "cpu").copy() for a in (stream.uniform(like), stream.normal(like))]


def noise_is_shared():
    """Does one seed give the same random numbers on the CPU and on the GPU?"""
    here, there = draws("cpu"), draws("gpu")
    return np.array_equal(here[0], there[0]) and np.allclose(here[1], there[1], atol=1e-5)


class Runs:
    """Short trainings of the kinds of models: the losses of every epoch, and θ at the end."""

    def __init__(self, device):
        self.device, self._done = device, {}

    def train(self, name, kind, device, graph=False, switch=None):
        """(losses, θ on the CPU). An ordinary training is run once and remembered."""
        key = (name, device)
        if graph or key not in self._done:
            trained = self._train(kind, device, graph, switch)
            if graph:
                return trained
            self._done[key] = trained
        return self._done[key]

    def _train(self, kind, device, graph=False, switch=None):
        model = kind.make().to(device)
        with warnings.catch_warnings(), mock.patch.dict(os.environ, {switch: "1"} if switch else {}):
            warnings.filterwarnings("error", "graph=True")  # a step that cannot be captured fails the check
            warnings.simplefilter("ignore", DeadUnitWarning)
            run = prepare(
                model, kind.data, batch_size=BATCH, progress="none", seed=1, graph=graph, data_init=False,
                **kind.settings,
            )  # fmt: skip
            losses = run.run(EPOCHS)["loss"]
        if graph and run.step._graph is None:
            raise Failure("graph=True took ordinary steps.")
        synchronize(device)
        theta = to_device(model.theta.value, "cpu").copy()
        if not (np.isfinite(losses).all() and np.isfinite(theta).all()):
            raise Failure(f"J or θ is not finite: {losses}.")
        return list(losses), theta

    def repeats(self, name, kind):
        """Two trainings with one seed end with the same bits."""
        (first, theta), (again, same) = (self._train(kind, self.device) for _ in range(2))
        if first != again or not np.array_equal(theta, same):
            raise Failure(f"expected the same bits from the same seed, got J {first} and {again}.")
        return _shown(first)

    def equals_the_cpu(self, name, kind):
        """Ordinary steps on the device compute what the CPU computes."""
        ours = self.train(name, kind, self.device)
        if kind.noisy and not noise_is_shared():
            return f"{_shown(ours[0])}; not compared, since its noise is not that of the CPU"
        return self._compare(ours, self.train(name, kind, "cpu"))

    def equals_when_captured(self, name, kind):
        """Steps launched as a CUDA graph compute what ordinary steps compute."""
        return self._compare(self.train(name, kind, self.device, graph=True), self.train(name, kind, self.device))

    def equals_with(self, switch, name, kind):
        """Captured steps with an experimental switch, such as NPAE_FORK=1, compute what ordinary steps compute."""
        ours = self.train(name, kind, self.device, graph=True, switch=switch)
        return self._compare(ours, self.train(name, kind, self.device))

    def _compare(self, ours, theirs):
        found = [
            expect(relative(ours[0], theirs[0]), OF_J, "J"),
            expect(relative(ours[1], theirs[1]), OF_THETA, "θ"),
        ]
        return f"{_shown(ours[0])}; {', '.join(found)}"


def _shown(losses):
    return f"J {', '.join(f'{loss:.4f}' for loss in losses)}"
