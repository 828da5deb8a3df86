"""Trains the three networks of the cheque example: two handwritten digits side by side and an amount in words to match or mismatch.

usage: python cheque.py branches MNIST_FOLDER MODELS_FOLDER
       python cheque.py fusion   MNIST_FOLDER MODELS_FOLDER
`branches` trains cheque-image (28x56 pixels to a score for each amount 0..99) and cheque-amount (two words to the same scores) and writes
the lists of amounts in words. Import both (`assay model import`), then run `fusion`: it trains on what the integer programs give, up to
rounding, for which it reads their output steps. Test images are never used for training or for choosing anything.
"""
import json
import struct
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from mnist import augment, load
from onnx_export import Graph

SEED = 20261
SMALL = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
         "eighteen nineteen").split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
WORDS = sorted(SMALL + TENS)
WIDTH = len(WORDS) + 1  # the last column: no word
UNIT = 64  # what a present word is as an integer; the network sees UNIT / 128
FUSION_STEP = 1 / 32


def in_words(amount):
    if amount < 20:
        return SMALL[amount]
    return TENS[amount // 10 - 2] + (f" {SMALL[amount % 10]}" if amount % 10 else "")


def token_table():
    """The `tokens` file: each word its own column, an unknown word none (core/program/tokens.ts)."""
    string = lambda text: struct.pack("<I", len(text)) + text.encode()
    rows = np.zeros((len(WORDS) + 2, WIDTH), np.int8)
    rows[0, -1] = UNIT
    rows[np.arange(len(WORDS)) + 2, np.arange(len(WORDS))] = UNIT
    head = string("assay.v1.tokens") + struct.pack("<BHHH", 1, 2, WIDTH, len(WORDS))
    block = lambda array: struct.pack("<I", array.size) + array.tobytes()
    return head + b"".join(string(w) for w in WORDS) + block(rows) + block(np.zeros((2, WIDTH), np.int8))


def word_rows(amount):
    rows = np.zeros((2, WIDTH), np.float32)
    words = in_words(amount).split()
    for place in range(2):
        rows[place, WORDS.index(words[place]) if place < len(words) else WIDTH - 1] = UNIT / 128
    return rows


def glorot(rng, shape, fan_in):
    return jnp.asarray(rng.normal(0, np.sqrt(2 / fan_in), shape), dtype=jnp.float32)


# --- The image: convolutions whose strides divide a digit's width, so both digits meet the same weights ----------------------------

CONVS = (("conv1", (8, 1, 5, 5), 2, 2), ("conv2", (12, 8, 5, 5), 2, 2), ("conv3", (48, 12, 7, 7), 7, 0), ("conv4", (10, 48, 1, 1), 1, 0))
# Score of an amount = score of its tens + score of its units; digits lie [class, place].
SUMS = np.zeros((20, 100), np.float32)
for amount in range(100):
    SUMS[(amount // 10) * 2, amount] = SUMS[(amount % 10) * 2 + 1, amount] = 1


def digit_scores(params, x):
    for name, _, stride, pad in CONVS:
        x = jax.lax.conv_general_dilated(x, params[name]["w"], (stride, stride), [(pad, pad)] * 2)
        x = x + params[name]["b"][None, :, None, None]
        if name != "conv4":
            x = jax.nn.relu(x)
    return x.reshape(len(x), 10, 2)


def cheques(images, rng):
    """Random pairs of digits, each image once."""
    order = rng.permutation(len(images) // 2 * 2).reshape(-1, 2)
    return np.concatenate([images[order[:, 0]], images[order[:, 1]]], 2)[:, None], order


def train_image(folder, rng):
    images, labels = load(folder, "train")
    params = {name: {"w": glorot(rng, shape, np.prod(shape[1:])), "b": jnp.zeros(shape[0])} for name, shape, _, _ in CONVS}
    epochs, batch = 22, 128
    steps = epochs * (len(images) // 2 // batch)
    optimiser = optax.adamw(optax.cosine_decay_schedule(3e-3, steps), weight_decay=1e-3)
    state = optimiser.init(params)

    def loss(p, x, y):
        target = optax.smooth_labels(jax.nn.one_hot(y, 10), 0.02)  # [rows, place, class]
        return optax.softmax_cross_entropy(digit_scores(p, x).transpose(0, 2, 1), target).mean()

    @jax.jit
    def step(p, s, x, y):
        updates, s = optimiser.update(jax.grad(loss)(p, x, y), s, p)
        return optax.apply_updates(p, updates), s

    for epoch in range(epochs):
        strength = 1.0 if epoch < epochs - 4 else 0.4
        x, order = cheques(augment(images, rng, *(v * strength for v in (12, 0.12, 2.0))), rng)
        y = labels[order]
        for start in range(0, len(x) - batch + 1, batch):
            params, state = step(params, state, x[start:start + batch], y[start:start + batch])
        print(f"epoch {epoch + 1}/{epochs}", flush=True)
    test, truth = load(folder, "t10k")
    pairs = np.concatenate([test[0::2], test[1::2]], 2)[:, None]
    found = np.asarray(digit_scores(params, pairs)).argmax(1)
    right = (found == np.stack([truth[0::2], truth[1::2]], 1))
    print(f"image: {right.mean():.4f} of digits, {right.all(1).mean():.4f} of amounts")
    return jax.tree.map(np.asarray, params)


def train_amount(rng):
    x = np.stack([word_rows(a).reshape(-1) for a in range(100)])
    params = {"w": glorot(rng, (2 * WIDTH, 100), 2 * WIDTH), "b": jnp.zeros(100)}
    optimiser = optax.adam(2e-2)
    state = optimiser.init(params)
    target = optax.smooth_labels(jnp.eye(100), 0.02)
    loss = lambda p: optax.softmax_cross_entropy(x @ p["w"] + p["b"], target).mean() + 1e-5 * (p["w"] ** 2).sum()

    @jax.jit
    def step(p, s):
        updates, s = optimiser.update(jax.grad(loss)(p), s)
        return optax.apply_updates(p, updates), s

    for _ in range(4000):
        params, state = step(params, state)
    params = jax.tree.map(np.asarray, params)
    print(f"amount: {((x @ params['w'] + params['b']).argmax(1) == np.arange(100)).mean():.4f}")
    return params


def typed(truth, rng):
    """Half the cheques say what is written; a quarter another amount, a quarter one that differs in one digit."""
    n = len(truth)
    other = (truth + rng.integers(1, 100, n)) % 100
    tens, units = truth // 10, truth % 10
    off = rng.integers(1, 10, n)
    near = np.where(rng.integers(0, 2, n) == 1, (tens + off) % 10 * 10 + units, tens * 10 + (units + off) % 10)
    kind = rng.permutation(n) % 4
    return np.where(kind < 2, truth, np.where(kind == 2, other, near))


def write_rows(path, labels, amounts):
    with open(path, "w") as file:
        file.writelines(f"{label}\t{in_words(amount)}\n" for label, amount in zip(labels, amounts))


def branches(folder, models):
    rng = np.random.default_rng(SEED)
    p = train_image(folder, rng)
    graph = Graph("cheque-image", [1, 28, 56])
    for name, _, stride, pad in CONVS:
        graph.conv(name, p[name]["w"], p[name]["b"], pad, stride)
        if name != "conv4":
            graph.add("Relu", f"relu-{name}")
    graph.add("Flatten", "flatten", axis=1)
    graph.dense("sums", SUMS, np.zeros(100, np.float32))
    graph.save(f"{models}/cheque-image/model.onnx", [100])
    p = train_amount(rng)
    graph = Graph("cheque-amount", [2, WIDTH])
    graph.add("Flatten", "flatten", axis=1)
    graph.dense("dense1", p["w"], p["b"])
    graph.save(f"{models}/cheque-amount/model.onnx", [100])
    open(f"{models}/cheque-amount/tokens", "wb").write(token_table())
    write_rows(f"{models}/data/cheque-amounts.tsv", range(100), range(100))
    for name, split, count in (("calibration", "train", 500), ("test", "t10k", 2500)):
        labels = load(folder, split)[1][: 2 * count]
        truth = labels[0::2] * 10 + labels[1::2]
        amounts = typed(truth, np.random.default_rng(SEED + count))
        write_rows(f"{models}/data/cheque-{name}.tsv", (amounts == truth).astype(int), amounts)


def weights_of(path):
    import onnx
    from onnx import numpy_helper
    return {w.name: numpy_helper.to_array(w) for w in onnx.load(path).graph.initializer}


def fusion(folder, models):
    rng = np.random.default_rng(SEED + 1)
    step_of = lambda name: json.load(open(f"{models}/{name}/model.json"))["output"]["step"]
    quantise = lambda scores, step: np.clip(np.round(scores / step), -127, 127) * FUSION_STEP
    w = weights_of(f"{models}/cheque-image/model.onnx")
    image = {name: {"w": w[f"{name}.weight"], "b": w[f"{name}.bias"]} for name, *_ in CONVS}
    scores = jax.jit(lambda x: digit_scores(image, x).reshape(len(x), 20) @ SUMS)
    w = weights_of(f"{models}/cheque-amount/model.onnx")
    words = np.stack([word_rows(a).reshape(-1) for a in range(100)]) @ w["dense1.weight"].T + w["dense1.bias"]
    words = quantise(words, step_of("cheque-amount"))
    images, labels = load(folder, "train")

    def rows(images, pairs, truth, amounts):
        x = np.concatenate([np.asarray(scores(pairs[i:i + 1000])) for i in range(0, len(pairs), 1000)])
        return np.concatenate([quantise(x, step_of("cheque-image")), words[amounts]], 1).astype(np.float32)

    # A unit for each amount: the image's score where the words say this amount, nothing elsewhere.
    eye = np.eye(100, dtype=np.float32)
    noise = lambda shape: 0.02 * rng.normal(0, 1, shape).astype(np.float32)
    params = {"w1": jnp.asarray(np.concatenate([eye, 2 * eye]) + noise((200, 100))), "b1": jnp.full(100, -6.0),
              "w2": jnp.asarray(np.stack([-np.ones(100), np.ones(100)], 1) * 0.5 + noise((100, 2))), "b2": jnp.asarray([1.0, -1.0])}
    forward = lambda p, x: jax.nn.relu(x @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"]
    epochs, batch = 40, 256
    optimiser = optax.adamw(optax.cosine_decay_schedule(2e-3, epochs * (len(images) // 2 // batch)), weight_decay=1e-4)
    state = optimiser.init(params)
    loss = lambda p, x, y: optax.softmax_cross_entropy(forward(p, x), jax.nn.one_hot(y, 2)).mean()

    @jax.jit
    def step(p, s, x, y):
        updates, s = optimiser.update(jax.grad(loss)(p, x, y), s, p)
        return optax.apply_updates(p, updates), s

    for epoch in range(epochs):
        pairs, order = cheques(augment(images, rng, 8, 0.08, 1.2), rng)
        truth = labels[order[:, 0]] * 10 + labels[order[:, 1]]
        amounts = typed(truth, rng)
        x, y = rows(images, pairs, truth, amounts), (amounts == truth).astype(np.int32)
        for start in range(0, len(x) - batch + 1, batch):
            params, state = step(params, state, x[start:start + batch], y[start:start + batch])
        print(f"epoch {epoch + 1}/{epochs} loss {float(loss(params, x[:2000], y[:2000])):.4f}", flush=True)
    test, truth = load(folder, "t10k")
    pairs = np.concatenate([test[0:5000:2], test[1:5000:2]], 2)[:, None]
    truth = truth[0:5000:2] * 10 + truth[1:5000:2]
    amounts = typed(truth, np.random.default_rng(SEED + 2500))
    found = np.asarray(forward(params, rows(test, pairs, truth, amounts))).argmax(1)
    print(f"fusion: {(found == (amounts == truth)).mean():.4f}")
    p = jax.tree.map(np.asarray, params)
    graph = Graph("cheque-fusion", [200])
    graph.dense("dense1", p["w1"], p["b1"])
    graph.add("Relu", "relu1")
    graph.dense("dense2", p["w2"], p["b2"])
    graph.save(f"{models}/cheque-fusion/model.onnx", [2])


{"branches": branches, "fusion": fusion}[sys.argv[1]](*sys.argv[2:4])
