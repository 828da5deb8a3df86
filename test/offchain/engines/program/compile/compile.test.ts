// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import * as ort from "onnxruntime-node";
import { encodeProgram } from "../../../../../offchain/core/program/encode-program.ts";
import { elementsOf } from "../../../../../offchain/core/program/analyse.ts";
import { PRODUCER_INPUT } from "../../../../../offchain/core/types.ts";
import { isAssayError } from "../../../../../offchain/core/errors.ts";
import type { Tensor } from "../../../../../offchain/core/tensor.ts";
import { compilePolynomial } from "../../../../../offchain/engines/program/compile/compile-polynomial.ts";
import { compileQuantised, type Compiled } from "../../../../../offchain/engines/program/compile/compile-quantised.ts";
import { cutProgram } from "../../../../../offchain/engines/program/compile/cut-program.ts";
import { entropyBits, measureEntropy } from "../../../../../offchain/engines/program/compile/measure-entropy.ts";
import { runFloat } from "../../../../../offchain/engines/program/compile/run-float.ts";
import { simplifyGraph } from "../../../../../offchain/engines/program/compile/simplify.ts";
import { loadStage } from "../../../../../offchain/engines/program/executor.ts";
import { createOnnxExecutor } from "../../../../../offchain/engines/program/onnx-executor.ts";
import { importGraph } from "../../../../../offchain/engines/program/onnx/import-graph.ts";
import { parseOnnx } from "../../../../../offchain/engines/program/onnx/parse-onnx.ts";
import { createReferenceExecutor } from "../../../../../offchain/engines/program/reference-executor.ts";
import { buildOnnx, type OnnxSpec, type OnnxTensorSpec } from "../../../../support/build-onnx.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { expectNear } from "../../../../support/expect-near.ts";
import { Random } from "../../../../support/random-program.ts";

const random = new Random(7);
const normal = () => (random.next() + random.next() + random.next() - 1.5) * 1.2;
const tensor = (name: string, dims: readonly number[], positive = false): OnnxTensorSpec => ({
  name,
  dims,
  values: Array.from({ length: elementsOf(dims) }, () => (positive ? 0.5 + random.next() : normal() / 2)),
});

/** Every operator of the importer, with a residual block, two branches and both kinds of constants. */
const spec: OnnxSpec = {
  input: ["batch", 2, 8, 8],
  opset: 17,
  constants: [
    tensor("k1", [4, 2, 3, 3]),
    tensor("gamma", [4], true),
    tensor("beta", [4]),
    tensor("mean", [4]),
    tensor("variance", [4], true),
    tensor("k2", [4, 4, 3, 3]),
    tensor("k3", [4, 4, 2, 2]),
    // 4·2·2 (f1) + 4 (f2) + 4·2·2 (f3) inputs
    tensor("w1", [36, 12]),
    tensor("b1", [12]),
    tensor("w2", [6, 12]),
    tensor("b2", [6]),
    { name: "low", dims: [], values: [-0.5] },
    { name: "high", dims: [], values: [2] },
  ],
  nodes: [
    { op: "Conv", inputs: ["x", "k1"], output: "c1", ints: { pads: [1, 1, 1, 1] } },
    { op: "BatchNormalization", inputs: ["c1", "gamma", "beta", "mean", "variance"], output: "n1" },
    { op: "Relu", inputs: ["n1"], output: "r1" },
    { op: "Conv", inputs: ["r1", "k2"], output: "c2", ints: { pads: [1, 1, 1, 1] } },
    { op: "Add", inputs: ["r1", "c2"], output: "sum" },
    { op: "Clip", inputs: ["sum", "low", "high"], output: "clipped" },
    { op: "MaxPool", inputs: ["clipped"], output: "m", ints: { kernel_shape: [2, 2], strides: [2, 2] } },
    { op: "Conv", inputs: ["m", "k3"], output: "c3" },
    { op: "AveragePool", inputs: ["c3"], output: "a3", ints: { kernel_shape: [2, 2] } },
    { op: "Tanh", inputs: ["a3"], output: "t3" },
    { op: "Transpose", inputs: ["t3"], output: "turned", ints: { perm: [0, 2, 3, 1] } },
    { op: "Flatten", inputs: ["turned"], output: "f1" },
    {
      op: "AveragePool",
      inputs: ["m"],
      output: "a4",
      ints: { kernel_shape: [2, 2], pads: [1, 1, 0, 0], count_include_pad: 1, strides: [2, 2] },
    },
    { op: "GlobalAveragePool", inputs: ["m"], output: "g" },
    { op: "Constant", inputs: [], output: "shape", tensor: { name: "", dims: [2], values: [0, -1], type: "int64" } },
    { op: "Reshape", inputs: ["g", "shape"], output: "f2" },
    { op: "Reshape", inputs: ["a4", "shape"], output: "f3" },
    {
      op: "Concat",
      inputs: ["f1", "f2", "f3"],
      output: "joined",
      ints: { axis: 1 },
    },
    { op: "MatMul", inputs: ["joined", "w1"], output: "d1" },
    { op: "Add", inputs: ["d1", "b1"], output: "d1b" },
    { op: "Sigmoid", inputs: ["d1b"], output: "s1" },
    { op: "Gemm", inputs: ["s1", "w2", "b2"], output: "out", ints: { transB: 1 } },
  ],
  output: "out",
};

const ROWS = 200;
const rows = Int32Array.from({ length: ROWS * 128 }, () => random.integer(0, 127));
const STEP = 1 / 64;
const options = { inputStep: STEP, inputLo: 0, inputHi: 127, maxShift: 13 } as const;

describe("compiler", () => {
  const onnx = buildOnnx(spec);
  const graph = simplifyGraph(importGraph(parseOnnx(onnx)));
  const reals = Float64Array.from(rows, (value) => value * STEP);
  let compiled: Compiled;
  before(() => {
    compiled = compileQuantised(graph, rows, { ...options, shifts: "perChannel" });
  });

  it("behavior: the imported float graph computes what onnxruntime computes, for every operator", async () => {
    const session = await ort.InferenceSession.create(onnx);
    const feed = new ort.Tensor("float32", Float32Array.from(reals), [ROWS, 2, 8, 8]);
    const expected = (await session.run({ x: feed }))["out"]?.data as Float32Array;
    await session.release();
    const actual = runFloat(graph, reals)[graph.output] ?? new Float64Array();
    expect(actual.length).to.equal(expected.length);
    actual.forEach((value, i) => expectNear(value, expected[i] ?? NaN, 1e-4));
  });

  it("behavior: average pools merge into the convolution before them, batch norm and constants vanish", () => {
    const kinds = graph.ops.map((op) => op.kind);
    expect(kinds.filter((kind) => kind === "averagePool")).to.have.length(2);
    expect(graph.ops.find((op) => op.name === "c3+a3")).to.include({ kind: "conv" });
    expect(kinds.filter((kind) => kind === "dense")).to.have.length(2);
  });

  for (const shifts of ["perLayer", "perChannel"] as const) {
    it(`behavior: the integer program stays close to the real one (${shifts}), equal on both executors`, async () => {
      const made = compileQuantised(graph, rows, { ...options, shifts });
      const stage = loadStage(encodeProgram(made.program));
      const input: Tensor = { dtype: "i8", dims: [ROWS, 2, 8, 8], data: Int8Array.from(rows) };
      const executor = createOnnxExecutor();
      const fast = await executor.run(stage, [input]);
      await executor.close();
      expect(await createReferenceExecutor().run(stage, [input])).to.deep.equal(fast);
      const step = made.steps[made.program.output] ?? 0;
      const expected = runFloat(graph, reals)[graph.output] ?? new Float64Array();
      let [error, power] = [0, 0];
      expected.forEach((real, i) => {
        error += ((fast.outputs[0]?.data[i] ?? 0) * step - real) ** 2;
        power += real ** 2;
      });
      expect(error / power).to.be.below(0.003);
    });
  }

  it("behavior: compiling twice gives the same bytes", () => {
    const again = compileQuantised(graph, rows, { ...options, shifts: "perChannel" });
    expect(encodeProgram(again.program)).to.deep.equal(encodeProgram(compiled.program));
  });

  it("behavior: cut into stages, the program gives the same answer, for one, two and four stages", async () => {
    const input: Tensor = { dtype: "i8", dims: [ROWS, 2, 8, 8], data: Int8Array.from(rows) };
    const reference = createReferenceExecutor();
    const whole = await reference.run(loadStage(encodeProgram(compiled.program)), [input]);
    for (const cuts of [[], ["m"], ["r1", "m", "joined"]]) {
      const stages = cutProgram(compiled, cuts);
      expect(stages).to.have.length(cuts.length + 1);
      const outputs: Tensor[] = [];
      for (const stage of stages) {
        const inputs = stage.producers.map((producer) =>
          producer === PRODUCER_INPUT ? input : (outputs[producer] ?? input),
        );
        const result = await reference.run(loadStage(encodeProgram(stage.program)), inputs);
        outputs.push(result.outputs[0] ?? input);
      }
      expect(outputs.at(-1)).to.deep.equal(whole.outputs[0]);
    }
  });

  it("error: CUT_INVALID where several tensors cross, for unknown, last and unordered nodes", async () => {
    await expectCode("CUT_INVALID", () => cutProgram(compiled, ["c3"]));
    await expectCode("CUT_INVALID", () => cutProgram(compiled, ["nowhere"]));
    await expectCode("CUT_INVALID", () => cutProgram(compiled, ["out"]));
    await expectCode("CUT_INVALID", () => cutProgram(compiled, ["m", "r1"]));
  });

  it("error: BOUND_OVERFLOW names the layer and the channel", async () => {
    const width = 300_000;
    const wide: OnnxSpec = {
      input: ["batch", width],
      nodes: [{ op: "Gemm", inputs: ["x", "w"], output: "too_wide", ints: { transB: 1 } }],
      constants: [
        { name: "w", dims: [2, width], values: Array.from({ length: 2 * width }, (_, i) => (i < width ? 1e-3 : 1)) },
      ],
      output: "too_wide",
    };
    const float = simplifyGraph(importGraph(parseOnnx(buildOnnx(wide))));
    const calibration = new Int32Array(width).fill(1);
    const error = await expectCode("BOUND_OVERFLOW", () =>
      compileQuantised(float, calibration, { ...options, maxShift: 20, shifts: "perLayer" }),
    );
    expect(isAssayError(error) && error.meta).to.include({ layer: "too_wide", channel: 1, limit: "2^31" });
  });

  it("behavior: entropy counts distinct values, and a probe is chosen where the output is guessable", async () => {
    const even: Tensor = { dtype: "i8", dims: [4, 2], data: Int8Array.from([0, 1, 0, 2, 0, 3, 0, 4]) };
    expect(entropyBits(even)).to.equal(2);
    const bytes = encodeProgram(compiled.program);
    const input: Tensor = { dtype: "i8", dims: [ROWS, 2, 8, 8], data: Int8Array.from(rows) };
    const reference = createReferenceExecutor();
    const { entropy } = await measureEntropy(bytes, [input], 0, reference);
    expect(entropy.outputBits).to.be.below(128);
    expect(entropy.probe).to.be.a("number");
    expect(entropy.probeBits).to.be.at.least(128);
    const one: Tensor = { dtype: "i8", dims: [1, 2, 8, 8], data: new Int8Array(128) };
    await expectCode("ENTROPY_TOO_LOW", () => measureEntropy(bytes, [one], 0, reference));
  });

  it("behavior: squares make a polynomial program that is exact; R3", async () => {
    const poly: OnnxSpec = {
      input: ["batch", 5],
      constants: [
        tensor("w1", [7, 5]),
        tensor("b1", [7]),
        tensor("w2", [1, 7]),
        { name: "two", dims: [], values: [2] },
      ],
      nodes: [
        { op: "Gemm", inputs: ["x", "w1", "b1"], output: "a", ints: { transB: 1 } },
        { op: "Pow", inputs: ["a", "two"], output: "sq" },
        { op: "Gemm", inputs: ["sq", "w2"], output: "out", ints: { transB: 1 } },
      ],
      output: "out",
    };
    const float = simplifyGraph(importGraph(parseOnnx(buildOnnx(poly))));
    const made = compilePolynomial(float, { inputStep: STEP, inputLo: -127, inputHi: 127 });
    expect(made.program.family).to.equal("polynomial");
    const data = Int8Array.from({ length: 500 }, () => random.integer(-127, 127));
    const result = await createReferenceExecutor().run(loadStage(encodeProgram(made.program)), [
      { dtype: "i8", dims: [100, 5], data },
    ]);
    const step = made.steps.at(-1) ?? 0;
    const expected =
      runFloat(
        float,
        Float64Array.from(data, (v) => v * STEP),
      ).at(-1) ?? new Float64Array();
    const peak = Math.max(...expected.map(Math.abs));
    expected.forEach((real, i) => expectNear((result.outputs[0]?.data[i] ?? NaN) * step, real, peak * 0.03));
    await expectCode("CUT_INVALID", () => cutProgram(made, ["a"]));
  });

  it("error: ONNX_UNSUPPORTED_USE for an activation in a polynomial model", async () => {
    const mixed: OnnxSpec = {
      input: ["batch", 3],
      constants: [tensor("w1", [2, 3])],
      nodes: [
        { op: "Gemm", inputs: ["x", "w1"], output: "a", ints: { transB: 1 } },
        { op: "Relu", inputs: ["a"], output: "r" },
        { op: "Mul", inputs: ["r", "r"], output: "out" },
      ],
      output: "out",
    };
    const float = simplifyGraph(importGraph(parseOnnx(buildOnnx(mixed))));
    await expectCode("ONNX_UNSUPPORTED_USE", () =>
      compilePolynomial(float, { inputStep: STEP, inputLo: 0, inputHi: 127 }),
    );
  });
});
