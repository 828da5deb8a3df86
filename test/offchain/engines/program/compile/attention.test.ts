// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import * as ort from "onnxruntime-node";
import { elementsOf } from "../../../../../offchain/core/program/analyse.ts";
import { encodeProgram } from "../../../../../offchain/core/program/encode-program.ts";
import type { Tensor } from "../../../../../offchain/core/tensor.ts";
import { compileQuantised } from "../../../../../offchain/engines/program/compile/compile-quantised.ts";
import { cutProgram } from "../../../../../offchain/engines/program/compile/cut-program.ts";
import { erf } from "../../../../../offchain/engines/program/compile/erf.ts";
import { runFloat } from "../../../../../offchain/engines/program/compile/run-float.ts";
import { simplifyGraph } from "../../../../../offchain/engines/program/compile/simplify.ts";
import { loadStage } from "../../../../../offchain/engines/program/executor.ts";
import { createOnnxExecutor } from "../../../../../offchain/engines/program/onnx-executor.ts";
import { importGraph } from "../../../../../offchain/engines/program/onnx/import-graph.ts";
import { parseOnnx } from "../../../../../offchain/engines/program/onnx/parse-onnx.ts";
import { createReferenceExecutor } from "../../../../../offchain/engines/program/reference-executor.ts";
import { buildOnnx, type OnnxNodeSpec, type OnnxSpec, type OnnxTensorSpec } from "../../../../support/build-onnx.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { Random } from "../../../../support/random-program.ts";

const random = new Random(11);
const normal = () => (random.next() + random.next() + random.next() - 1.5) * 1.2;
const [TOKENS, WIDTH, HEADS, HIDDEN] = [6, 12, 3, 20];
const tensor = (name: string, dims: readonly number[], shift = 0): OnnxTensorSpec => ({
  name,
  dims,
  values: Array.from({ length: elementsOf(dims) }, () => shift + normal() / Math.sqrt(dims[0] ?? 1)),
});
const scalar = (name: string, value: number): OnnxTensorSpec => ({ name, dims: [], values: [value] });
const ints = (name: string, values: readonly number[]): OnnxTensorSpec => ({
  name,
  dims: [values.length],
  values,
  type: "int64",
});

const dense = (name: string, input: string): OnnxNodeSpec[] => [
  { op: "MatMul", inputs: [input, `${name}.w`], output: `${name}.m` },
  { op: "Add", inputs: [`${name}.b`, `${name}.m`], output: name },
];
const weights = (name: string, rows: number, columns: number) => [
  tensor(`${name}.w`, [rows, columns]),
  tensor(`${name}.b`, [columns]),
];

/** A layer norm as exporters of opset 16 and older spell it. */
const spelledNorm = (name: string, input: string): OnnxNodeSpec[] => [
  { op: "ReduceMean", inputs: [input], output: `${name}.mean`, ints: { axes: [-1], keepdims: 1 } },
  { op: "Sub", inputs: [input, `${name}.mean`], output: `${name}.d` },
  { op: "Pow", inputs: [`${name}.d`, "two"], output: `${name}.dd` },
  { op: "ReduceMean", inputs: [`${name}.dd`], output: `${name}.v`, ints: { axes: [-1], keepdims: 1 } },
  { op: "Add", inputs: [`${name}.v`, "epsilon"], output: `${name}.ve` },
  { op: "Sqrt", inputs: [`${name}.ve`], output: `${name}.s` },
  { op: "Div", inputs: [`${name}.d`, `${name}.s`], output: `${name}.n` },
  { op: "Mul", inputs: [`${name}.n`, "gamma2"], output: `${name}.g` },
  { op: "Add", inputs: [`${name}.g`, "beta2"], output: name },
];

/** A head's view [batch, heads, tokens, width / heads], its shape computed from the dynamic batch as torch writes it. */
const heads = (name: string, input: string, perm: readonly number[]): OnnxNodeSpec[] => [
  { op: "Shape", inputs: [input], output: `${name}.shape` },
  { op: "Gather", inputs: [`${name}.shape`, "zero"], output: `${name}.batch` },
  { op: "Unsqueeze", inputs: [`${name}.batch`, "axis0"], output: `${name}.batch1` },
  { op: "Concat", inputs: [`${name}.batch1`, "split"], output: `${name}.to`, ints: { axis: 0 } },
  { op: "Reshape", inputs: [input, `${name}.to`], output: `${name}.view` },
  { op: "Transpose", inputs: [`${name}.view`], output: name, ints: { perm } },
];

/** One transformer block with what exporters vary: both norms, a scaled query, both spellings of GELU, a mean, an argmax. */
const spec = (end: "scores" | "label"): OnnxSpec => ({
  input: ["batch", TOKENS, WIDTH],
  opset: 17,
  constants: [
    tensor("gamma1", [WIDTH], 1),
    tensor("beta1", [WIDTH]),
    tensor("gamma2", [WIDTH], 1),
    tensor("beta2", [WIDTH]),
    ...["q", "k", "v", "o"].flatMap((name) => weights(name, WIDTH, WIDTH)),
    ...weights("f", WIDTH, HIDDEN),
    ...weights("h", HIDDEN, HIDDEN),
    ...weights("e", HIDDEN, WIDTH),
    ...weights("c", WIDTH, 3),
    scalar("two", 2),
    scalar("epsilon", 1e-5),
    scalar("root", 1 / Math.sqrt(WIDTH / HEADS)),
    scalar("root2", Math.SQRT2),
    scalar("unroot2", Math.SQRT1_2),
    scalar("one", 1),
    scalar("half", 0.5),
    scalar("three", 3),
    ints("axis0", [0]),
    { name: "zero", dims: [], values: [0], type: "int64" },
    ints("split", [TOKENS, HEADS, WIDTH / HEADS]),
    ints("join", [0, TOKENS, WIDTH]),
  ],
  nodes: [
    { op: "LayerNormalization", inputs: ["x", "gamma1", "beta1"], output: "n1", ints: { axis: -1 } },
    ...["q", "k", "v"].flatMap((name) => dense(name, "n1")),
    { op: "Mul", inputs: ["q", "root"], output: "q.scaled" },
    ...heads("qh", "q.scaled", [0, 2, 1, 3]),
    ...heads("kh", "k", [0, 2, 1, 3]),
    ...heads("vh", "v", [0, 2, 1, 3]),
    { op: "Transpose", inputs: ["kh"], output: "kt", ints: { perm: [0, 1, 3, 2] } },
    { op: "MatMul", inputs: ["qh", "kt"], output: "scores" },
    { op: "Div", inputs: ["scores", "half"], output: "sharper" },
    { op: "Softmax", inputs: ["sharper"], output: "p", ints: { axis: -1 } },
    { op: "MatMul", inputs: ["p", "vh"], output: "mixed" },
    { op: "Transpose", inputs: ["mixed"], output: "turned", ints: { perm: [0, 2, 1, 3] } },
    { op: "Reshape", inputs: ["turned", "join"], output: "joined" },
    ...dense("o", "joined"),
    { op: "Add", inputs: ["x", "o"], output: "r1" },
    ...spelledNorm("n2", "r1"),
    ...dense("f", "n2"),
    { op: "Div", inputs: ["f", "root2"], output: "g1.d" },
    { op: "Erf", inputs: ["g1.d"], output: "g1.e" },
    { op: "Add", inputs: ["g1.e", "one"], output: "g1.p" },
    { op: "Mul", inputs: ["f", "g1.p"], output: "g1.m" },
    { op: "Mul", inputs: ["g1.m", "half"], output: "g1" },
    ...dense("h", "g1"),
    { op: "Mul", inputs: ["h", "half"], output: "g2.h" },
    { op: "Mul", inputs: ["h", "unroot2"], output: "g2.d" },
    { op: "Erf", inputs: ["g2.d"], output: "g2.e" },
    { op: "Add", inputs: ["one", "g2.e"], output: "g2.p" },
    { op: "Mul", inputs: ["g2.h", "g2.p"], output: "g2" },
    ...dense("e", "g2"),
    { op: "Dropout", inputs: ["e"], output: "kept" },
    { op: "Add", inputs: ["r1", "kept"], output: "r2" },
    { op: "ReduceMean", inputs: ["r2"], output: "mean", ints: { axes: [1], keepdims: 0 } },
    ...dense("c", "mean"),
    ...(end === "label" ? [{ op: "ArgMax", inputs: ["c"], output: "label", ints: { axis: 1, keepdims: 0 } }] : []),
  ],
  output: end === "label" ? "label" : "c",
});

const ROWS = 300;
const STEP = 1 / 32;
const size = TOKENS * WIDTH;
const rows = Int32Array.from({ length: ROWS * size }, () => Math.round(normal() * 30));
const options = { inputStep: STEP, inputLo: -127, inputHi: 127, maxShift: 13, shifts: "perLayer" } as const;
const input: Tensor = { dtype: "i8", dims: [ROWS, TOKENS, WIDTH], data: Int8Array.from(rows) };
const reals = Float64Array.from(rows, (value) => value * STEP);

describe("attention in the compiler", () => {
  const onnx = buildOnnx(spec("scores"));
  const graph = simplifyGraph(importGraph(parseOnnx(onnx)));

  it("default: a transformer block imports, in the operators that a proof knows", () => {
    const kinds = graph.ops.map((op) => op.kind);
    expect(kinds.filter((kind) => kind === "matmul")).to.have.length(2);
    expect(kinds.filter((kind) => kind === "layerNorm")).to.have.length(2);
    expect(kinds.filter((kind) => kind === "activation")).to.have.length(2);
    expect(kinds.filter((kind) => kind === "softmax")).to.have.length(1);
    // The keys' turn and the two factors of the scores have gone into the product.
    const product = graph.ops.find((op) => op.kind === "matmul");
    expect(product?.kind === "matmul" && product.transposed).to.equal(true);
    expect(kinds.filter((kind) => kind === "transpose")).to.have.length(4);
  });

  it("behavior: the float graph computes what onnxruntime computes", async () => {
    const session = await ort.InferenceSession.create(onnx);
    const feed = new ort.Tensor("float32", Float32Array.from(reals), [ROWS, TOKENS, WIDTH]);
    const expected = (await session.run({ x: feed }))["c"]?.data as Float32Array;
    await session.release();
    const actual = runFloat(graph, reals)[graph.output] ?? new Float64Array();
    expect(actual.length).to.equal(expected.length);
    actual.forEach((value, i) => expect(Math.abs(value - (expected[i] ?? 0)) < 2e-5).to.equal(true));
  });

  it("behavior: the integer program is close to the real one, equal on both executors, in one stage and in two", async () => {
    const compiled = compileQuantised(graph, rows, options);
    const stage = loadStage(encodeProgram(compiled.program));
    const executor = createOnnxExecutor({ maxBatch: ROWS });
    const fast = await executor.run(stage, [input]);
    expect(await createReferenceExecutor().run(stage, [input])).to.deep.equal(fast);
    const expected = runFloat(graph, reals)[graph.output] ?? new Float64Array();
    const step = compiled.steps[compiled.program.output] ?? 0;
    let [error, power] = [0, 0];
    expected.forEach((real, i) => {
      error += ((fast.outputs[0]?.data[i] ?? 0) * step - real) ** 2;
      power += real ** 2;
    });
    expect(error / power).to.be.below(0.01);

    const [first, second] = cutProgram(compiled, ["r1"]).map((cut) => loadStage(encodeProgram(cut.program)));
    if (first === undefined || second === undefined) expect.fail("no stages");
    const middle = await executor.run(first, [input]);
    const end = await executor.run(second, middle.outputs);
    await executor.close();
    expect(end.outputs).to.deep.equal(fast.outputs);
  });

  it("behavior: long rows keep their bounds: a norm over 768 elements and a softmax over 512", () => {
    const [width, count] = [768, 24];
    const wide = Int32Array.from({ length: count * width }, (_, i) => Math.round(normal() * (i % 7 === 0 ? 60 : 20)));
    const ones = { name: "ones", dims: [width], values: Array.from({ length: width }, (_, i) => (i % 5) + 0.5) };
    const norm: OnnxNodeSpec = { op: "LayerNormalization", inputs: ["x", "ones"], output: "z", ints: { axis: -1 } };
    const soft: OnnxNodeSpec = { op: "Softmax", inputs: ["x"], output: "z", ints: { axis: -1 } };
    for (const [node, dims, most] of [
      [norm, [width], 0.002],
      [soft, [2, width / 2], 0.05],
    ] as const) {
      const constants = node === norm ? [ones] : [];
      const made = importGraph(
        parseOnnx(buildOnnx({ input: ["batch", ...dims], opset: 17, nodes: [node], constants, output: "z" })),
      );
      const { program, errors } = compileQuantised(made, wide, options);
      expect(program.ops).to.have.length(1);
      expect(errors[0] ?? 1).to.be.below(most);
    }
  });

  it("behavior: an argmax at the end gives the position of the largest score", async () => {
    const labelled = simplifyGraph(importGraph(parseOnnx(buildOnnx(spec("label")))));
    const compiled = compileQuantised(labelled, rows, options);
    const output = compiled.analysis.values[compiled.program.output];
    expect(output?.dims).to.deep.equal([1]);
    const executor = createOnnxExecutor({ maxBatch: ROWS });
    const { outputs } = await executor.run(loadStage(encodeProgram(compiled.program)), [input]);
    await executor.close();
    const real = runFloat(labelled, reals)[labelled.output] ?? new Float64Array();
    const agreeing = real.filter((value, i) => value === outputs[0]?.data[i]).length;
    expect(agreeing / ROWS).to.be.above(0.93);
  });

  it("error: ONNX_UNSUPPORTED_USE for attention that would mean something else", async () => {
    const use = async (node: OnnxNodeSpec, more: readonly OnnxNodeSpec[] = []) => {
      const last = more.at(-1) ?? node;
      const base = spec("scores");
      const broken = { ...base, nodes: [...base.nodes, node, ...more], output: last.output };
      await expectCode("ONNX_UNSUPPORTED_USE", () => importGraph(parseOnnx(buildOnnx(broken))));
    };
    await use({ op: "Softmax", inputs: ["scores"], output: "z", ints: { axis: 1 } });
    await use({ op: "MatMul", inputs: ["qh", "kh"], output: "z" });
    await use({ op: "MatMul", inputs: ["q", "kt"], output: "z" });
    await use({ op: "Mul", inputs: ["q", "gamma1"], output: "z" });
    await use({ op: "Mul", inputs: ["q", "k"], output: "z" });
    await use({ op: "Div", inputs: ["half", "q"], output: "z" });
    await use({ op: "Mul", inputs: ["q", "three"], output: "s" }, [{ op: "Relu", inputs: ["s"], output: "z" }]);
    await use({ op: "ReduceMean", inputs: ["q"], output: "z", ints: { axes: [0] } });
    await use({ op: "ReduceMean", inputs: ["q"], output: "z", ints: { axes: [1, 2] } });
    await use({ op: "LayerNormalization", inputs: ["q", "gamma1"], output: "z", ints: { axis: 1 } });
    await use({ op: "LayerNormalization", inputs: ["q", "c.b"], output: "z" });
    await use({ op: "Gelu", inputs: ["q"], output: "z", texts: { approximate: "tanh" } });
    await use({ op: "Gather", inputs: ["q", "zero"], output: "z", ints: { axis: 1 } });
    await use({ op: "ArgMax", inputs: ["q"], output: "z", ints: { axis: 1 } });
    await use({ op: "ArgMax", inputs: ["q"], output: "z", ints: { axis: 2, select_last_index: 1 } });
    await use({ op: "Cast", inputs: ["q"], output: "z", ints: { to: 7 } });
    await use({ op: "Unsqueeze", inputs: ["q", "axis0"], output: "z" });
    await use({ op: "Relu", inputs: ["qh.shape"], output: "z" });
    await use({ op: "Reshape", inputs: ["q", "qh.shape"], output: "y" }, [
      { op: "Concat", inputs: ["qh.batch1", "qh.batch1"], output: "bb", ints: { axis: 0 } },
      { op: "Reshape", inputs: ["y", "bb"], output: "z" },
    ]);
  });

  it("error: ONNX_UNSUPPORTED_GRAPH for a factor that nothing takes over; ONNX_UNSUPPORTED_OPERATOR for half a pattern", async () => {
    const base = spec("scores");
    const end: OnnxNodeSpec = { op: "Mul", inputs: ["c", "half"], output: "z" };
    await expectCode("ONNX_UNSUPPORTED_GRAPH", () =>
      importGraph(parseOnnx(buildOnnx({ ...base, nodes: [...base.nodes, end], output: "z" }))),
    );
    // An error function whose result is used elsewhere too is no GELU.
    const leak: OnnxNodeSpec = { op: "Add", inputs: ["g1.e", "f"], output: "z" };
    await expectCode("ONNX_UNSUPPORTED_OPERATOR", () =>
      importGraph(parseOnnx(buildOnnx({ ...base, nodes: [...base.nodes, leak], output: "z" }))),
    );
  });

  it("behavior: erf agrees with published values", () => {
    // Abramowitz and Stegun, table 7.1, and DLMF 7.23.
    const known: readonly (readonly [number, number])[] = [
      [0, 0],
      [0.5, 0.5204998778130465],
      [1, 0.8427007929497149],
      [2, 0.9953222650189527],
      [3, 0.9999779095030014],
      [4, 0.9999999845827421],
    ];
    for (const [x, value] of known) {
      expect(Math.abs(erf(x) - value) < 1e-14, `erf(${x})`).to.equal(true);
      expect(erf(-x) + erf(x)).to.equal(0);
    }
  });
});
