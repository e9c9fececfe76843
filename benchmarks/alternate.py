"""Timing two programs fairly on a noisy machine: alternately, each in a process of its own.

A process for each contender keeps their thread pools apart; a contender that waits for its turn is blocked on a pipe
and takes no core. The contenders take turns many times, so that a slow minute of the machine meets all of them alike,
and what is reported is the median of the ratios turn by turn.
"""

import multiprocessing
import statistics
import time


def _serve(connection, make, args):
    step = make(*args)
    if hasattr(step, "first_step"):
        connection.send(step.first_step())
    else:
        step()
        connection.send(None)
    while (count := connection.recv()) is not None:
        began = time.perf_counter()
        for _ in range(count):
            step()
        connection.send((time.perf_counter() - began) / count)


class Contender:
    """A step, made by make(*args) in a process of its own."""

    def __init__(self, make, args):
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, make, args), daemon=True)
        self._process.start()
        there.close()
        self.first = self._pipe.recv()  # what its first_step returned

    def seconds(self, count):
        """Mean seconds a step, over `count` steps taken now."""
        self._pipe.send(count)
        return self._pipe.recv()

    def close(self):
        """End the process."""
        self._pipe.send(None)
        self._process.join()


def measure(contenders, count, turns):
    """{name: [seconds a step, one for each turn]} for {name: Contender}, after one turn of warming up."""
    for contender in contenders.values():
        contender.seconds(count)
    times = {name: [] for name in contenders}
    for turn in range(turns):
        order = list(contenders)[:: 1 if turn % 2 else -1]  # nobody always comes second
        for name in order:
            times[name].append(contenders[name].seconds(count))
    return times


def summary(times):
    """(median, lower quartile, upper quartile) of a list of seconds."""
    low, _, high = statistics.quantiles(times, n=4)
    return statistics.median(times), low, high
