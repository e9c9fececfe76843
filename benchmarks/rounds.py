"""Rounds of turns, each in fresh processes, and one beside another program that keeps a core half busy.

Where a process has its arrays, and on which cores its threads run, is worth some per cent for as long as it lives. So
each contender is made in several processes, one after the other, and the turns of all of them count. What comes after
them shows how a step fares on a computer that is used for something else, too.
"""

import math
import multiprocessing
import time
from contextlib import ExitStack, contextmanager, nullcontext
from typing import NamedTuple

from benchmarks import report
from benchmarks.alternate import FEWEST, NotMeasured, measure
from benchmarks.comparison import compare, show
from benchmarks.contender import Contender, Workers
from benchmarks.opponents import roster
from benchmarks.same_step import validate
from benchmarks.settings import NO_TIME

ROUNDS = 3
BESIDE = 3  # turns beside the other program
BUSY, IDLE = 0.02, 0.02  # seconds for which it computes and sleeps, alternately


class Effort(NamedTuple):
    """The number of turns per contender, the seconds of steps per turn, and the seconds of warm-up."""

    turns: int
    seconds: float
    warm_up: float


QUICK, FULL, FULL_GPU = Effort(3, 0.05, 0.2), Effort(9, 0.2, 0.5), Effort(9, 0.05, 0.5)
SHORT = Effort(7, 0.12, 0.3)  # with --minutes
RESERVE = 5  # times the seconds of the fewest turns that must be left when contenders have been made


def effort_of(group, settings):
    """The Effort of a group."""
    effort = FULL_GPU if group.device == "gpu" else FULL
    effort = QUICK if settings.quick else SHORT if settings.short else effort
    return effort._replace(turns=min(effort.turns, group.most_turns))


def time_group(group, settings, workers, result):
    """Validate and time a group, print its tables, and add it to the result: {"title", "effort", "workloads"}.

    The result is saved after every workload. A run that is quick, short or on a GPU has one round, in the processes of
    `workers`, and no turns beside another program.
    """
    effort, entries = effort_of(group, settings), {}
    for name, entry in group.entries.items():
        if reason := roster.why_not(entry, settings.quick or settings.short):
            result["not_measured"][f"{group.title}: {name}"] = reason
        else:
            entries[name] = entry
    result["groups"][group.name] = {"title": group.title, "effort": effort._asdict(), "workloads": {}}
    rounds = 1 if settings.quick or settings.short or group.device == "gpu" else ROUNDS
    timing = Timing(group, settings, effort._replace(turns=max(FEWEST, math.ceil(effort.turns / rounds))), result)
    for k in range(1, rounds + 1):
        with nullcontext(workers) if rounds == 1 else Workers(settings) as of_round, ExitStack() as stack:
            contenders = {n: Contender(entry.kind, of_round.of(entry.kind.package)) for n, entry in entries.items()}
            for contender in contenders.values():
                stack.callback(contender.close)
            timing.take_round(contenders, of_round, last=k == rounds, beside=k == rounds > 1)


class Timing:
    """The rounds of a group. taken: {workload: [what measure() returned, one per round]}."""

    def __init__(self, group, settings, effort, result):
        self.group, self.settings, self.effort, self.result, self.taken = group, settings, effort, result, {}

    def take_round(self, contenders, workers, last, beside):
        """Time every workload. last: print its table. beside: take turns beside another program, too."""
        chosen = self.group.chosen(self.settings) if contenders else {}
        for workload, sizes_and_batch in self.settings.in_time(chosen.items(), self._leave_out):
            report.progress(f"{self.group.title}: {workload}")
            failed = {}
            turns = self._turns(contenders, workers, sizes_and_batch, failed)
            disturbed = self._beside(contenders, turns, failed) if beside else {}
            for name, reason in failed.items():
                self.result["not_measured"][f"{self.group.title}, {workload}: {name}"] = reason
            self.taken.setdefault(workload, []).append(turns)
            if all(self.group.ours[0] in one for one in self.taken[workload]):
                numbers = compare(self.group, workload, self.taken[workload], disturbed)
                self.result["groups"][self.group.name]["workloads"][workload] = numbers
                if last:
                    show(self.group, workload, numbers)
            self.settings.save(self.result)

    def _leave_out(self, item):
        self.result["not_measured"][f"{self.group.title}, {item[0]}"] = NO_TIME

    def _turns(self, contenders, workers, sizes_and_batch, failed):
        """{contender: [Turn, …]} of the contenders that take the same step."""
        effort, deadline = self.effort, self.settings.deadline
        workers.end_by(deadline - RESERVE * FEWEST * effort.seconds * len(contenders))
        ready = prepared(self.group, contenders, sizes_and_batch, effort, failed)
        workers.end_by(deadline)
        if self.group.ours[0] in failed and not self.settings.short:
            raise NotMeasured(failed[self.group.ours[0]])
        return measure(ready, effort.turns, effort.seconds, deadline, failed)

    def _beside(self, contenders, turns, failed):
        """{contender: [Turn, …]} beside another program."""
        with another_program():
            return measure({n: contenders[n] for n in turns}, BESIDE, self.effort.seconds, failed=failed)


@contextmanager
def another_program():
    """While the block runs, another process keeps a core half busy."""
    process = multiprocessing.get_context("spawn").Process(target=_compute_and_sleep, name="beside", daemon=True)
    process.start()
    try:
        time.sleep(1.0)  # it starts meanwhile
        yield
    finally:
        process.kill()
        process.join()


def _compute_and_sleep():
    """Keep a core half busy until the process that started this one ends, however it ends."""
    while multiprocessing.parent_process().is_alive():
        end = time.perf_counter() + BUSY
        while time.perf_counter() < end:
            pass
        time.sleep(IDLE)


def prepared(group, contenders, sizes_and_batch, effort, failed):
    """The contenders that take the same step as npae, warm. The reasons of the others are added to `failed`.

    If the failure of one has ended the process of others, these are made once more.
    """
    ready, reference = {}, group.ours[0]
    for again in (False, True):
        for name, contender in contenders.items():
            if name in failed or (again and not contender.lost):
                continue
            try:
                contender.make(*sizes_and_batch, **group.entries[name].options)
                if reference in ready:
                    validate(contender.first, ready[reference].first, group.slack)
                contender.warm_up(effort.warm_up)
            except NotMeasured as reason:
                failed[name] = str(reason)
                ready.pop(name, None)
                if name == reference:
                    return {}
            else:
                ready[name] = contender
    return ready
