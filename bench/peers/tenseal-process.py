# SPDX-License-Identifier: GPL-3.0-or-later
"""dense, square, dense with TenSEAL's own vector-by-matrix product. Prints rows of `npm run bench -- she` without their case."""
import json
import resource
import sys
import time

import tenseal

RUNS = 5
with open(sys.argv[1]) as file:
    data = json.load(file)


def say(metric, value, unit):
    print(json.dumps({"metric": metric, "value": value, "unit": unit}), flush=True)


print(json.dumps({"step": "keys"}), flush=True)
# 128 bit at N = 8192, as our profile; one thread, as ours.
context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[50, 36, 36, 36, 60], n_threads=1)
context.global_scale = 2**36
context.generate_galois_keys()
context.generate_relin_keys()
# Its product takes a matrix of inputs x outputs.
layers = [([list(column) for column in zip(*layer["rows"])], layer["bias"]) for layer in data["layers"]]
vector = tenseal.ckks_vector(context, data["input"])

print(json.dumps({"step": "evaluation"}), flush=True)
times = []
for _ in range(RUNS):
    start = time.process_time()
    (first, bias), (second, last) = layers
    hidden = (vector.mm(first) + bias).square()
    output = hidden.mm(second) + last
    times.append((time.process_time() - start) * 1000)
error = max(abs(a - b) for a, b in zip(output.decrypt(), data["exact"]))

say("eval_cpu_ms", sorted(times)[RUNS // 2], "ms")
say("max_error", error, "of about 1")
say("input_bytes", len(vector.serialize()), "B")
say("output_bytes", len(output.serialize()), "B")
say("keys_bytes", len(context.serialize(save_secret_key=False)), "B")
say("process_rss", round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "MiB")
