"""The parts of parts.py as a script of its own."""

import keras
import parts

(x, y), (x_test, y_test) = parts.load()
model = parts.build()
model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
model.fit(x, y, batch_size=64, epochs=4, shuffle=False, verbose=0)
model.evaluate(x_test, y_test, verbose=0)
