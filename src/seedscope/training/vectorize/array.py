"""Teach `tf.vectorized_map` a few operations on arrays that it has no rule for.

Importing this module registers the converters.
"""

from typing import Any

import tensorflow as tf

from seedscope.training.vectorize.random import register, stacked, wrapped


@register("Bitcast")
def _bitcast(node: Any) -> list[Any]:
    return wrapped(tf.bitcast(stacked(node, 0), node.get_attr("type")))
