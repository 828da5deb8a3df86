// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import type { Tensor } from "../../../../../offchain/core/tensor.ts";
import { createFloatExecutor } from "../../../../../offchain/engines/program/float/float-executor.ts";
import {
  checkFloatModel,
  runFloatReference,
  SUM_ORDERS,
} from "../../../../../offchain/engines/program/float/float-graph.ts";
import { buildOnnx, type OnnxSpec } from "../../../../support/build-onnx.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { Prng } from "../../../../support/prng.ts";

const rng = new Prng(11);
const reals = (n: number, width = 1) => Array.from({ length: n }, () => (rng.next() / 2 ** 31 - 1) * width);
const read = (path: string) => new Uint8Array(readFileSync(path));
const constant = (name: string, dims: readonly number[], values = reals(dims.reduce((a, b) => a * b, 1))) => ({
  name,
  dims,
  values,
});
const shape = (name: string, values: readonly number[]) => ({
  name,
  dims: [values.length],
  values,
  type: "int64" as const,
});

/** The largest difference between onnxruntime and the reference, relative to the largest output. */
async function difference(bytes: Uint8Array, data: readonly number[], rows: number): Promise<number> {
  const graph = checkFloatModel(bytes);
  const executor = createFloatExecutor();
  const input: Tensor = { dtype: "f32", dims: [rows, ...graph.inputDims], data: Float32Array.from(data) };
  try {
    const { data: found, dims } = await executor.run({ bytes, graph, range: { lo: -1e9, hi: 1e9 } }, input);
    const expected = Float32Array.from(found);
    const most = expected.reduce((peak, value) => Math.max(peak, Math.abs(value)), 1e-9);
    let worst = 0;
    for (const order of SUM_ORDERS) {
      const own = runFloatReference(graph, Float32Array.from(data), order);
      expect(own.dims).to.deep.equal(dims);
      own.data.forEach((value, i) => (worst = Math.max(worst, Math.abs(value - (expected[i] ?? 0)) / most)));
    }
    return worst;
  } finally {
    await executor.close();
  }
}

const GRU = (before: number): OnnxSpec => ({
  input: ["batch", 5, 3],
  nodes: [
    { op: "Transpose", inputs: ["x"], output: "steps", ints: { perm: [1, 0, 2] } },
    {
      op: "GRU",
      inputs: ["steps", "w", "r", "b"],
      before: [""],
      output: "last",
      ints: { hidden_size: 4, linear_before_reset: before },
    },
    { op: "Squeeze", inputs: ["last", "axes"], output: "output" },
  ],
  constants: [constant("w", [1, 12, 3]), constant("r", [1, 12, 4]), constant("b", [1, 24]), shape("axes", [0])],
  output: "output",
});

describe("float models, the reference beside onnxruntime", () => {
  for (const [name, path, width, rows] of [
    ["convolutions and pools", "models/digits-cnn/model.onnx", 784, 2],
    ["dense layers and a sigmoid", "models/tumor-mlp/model.onnx", 30, 5],
    ["a transformer block", "models/mail-transformer/model.onnx", 1024, 2],
  ] as const)
    it(`default: ${name} of the zoo`, async () => {
      expect(await difference(read(path), reals(width * rows), rows)).to.be.below(2e-5);
    });

  it("default: the recurrent model of the zoo", async () => {
    const codes = Array.from({ length: 3 * 74 }, (_, i) => (i % 74 < 32 ? rng.int(0, 41) : rng.int(-9, 9) / 8));
    expect(await difference(read("models/mail-letters/model.onnx"), codes, 3)).to.be.below(2e-5);
  });

  it("behavior: recurrent gates before and after the reset, several rows", async () => {
    for (const before of [0, 1]) expect(await difference(buildOnnx(GRU(before)), reals(4 * 15), 4)).to.be.below(2e-6);
  });

  it("behavior: broadcasting, joins, normalisations and means", async () => {
    const spec: OnnxSpec = {
      input: ["batch", 3, 4],
      nodes: [
        { op: "Mul", inputs: ["x", "row"], output: "scaled" },
        { op: "Sub", inputs: ["scaled", "column"], output: "shifted" },
        { op: "Concat", inputs: ["shifted", "x"], output: "joined", ints: { axis: 2 } },
        { op: "Softmax", inputs: ["joined"], output: "shares", ints: { axis: -1 } },
        { op: "Erf", inputs: ["shares"], output: "bent" },
        { op: "ReduceMean", inputs: ["bent"], output: "mean", ints: { axes: [1], keepdims: 0 } },
        { op: "Clip", inputs: ["mean", "lo", "hi"], output: "held" },
        { op: "Div", inputs: ["held", "seven"], output: "output" },
      ],
      constants: [
        constant("row", [4]),
        constant("column", [3, 1]),
        constant("lo", [], [0.01]),
        constant("hi", [], [0.3]),
        constant("seven", [1], [7]),
      ],
      output: "output",
    };
    expect(await difference(buildOnnx(spec), reals(24), 2)).to.be.below(1e-5);
  });

  it("behavior: orders of summation differ, and none by much", () => {
    const graph = checkFloatModel(read("models/mail-letters/model.onnx"));
    const codes = Float32Array.from({ length: 74 }, (_, i) => (i < 32 ? 2 + (i % 26) : 0));
    const runs = SUM_ORDERS.map((order) => [...runFloatReference(graph, codes, order).data].join());
    expect(new Set(runs).size).to.equal(SUM_ORDERS.length);
  });

  it("default: multiply-adds are counted for one row", () => {
    expect(checkFloatModel(read("models/mail-letters/model.onnx")).macs).to.equal(32 * 288 * (24 + 96) + 96 * 42);
    expect(checkFloatModel(read("models/tumor-mlp/model.onnx")).macs).to.equal(480 + 128 + 8);
  });

  it("error: FLOAT_OPERATOR for what is random or unknown, FLOAT_MODEL_INVALID for other ends", async () => {
    const one = (op: string, more: Partial<OnnxSpec> = {}): Uint8Array =>
      buildOnnx({
        input: ["batch", 4],
        nodes: [{ op, inputs: ["x"], output: "output" }],
        output: "output",
        ...more,
      });
    for (const op of ["RandomNormalLike", "Dropout", "Multinomial", "Bernoulli", "Loop", "toString"])
      await expectCode("FLOAT_OPERATOR", () => checkFloatModel(one(op)));
    await expectCode("FLOAT_MODEL_INVALID", () => checkFloatModel(one("Relu", { input: ["batch", "any"] })));
    await expectCode("FLOAT_MODEL_INVALID", () => checkFloatModel(one("Relu", { input: ["batch"] })));
    await expectCode("FLOAT_MODEL_INVALID", () => checkFloatModel(one("Relu", { output: "nothing" })));
    await expectCode("FLOAT_MODEL_INVALID", () =>
      checkFloatModel(one("Cast", { nodes: [{ op: "Cast", inputs: ["x"], output: "output", ints: { to: 9 } }] })),
    );
  });

  it("error: FLOAT_MODEL_INVALID for whole numbers of computed values: their jumps would be aimed at", async () => {
    const cast = (from: string): Uint8Array =>
      buildOnnx({
        input: ["batch", 4],
        nodes: [
          { op: "Relu", inputs: ["x"], output: "computed" },
          { op: "Identity", inputs: [from], output: "moved" },
          { op: "Cast", inputs: ["moved"], output: "whole", ints: { to: 7 } },
          { op: "Gather", inputs: ["rows", "whole"], output: "output", ints: { axis: 0 } },
        ],
        constants: [constant("rows", [3, 2])],
        output: "output",
      });
    expect(checkFloatModel(cast("x")).outputDims).to.deep.equal([4, 2]);
    await expectCode("FLOAT_MODEL_INVALID", () => checkFloatModel(cast("computed")));
  });

  it("error: every operator says what it cannot do, and changed shapes never run", async () => {
    const two = (op: string, dims: readonly number[], ints = {}): Uint8Array =>
      buildOnnx({
        input: ["batch", 4],
        nodes: [{ op, inputs: ["x", "w"], output: "output", ints }],
        constants: [constant("w", dims)],
        output: "output",
      });
    for (const [op, dims, ints] of [
      ["Gemm", [3, 2], {}],
      ["Gemm", [4], {}],
      ["MatMul", [3, 2], {}],
      ["MatMul", [4], {}],
      ["Add", [3], {}],
      ["Conv", [1, 1, 2, 2], {}],
      ["GRU", [1, 12, 3], { hidden_size: 4 }],
      ["LayerNormalization", [4], { axis: 0 }],
      ["Reshape", [3], {}],
    ] as const)
      await expectCode("FLOAT_MODEL_INVALID", () => checkFloatModel(two(op, dims, ints)));
  });
});
