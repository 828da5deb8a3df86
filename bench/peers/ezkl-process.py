# SPDX-License-Identifier: GPL-3.0-or-later
"""EZKL's own pipeline on a model of the zoo. Prints rows of `npm run bench -- zk` without their case; see run-peer.ts."""
import json
import os
import resource
import sys
import time

import ezkl
import onnx

RUNS = 3
with open(sys.argv[1]) as file:
    data = json.load(file)
at = lambda name: os.path.join(data["folder"], name)


def say(**row):
    print(json.dumps(row), flush=True)


def timed(work):
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def median(values):
    return sorted(values)[len(values) // 2]


model = onnx.load(data["onnx"])
for value in list(model.graph.input) + list(model.graph.output):
    value.type.tensor_type.shape.dim[0].dim_value = 1
onnx.save(model, at("model.onnx"))


def write_input(name, row):
    with open(at(name), "w") as out:
        json.dump({"input_data": [row]}, out)


write_input("input.json", data["inputs"][0])
with open(at("calibration.json"), "w") as out:
    json.dump({"input_data": [data["inputs"][0]]}, out)

args = ezkl.PyRunArgs()
args.input_visibility = "public"
args.output_visibility = "public"
args.param_visibility = "fixed"

say(step="compile")


def compile_model():
    assert ezkl.gen_settings(at("model.onnx"), at("settings.json"), py_run_args=args)
    ezkl.calibrate_settings(at("calibration.json"), at("model.onnx"), at("settings.json"), "resources")
    assert ezkl.compile_circuit(at("model.onnx"), at("model.compiled"), at("settings.json"))


say(metric="compile_ms", value=timed(compile_model), unit="ms")
with open(at("settings.json")) as file:
    settings = json.load(file)
say(metric="constraints", value=settings["num_rows"], unit="rows")
logrows = settings["run_args"]["logrows"]
say(step=f"SRS of 2^{logrows}, not counted")
ezkl.gen_srs(at("srs"), logrows)

say(step="setup")
say(
    metric="setup_ms",
    value=timed(lambda: ezkl.setup(at("model.compiled"), at("vk"), at("pk"), at("srs"))),
    unit="ms",
)


def prove():
    ezkl.gen_witness(at("input.json"), at("model.compiled"), at("witness.json"))
    ezkl.prove(at("witness.json"), at("model.compiled"), at("pk"), at("proof.json"), at("srs"))


say(step="proofs")
say(metric="prove_ms", value=median([timed(prove) for _ in range(RUNS)]), unit="ms")
assert ezkl.verify(at("proof.json"), at("settings.json"), at("vk"), at("srs"))
with open(at("proof.json")) as file:
    proof = json.load(file)
say(metric="proof_bytes", value=len(bytes.fromhex(proof["hex_proof"][2:])), unit="bytes")
say(metric="rss_mb", value=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), unit="MiB")

say(step="accuracy over 100 inputs")
right = 0
for row, label in zip(data["inputs"], data["labels"]):
    write_input("one.json", row)
    witness = ezkl.gen_witness(at("one.json"), at("model.compiled"), at("one-witness.json"))
    scale = settings["model_output_scales"][0]
    outputs = [ezkl.felt_to_float(felt, scale) for felt in witness["outputs"][0]]
    guess = int(outputs[0] > 0.5) if len(outputs) == 1 else outputs.index(max(outputs))
    right += guess == label
say(metric="accuracy_percent", value=100 * right / len(data["labels"]), unit="percent of 100")
