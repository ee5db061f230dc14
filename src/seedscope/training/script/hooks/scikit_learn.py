"""Splits that scikit-learn draws: `train_test_split`, `KFold(shuffle=True)`, ..."""

from types import ModuleType
from typing import Any

import numpy as np

from seedscope.training.script import stack
from seedscope.training.script.ledger import Ledger
from seedscope.training.script.patching import after_import, patch

SPLITS = "sklearn.model_selection._split"


def install(ledger: Ledger) -> None:
    """Give splits without a seed the stream of `split`, once the script imports them.

    The other draws of scikit-learn come from NumPy's global generator: source `data`.
    """

    def hook(splits: ModuleType) -> None:
        @patch(splits, "check_random_state")
        def _(old: Any, seed: Any) -> Any:
            if seed is None:
                line = f"{stack.line()} sklearn split"
                taken = ledger.take("split", "sklearn split", line)
                return np.random.RandomState(taken)
            if isinstance(seed, int):
                ledger.pin("sklearn split", seed, stack.line())
            return old(seed)

    def validation(module: ModuleType) -> None:
        @patch(module, "check_random_state")
        def _(old: Any, seed: Any) -> Any:
            if seed is None:
                ledger.write("data", f"{stack.line()} sklearn")
            elif isinstance(seed, int):
                ledger.pin("sklearn", seed, stack.line())
            return old(seed)

    after_import(SPLITS, hook)
    after_import("sklearn.utils.validation", validation)
