"""Twenty runs of the digits network by seedscope and by what people use instead.

python benchmarks/peers.py                 all that is installed, ~5 minutes
python benchmarks/peers.py jax keras       some of them
pip install jax optax ictonyx              what the last two need; seedscope does not

Every side trains the same network (64-128-10, dropout .2, Adam, batches of 32) on the
same rows for 20 epochs, with another seed in each run, in a process of its own. CPU
seconds of all cores, compiling included; imports are left out, but for joblib, whose
processes each pay them. The table is in CPU seconds and ratios to seedscope: where the
machine is shared, the ratios are what to look at.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "src"))
sys.path.insert(0, str(HERE.parent / "tests"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

RUNS, EPOCHS, BATCH, UNITS, DROPOUT = 20, 20, 32, 128, 0.2


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Return the training rows of the digits, as seedscope trains on them."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))[:1437]
    return (x[order] / 16).astype("float32"), y[order].astype("int32")


def spent(work: Callable[[], Any]) -> float:
    """Return CPU seconds of this process and of its children that have ended."""
    before = _cpu()
    work()
    return _cpu() - before


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def seedscope() -> float:
    from composing import plan

    from seedscope.study.words import Engine
    from seedscope.training.batched import batched

    runs = plan(
        *("factor=sources", "factor.vary=[init,shuffle,dropout]", "data=digits"),
        *(f"model.hidden=[{UNITS}]", f"model.dropout={DROPOUT}", "split.validation=0"),
        *(f"loop.epochs={EPOCHS}", f"replicates={RUNS}"),
    )
    engine = Engine("batched", 1, None, "none", planned=RUNS)
    return spent(lambda: list(batched.train(runs, engine)))


def fit(seed: int) -> float:
    """Build, compile and fit, as a loop over seeds does; return the accuracy."""
    import keras

    x, y = rows()
    keras.utils.set_random_seed(seed)
    model = network()
    history = model.fit(x, y, BATCH, EPOCHS, verbose=0)
    return float(history.history["accuracy"][-1])


def network() -> Any:
    import keras
    from keras import layers

    stack = [keras.Input((64,)), layers.Dense(UNITS, activation="relu")]
    stack += [layers.Dropout(DROPOUT), layers.Dense(10)]
    model = keras.Sequential(stack)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"])
    return model


def keras_loop() -> float:
    fit(0)  # what a process pays once
    return spent(lambda: [fit(seed) for seed in range(2)]) * RUNS / 2


def joblib() -> float:
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    def work(runs: int) -> None:
        Parallel(n_jobs=2)(delayed(fit)(seed) for seed in range(runs))
        get_reusable_executor().shutdown(wait=True)

    few, more = (spent(lambda runs=runs: work(runs)) for runs in (2, 6))
    return few + (more - few) * (RUNS - 2) / 4  # both import in each process


def jax() -> float:
    """Train all runs in one program: vmap over seeds, scan over steps."""
    import jax
    import optax
    from jax import numpy as jnp

    x, y = rows()
    steps = len(x) // BATCH
    optimizer = optax.adam(1e-3)

    def initial(key: Any) -> Any:
        first, second = jax.random.split(key)
        draw = jax.nn.initializers.glorot_uniform()
        return {
            "w1": draw(first, (64, UNITS)),
            "b1": jnp.zeros(UNITS),
            "w2": draw(second, (UNITS, 10)),
            "b2": jnp.zeros(10),
        }

    def loss(weights: Any, x: Any, y: Any, key: Any) -> Any:
        hidden = jax.nn.relu(x @ weights["w1"] + weights["b1"])
        kept = jax.random.bernoulli(key, 1 - DROPOUT, hidden.shape)
        hidden = jnp.where(kept, hidden / (1 - DROPOUT), 0)
        logits = hidden @ weights["w2"] + weights["b2"]
        right = (logits.argmax(-1) == y).mean()
        entropy = optax.softmax_cross_entropy_with_integer_labels(logits, y)
        return entropy.mean(), right

    def step(state: Any, given: Any) -> Any:
        weights, slots = state
        chosen, key = given
        gradient, right = jax.grad(loss, has_aux=True)(
            weights, x[chosen], y[chosen], key
        )
        updates, slots = optimizer.update(gradient, slots)
        return (optax.apply_updates(weights, updates), slots), right

    def epoch(state: Any, key: Any) -> Any:
        shuffle, drop = jax.random.split(key)
        order = jax.random.permutation(shuffle, len(x))[: steps * BATCH]
        keys = jax.random.split(drop, steps)
        return jax.lax.scan(step, state, (order.reshape(steps, BATCH), keys))

    x, y = jnp.asarray(x), jnp.asarray(y)
    every = jax.jit(jax.vmap(epoch))

    def work() -> None:
        keys = jax.random.split(jax.random.key(0), RUNS)
        weights = jax.vmap(initial)(keys)
        state = weights, jax.vmap(optimizer.init)(weights)
        for number in range(EPOCHS):
            state, right = every(
                state, jax.vmap(jax.random.fold_in, (0, None))(keys, number)
            )
        right.block_until_ready()
        assert right[:, -10:].mean() > 0.9, "it has not learned"

    return spent(work)


def ictonyx() -> float:
    import ictonyx as ix

    def build(config: Any) -> Any:
        return ix.KerasModelWrapper(network())

    def study(runs: int) -> None:
        ix.variability_study(
            model=build,
            data=rows(),
            runs=runs,
            epochs=EPOCHS,
            batch_size=BATCH,
            seed=1,
            verbose=False,
        )

    study(2)  # what a process pays once
    return spent(lambda: study(2)) * RUNS / 2


SIDES = {  # name: (what trains, packages it needs, words of the table)
    "seedscope": (seedscope, ("tensorflow", "keras"), "in groups"),
    "keras": (keras_loop, ("keras",), "`model.fit` in a loop, 2 runs sampled"),
    "joblib": (joblib, ("joblib", "keras"), "`fit` in 2 processes, 6 runs sampled"),
    "jax": (jax, ("jax", "optax"), "hand-written `vmap` over runs"),
    "ictonyx": (ictonyx, ("ictonyx",), "its study of a Keras model, 2 runs sampled"),
}


def main(words: list[str]) -> None:
    print(
        f"{RUNS} runs x {EPOCHS} epochs of the digits network, {os.cpu_count()} cores\n"
        "\n| | how | versions | CPU seconds | x seedscope |\n|---|---|---|---|---|",
        flush=True,
    )
    base = None
    for name, (_, needs, how) in SIDES.items():
        if words and name not in ("seedscope", *words):
            continue
        try:
            versions = ", ".join(f"{need} {version(need)}" for need in needs)
        except PackageNotFoundError as error:
            print(f"| {name} | {how} | {error.name} is not installed | | |", flush=True)
            continue
        done = subprocess.run(
            [sys.executable, __file__, "--one", name], capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(done.stderr)
        seconds = json.loads(done.stdout.splitlines()[-1])
        base = base or seconds
        print(
            f"| {name} | {how} | {versions} | {seconds:.1f} | {seconds / base:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print("\n" + json.dumps(SIDES[sys.argv[2]][0]()))
    else:
        main(sys.argv[1:])
