"""What a script logs to MLflow by itself: kept apart, then taken into its own run.

The script logs into a store of its own inside its working folder, whatever address or
experiment it names: no run of it can stray into another store, end the run that is its
own, or clash with what seedscope logs. At the end that store is read: metrics with
their steps, parameters, tags, artifacts.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from seedscope.training.script.patching import after_import, patch

FOLDER = "mlruns"
LARGEST = 100 << 20  # bytes of an artifact that are taken in
UTILS = "mlflow.tracking._tracking_service.utils"
REGISTRY = "mlflow.tracking._model_registry.utils"


@dataclass
class Logged:
    """What one run of the script's own holds."""

    name: str
    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)
    models: int = 0  # that are logged, and not taken in


def environment(folder: Path) -> dict[str, str]:
    """Return the variables under which MLflow logs into a folder."""
    return {
        "MLFLOW_TRACKING_URI": (folder / FOLDER).as_uri(),
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def install(folder: Path, remarks: Any) -> None:
    """Have every client of MLflow that the script makes log into its folder."""
    home = (folder / FOLDER).as_uri()
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        os.environ.pop(name, None)

    def say(uri: Any) -> None:
        if uri is not None and str(uri) != home:
            remarks["MLflow: what it logs to another address is taken in here"] += 1

    def tracking(module: ModuleType) -> None:
        @patch(module, "_get_store")
        def _(old: Any, store_uri: Any = None, artifact_uri: Any = None) -> Any:
            say(store_uri)
            return old(home, artifact_uri)

        @patch(module, "_resolve_tracking_uri")
        def _(old: Any, tracking_uri: Any = None) -> Any:
            say(tracking_uri)
            return home

        @patch(module, "set_tracking_uri")
        def _(old: Any, uri: Any) -> None:
            say(uri)
            old(home)

    def registry(module: ModuleType) -> None:
        @patch(module, "_get_store")
        def _(old: Any, store_uri: Any = None, tracking_uri: Any = None) -> Any:
            return old(home, home)

    after_import(UTILS, tracking)
    after_import(REGISTRY, registry)


def read(folder: Path) -> list[Logged]:
    """Return the runs that the script logged, in the order in which they began."""
    runs = []
    for meta in sorted((folder / FOLDER).glob("*/*/meta.yaml")):
        run = meta.parent
        if (run / "params").is_dir() or (run / "metrics").is_dir():
            runs.append((_started(meta), run))
    return [_logged(run) for _, run in sorted(runs)]


def _started(meta: Path) -> int:
    for line in meta.read_text().splitlines():
        if line.startswith("start_time:"):
            return int(line.partition(":")[2].strip() or 0)
    return 0


def _logged(run: Path) -> Logged:
    tags = dict(_texts(run / "tags"))
    found = Logged(tags.get("mlflow.runName", run.name))
    found.params = dict(_texts(run / "params"))
    found.tags = {k: v for k, v in tags.items() if not k.startswith("mlflow.")}
    for path in _files(run / "metrics"):
        name = str(path.relative_to(run / "metrics"))
        points = [line.split() for line in path.read_text().splitlines()]
        found.metrics[name] = [(int(p[2]), float(p[1])) for p in points if len(p) > 2]
    found.models = len(list((run / "outputs").glob("*/meta.yaml")))
    for path in _files(run / "artifacts"):
        found.artifacts[str(path.relative_to(run / "artifacts"))] = path
    return found


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for path in _files(folder):
        yield str(path.relative_to(folder)), path.read_text()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
