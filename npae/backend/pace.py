"""All threads or one: what is faster at the moment, by the seconds of recent steps.

Threads that share a product wait for each other at its end. If another program takes a core for some milliseconds, all
wait for the thread that lost it: a step of 1.3 ms by two threads was seen to take 3 to 97 ms beside other programs; by
one thread 1.7 to 4.5 ms. The pieces of a product are the same for both, so the results are, too.

Steps are compared by their mean over a block, since a few long ones are what being disturbed looks like. The first
steps after a change do not count: sleeping threads take milliseconds to wake up. Nor do pauses, in which a formula or a
product was compiled, or the process stopped.
"""

FEWEST, LEAST = 4, 0.03  # steps of a block, and their seconds
UNCOUNTED = 2  # steps after a change
PAUSE, MANY = 0.25, 20  # seconds, and times the seconds of a step, of what is no step but a pause
FIRST, LONGEST = 16, 128  # times the length of a trial: until the next one
LATEST = 10.0  # seconds until the next trial
WORSE = 1.25  # times the best block of this way: something has changed
HOPELESS = 4  # times the seconds of the other way: one such step ends a trial


class Pace:
    """Chooses how many threads take the next step, and learns from each that has ended.

    A way that lost is tried again after a rest, which doubles each time that it loses again, or as soon as the chosen
    way becomes slower than it was.

    Attributes:
        shared: do all threads take the next step, or one?
    """

    def __init__(self) -> None:
        self.shared, self._trial = True, False
        self._seconds: dict[bool, float] = {}  # shared? -> mean seconds of a step, when last seen
        self._steps, self._sum = -UNCOUNTED, 0.0  # of this block
        self._best, self._since = float("inf"), 0.0  # of the chosen way: its best block, seconds since the last trial
        self._rest, self._spent = FIRST, 0.0  # times, seconds of a trial

    def add(self, seconds: float) -> None:
        """Learn that a step has ended.

        Args:
            seconds: how long it took.
        """
        if seconds > max(PAUSE, MANY * self._seconds.get(self.shared, self._other())):
            return
        self._steps += 1
        if self._steps <= 0:
            self._since += seconds
            return
        self._sum += seconds
        if self._steps >= FEWEST and self._sum >= LEAST or self._trial and seconds > HOPELESS * self._other():
            self._end_block(self._sum / self._steps)

    def _other(self) -> float:
        return self._seconds.get(not self.shared, float("inf"))

    def _end_block(self, now: float) -> None:
        self._seconds[self.shared] = now
        lost, spent, self._steps, self._sum = now > self._other(), self._sum, 0, 0.0
        if self._trial:
            self._spent, self._rest = self._since + spent, min(2 * self._rest, LONGEST) if lost else FIRST
            self._choose(self.shared != lost, trial=False)
            return
        changed, self._best, self._since = now > WORSE * self._best, min(now, self._best), self._since + spent
        untried = (not self.shared) not in self._seconds
        if lost or untried or changed or self._since > min(self._rest * self._spent, LATEST):
            self._choose(not self.shared, trial=not lost)

    def _choose(self, shared: bool, trial: bool) -> None:
        if shared != self.shared:
            self._steps = -UNCOUNTED
        self.shared, self._trial, self._best, self._since = shared, trial, float("inf"), 0.0
