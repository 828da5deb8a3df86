# SPDX-License-Identifier: GPL-3.0-or-later
"""dense, square, dense with OpenFHE: diagonals, baby and giant steps, hoisted rotations, weights encoded once. Prints rows of
`npm run bench -- she` without their case."""
import json
import os
import resource
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy
import openfhe

RUNS = 9
SLOTS = 4096
with open(sys.argv[1]) as file:
    data = json.load(file)


def say(metric, value, unit):
    print(json.dumps({"metric": metric, "value": value, "unit": unit}), flush=True)


def power_above(size):
    return 1 << (size - 1).bit_length()


print(json.dumps({"step": "keys"}), flush=True)
parameters = openfhe.CCParamsCKKSRNS()
parameters.SetMultiplicativeDepth(3)
# The largest primes with which the library still takes N = 8192 at 128 bit.
parameters.SetRingDim(8192)
parameters.SetScalingModSize(32)
parameters.SetFirstModSize(42)
parameters.SetNumLargeDigits(4)
parameters.SetBatchSize(SLOTS)
parameters.SetScalingTechnique(openfhe.ScalingTechnique.FIXEDMANUAL)
parameters.SetSecurityLevel(openfhe.SecurityLevel.HEStd_128_classic)
context = openfhe.GenCryptoContext(parameters)
for feature in ("PKE", "KEYSWITCH", "LEVELEDSHE"):
    context.Enable(getattr(openfhe.PKESchemeFeature, feature))
keys = context.KeyGen()
context.EvalMultKeyGen(keys.secretKey)


class Layer:
    """y = W x + b over values that repeat with a power-of-two period; the result repeats with the power above its size."""

    def __init__(self, rows, bias, level, babies):
        self.babies = babies
        weights = numpy.zeros((power_above(len(rows)), power_above(len(rows[0]))))
        weights[: len(rows), : len(rows[0])] = rows
        outputs, inputs = weights.shape
        self.giants = outputs // babies
        self.folds = [1 << i for i in range(outputs.bit_length() - 1, inputs.bit_length() - 1)]
        slot = numpy.arange(SLOTS)
        self.diagonals = [
            [self.encode(numpy.roll(weights[slot % outputs, (slot + a * babies + b) % inputs], a * babies), level) for b in range(babies)]
            for a in range(self.giants)
        ]
        padded = numpy.zeros(outputs)
        padded[: len(bias)] = bias
        # Values that all but vanish at the scale are refused by the library.
        self.bias = numpy.tile(padded, SLOTS // outputs).tolist() if abs(padded).max() > 2**-24 else None

    def encode(self, values, level):
        return context.MakeCKKSPackedPlaintext(values.tolist(), 1, level)

    def steps(self):
        return {*range(1, self.babies), *(a * self.babies for a in range(1, self.giants)), *self.folds}

    def apply(self, cipher):
        hoisted = context.EvalFastRotationPrecompute(cipher)
        order = context.GetCyclotomicOrder()
        turned = [cipher] + [context.EvalFastRotation(cipher, b, order, hoisted) for b in range(1, self.babies)]
        total = None
        for a, row in enumerate(self.diagonals):
            inner = context.EvalMult(turned[0], row[0])
            for b in range(1, self.babies):
                context.EvalAddInPlace(inner, context.EvalMult(turned[b], row[b]))
            if a > 0:
                inner = context.EvalRotate(inner, a * self.babies)
            total = inner if total is None else context.EvalAdd(total, inner)
        total = context.Rescale(total)
        for fold in self.folds:
            total = context.EvalAdd(total, context.EvalRotate(total, fold))
        if self.bias is None:
            return total
        bias = context.MakeCKKSPackedPlaintext(self.bias, total.GetNoiseScaleDeg(), total.GetLevel())
        return context.EvalAdd(total, bias)


first, second = data["layers"]
one = Layer(first["rows"], first["bias"], 0, 16)
two = Layer(second["rows"], second["bias"], 2, 4)
context.EvalRotateKeyGen(keys.secretKey, sorted(one.steps() | two.steps()))
spread = numpy.zeros(power_above(len(data["input"])))
spread[: len(data["input"])] = data["input"]
plain = context.MakeCKKSPackedPlaintext(numpy.tile(spread, SLOTS // len(spread)).tolist())
cipher = context.Encrypt(keys.publicKey, plain)

print(json.dumps({"step": "evaluation"}), flush=True)
times = []
for _ in range(RUNS):
    start = time.process_time()
    hidden = context.Rescale(context.EvalSquare(one.apply(cipher)))
    output = two.apply(hidden)
    times.append((time.process_time() - start) * 1000)
decrypted = context.Decrypt(output, keys.secretKey)
decrypted.SetLength(power_above(len(data["exact"])))
error = max(abs(a - b) for a, b in zip(decrypted.GetRealPackedValue(), data["exact"]))


def size(thing):
    return len(openfhe.Serialize(thing, openfhe.BINARY))


say("eval_cpu_ms", sorted(times)[RUNS // 2], "ms")
say("max_error", error, "of about 1")
say("input_bytes", size(cipher), "B")
say("output_bytes", size(output), "B")
say("process_rss", round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "MiB")
