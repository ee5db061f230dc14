"""How much of a TensorFlow result is chance, where it comes from, what to do about it.

    import seedscope
    study = seedscope.train("factor=init,shuffle,all", replicates=20)
    study.table()

The house, from the ground up. A folder imports what stands above it in this table, and
nothing below; each library has one home. A test holds both.

| folder      | owns                                                | is home of       |
|-------------|-----------------------------------------------------|------------------|
| `study/`    | what is asked: words, settings, seeds, design, plan | OmegaConf        |
| `trace/`    | what a run leaves: the record and its tables        |                  |
| `runs/`     | runs of any origin as one table; scores, files      | OmegaConf        |
| `task/`     | what is trained: data, models, the user's parts     | TensorFlow       |
| `training/` | how: sequential, batched, script; here, on Ray      | TensorFlow, Ray  |
| `store/`    | where it is kept                                    | MLflow           |
| `stats/`    | pure statistics: arrays in, frozen dataclass out    | SciPy            |
| `analysis/` | what the runs say: arms, attribution, curves        |                  |
| `claims/`   | beliefs of the field and their verdicts             |                  |
| `verify/`   | does it repeat: where it parts, cures, certificate  | TensorFlow       |
| `report/`   | how it is told: tables, figures, page, terminal     | Matplotlib       |
| `commands/` | what a command does from start to end               | Hydra            |

Modules of `runs/` that find runs through `store/` stand above it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seedscope.commands.python import Study, compare, load, train

__all__ = ["Study", "compare", "load", "train"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the commands start faster."""
    if name in __all__:
        from seedscope.commands import python

        return getattr(python, name)
    raise AttributeError(f"module 'seedscope' has no attribute {name!r}")
