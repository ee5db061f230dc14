"""Store finished runs in a thread of its own while the next ones are trained.

One thread stores for the whole process, in the order in which groups finished: a job
of a sweep may leave its last group to it, and the next job trains meanwhile.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from types import TracebackType
from typing import TypeVar

from seedscope.store.log import StudyLog
from seedscope.trace.trace import Trace

AHEAD = 2  # most groups that wait to be stored: they fill memory, a kill costs them
Made = TypeVar("Made")


class Storing:
    """Groups on their way into a study; leaving it waits until they are stored."""

    def __init__(self, log: StudyLog) -> None:
        self._log = log
        self._begun: deque[Future] = deque()

    def __enter__(self) -> "Storing":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wait(self._begun)
        if error is None:
            self.wait()

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
        self._begun.append(later(lambda: self._log.add(traces)))
        self._collect(AHEAD)

    def _collect(self, most: int) -> None:
        while self._begun and (len(self._begun) > most or self._begun[0].done()):
            self._begun.popleft().result()


def later(do: Callable[[], Made]) -> Future[Made]:
    """Do something when all that was handed over before is stored."""
    return _thread().submit(do)


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)
