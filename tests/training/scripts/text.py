"""TextVectorization before an LSTM with recurrent dropout."""

import random

import keras
import numpy as np
from keras import layers

words = ["good", "bad", "fine", "poor", "great", "awful", "film", "plot", "cast"]
texts = [" ".join(random.choice(words) for _ in range(4)) for _ in range(48)]
labels = np.array([("good" in t or "great" in t) for t in texts], "int32")
vectorize = layers.TextVectorization(max_tokens=20, output_sequence_length=4)
vectorize.adapt(texts)
ids = np.asarray(vectorize(np.array(texts)))
model = keras.Sequential(
    [
        layers.Embedding(20, 4, mask_zero=True),
        layers.LSTM(3, dropout=0.1, recurrent_dropout=0.1),
        layers.Dense(1, "sigmoid"),
    ]
)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(ids, labels, epochs=1, batch_size=16, validation_split=0.25, verbose=0)
