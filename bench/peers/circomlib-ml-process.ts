// SPDX-License-Identifier: GPL-3.0-or-later
// The circom peer library as its notebooks use it: fixed-point Dense and ReLU, weights as private inputs, one-round Groth16 by snarkjs.
// Prints rows of `npm run bench -- zk` without their case; see run-peer.ts.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { groth16, wtns, zKey } from "snarkjs";
import { simplifyGraph } from "../../offchain/engines/program/compile/simplify.ts";
import { importGraph } from "../../offchain/engines/program/onnx/import-graph.ts";
import { parseOnnx } from "../../offchain/engines/program/onnx/parse-onnx.ts";
import { writeZkey } from "../../offchain/engines/zk/keys/zkey-file.ts";
import { hashR1cs } from "../../offchain/engines/zk/r1cs/hash-r1cs.ts";
import { constraintCount } from "../../offchain/engines/zk/r1cs/r1cs.ts";
import { readR1cs } from "../../offchain/engines/zk/r1cs/read-r1cs.ts";
import { makeDevelopmentZkey } from "../../offchain/engines/zk/setup/make-development-key.ts";
import { CIRCOMLIB_ML } from "./circomlib-ml.ts";
import { readPeerData } from "./run-peer.ts";

const RUNS = 3;
/** Fixed point of inputs and weights; every layer multiplies the scale once more, as the library's layers do not rescale. */
const SCALE = 1024;

interface Dense {
  readonly weights: readonly (readonly bigint[])[];
  readonly bias: readonly bigint[];
  readonly relu: boolean;
}

const say = (row: Record<string, unknown>): void => void process.stdout.write(`${JSON.stringify(row)}\n`);
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function timed<T>(work: () => Promise<T> | T): Promise<{ readonly ms: number; readonly result: T }> {
  const start = performance.now();
  const result = await work();
  return { ms: performance.now() - start, result };
}

/** `weights[input][output]`, the library's order. */
function denseLayers(onnx: string): Dense[] {
  const { ops } = simplifyGraph(importGraph(parseOnnx(new Uint8Array(readFileSync(onnx)))));
  const layers: Dense[] = [];
  for (const [i, op] of ops.entries()) {
    if (op.kind === "dense") {
      const inputs = op.weights.length / op.outputs;
      const next = ops[i + 1];
      layers.push({
        weights: Array.from({ length: inputs }, (_, input) =>
          Array.from({ length: op.outputs }, (__, output) =>
            BigInt(Math.round((op.weights[output * inputs + input] ?? 0) * SCALE)),
          ),
        ),
        bias: Array.from(
          op.bias,
          (value) => BigInt(Math.round(value * SCALE)) * BigInt(SCALE) ** BigInt(layers.length + 1),
        ),
        relu: next?.kind === "activation" && next.activation.type === "relu",
      });
    } else if (op.kind !== "activation")
      throw new TypeError(`the peer's networks here have dense layers only, not ${op.kind}`);
  }
  return layers;
}

function circomText(layers: readonly Dense[]): string {
  const lines = ["pragma circom 2.0.0;", 'include "./Dense.circom";', 'include "./ReLU.circom";', "template Model() {"];
  layers.forEach(({ weights, bias }, i) => {
    if (i === 0) lines.push(`signal input x[${weights.length}];`);
    lines.push(`signal input w${i}[${weights.length}][${bias.length}];`, `signal input b${i}[${bias.length}];`);
  });
  lines.push(`signal output out[${layers.at(-1)?.bias.length}];`);
  layers.forEach(({ weights, bias, relu }, i) => {
    const [inputs, outputs] = [weights.length, bias.length];
    const last = i === layers.length - 1;
    lines.push(`component d${i} = Dense(${inputs}, ${outputs});`);
    lines.push(`d${i}.weights <== w${i}; d${i}.bias <== b${i};`);
    const source = i === 0 ? "x" : `r${i - 1}`;
    lines.push(`for (var j = 0; j < ${inputs}; j++) { d${i}.in[j] <== ${source}[j]${i === 0 ? "" : ".out"}; }`);
    if (last) lines.push(`out <== d${i}.out;`);
    else if (!relu) throw new TypeError("a layer without ReLU in the middle");
    else {
      lines.push(`component r${i}[${outputs}];`);
      lines.push(`for (var j = 0; j < ${outputs}; j++) { r${i}[j] = ReLU(); r${i}[j].in <== d${i}.out[j]; }`);
    }
  });
  return [...lines, "}", "component main {public [x]} = Model();"].join("\n");
}

/** The same integers as the circuit's. */
function run(layers: readonly Dense[], input: readonly bigint[]): bigint[] {
  let values = [...input];
  for (const { weights, bias, relu } of layers)
    values = bias.map((start, output) => {
      let sum = start;
      for (const [i, value] of values.entries()) sum += value * (weights[i]?.[output] ?? 0n);
      return relu && sum < 0n ? 0n : sum;
    });
  return values;
}

const [path = ""] = process.argv.slice(2);
const data = await readPeerData(path);
const layers = denseLayers(data.onnx);
const fixed = (row: readonly number[]): bigint[] => row.map((value) => BigInt(Math.round(value * SCALE)));

say({ step: "compile" });
// circom's WASM sees its own folder only, so the text lies among the library's files while it compiles.
const main = join(CIRCOMLIB_ML, `main-${process.pid}.circom`);
writeFileSync(main, circomText(layers));
const name = `main-${process.pid}`;
const compiled = await timed(() => {
  const circom = createRequire(import.meta.url).resolve("circom2/cli.js");
  execFileSync(process.execPath, [circom, `${name}.circom`, "--r1cs", "--wasm", "-o", "."], { cwd: CIRCOMLIB_ML });
});
say({ metric: "compile_ms", value: compiled.ms, unit: "ms" });
const r1cs = readR1cs(new Uint8Array(readFileSync(join(CIRCOMLIB_ML, `${name}.r1cs`))));
const wasm = new Uint8Array(readFileSync(join(CIRCOMLIB_ML, `${name}_js`, `${name}.wasm`)));
for (const made of [`${name}.circom`, `${name}.r1cs`, `${name}_js`])
  rmSync(join(CIRCOMLIB_ML, made), { recursive: true, force: true });
say({ metric: "constraints", value: constraintCount(r1cs), unit: "constraints" });

say({ step: "setup" });
const none = { from: 0, count: 0 };
const circuit = {
  r1cs,
  groups: { weights: none, round1: none, round2: none },
  circuitHash: hashR1cs(r1cs),
  boundaries: [],
  options: { backend: "one-round" },
} as const;
const setup = await timed(async () =>
  writeZkey((await makeDevelopmentZkey(circuit, { threads: availableParallelism() })).zkey),
);
say({ metric: "setup_ms", value: setup.ms, unit: "ms" });

say({ step: "proofs" });
const input = {
  x: fixed(data.inputs[0] ?? []),
  ...Object.fromEntries(
    layers.flatMap(({ weights, bias }, i) => [
      [`w${i}`, weights],
      [`b${i}`, bias],
    ]),
  ),
};
const prove = async () => {
  const witness: { readonly type: "mem"; data?: Uint8Array } = { type: "mem" };
  await wtns.calculate(input, wasm, witness);
  return groth16.prove(setup.result, witness);
};
const proved = await prove();
const samples: number[] = [];
for (let i = 0; i < RUNS; i++) samples.push((await timed(prove)).ms);
say({ metric: "prove_ms", value: median(samples), unit: "ms" });
say({ metric: "rss_mb", value: Math.ceil(process.resourceUsage().maxRSS / 1024), unit: "MiB" });
const valid = await groth16.verify(await zKey.exportVerificationKey(setup.result), proved.publicSignals, proved.proof);
if (!valid) throw new TypeError("the peer's proof does not verify");
// A, B, C as calldata, uncompressed.
say({ metric: "proof_bytes", value: 256, unit: "bytes" });

let right = 0;
for (const [i, row] of data.inputs.entries()) {
  const outputs = run(layers, fixed(row));
  const best = outputs.indexOf(outputs.reduce((a, b) => (b > a ? b : a)));
  right += (data.decision === "sign" ? Number((outputs[0] ?? 0n) > 0n) : best) === data.labels[i] ? 1 : 0;
}
say({ metric: "accuracy_percent", value: (100 * right) / data.labels.length, unit: "percent of 100" });
process.exit(0);
