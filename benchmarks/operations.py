"""Which operations do not repeat on this machine? Run it on yours.

python benchmarks/operations.py                 as TensorFlow comes
python benchmarks/operations.py determinism     with op determinism
python benchmarks/operations.py one_thread      with one intra-op thread

Each operation runs 30 times on the same inputs in one process; more than one result is
proof, one result is no more than 30 times of luck.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

import numpy as np
import tensorflow as tf

from seedscope.verify.recording.digests import of_arrays

TIMES = 30
ROWS = 100_000
rng = np.random.default_rng(0)


def floats(*shape: int) -> tf.Tensor:
    return tf.constant(rng.normal(size=shape).astype("float32"))


def operations() -> dict[str, Callable[[], Any]]:
    values, many = floats(ROWS, 16), floats(1_000_000)
    bins = tf.constant(rng.integers(0, 50, 1_000_000).astype("int32"))
    ids = bins[:ROWS]
    image, kernel = floats(32, 32, 32, 8), floats(3, 3, 8, 16)
    grown, a, b = floats(32, 32, 32, 16), floats(512, 4096), floats(4096, 512)
    table = tf.Variable(tf.zeros([50, 16]))
    raw, same = tf.raw_ops, {"strides": [1, 1, 1, 1], "padding": "SAME"}
    places = tf.cast(tf.stack([ids, tf.range(ROWS)], 1), tf.int64)
    sparse = tf.sparse.reorder(tf.SparseTensor(places, many[:ROWS], [50, ROWS]))
    slices = tf.IndexedSlices(values, ids, tf.constant([50, 16]))

    def scatter(name: str) -> tf.Tensor:
        table.assign(tf.zeros([50, 16]))
        getattr(table, name)(slices)
        return table.read_value()

    def scatter_nd() -> tf.Tensor:
        table.assign(tf.zeros([50, 16]))
        table.scatter_nd_add(ids[:, None], values)
        return table.read_value()

    def crop_gradient() -> tf.Tensor:
        return raw.CropAndResizeGradImage(
            grads=grown[:, :14, :14, :8],
            boxes=[[0.0, 0.0, 1.0, 1.0]] * 32,
            box_ind=[0] * 32,
            image_size=[1, 32, 32, 8],
            T=tf.float32,
        )

    def normalized() -> list[tf.Tensor]:
        ones, zeros = tf.ones(8), tf.zeros(8)
        found = raw.FusedBatchNormV3(
            x=image, scale=ones, offset=zeros, mean=zeros, variance=ones
        )
        return list(found[:3])

    return {
        "Variable.scatter_add": lambda: scatter("scatter_add"),
        "Variable.scatter_sub": lambda: scatter("scatter_sub"),
        "Variable.scatter_nd_add": scatter_nd,
        "bincount, weights": lambda: tf.math.bincount(
            bins, weights=many, minlength=50, maxlength=50
        ),
        "bincount, counts": lambda: tf.math.bincount(bins, minlength=50, maxlength=50),
        "histogram_fixed_width": lambda: tf.histogram_fixed_width(
            many, [-3.0, 3.0], 50
        ),
        "unsorted_segment_sum": lambda: tf.math.unsorted_segment_sum(values, ids, 50),
        "segment_sum, sorted": lambda: tf.math.segment_sum(values, tf.sort(ids)),
        "tensor_scatter_nd_add": lambda: tf.tensor_scatter_nd_add(
            tf.zeros([50, 16]), ids[:, None], values
        ),
        "scatter_nd": lambda: tf.scatter_nd(ids[:, None], values, [50, 16]),
        "IndexedSlices made dense": lambda: tf.convert_to_tensor(slices),
        "sparse_dense_matmul": lambda: tf.sparse.sparse_dense_matmul(sparse, values),
        "reduce_sum": lambda: tf.reduce_sum(many),
        "reduce_mean, one axis": lambda: tf.reduce_mean(values, 0),
        "cumsum": lambda: tf.cumsum(many),
        "matmul": lambda: tf.matmul(a, b),
        "einsum": lambda: tf.einsum("ij,jk->ik", a, b),
        "conv2d": lambda: tf.nn.conv2d(image, kernel, 1, "SAME"),
        "conv2d, gradient of kernel": lambda: raw.Conv2DBackpropFilter(
            input=image, filter_sizes=[3, 3, 8, 16], out_backprop=grown, **same
        ),
        "depthwise, gradient of kernel": lambda: (
            raw.DepthwiseConv2dNativeBackpropFilter(
                input=image, filter_sizes=[3, 3, 8, 2], out_backprop=grown, **same
            )
        ),
        "bias_add, gradient": lambda: raw.BiasAddGrad(out_backprop=grown),
        "batch normalization": normalized,
        "softmax cross-entropy": lambda: tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(ids % 16, values)
        ),
        "resize_bilinear, gradient": lambda: raw.ResizeBilinearGrad(
            grads=grown, original_image=image[:, :16, :16, :8]
        ),
        "crop_and_resize, gradient": crop_gradient,
        "svd": lambda: tf.linalg.svd(a[:128, :128], compute_uv=False),
    }


def main(mode: str | None) -> None:
    if mode == "determinism":
        tf.config.experimental.enable_op_determinism()
    if mode == "one_thread":
        tf.config.threading.set_intra_op_parallelism_threads(1)
    print(
        f"{mode or 'as it comes'}, {os.cpu_count()} cores, TensorFlow {tf.__version__}"
    )
    print(f"{'operation':32}{'results of ' + str(TIMES):>16}{'ms':>8}")
    for name, run in operations().items():
        try:
            run()
            started = time.perf_counter()
            found = {of_arrays(tf.nest.flatten(run())) for _ in range(TIMES)}
            spent = 1e3 * (time.perf_counter() - started) / TIMES
            print(f"{name:32}{len(found):>16}{spent:>8.1f}", flush=True)
        except (tf.errors.OpError, ValueError) as error:
            print(f"{name:32}  {str(error).splitlines()[0][:60]}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
