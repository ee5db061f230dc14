"""Hold a training process to the code that its runs were planned with.

A process reads the user's modules once. Where a file changes while it lives, the runs
of the next job would be trained by the old code under the new code's name: then the
process is stale and another one must train them. Where a file changes after runs were
planned, they are not trained at all.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from seedscope.study import code
from seedscope.study.identity import code_of, data_key
from seedscope.study.words import Run


class Code:
    """The user's modules as this process reads them."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}  # module -> digest when it was first needed
        self.data: Mapping[str, str] = {}  # data_key -> digest of what is loaded

    def is_stale(self, runs: Sequence[Run]) -> bool:
        """Tell whether a module of these runs is not what this process has read."""
        now: dict[str, str] = {}
        for files in _files(runs).values():
            now |= code.digests(files)
        stale = any(self._known.get(name, sha) != sha for name, sha in now.items())
        self._known = now | self._known
        return stale

    def forget_changed_data(self, question: str, runs: Sequence[Run]) -> None:
        """Have data loaded anew where what this process holds may be out of date.

        What a question about a run's identity is answered with is always loaded anew.
        """
        own = [run for run in runs if not _is_seedscopes(run.settings.data)]
        now = {
            data_key(run.settings): run.identity.data
            for run in own
            if run.identity is not None
        }
        known = question != "identify" and now.items() <= self.data.items()
        if not own or known:
            return
        from seedscope.task.data import load

        load.forget()
        self.data = now


def check(runs: Sequence[Run]) -> None:
    """Refuse runs whose code is no longer what they were planned with.

    Raises:
        ValueError: it says what to do.
    """
    planned = {_key(run): run.identity.code for run in runs if run.identity is not None}
    for key, files in _files(runs).items():
        if key in planned and code.digest(files) != planned[key]:
            raise ValueError(
                f"the code of {', '.join(files)} was changed while its study trains; "
                "what finished before is kept, start the command again to train the "
                "changed code as another study"
            )


def _files(runs: Sequence[Run]) -> dict[str, code.Files]:
    """Return the files of each set of targets, which few runs differ in."""
    chosen = {_key(run): run for run in runs}
    return {key: code_of(run.settings) for key, run in chosen.items()}


def _is_seedscopes(data: Mapping[str, Any]) -> bool:
    return str(data["_target_"]).startswith("seedscope.")


def _key(run: Run) -> str:
    settings = run.settings
    if settings.script.name is not None:
        return f"{settings.script.module} {settings.script.path}"
    parts = (settings.data, settings.model, settings.optimizer, vars(settings.loop))
    return " ".join(code.targets_of(parts))
