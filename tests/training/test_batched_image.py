import numpy as np
import pytest
import tensorflow as tf

from seedscope.training.vectorize.image import project


@pytest.mark.parametrize("interpolation", ["BILINEAR", "NEAREST"])
@pytest.mark.parametrize("mode", ["CONSTANT", "REFLECT", "WRAP", "NEAREST"])
def test_images_move_as_tensorflows_own_operation_moves_them(mode, interpolation):
    rng = np.random.default_rng(0)
    images = rng.random((40, 6, 5, 2), dtype=np.float32)
    transforms = np.eye(3).ravel()[:8] + rng.normal(0, 0.3, (40, 8))
    transforms[:, [2, 5]] *= 5  # shifts
    transforms[:, [6, 7]] *= [[0.1]] * 20 + [[0]] * 20  # perspective
    given = (images, transforms.astype(np.float32), (6, 5), 0.5)
    expected = tf.raw_ops.ImageProjectiveTransformV3(
        images=given[0],
        transforms=given[1],
        output_shape=given[2],
        fill_value=given[3],
        interpolation=interpolation,
        fill_mode=mode,
    )
    got = project(*map(tf.constant, given[:2]), *given[2:], interpolation, mode)
    # A place on the edge of two pixels may round to either.
    differing = np.abs(got - expected).max(axis=-1) > 1e-4
    assert differing.mean() < 0.002
