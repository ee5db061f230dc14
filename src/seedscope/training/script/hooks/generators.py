"""The global generators of NumPy and Python, and generators made without a seed.

The global generator of `np.random` and that of `random` are the source `data`, unless
the stack says otherwise (a layer, a `PyDataset`, a loader of Keras): each of the other
sources has a generator of its own. A script that seeds the global one seeds them all,
each to a stream of its own.
"""

import hashlib
import random
import sys
from typing import Any

import keras.src.utils.dataset_utils
import numpy as np
import numpy.random.bit_generator as bits
from keras.src.trainers.data_adapters import py_dataset_adapter

from seedscope.training.script import stack
from seedscope.training.script.ledger import SOURCES, Ledger, stream
from seedscope.training.script.stack import Progress

ORDERS = ("shuffle", "permutation")
NUMPY = (  # the draws of the global generator; the rest of np.random draws nothing
    "beta binomial bytes chisquare choice dirichlet exponential f gamma geometric "
    "gumbel hypergeometric laplace logistic lognormal logseries multinomial "
    "multivariate_normal negative_binomial noncentral_chisquare noncentral_f normal "
    "pareto permutation poisson power rand randint randn random random_integers "
    "random_sample ranf rayleigh sample shuffle standard_cauchy standard_exponential "
    "standard_gamma standard_normal standard_t triangular uniform vonmises wald "
    "weibull zipf"
)
PYTHON = (
    "betavariate binomialvariate choice choices expovariate gammavariate gauss "
    "getrandbits lognormvariate normalvariate paretovariate randbytes randint random "
    "randrange sample shuffle triangular uniform vonmisesvariate weibullvariate"
)
SPLITTER = keras.src.utils.dataset_utils.__file__  # keras.utils.split_dataset


States = dict[str, Any]  # source -> its generators of NumPy and of Python


def install(ledger: Ledger, progress: Progress) -> States:
    """Give each source its generators, and return them.

    Args:
        ledger: of the run.
        progress: how far the script is.
    """
    numpy, python = _numpy(ledger, progress), _python(ledger, progress)
    _generators(ledger)
    plain = {"data": (np.random.mtrand._rand, random._inst)}  # type: ignore[attr-defined]
    return plain | {source: (numpy[source], python[source]) for source in numpy}


def note_states(ledger: Ledger, states: States) -> None:
    """Let the digests of what was drawn hold where the generators stand."""
    for source, drawn in ledger.drawn.items():
        numpy, python = states[source]
        _, keys, place, *_ = numpy.get_state()
        text = f"{drawn.digest} {keys.tobytes().hex()} {place} {python.getstate()}"
        drawn.digest = hashlib.sha256(text.encode()).hexdigest()[:16]


def _source(name: str, progress: Progress) -> str | None:
    """Return which source draws by a function of a global generator.

    None: a library draws what trains nothing.
    """
    caller = sys._getframe(2).f_code.co_filename
    if "/mlflow/" in caller or stack.of_import():  # such as names of runs
        return None
    if caller == SPLITTER:
        return "split"
    if "keras/src/utils" in caller:  # the seed of a loader of folders
        return "shuffle"
    source = stack.source("data")
    if name in ORDERS and source in ("augmentation", "data"):
        return progress.order()
    return source


def _numpy(ledger: Ledger, progress: Progress) -> dict[str, np.random.RandomState]:
    others = {
        source: np.random.RandomState(stream(ledger.seeds[source], "numpy"))
        for source in SOURCES
        if source != "data"
    }
    plain_seed = np.random.seed
    plain_seed(stream(ledger.seeds["data"], "numpy"))

    def seed(seed: Any = None) -> None:
        ledger.replace("np.random.seed", seed, stack.line())
        plain_seed(stream(ledger.seeds["data"], "numpy", _text(seed)))
        for source, generator in others.items():
            generator.seed(stream(ledger.seeds[source], "numpy", _text(seed)))

    def draws(name: str, plain: Any) -> Any:
        def draw(*args: Any, **options: Any) -> Any:
            source = _source(name, progress)
            if source:
                ledger.write(source, f"{stack.line()} np.random.{name}")
            if source in ("data", None):
                return plain(*args, **options)
            return getattr(others[source], name)(*args, **options)

        return _named(draw, plain)

    np.random.seed = seed
    for name in NUMPY.split():
        if plain := getattr(np.random, name, None):
            setattr(np.random, name, draws(name, plain))
    return others


def _python(ledger: Ledger, progress: Progress) -> dict[str, random.Random]:
    others = {
        source: random.Random(stream(ledger.seeds[source], "python"))
        for source in SOURCES
        if source != "data"
    }
    plain_seed = random.seed
    plain_seed(stream(ledger.seeds["data"], "python"))

    def seed(a: Any = None, version: int = 2) -> None:
        if sys._getframe(1).f_code.co_filename == SPLITTER:
            others["split"].seed(a)  # given to `split_dataset`, or drawn there
            return
        ledger.replace("random.seed", a, stack.line())
        plain_seed(stream(ledger.seeds["data"], "python", _text(a)))
        for source, generator in others.items():
            generator.seed(stream(ledger.seeds[source], "python", _text(a)))

    def draws(name: str, plain: Any) -> Any:
        def draw(*args: Any, **options: Any) -> Any:
            source = _source(name, progress)
            if source:
                ledger.write(source, f"{stack.line()} random.{name}")
            if source in ("data", None):
                return plain(*args, **options)
            return getattr(others[source], name)(*args, **options)

        return _named(draw, plain)

    random.seed = seed
    for name in PYTHON.split():
        if plain := getattr(random, name, None):
            setattr(random, name, draws(name, plain))
    # The enqueuer of a PyDataset shuffles in a thread that knows no script.
    batches = random.Random(stream(ledger.seeds["shuffle"], "py_dataset"))
    order = type(sys)("random")
    order.shuffle = _counted(ledger, batches.shuffle)
    py_dataset_adapter.random = order
    return others


def _counted(ledger: Ledger, shuffle: Any) -> Any:
    def draw(values: Any) -> None:
        ledger.write("shuffle", "PyDataset batches")
        shuffle(values)

    return draw


def _generators(ledger: Ledger) -> None:
    """`default_rng()`, `RandomState()`, `SeedSequence()` ask the system: ask us."""

    def randbits(count: int) -> int:
        if stack.of_import():
            value = ledger.quiet("data", "import")
        else:
            line = f"{stack.line()} np.random generator"
            value = ledger.take(stack.source("data"), "numpy generator", line)
        digest = hashlib.shake_256(str(value).encode()).digest(-(-count // 8))
        return int.from_bytes(digest, "little") >> (-count % 8)

    setattr(bits, "randbits", randbits)  # noqa: B010 (a module of C)
    for name in ("default_rng", "RandomState"):
        _list_pinned(ledger, name)


def _list_pinned(ledger: Ledger, name: str) -> None:
    plain = getattr(np.random, name)

    def made(*args: Any, **options: Any) -> Any:
        seed = next(iter([*args, *options.values()]), None)
        line = stack.line()
        if isinstance(seed, int | np.integer) and line != "?":
            ledger.pin(f"np.random.{name}", seed, line)
        return plain(*args, **options)

    if not isinstance(plain, type):  # a class stays one: scripts ask isinstance
        setattr(np.random, name, _named(made, plain))


def _text(seed: Any) -> str:
    return str(seed.tolist() if isinstance(seed, np.ndarray) else seed)


def _named(function: Any, like: Any) -> Any:
    function.__name__ = like.__name__
    function.__doc__ = like.__doc__
    return function
