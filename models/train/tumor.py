"""Trains tumor-mlp (30-16-8-1, sigmoid) and tumor-poly (30-16-square-1) on the Wisconsin diagnostic breast cancer data.

usage: python tumor.py DATA_FOLDER MLP.onnx POLY.onnx STANDARDISE.json
Writes DATA_FOLDER/tumor-train.csv and tumor-test.csv (fixed stratified split, 398 and 171 rows; label 1 = malignant).
Features enter standardised, (x - offset) * scale, with offset and scale from the training rows only, rounded so that
they read well, and clipped to +-127/32 as the integer input will be.
"""
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from onnx_export import Graph
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

SEED = 1995
LIMIT = 127 / 32


def write_csv(path, names, x, y):
    with open(path, "w") as file:
        file.write(",".join([n.replace(" ", "_") for n in names] + ["malignant"]) + "\n")
        for row, label in zip(x, y):
            file.write(",".join([repr(float(v)) for v in row] + [str(int(label))]) + "\n")


def train(forward, params, x, y, steps, decay, seed):
    """Full-batch AdamW with input noise as regularisation.

    Noise, steps and decay were chosen by 5-fold cross-validation on the training rows alone (0.975 each).
    """
    rng = np.random.default_rng(seed)
    optimiser = optax.adamw(optax.cosine_decay_schedule(3e-3, steps), weight_decay=decay)
    state = optimiser.init(params)

    def loss(p, x, y):
        return optax.sigmoid_binary_cross_entropy(forward(p, x), y).mean()

    @jax.jit
    def step(p, s, x):
        updates, s = optimiser.update(jax.grad(loss)(p, x, y), s, p)
        return optax.apply_updates(p, updates), s

    for _ in range(steps):
        noise = rng.normal(0, 0.6, x.shape).astype(np.float32)
        params, state = step(params, state, jnp.clip(x + noise, -LIMIT, LIMIT))
    return jax.tree.map(np.asarray, params)


def layer(rng, inputs, outputs, gain=2.0):
    w = rng.normal(0, np.sqrt(gain / inputs), (inputs, outputs)).astype(np.float32)
    return {"w": jnp.asarray(w), "b": jnp.zeros(outputs)}


def dense(p, x):
    return x @ p["w"] + p["b"]


def mlp(p, x):
    x = jax.nn.relu(dense(p["dense1"], x))
    return dense(p["dense3"], jax.nn.relu(dense(p["dense2"], x)))[:, 0]


def poly(p, x):
    return dense(p["dense2"], dense(p["dense1"], x) ** 2)[:, 0]


def main(folder, mlp_path, poly_path, standardise_path):
    data = load_breast_cancer()
    x, y = data.data, 1 - data.target  # scikit-learn has 1 = benign
    names = [str(n) for n in data.feature_names]
    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=171, random_state=SEED, stratify=y)
    write_csv(f"{folder}/tumor-train.csv", names, train_x, train_y)
    write_csv(f"{folder}/tumor-test.csv", names, test_x, test_y)

    offset = [float(f"{v:.6g}") for v in train_x.mean(0)]
    scale = [float(f"{1 / v:.6g}") for v in train_x.std(0)]
    json.dump({"offset": offset, "scale": scale}, open(standardise_path, "w"))
    standard = lambda v: np.clip((v - np.array(offset)) * np.array(scale), -LIMIT, LIMIT).astype(np.float32)
    a, b = standard(train_x), standard(test_x)
    labels = jnp.asarray(train_y, dtype=jnp.float32)

    rng = np.random.default_rng(SEED)
    p = train(mlp, {"dense1": layer(rng, 30, 16), "dense2": layer(rng, 16, 8), "dense3": layer(rng, 8, 1)},
              a, labels, 1000, 0.5, 1)
    q = train(poly, {"dense1": layer(rng, 30, 16, 0.3), "dense2": layer(rng, 16, 1, 0.3)}, a, labels, 1000, 0.5, 2)
    for name, forward, params in (("mlp", mlp, p), ("poly", poly, q)):
        score = lambda v, t: float(((np.asarray(forward(params, v)) > 0) == t).mean())
        print(f"tumor-{name}: train {score(a, train_y):.4f} test {score(b, test_y):.4f}")

    graph = Graph("tumor-mlp", [30])
    for i in (1, 2, 3):
        graph.dense(f"dense{i}", p[f"dense{i}"]["w"], p[f"dense{i}"]["b"])
        graph.add("Relu" if i < 3 else "Sigmoid", f"relu{i}" if i < 3 else "sigmoid")
    graph.save(mlp_path, [1])

    graph = Graph("tumor-poly", [30])
    graph.dense("dense1", q["dense1"]["w"], q["dense1"]["b"])
    graph.add("Mul", "square1", (graph.value,))
    graph.dense("dense2", q["dense2"]["w"], q["dense2"]["b"])
    graph.save(poly_path, [1])


main(*sys.argv[1:5])
