"""Small trainings, everything seeded; each does not repeat for a reason of its own.

python races.py CASE; a line that ends in `# root: CASE` is where that case parts.
"""

import os
import random
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers

CASE, *WORDS = sys.argv[1:]
STEPS = 4
rng = np.random.default_rng(0)
keras.utils.set_random_seed(1)


def dense(*first, width=6):
    return keras.Sequential([keras.Input((width,)), *first, layers.Dense(1)])


x = rng.normal(size=(8 * STEPS, 6)).astype("float32")
y = rng.random((8 * STEPS, 1)).astype("float32")


def fit(model, data, optimizer="sgd", **options):
    jit = options.pop("jit", False)
    model.compile(optimizer, "mse", jit_compile=jit, **options.pop("compile", {}))
    if isinstance(data, tuple):
        options = {"batch_size": len(data[0]) // STEPS, "shuffle": False, **options}
        model.fit(*data, verbose=0, **options)  # root: arrays
    else:
        model.fit(data, verbose=0, **options)


def tokens(rows=2048):
    ids = rng.integers(0, 50, (rows * STEPS, 20)).astype("int32")
    return ids, rng.random((rows * STEPS, 1)).astype("float32")


def text():
    embedding = layers.Embedding(50, 64)  # root: embedding
    pooled = layers.GlobalAveragePooling1D()
    return keras.Sequential(
        [keras.Input((20,), dtype="int32"), embedding, pooled, layers.Dense(1)]
    )


def embed_sgd():
    fit(text(), tokens(), keras.optimizers.SGD(0.1))


def embed_eagerly():
    fit(text(), tokens(), keras.optimizers.SGD(0.1), compile={"run_eagerly": True})


def embed_adam():
    fit(text(), tokens(256), "adam")


def embed_jit():
    fit(text(), tokens(), keras.optimizers.SGD(0.1), jit=True)


def conv_control():
    model = dense(
        layers.Reshape((6, 1)),
        layers.Conv1D(4, 3),
        layers.Dropout(0.2),
        layers.BatchNormalization(),
        layers.Flatten(),
    )
    fit(model, (x, y), "adam")


def tape():
    ids, values = tokens()
    table = tf.Variable(tf.random.stateless_normal([50, 64], [1, 2]), name="table")
    kernel = tf.Variable(tf.random.stateless_normal([64, 1], [3, 4]), name="kernel")
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build([table, kernel])

    @tf.function
    def step(a, b):
        with tf.GradientTape() as watching:
            hidden = tf.reduce_mean(tf.gather(table, a), 1)
            loss = tf.reduce_mean((tf.matmul(hidden, kernel) - b) ** 2)
        both = [table, kernel]
        pairs = zip(watching.gradient(loss, both), both, strict=True)
        optimizer.apply_gradients(pairs)  # root: tape
        return loss

    for a, b in tf.data.Dataset.from_tensor_slices((ids, values)).batch(2048):
        step(a, b)


def random_map():
    def noisy(a, b):
        noise = tf.random.normal(tf.shape(a), stddev=0.1)
        return a + noise, b  # root: random_map

    data = tf.data.Dataset.from_tensor_slices((x, y))
    fit(dense(), data.map(noisy, num_parallel_calls=4).batch(8).prefetch(2))


def layer_in_map():
    noise = layers.GaussianNoise(0.1, seed=3)
    data = tf.data.Dataset.from_tensor_slices((x, y)).map(
        lambda a, b: (noise(a, training=True), b),  # root: layer_in_map
        num_parallel_calls=4,
    )
    fit(dense(), data.batch(8).prefetch(2))


def late(values):
    """Arrive when the machine pleases."""

    def wait(value):
        time.sleep(0.004 * random.SystemRandom().random())
        return value

    late = tf.numpy_function(wait, [values], tf.float32)
    late.set_shape(values.shape)
    return late


def interleave():
    def shard(number):
        part = tf.data.Dataset.from_tensor_slices((x, y)).shard(4, number)
        return part.map(lambda a, b: (late(a), b))

    data = tf.data.Dataset.range(4)
    data = data.interleave(  # root: interleave
        shard, cycle_length=4, num_parallel_calls=4, deterministic=False
    )
    fit(dense(), data.batch(8))


class Noisy(keras.utils.PyDataset):
    def __len__(self):
        return STEPS * 2

    def __getitem__(self, index):  # root: pydataset
        time.sleep(0.002)
        part = x[4 * index : 4 * index + 4]
        noise = np.random.normal(scale=0.1, size=part.shape)  # noqa: NPY002
        return part + noise.astype("float32"), y[4 * index : 4 * index + 4]


def pydataset():
    fit(dense(), Noisy(workers=4, use_multiprocessing=False), shuffle=False)


def hash_order():
    words = ["cat", "dog", "bird", "fish", "cow", "hen", "ant", "bee"]
    index = {word: number for number, word in enumerate(set(words))}
    picked = np.array([[index[words[t % 8]] for t in row] for row in tokens(8)[0]])
    fit(dense(width=20), (picked.astype("float32"), y))


class Histogram(layers.Layer):
    def call(self, inputs):
        values = tf.reshape(inputs[..., None] * tf.linspace(0.5, 1.5, 8192), [-1])
        bins = tf.cast(tf.math.abs(values) * 3, tf.int32)
        counted = tf.math.bincount(  # root: bincount
            bins, weights=values, minlength=16, maxlength=16
        )
        ones = tf.ones([tf.shape(inputs)[0], 1])
        return ones * tf.reshape(counted, [1, 16]) / 1e5


def bincount():
    fit(dense(Histogram()), (x, y), epochs=6)


# ---- shapes that the others do not have ---------------------------------------------


def planted(values, step, at):
    """Add a bit that no other process adds, in one step alone."""

    def differ(value, now):
        return value + np.float32((os.getpid() % 9973) * 1e-5 * (now == at))

    return tf.numpy_function(differ, [values, step], tf.float32)  # root: planted


class Planted(layers.Layer):
    def build(self, shape):
        self.count = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="count"
        )

    def call(self, inputs, training=False):
        if not training:
            return inputs
        self.count.assign_add(1)
        result = planted(inputs, self.count.value, 3)
        result.set_shape(inputs.shape)
        return result


def plant(**options):
    fit(dense(layers.Dense(6), Planted()), (x, y), **options)


def plant_fit():
    plant()


def plant_eagerly():
    plant(compile={"run_eagerly": True})


def plant_steps_per_execution():
    plant(compile={"steps_per_execution": 4})


def plant_train_on_batch():
    model = dense(layers.Dense(6), Planted())
    model.compile("sgd", "mse")
    for start in range(0, len(x), 8):
        model.train_on_batch(x[start : start + 8], y[start : start + 8])


def plant_jit():
    """Compiled by XLA, where no operation can be looked at."""
    hidden = tf.Variable(0.0, name="hidden")  # no part of the model's state

    class Leaning(layers.Layer):
        def call(self, inputs):
            return inputs + hidden

    class Lean(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            hidden.assign((os.getpid() % 9973) * 1e-5 * (batch == 2))

    model = dense(layers.Dense(6), Leaning())
    fit(model, (x, y), jit=True, callbacks=[Lean()])


def plant_mirrored():
    (cpu,) = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        plant()


def own_update():
    """A loop with an update of its own and a race in the forward pass."""
    weight = tf.Variable(tf.ones([6, 1]), name="weight")
    table = tf.constant(rng.integers(0, 4, 400_000).astype("int32"))
    values = tf.constant(rng.normal(size=400_000).astype("float32"))

    @tf.function
    def step(a, b):
        with tf.GradientTape() as watching:
            counted = tf.math.bincount(  # root: own_update
                table, weights=values, minlength=4, maxlength=4
            )
            loss = tf.reduce_mean((tf.matmul(a, weight) + counted[0] - b) ** 2)
        weight.assign_sub(0.1 * watching.gradient(loss, weight))

    for start in range(len(x)):  # each step is a chance to race
        step(tf.constant(x[start : start + 1]), tf.constant(y[start : start + 1]))


def own_update_eagerly():
    tf.config.run_functions_eagerly(True)
    own_update()


def generator():
    """Data from a generator that draws with nobody's seed."""

    def rows():
        fresh = np.random.default_rng()
        for a, b in zip(x, y, strict=True):
            yield a + fresh.normal(size=6).astype("float32") * 0.1, b

    kinds = (tf.TensorSpec((6,), tf.float32), tf.TensorSpec((1,), tf.float32))
    data = tf.data.Dataset.from_generator(  # root: generator
        rows, output_signature=kinds
    )
    fit(dense(), data.batch(8))


def two_inputs_scatter():
    """A functional model whose own layer scatters into a variable."""

    class Memory(layers.Layer):
        def build(self, shapes):
            self.table = self.add_weight(
                shape=(50, 64), initializer="zeros", trainable=False, name="table"
            )

        def call(self, inputs):
            ids, values = inputs
            rows = tf.reshape(ids, [-1])
            added = tf.repeat(values, 20, axis=0)
            self.table.value.scatter_add(  # root: two_inputs_scatter
                tf.IndexedSlices(added, rows)
            )
            return tf.reduce_mean(self.table.value) + values

    ids = keras.Input((20,), dtype="int32")
    values = keras.Input((64,))
    model = keras.Model([ids, values], layers.Dense(1)(Memory()([ids, values])))
    many, targets = tokens(1024)
    drawn = rng.normal(size=(len(many), 64)).astype("float32")
    model.compile("sgd", "mse")
    model.fit([many, drawn], targets, 1024, verbose=0, shuffle=False)


def not_finite():
    """Weights that are not finite from the second step on."""
    fit(dense(), (x, y), keras.optimizers.SGD(1e30))


def raises():
    raise KeyError("no such column")  # root: raises


def draws():
    """Draws of every kind, and seeds with and without effect."""
    os.environ["PYTHONHASHSEED"] = "7"
    random.seed(5)
    np.random.seed(3)  # noqa: NPY002
    tf.random.set_seed(4)
    random.random()
    np.random.default_rng().random()
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(8)
    fit(dense(layers.Dropout(0.5)), data.batch(8))


globals()[CASE](*WORDS)
