"""The launcher `ray`: shares of runs as tasks of a Ray cluster, here or elsewhere.

A run is keyed by its own seeds, so it is the same bits in any worker on machines of one
type. Where a worker or its node dies, Ray starts the task again elsewhere; what a task
returns is stored by the parent at once, since it dies with the node that made it.
"""

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

try:
    import ray
    from ray import exceptions
except ImportError as error:
    raise ValueError(
        "launcher=ray needs Ray: pip install 'seedscope[ray]', or launcher=here"
    ) from error

from seedscope.study.words import Engine, Launcher, Run, Runtime
from seedscope.trace.machine import machine
from seedscope.trace.trace import Trace
from seedscope.training import current, engines, trouble
from seedscope.training.engines import Note
from seedscope.training.launch.here import environment
from seedscope.training.launch.shares import Share

PACKAGES = str(Path(__file__).parents[3])  # where workers find seedscope
OURS = "SEEDSCOPE_RUNTIME"  # keeps processes of different runtimes apart
LOOK = 10.0  # seconds between two looks at a cluster of which no task ends
PATIENCE = 300.0  # seconds in which a cluster must begin something


def warm(runtime: Runtime, engine: Engine) -> None:
    """Nothing: the cluster is joined when there is work."""


def submit(
    shares: Sequence[Share], engine: Engine, options: Launcher, note: Note
) -> Iterator[list[Trace]]:
    """Train shares as tasks of a cluster; see `launchers.Launcher`."""
    _join(options, note)
    waiting = [_task(share, engine, options) for share in _smallest(shares, engine)]
    try:
        while waiting:
            done, waiting = _next(waiting, options)
            notes, groups = _result(done, options)
            for text in notes:
                note(text)
            yield from groups
    finally:
        for task in waiting:
            ray.cancel(task, force=True)


def _next(waiting: Sequence[Any], options: Launcher) -> tuple[Any, list[Any]]:
    """Wait for a task to end; return it and those that are left.

    Raises:
        RuntimeError: for `PATIENCE` seconds the cluster has run no task at all.
    """
    last = time.monotonic()  # at which the cluster ran something
    while True:
        done, rest = ray.wait(list(waiting), num_returns=1, timeout=LOOK)
        if done:
            return done[0], rest
        why = stalled(ray.nodes(), ray.available_resources(), options)
        if why is None:
            last = time.monotonic()
        elif time.monotonic() - last > PATIENCE:
            raise RuntimeError(
                f"the Ray cluster has started none of {len(waiting)} tasks for "
                f"{PATIENCE:.0f} seconds: {why}; what had finished is kept, start the "
                "same command again to train the rest"
            )


def stalled(
    nodes: Sequence[Mapping[str, Any]], free: Mapping[str, float], options: Launcher
) -> str | None:
    """Say why a cluster runs no task at all; None where one may be running.

    Args:
        nodes: as Ray lists them.
        free: resource -> how much of it no task holds, in the whole cluster.
        options: what a task takes.
    """
    takes = {"CPU": options.cpus, "GPU": options.gpus}
    takes = {name: value for name, value in takes.items() if value}
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    if not any(all(r.get(n, 0) >= v for n, v in takes.items()) for r in alive):
        return (
            f"none of its {len(alive)} nodes has room for one task "
            f"(launcher.cpus={options.cpus} launcher.gpus={options.gpus}); lower what "
            "a task takes, or add a node"
        )
    whole = {name: sum(r.get(name, 0) for r in alive) for name in takes}
    if takes and all(free.get(name, 0) >= total for name, total in whole.items()):
        return (
            "it has room, and nothing runs; start it anew (`ray stop`, `ray start "
            "--head`), or leave launcher.address=null to make one here"
        )
    return None


def slots(engine: Engine, options: Launcher, note: Note) -> int:
    """Return how many tasks the cluster has room for at once."""
    _join(options, note)
    room = ray.cluster_resources()
    counts = [room.get("CPU", 1) / options.cpus] if options.cpus else []
    counts += [room.get("GPU", 0) / options.gpus] if options.gpus else []
    if counts and min(counts) < 1:
        raise ValueError(
            f"launcher.cpus={options.cpus} launcher.gpus={options.gpus}: the cluster "
            f"has {room.get('CPU', 0):g} CPUs and {room.get('GPU', 0):g} GPUs in all; "
            "lower what a task takes"
        )
    return int(min(counts, default=1))


def _join(options: Launcher, note: Note) -> None:
    if ray.is_initialized():
        return
    local: dict[str, Any] = {"include_dashboard": False}
    try:
        ray.init(
            address=options.address or "local",
            runtime_env=dict(options.runtime_env or {}),
            log_to_driver=False,
            logging_level=logging.ERROR,
            **(local if options.address is None else {}),
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"launcher.address={options.address}: no Ray cluster answers there "
            f"({str(error).splitlines()[0]}); start one with `ray start --head`, or "
            "leave launcher.address=null to make one here"
        ) from None
    nodes = sum(node["Alive"] for node in ray.nodes())
    room = ray.cluster_resources()
    note(
        f"Ray cluster: {nodes} node{'s' * (nodes > 1)}, {room.get('CPU', 0):g} CPUs, "
        f"{room.get('GPU', 0):g} GPUs"
    )


def _smallest(shares: Sequence[Share], engine: Engine) -> list[Share]:
    """Return shares in tasks that are little work to lose: single runs, or groups."""
    if engine.name in ("auto", "batched"):
        return list(shares)
    return [replace(share, runs=(run,)) for share in shares for run in share.runs]


def _task(share: Share, engine: Engine, options: Launcher) -> Any:
    """Start a task and return its reference."""
    variables = _variables(share, engine)
    if share.fresh:  # Ray uses processes again: a variable of its own makes a new one
        variables[OURS] = uuid4().hex
    task = ray.remote(
        num_cpus=options.cpus,
        num_gpus=options.gpus,
        max_retries=options.retries,
        retry_exceptions=False,
        scheduling_strategy="SPREAD",
        runtime_env={"env_vars": variables},
    )(_train)
    return task.remote(share.runs, engine)


def _variables(share: Share, engine: Engine) -> dict[str, str]:
    """Return the environment variables that a worker of this share is born with.

    A worker keeps the code and data that it has read: others need another worker. So do
    scripts, which run in forks of a process that has made nothing with TensorFlow.
    """
    runtime = share.runtime
    held = {
        (run.identity.code, run.identity.data) for run in share.runs if run.identity
    }
    text = repr((astuple(runtime), sorted(held), engine.name == "script"))
    known = sha256(text.encode()).hexdigest()[:16]
    paths = [PACKAGES, *(p for p in sys.path if p and Path(p).is_dir())]
    return {
        **environment(runtime),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        trouble.TRACE: os.environ.get(trouble.TRACE, ""),  # --trace
        # Ray would set one thread; local runs have what their environment says.
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count() or 1)),
        OURS: known,
    }


def _result(
    task: Any, options: Launcher
) -> tuple[Sequence[str], Sequence[list[Trace]]]:
    """Return what a task gave: notes and groups of traces.

    Raises:
        ValueError: what the user brought does not fit.
        RuntimeError: the task failed, or its worker died too often.
    """
    try:
        kind, notes, content = ray.get(task)
    except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError) as error:
        raise RuntimeError(
            f"a worker of the cluster died {options.retries + 1} times over one task, "
            f"often for lack of memory ({str(error).splitlines()[0]}); what had "
            "finished is kept, start the same command again to train the rest"
        ) from None
    except exceptions.RayError as error:
        raise RuntimeError(
            f"the Ray cluster failed: {str(error).splitlines()[0]}; what had finished "
            "is kept, start the same command again to train the rest"
        ) from None
    if kind == "mistake":
        raise ValueError(content)
    if kind == "failure":
        raise RuntimeError(f"a training task failed:\n{content}")
    return notes, content


# ---- in a worker of the cluster ----------------------------------------------------

_started: set[str] = set()  # runtimes of this process: it trains many tasks


def _train(
    runs: Sequence[Run], engine: Engine
) -> tuple[str, list[str], list[list[Trace]] | str]:
    """Train one share; return what became of it."""
    notes: list[str] = []
    try:
        current.check(runs)
        loaded = engines.load(engine.name)
        if os.environ[OURS] not in _started:
            loaded.start(runs[0].settings.runtime)
            _started.add(os.environ[OURS])
        groups = [
            [_with_machine(trace) for trace in traces]
            for traces in loaded.train(runs, engine, notes.append)
        ]
        return "traces", notes, groups
    except Exception as error:
        kind, text = trouble.told(error)
        return kind, notes, text


def _with_machine(trace: Trace) -> Trace:
    where: Mapping[str, str] = machine()
    return replace(trace, machine=where)
