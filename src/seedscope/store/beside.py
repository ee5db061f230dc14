"""Store finished runs in a thread of its own while the next ones are trained."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from seedscope.store.log import StudyLog
from seedscope.trace.trace import Trace

AHEAD = 2  # most groups that wait to be stored: they fill memory, a kill costs them
Made = TypeVar("Made")


class Storing:
    """Groups on their way into a study."""

    def __init__(self, log: StudyLog, thread: ThreadPoolExecutor) -> None:
        self._log = log
        self._thread = thread
        self.begun: deque[Future] = deque()

    def wait(self) -> None:
        """Wait until all is stored.

        Raises:
            ValueError: the store did not take a group.
        """
        self._collect(0)

    def add(self, traces: Sequence[Trace]) -> None:
        """Hand over a finished group; wait where too many are on their way.

        Raises:
            ValueError: the store did not take an earlier group.
        """
        self._log.expect(traces)
        self.begun.append(self.later(lambda: self._log.add(traces)))
        self._collect(AHEAD)

    def later(self, do: Callable[[], Made]) -> Future[Made]:
        """Do something when all that was handed over before is stored."""
        return self._thread.submit(do)

    def _collect(self, most: int) -> None:
        while self.begun and (len(self.begun) > most or self.begun[0].done()):
            self.begun.popleft().result()


@contextmanager
def storing(log: StudyLog) -> Iterator[Storing]:
    """Store groups in a study; leaving waits until they are, whatever happened.

    Raises:
        ValueError: the store did not take a group, and nothing else was raised.
    """
    with ThreadPoolExecutor(1) as thread:
        made = Storing(log, thread)
        try:
            yield made
        finally:
            wait(made.begun)
        made.wait()
