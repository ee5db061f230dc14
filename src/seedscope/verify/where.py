"""Where two repeats part: the first step, the phase, and the operation in it.

The root is what gets the same and makes something else. In a step the n-th call of an
operation here is compared with the n-th there; what runs in parallel has no order, so
there the calls are compared as multisets. One root is named, the earliest.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seedscope.verify.words import Call, Digests, Operation, Place, Record, Stage, Tap

LOADED = "the data as loaded"
WEIGHTS = "the initial weights"
PIPELINE = "the input pipeline"
STEP = "forward/backward"
UPDATE = "the update"
AFTER = "after the last step"
PHASES = {
    "batch": PIPELINE,
    "state": UPDATE,
    "layer": STEP,
    "loss": STEP,
    "gradients": STEP,
    "update": UPDATE,
}
READS = ("ReadVariableOp", "ResourceGather", "ResourceGatherNd")
DRAWS = ("Random", "Stateless", "Multinomial", "Generator", "Rng")
WHY = {  # how an operation can make something else of the same
    "ResourceScatterAdd": "the sparse update adds repeated rows in any order",
    "ResourceScatterSub": "the sparse update subtracts repeated rows in any order",
    "ResourceScatterNd": "the sparse update writes repeated rows in any order",
    "Bincount": "threads add weights to a bin in any order",
    "DenseBincount": "threads add weights to a bin in any order",
    "PyFunc": "it calls Python",
    "EagerPyFunc": "it calls Python",
    "PyFuncStateless": "it calls Python",
    "Timestamp": "it reads the clock",
}
PYTHON = ("PyFunc", "EagerPyFunc")
SAME_INPUTS = "the same inputs, another output"
OTHER_ORDER = "the same elements in another order"
PAIRED = "the same inputs, paired otherwise"
Pair = tuple[Digests, Digests]
OTHER = "other elements"
OTHER_ITEMS = "the same indices, other items"
ARRAYS = ("Dataset.from_tensor_slices", "Dataset.from_tensors")


@dataclass(frozen=True)
class Difference:
    """The first digest of a step that two repeats do not share."""

    step: int  # the first is 1; 0: before training
    phase: str
    tap: str | None  # the kind of tap; None: seen outside of steps
    label: str  # of what: a variable's path, a layer, an array
    place: str  # the user's line


@dataclass(frozen=True)
class Where:
    """The place where repeats part, as closely as it can be told."""

    step: int
    phase: str
    what: str  # the operation, the pipeline's stage, or the layer
    why: str
    kind: str | None  # the operation's type; None where none could be traced
    variable: str | None
    layer: str | None
    made_at: str | None  # where the layer was made
    places: tuple[str, ...]  # of the user's code, innermost first
    stopped: str | None  # why it is told no closer
    order: tuple[int, ...] = ()


def first_difference(a: Record, b: Record) -> Difference | None:
    """Return the first digest that differs, from the data on to the scores."""
    mine, other = {n: (d, w) for n, d, w in a.loaded}, {n: d for n, d, _ in b.loaded}
    for name, (digest, where) in mine.items():
        if name in other and other[name] != digest:
            return Difference(0, LOADED, None, name, where)
    if found := _first_pair(a.initial, b.initial):
        return Difference(0, WEIGHTS, None, found, _made_at(a, found) or "")
    if found := _first_tap(a, b):
        return found
    for kind in ("final", "outputs", "scores"):
        if found := _first_pair(getattr(a, kind), getattr(b, kind)):
            phase = UPDATE if kind == "final" and not a.taps else AFTER
            return Difference(a.steps, phase, None, found, "")
    return None


def locate(a: Record, b: Record) -> Where | None:
    """Return where two closely watched repeats part; None where they do not."""
    difference = first_difference(a, b)
    if difference is None:
        return None
    if difference.phase == PIPELINE:
        found = _in_pipeline(a, b, difference)
        return found or _coarse(a, difference)
    if difference.phase in (STEP, UPDATE):
        found = _in_step(a, b, difference)
        return found or _coarse(a, difference)
    return _coarse(a, difference)


def _first_pair(
    a: Sequence[tuple[str, object]], b: Sequence[tuple[str, object]]
) -> str | None:
    """Return the name of the first pair that differs; a missing one differs."""
    for (name, value), (other_name, other) in zip(a, b, strict=False):
        if name != other_name or not _same(value, other):
            return name
    if len(a) != len(b):
        longer = a if len(a) > len(b) else b
        return longer[min(len(a), len(b))][0]
    return None


def _same(a: object, b: object) -> bool:
    """Compare as bits do: NaN is equal to NaN."""
    return a == b or (a != a and b != b)


# ---- by the taps -------------------------------------------------------------------


def _first_tap(a: Record, b: Record) -> Difference | None:
    """Return the first tap that differs, in the order in which a step passes them."""
    others = {tap.name: tap for tap in b.taps}
    found = []
    for order, tap in enumerate(a.taps):
        other = others.get(tap.name)
        if other is None:
            continue
        pairs = zip(tap.seen, other.seen, strict=False)
        at = next((n for n, (p, q) in enumerate(pairs) if p != q), None)
        if at is not None:
            found.append((at, order, tap, other))
    if not found:
        return None
    at, _, tap, other = min(found, key=lambda item: item[:2])
    label = _label(tap, other, at)
    phase, step = PHASES[tap.phase], at + 1
    place = str(tap.places[0]) if tap.places else ""
    return Difference(step, phase, tap.phase, label, place)


def _label(tap: Tap, other: Tap, at: int) -> str:
    pairs = zip(tap.labels, tap.seen[at], other.seen[at], strict=False)
    apart = [label for label, p, q in pairs if p != q]
    if not apart:
        return tap.labels[0]
    # Gradients come from the loss backwards: the last of them is made first.
    return apart[-1] if tap.phase == "gradients" else apart[0]


def _coarse(record: Record, difference: Difference) -> Where:
    """Say what the taps alone can say."""
    seen = "of what was seen of it, every operation made the same of the same"
    nothing = "no operation of it was traced"
    stopped = "; ".join(record.untraced) or (seen if record.calls else nothing)
    if difference.phase in (LOADED, WEIGHTS):
        stopped = "it happens before the first step"
    elif difference.phase == AFTER:
        stopped = "it happens outside of the steps"
    variable = difference.label if "/" in difference.label else None
    layer = record.owners.get(difference.label)
    if difference.tap == "layer":
        layer = difference.label
    whys = {
        "layer": f"the output of {difference.label} differs, its inputs do not",
        "loss": "the loss differs, the batch and the weights do not",
        "gradients": f"the gradient of {difference.label} differs, the loss does not",
        "update": f"{difference.label} differs after the update, its gradient does not",
        "batch": "the batch differs",
    }
    why = whys.get(difference.tap or "", f"{difference.label} differs")
    if difference.phase in (LOADED, WEIGHTS):
        why += _unseeded(record)
    return Where(
        step=difference.step,
        phase=difference.phase,
        what=difference.label,
        why=why,
        kind=None,
        variable=variable,
        layer=layer,
        made_at=_line_of_layer(record, layer),
        places=(difference.place,) if difference.place else (),
        stopped=stopped,
        order=(difference.step,),
    )


def _unseeded(record: Record) -> str:
    """Name the draws that no seed holds: what may have made the data differ."""
    calls = [f"{d.call} at {d.place}" for d in record.draws if not d.seeded]
    if calls:
        return f"; drawn without a seed: {', '.join(dict.fromkeys(calls))}"
    if not record.facts.get("hash_seed"):
        return "; nothing is drawn without a seed, but the order of sets is (hash seed)"
    return ""


# ---- in the pipeline ---------------------------------------------------------------


def _in_pipeline(a: Record, b: Record, difference: Difference) -> Where | None:
    """Name the first stage that gets the same and hands on something else."""
    stage = _first_stage(a, b)
    keyed = stage is not None and stage[1] == OTHER_ITEMS
    operation = None if keyed else _first_parallel(a, b)
    if stage is None and operation is None:
        return None
    name, how, places = stage or ("a function of the pipeline", "", ())
    why, kind, order = how, None, (0,)
    phase = LOADED if name in ARRAYS and how == OTHER else difference.phase
    if phase == LOADED:
        why = f"{how}{_unseeded(a)}"
    elif operation is not None:
        found, why, number = operation
        kind, order = found.kind, (0, number)
        racing = _racing(a, found)
        if why == PAIRED and racing:
            why = f"{PAIRED}: calls of {racing} race for their order"
        elif found.kind.startswith(PYTHON):
            why = f"{how or OTHER}: it calls Python{_unseeded(a)}"
        elif why == SAME_INPUTS:
            why = f"{found.kind} {found.name}: {WHY.get(found.kind, SAME_INPUTS)}"
        if not found.kind.startswith(PYTHON):  # its line is where Keras takes data from
            places = found.places or places
    return Where(
        step=0 if phase == LOADED else difference.step,
        phase=phase,
        what=name,
        why=why,
        kind=kind,
        variable=None,
        layer=None,
        made_at=None,
        places=tuple(str(place) for place in places),
        stopped=None,
        order=order,
    )


def _first_stage(a: Record, b: Record) -> tuple[str, str, tuple[Place, ...]] | None:
    for mine, other in zip(a.stages, b.stages, strict=False):
        if mine.name == other.name and (how := _stages_differ(mine, other)):
            return mine.name, how, mine.places
    return None


def _stages_differ(a: Stage, b: Stage) -> str | None:
    """Say how the elements of a stage differ, as far as both runs came."""
    count = min(len(a.seen), len(b.seen))
    mine, other = a.seen[:count], b.seen[:count]
    if a.keyed:  # the order of items has no meaning; what an index gives has
        pairs = Counter(mine), Counter(other)
        indices = [Counter(i for i, _ in seen) for seen in (mine, other)]
        if pairs[0] == pairs[1] or indices[0] != indices[1]:
            return None
        return OTHER_ITEMS
    if mine == other:
        return None
    common = sum((Counter(mine) & Counter(other)).values())
    return OTHER_ORDER if common > count / 2 else OTHER


def _first_parallel(a: Record, b: Record) -> tuple[Operation, str, int] | None:
    """Return the first operation of a Dataset's functions that makes a difference."""
    mine, other = _calls(a, pipeline=True), _calls(b, pipeline=True)
    for key, (number, calls) in mine.items():
        if key not in other:
            continue
        p = [(c.inputs, c.outputs) for c in calls]
        q = [(c.inputs, c.outputs) for c in other[key][1]]
        count = min(len(p), len(q))
        p, q = p[:count], q[:count]
        if not p or Counter(p) == Counter(q):
            continue
        if Counter(i for i, _ in p) == Counter(i for i, _ in q):
            return a.operations[number], SAME_INPUTS, number
        if all(_same_slot(p, q, slot) for slot in range(len(p[0][0]))):
            return a.operations[number], PAIRED, number
    return None


def _same_slot(p: list[Pair], q: list[Pair], slot: int) -> bool:
    return Counter(i[slot] for i, _ in p) == Counter(i[slot] for i, _ in q)


def _racing(record: Record, found: Operation) -> str:
    """Name the operations that draw in the function of an operation."""
    kinds = {
        f"{operation.kind} at {operation.places[0]}"
        if operation.places
        else operation.kind
        for operation in record.operations
        if operation.graph == found.graph and operation.kind.startswith(DRAWS)
    }
    return ", ".join(sorted(kinds))


# ---- in the step -------------------------------------------------------------------


def _in_step(a: Record, b: Record, difference: Difference) -> Where | None:
    """Name the first operation of a step that gets the same and makes another."""
    roots = sorted(_roots(a, b), key=lambda root: root[:4])
    if not roots:
        return None
    _, step, within, number = roots[0]
    # One call of the function took the steps, or a loop's steps are only in its taps.
    if step + within - 1 == difference.step or not a.steps:
        step = difference.step
    operation = a.operations[number]
    variable = operation.variables[0] if operation.variables else None
    writes = variable is not None and operation.kind not in READS
    layer = record_layer(a, variable) if variable else operation.layer
    prefix = next((k for k in WHY if operation.kind.startswith(k)), "")
    why = WHY.get(prefix, SAME_INPUTS)
    if operation.kind in READS:
        why = "the variable differs when it is read; what wrote it was not seen"
    return Where(
        step=step,
        phase=UPDATE if writes else difference.phase,
        what=f"{operation.kind} {operation.name}",
        why=why,
        kind=operation.kind,
        variable=variable,
        layer=layer or operation.layer,
        made_at=_line_of_layer(a, layer or operation.layer),
        places=tuple(str(place) for place in operation.places),
        stopped=None,
        order=(step, within, number),
    )


def _roots(a: Record, b: Record) -> Iterator[tuple[bool, int, int, int]]:
    """Yield (whether it only reads, step, call in the step, operation)."""
    mine, other = _calls(a, pipeline=False), _calls(b, pipeline=False)
    for key, (number, calls) in mine.items():
        if key not in other:
            continue
        reads = a.operations[number].kind in READS
        within = Counter()
        for p, q in zip(calls, other[key][1], strict=False):
            within[p.step] += 1
            parts = p.inputs == q.inputs and p.outputs != q.outputs
            if parts and not _only_reordered(calls, other[key][1], p.step):
                yield reads, p.step, within[p.step], number
                break


def _only_reordered(calls: list[Call], others: list[Call], step: int) -> bool:
    """Tell whether the calls of a step are the same in another order.

    Replicas of a model call one function side by side, in any order.
    """
    both = [
        Counter((call.inputs, call.outputs) for call in found if call.step == step)
        for found in (calls, others)
    ]
    return both[0] == both[1]


def _calls(
    record: Record, pipeline: bool
) -> dict[tuple[str, str], tuple[int, list[Call]]]:
    """Return {(graph, operation): (number, its calls in order)}.

    TensorFlow numbers graphs as it goes; a graph that is traced again has the same
    operations, so their calls are those of one operation.
    """
    found: dict[tuple[str, str], tuple[int, list[Call]]] = {}
    keys = [(o.graph, o.name) for o in record.operations]
    for call in record.calls:
        if record.operations[call.operation].in_pipeline == pipeline:
            key = keys[call.operation]
            found.setdefault(key, (call.operation, []))[1].append(call)
    return dict(sorted(found.items(), key=lambda item: item[1][0]))


def record_layer(record: Record, variable: str) -> str | None:
    """Return the layer that owns a variable."""
    return record.owners.get(variable)


def _line_of_layer(record: Record, layer: str | None) -> str | None:
    places = record.layers.get(layer or "")
    return str(places[0]) if places else None


def _made_at(record: Record, path: str) -> str | None:
    return _line_of_layer(record, record_layer(record, path))
