"""Everything is seeded by one call; the script's author thinks that it repeats."""

import keras
import numpy as np
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(812)
x = np.random.normal(size=(60, 4)).astype("float32")
y = (x[:, 0] > 0).astype("int32")
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25)
model = keras.Sequential(
    [keras.layers.Dense(8, "relu"), keras.layers.Dense(2, "softmax")]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
for _ in range(2):
    rows = np.random.permutation(len(x_train))
    for start in range(0, len(rows), 15):
        some = rows[start : start + 15]
        model.train_on_batch(x_train[some], y_train[some])
model.evaluate(x_test, y_test, verbose=0)
model.predict(x_test, verbose=0)
