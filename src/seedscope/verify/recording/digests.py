"""Digests of tensors: in a graph, in compiled code, and of what is at hand.

In a graph `tf.fingerprint` hashes the bytes where they are, at ten times the speed of
SHA-256. XLA compiles no such operation: there a checksum of the bits stands in, a sum
of 32-bit integers with odd weights, which has no order to race in.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seedscope.verify.words import Digests

SCOPE = "seedscope_digest/"  # operations in it are ours and are not looked at


def tensors(values: Iterable[Any]) -> list[tf.Tensor]:
    """Return the tensors in values, those of sparse and ragged ones included."""
    flat = tf.nest.flatten(list(values), expand_composites=True)
    return [v for v in flat if tf.is_tensor(v) and hasattr(v, "dtype")]


def digest(tensor: tf.Tensor) -> tf.Tensor | None:
    """Return a tensor's digest, shape (1, 8) of bytes; None where it has no bytes."""
    if tensor.dtype in (tf.resource, tf.variant):
        return None
    with tf.device("/CPU:0"):
        return tf.fingerprint(tf.reshape(_plain(tensor), [1, -1]))


def hand_over(digests: Sequence[tf.Tensor], write: Callable[[Digests], None]) -> None:
    """Have the graph that is being made hand over digests each time it runs."""

    def written(found: np.ndarray) -> None:
        write(tuple(found.view(np.int64)[:, 0].tolist()))

    tf.numpy_function(written, [tf.concat(digests, 0)], [])


def at_hand(digests: Sequence[tf.Tensor]) -> Digests:
    """Return digests that were computed eagerly."""
    found = np.concatenate([np.asarray(digest) for digest in digests])
    return tuple(found.view(np.int64)[:, 0].tolist())


def checksum(tensor: tf.Tensor) -> tf.Tensor | None:
    """Return a checksum as an int32 scalar, by operations that XLA compiles."""
    if tensor.dtype in (tf.resource, tf.variant, tf.string):
        return None
    size = tensor.dtype.size
    if tensor.dtype == tf.bool or size == 1:
        bits = tf.cast(tensor, tf.int32)
    elif size == 2:
        bits = tf.cast(tf.bitcast(tensor, tf.int16), tf.int32)
    elif tensor.dtype.is_complex:
        parts = tf.stack([tf.math.real(tensor), tf.math.imag(tensor)])
        bits = tf.bitcast(parts, tf.int32)
    else:
        bits = tf.bitcast(tensor, tf.int32)
    bits = tf.reshape(bits, [-1])
    odd = 2 * tf.range(tf.size(bits)) + 1
    return tf.reduce_sum(bits * odd)


def of_arrays(arrays: Sequence[Any]) -> str:
    """Return the SHA-256 of arrays that are at hand: values, types and shapes."""
    sha = hashlib.sha256()
    for array in arrays:
        array = np.asarray(array)
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        if array.dtype.hasobject:
            sha.update(repr(array.tolist()).encode())
        else:
            sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()[:16]


def of_bytes(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()[:16]


def _plain(tensor: tf.Tensor) -> tf.Tensor:
    """Return the bytes in a type that `tf.fingerprint` takes."""
    if tensor.dtype == tf.string:
        return tf.strings.to_hash_bucket_fast(tensor, 2**62)
    if tensor.dtype == tf.bool:
        return tf.cast(tensor, tf.uint8)
    if tensor.dtype.is_floating and tensor.dtype.size == 2:
        return tf.bitcast(tensor, tf.int16)
    return tensor
