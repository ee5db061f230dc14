"""Models and data as users bring them, each with something of its own."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

CENTRES = np.random.default_rng(5).normal(size=(3, 6)) * 1.3


# ---- data --------------------------------------------------------------------------


def blobs(examples=400):
    rng = np.random.default_rng(7)
    y = rng.integers(0, 3, examples)
    return (CENTRES[y] + rng.normal(size=(examples, 6))).astype("float32"), y


def one_hot(examples=400):
    x, y = blobs(examples)
    return x, keras.utils.to_categorical(y, 3)


def zeros_and_ones_as_floats(examples=400):
    x, y = blobs(examples)
    return x, (y == 1).astype("float32")


def weighted(examples=400):
    x, y = blobs(examples)
    return x, y, np.where(y == 0, 5.0, 1.0)


def several_targets(examples=200):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(examples, 6)).astype("float32")
    return x, (x @ rng.normal(size=(6, 3))).astype("float32")


def with_a_nan(examples=200):
    x, y = blobs(examples)
    x[3, 2] = np.nan
    return x, y


def two_inputs(examples=200):
    x, y = blobs(examples)
    return {"left": x[:, :3], "right": x[:, 3:]}, y


def dataset(examples=200):
    return tf.data.Dataset.from_tensor_slices(blobs(examples)).batch(32)


# ---- models ------------------------------------------------------------------------


def _functional(input_shape, hidden, outputs, cls=keras.Model):
    inputs = keras.Input(input_shape)
    return cls(inputs, layers.Dense(outputs, activation="softmax")(hidden(inputs)))


def plain(input_shape, outputs, units=16):
    return _functional(input_shape, layers.Dense(units, activation="relu"), outputs)


def loaded_and_frozen(input_shape, outputs):
    """Weights from elsewhere: kernel .125, bias .5, not to be trained."""
    body = layers.Dense(12, activation="tanh", name="body", trainable=False)
    model = _functional(input_shape, body, outputs)
    body.set_weights([np.full((input_shape[0], 12), 0.125), np.full(12, 0.5)])
    return model


class _Scaled(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight((shape[-1],), "ones")  # a positional initializer

    def call(self, x):
        return x * self.scale


def positional_initializer(input_shape, outputs):
    return _functional(input_shape, _Scaled(name="scaled"), outputs)


class _NoUpdate(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            answers = self(x, training=True)
            loss = self.compute_loss(x, y, answers)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply([0.0 * g for g in gradients], self.trainable_variables)
        self._loss_tracker.update_state(loss)
        return {"loss": loss}


def own_train_step(input_shape, outputs):
    """Learns nothing, on purpose: every score must stay what it was at the start."""
    return _functional(input_shape, layers.Dense(16), outputs, _NoUpdate)


class _NoLoss(keras.Model):
    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        return 0.0 * ops.sum(y_pred)


def own_compute_loss(input_shape, outputs):
    """A loss of zero, on purpose: the weights must stay what they were."""
    return _functional(input_shape, layers.Dense(16), outputs, _NoLoss)


def compiled_by_the_user(input_shape, outputs):
    """Compiled with a rate of zero: the weights must stay."""
    model = plain(input_shape, outputs)
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mae"])
    return model


class _Draws(layers.Layer):
    def call(self, x, training=None):
        return x + 0.8 * tf.random.normal(tf.shape(x)) if training else x


def draws_by_tensorflow(input_shape, outputs):
    inputs = keras.Input(input_shape)
    hidden = _Draws()(layers.Dense(12, activation="tanh")(inputs))
    return keras.Model(inputs, layers.Dense(outputs, activation="softmax")(hidden))


def coupled_batch(input_shape, outputs):
    """Every example sees the others of its batch; the operation is no layer."""
    inputs = keras.Input(input_shape)
    hidden = layers.Dense(8, activation="relu")(inputs)
    hidden = hidden - ops.mean(hidden, axis=0, keepdims=True)
    return keras.Model(inputs, layers.Dense(outputs, activation="softmax")(hidden))


def own_initializer(input_shape, outputs):
    def draw(shape, dtype=None):
        return keras.random.normal(shape, stddev=0.1, dtype=dtype)

    hidden = layers.Dense(8, kernel_initializer=draw)
    return _functional(input_shape, hidden, outputs)


_KEPT = []


def the_same_object_each_time(input_shape, outputs):
    if not _KEPT:
        _KEPT.append(plain(input_shape, outputs))
    return _KEPT[0]


def dropout_with_a_seed(input_shape, outputs):
    inputs = keras.Input(input_shape)
    hidden = layers.Dropout(0.5, seed=42)(layers.Dense(32, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(outputs, activation="softmax")(hidden))


def autoencoder(input_shape):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, layers.Dense(input_shape[0])(layers.Dense(3)(inputs)))


def raises(input_shape, outputs):
    raise ValueError("shapes (3,) and (4,) not aligned")  # the user must learn where


# ---- more kinds ---------------------------------------------------------------------


def two_paths(outputs=3):
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    hidden = layers.Dense(8, "relu")(layers.Concatenate()([left, right]))
    answer = layers.Dense(outputs, "softmax")(hidden)
    return keras.Model({"left": left, "right": right}, answer)


def sigmoid(input_shape, outputs):
    return keras.Sequential(
        [keras.Input(input_shape), layers.Dense(outputs, "sigmoid")]
    )


def linear(input_shape, outputs):
    return keras.Sequential([keras.Input(input_shape), layers.Dense(outputs)])


def itself(examples=60):
    x, _ = blobs(examples)
    return x, x


def images(examples=60):
    x = np.random.default_rng(2).random((examples, 8, 8, 1), "float32")
    return x, x


def image_to_image(input_shape):
    return keras.Sequential(
        [keras.Input(input_shape), layers.Conv2D(4, 3, padding="same"),
         layers.Conv2D(1, 3, padding="same")]
    )  # fmt: skip


def two_targets(examples=60):
    x, y = blobs(examples)
    return x, {"kind": y, "size": x[:, :1]}


def two_heads(input_shape):
    inputs = keras.Input(input_shape)
    hidden = layers.Dense(8, "relu")(inputs)
    kind = layers.Dense(3, "softmax", name="kind")(hidden)
    return keras.Model(
        inputs, {"kind": kind, "size": layers.Dense(1, name="size")(hidden)}
    )


def parts(examples=90, batched=True, shuffled=False, fixed=None):
    x, y = blobs(examples)
    whole = tf.data.Dataset.from_tensor_slices((x, y))
    made = [whole.take(60), whole.skip(60).take(15), whole.skip(75)]
    if shuffled:
        made[0] = made[0].shuffle(60, seed=fixed)
    return tuple(one.batch(16) if batched else one for one in made)


class Batches(keras.utils.PyDataset):
    """Blobs in batches of 16."""

    def __init__(self, start, stop):
        super().__init__()
        self.x, self.y = (array[start:stop] for array in blobs(80))

    def __len__(self):
        return -(-len(self.x) // 16)

    def __getitem__(self, place):
        rows = slice(16 * place, 16 * place + 16)
        return self.x[rows], self.y[rows]


def sequences():
    return Batches(0, 60), Batches(60, 80)


class Walk:
    """An object with a length that yields batches anew each time."""

    def __init__(self, start, stop):
        self.batches = Batches(start, stop)

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return (self.batches[place] for place in range(len(self)))


def walks():
    return Walk(0, 60), Walk(60, 80)


def shuffled_alone():
    return tf.data.Dataset.from_tensor_slices(blobs(60)).shuffle(60)


def endless():
    return tuple(one.repeat() for one in parts())


def a_generator():
    return (batch for batch in [blobs(10)])


def empty_test():
    x, y = blobs(20)
    return (x, y), (x[:0], y[:0])


def many_classes():
    x, y = blobs(30)
    return x, np.where(y == 0, 200_000_000, y)


def words():
    return blobs(20)[0], np.array(["cat", "dog"] * 10)


# ---- what no rule of a layer tells --------------------------------------------------


def far(examples=60):
    """Blobs so far apart that a softmax is 0 or 1 to the last bit."""
    x, y = blobs(examples)
    return 60 * x, y


class _NoisyStep(keras.Model):
    def train_step(self, data):
        x, y = data
        return super().train_step((x + tf.random.normal(tf.shape(x)), y))


def noisy_step(input_shape, outputs):
    return _functional(input_shape, layers.Dense(8), outputs, _NoisyStep)


NOISE = np.random.default_rng()
GENERATOR = tf.random.Generator.from_non_deterministic_state()


class _StandingStep(keras.Model):
    """Draws from generators of its module, which outlive a run."""

    def train_step(self, data):
        x, y = data
        noise = NOISE.normal(size=x.shape) + GENERATOR.normal(x.shape)
        return super().train_step((x + tf.cast(noise, x.dtype), y))


def standing_step(input_shape, outputs):
    return _functional(input_shape, layers.Dense(8), outputs, _StandingStep)


class _Coder(keras.Model):
    """Steps of its own and no call, as public examples of autoencoders have it."""

    def __init__(self, coder):
        super().__init__()
        self.coder = coder
        self.seed = keras.random.SeedGenerator()
        self.mean = keras.metrics.Mean("loss")

    @property
    def metrics(self):
        return [self.mean]

    def _noted(self, x, noise):
        loss = ops.mean(ops.square(x - self.coder(x + noise)))
        self.mean.update_state(loss)
        return loss

    def train_step(self, x):
        with tf.GradientTape() as tape:
            loss = self._noted(x, keras.random.normal(ops.shape(x), seed=self.seed))
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_weights, strict=True)
        )
        return {"loss": self.mean.result()}

    def test_step(self, x):
        self._noted(x, 0.0)
        return {"loss": self.mean.result()}


def without_a_call(input_shape):
    made = _Coder(autoencoder(input_shape))
    made.compile("adam")
    return made


def without_scores(input_shape, outputs):
    class Trained(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = plain(input_shape, outputs)

        def train_step(self, data):
            return {}

    return Trained()


def alone(examples=60):
    return blobs(examples)[0]


def folder(path):
    """Images in a folder for each class, read by Keras' own loader."""
    options = {"image_size": (8, 8), "batch_size": 8, "verbose": False}
    load = keras.utils.image_dataset_from_directory
    return load(path, **options), load(path, shuffle=False, **options)


def of_images(input_shape, outputs):
    return keras.Sequential(
        [keras.Input(input_shape), layers.Rescaling(1 / 255),
         layers.GlobalAveragePooling2D(), layers.Dense(outputs, "softmax")]
    )  # fmt: skip


class _HalfStep(keras.Model):
    """An own step that trains: half of each gradient, and a count that it reports."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.seen = keras.metrics.Sum(name="seen")

    def train_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        part = self.part()
        self.optimizer.apply([part * g for g in gradients], self.trainable_variables)
        self.seen.update_state(tf.shape(x)[0])
        return {"loss": loss, "seen": self.seen.result()}

    def part(self):
        return 0.5


class _SlowingStep(_HalfStep):
    """Keeps a variable of TensorFlow's own: Keras does not know of it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.hidden = (lambda held: lambda: held)(tf.Variable(1.0, trainable=False))

    def part(self):
        return self.hidden().assign(self.hidden() * 0.9)


def slowing_steps(input_shape, outputs):
    return half_steps(input_shape, outputs, _SlowingStep)


def half_steps(input_shape, outputs, cls=_HalfStep):
    inputs = keras.Input(input_shape)
    hidden = layers.Dropout(0.2)(layers.Dense(8, "relu")(inputs))
    model = cls(inputs, layers.Dense(outputs, "softmax")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def with_statistics(input_shape, outputs):
    inputs = keras.Input(input_shape)
    hidden = layers.Dropout(0.3)(layers.BatchNormalization()(layers.Dense(8)(inputs)))
    return keras.Model(inputs, layers.Dense(outputs, activation="softmax")(hidden))
