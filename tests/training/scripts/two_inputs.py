"""Two inputs by name, two outputs, sample weights and weights of losses."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
title = rng.integers(0, 20, (48, 5))
tags = rng.random((48, 3)).astype("float32")
priority = rng.random((48, 1)).astype("float32")
department = rng.integers(0, 4, 48)
first, second = keras.Input((5,), name="title"), keras.Input((3,), name="tags")
words = layers.GlobalAveragePooling1D()(layers.Embedding(20, 4)(first))
joined = layers.concatenate([words, second])
outputs = {
    "priority": layers.Dense(1, name="priority")(joined),
    "department": layers.Dense(4, name="department")(joined),
}
model = keras.Model([first, second], outputs)
model.compile(
    "rmsprop",
    loss={
        "priority": "mse",
        "department": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    },
    loss_weights={"priority": 1.0, "department": 0.2},
)
model.fit(
    {"title": title, "tags": tags},
    {"priority": priority, "department": department},
    sample_weight={"priority": np.ones(48), "department": rng.random(48)},
    epochs=2,
    batch_size=16,
    verbose=0,
)
model.predict({"title": title, "tags": tags}, verbose=0)
