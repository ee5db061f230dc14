"""Share a study among processes and hosts: who trains what, written in MLflow itself.

Each process that works on a study has a *lease*: an MLflow run that is RUNNING, beats
(a tag that changes every few seconds) and names what the process holds. MLflow has no
compare-and-set, so to take something is to write it down first and to look again: who
then sees another live lease that holds it withdraws and tries again after a while of
random length. Two may both withdraw; two can never both stay.

A lease has expired when its beat did not change while this process itself looked on
for WINDOW seconds, by its own clock: clocks of other hosts say nothing, and neither do
process ids, but of the same boot and the same PID namespace, where they say for sure
whether a process is there. Expired leases are deleted and what they held is free again;
a live one is never touched.
"""

import os
import platform
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from mlflow.entities import Run as Logged
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from seedscope.store.patience import at_once
from seedscope.store.store import Store, quoted, search

BEAT = 10.0  # seconds between two beats
WINDOW = 60.0  # seconds without a beat after which a lease of another host has expired
BLIND = 2.5  # beats that may pass between two looks that count as looking on
BACK_OFF = 0.5  # seconds, at most, before something is tried again; doubles
MOST = 8000  # characters that a tag takes in every store

ROLE, STUDY, HOLDS, HEART, OWNER, HOST = (
    f"seedscope.{name}" for name in ("role", "study", "holds", "beat", "owner", "host")
)
_leaving: set[str] = set()  # leases of this process that take nothing any more
Choice = Callable[[frozenset[str]], Sequence[str]]  # what others hold -> what to take


class Lease:
    """What this process holds of a study, kept alive until it is closed."""

    def __init__(self, store: Store, study: str) -> None:
        self._store = store
        self._study = study
        self._seen: dict[str, tuple[str, float]] = {}  # lease -> beat, since when
        self._looked = time.monotonic()
        self._known: set[str] = set()  # every lease that was ever seen, its own too
        self._holds: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.id = self._register()
        self.company = bool(self._look(store.client))  # since this was set to False
        self._thread = threading.Thread(target=self._keep_beating, daemon=True)
        self._thread.start()

    def take(self, choose: Choice) -> list[str]:
        """Hold what `choose` picks, in place of what was held before.

        Args:
            choose: is given what others hold, and returns what to take of the rest;
                nothing ends the attempt.
        """
        pause = BACK_OFF
        while True:
            wanted = list(choose(self.held_by_others()))
            if not wanted and not self._holds:
                return wanted
            self._write(wanted)
            if not set(wanted) & self.held_by_others():
                return wanted
            self._write(())
            time.sleep(random.uniform(0, pause))
            pause = min(2 * pause, 32 * BACK_OFF)

    @contextmanager
    def alone(self, thing: str) -> Iterator[None]:
        """Hold one thing that only one process may do at a time; wait for it."""
        while not self.take(lambda held: [] if thing in held else [thing]):
            time.sleep(random.uniform(0, BACK_OFF))
        try:
            yield
        finally:
            self._write(())

    def held_by_others(self) -> frozenset[str]:
        """Return what other live leases hold; expired ones are deleted."""
        held: set[str] = set()
        for lease in self._look(self._store.client):
            if self._expired(lease):
                with suppress(MlflowException):  # another process may be quicker
                    self._store.client.delete_run(lease.info.run_id)
            else:
                held |= set(lease.data.tags.get(HOLDS, "").split())
        return frozenset(held)

    def others(self, client: MlflowClient | None = None) -> set[str]:
        """Return the other live leases of the study."""
        found = self._look(client or self._store.client)
        return {run.info.run_id for run in found if not self._expired(run)}

    def stands(self) -> bool:
        """Tell whether nobody took this lease for expired."""
        run = self._store.client.get_run(self.id)
        return run.info.lifecycle_stage == "active"

    def renew(self) -> None:
        """Begin anew, holding nothing, where another process took this for expired."""
        with self._lock:
            self.id = self._register()

    def leave(self) -> None:
        """Take nothing any more: what it holds is being stored, till it is closed.

        The next lease of this process need not look out for what this one takes.
        """
        _leaving.add(self.id)

    def close(self) -> None:
        """Give everything back."""
        self._ended.set()
        self._thread.join(timeout=2 * BEAT)
        with suppress(MlflowException):
            at_once(self._store.client).delete_run(self.id)

    def _register(self) -> str:
        tags = {
            ROLE: "lease",
            STUDY: self._study,
            HEART: uuid4().hex,
            HOLDS: "",
            OWNER: _owner(),
            HOST: platform.node(),
        }
        made = self._store.client.create_run(
            self._store.experiment.experiment_id,
            tags=tags,
            run_name=f"{self._study}: trained on {platform.node()}",
        )
        self._holds = ()
        self._known.add(made.info.run_id)
        return made.info.run_id

    def _write(self, held: Sequence[str]) -> None:
        if not self.stands():
            self.renew()
        self._store.client.set_tag(self.id, HOLDS, " ".join(held))
        self._holds = tuple(held)

    def _keep_beating(self) -> None:
        client = at_once(self._store.client)
        while not self._ended.wait(BEAT):
            with suppress(Exception):  # the store is away, or the lease was taken over
                client.set_tag(self.id, HEART, uuid4().hex)
                self._look(client)

    def _look(self, client: MlflowClient) -> list[Logged]:
        """Return the other leases of the study, and remember how they beat."""
        condition = (
            f"tags.`{ROLE}` = 'lease' and tags.`{STUDY}` = {quoted(self._study)}"
        )
        found = search(self._store, condition, ViewType.ALL, client)
        others = [
            run
            for run in found
            if run.info.run_id != self.id and run.info.lifecycle_stage == "active"
        ]
        ids = {run.info.run_id for run in found}
        with self._lock:
            now = time.monotonic()
            if (
                now - self._looked > BLIND * BEAT
            ):  # nothing is known of the time between
                self._seen = {}
            self._looked = now
            before, self._seen = self._seen, {}
            for run in others:
                beat = run.data.tags.get(HEART, "")
                last = before.get(run.info.run_id)
                known = last is not None and last[0] == beat
                self._seen[run.info.run_id] = last if last and known else (beat, now)
            # One that came and went counts too, and one that ended since the last look.
            seen = {run.info.run_id for run in others} | set(before) | ids - self._known
            if seen - _leaving:
                self.company = True
            self._known |= ids
        return others

    def _expired(self, lease: Logged) -> bool:
        alive = _is_alive(lease.data.tags.get(OWNER, ""))
        if lease.info.status != "RUNNING" or alive is not None:
            return not alive
        _, since = self._seen.get(lease.info.run_id, ("", self._looked))
        return self._looked - since > WINDOW


# ---- processes of which more is known than how they beat -----------------------------


def _owner() -> str:
    """Return which boot, PID namespace and process this is; empty where unknown."""
    place, started = _place(), _started(os.getpid())
    return f"{place} {os.getpid()} {started}" if place and started else ""


def _is_alive(owner: str) -> bool | None:
    """Tell whether a process is there; None where that cannot be known from here."""
    start, _, started = owner.rpartition(" ")
    place, _, process = start.rpartition(" ")
    if not place or place != _place() or not process.isdigit():
        return None
    return _started(int(process)) == started


def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _started(process: int) -> str:
    """Return when a process started, in ticks since the boot; empty if it is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
