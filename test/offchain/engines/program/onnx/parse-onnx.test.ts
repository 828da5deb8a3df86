// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { readFile } from "node:fs/promises";
import { isAssayError } from "../../../../../offchain/core/errors.ts";
import { importGraph } from "../../../../../offchain/engines/program/onnx/import-graph.ts";
import { ONNX_LIMITS, parseOnnx } from "../../../../../offchain/engines/program/onnx/parse-onnx.ts";
import { buildOnnx, type OnnxNodeSpec, type OnnxSpec } from "../../../../support/build-onnx.ts";
import { expectCode } from "../../../../support/expect-code.ts";

const weights = { name: "w", dims: [2, 3], values: [1, 2, 3, 4, 5, 6] };
const gemm: OnnxNodeSpec = { op: "Gemm", inputs: ["x", "w"], output: "y", ints: { transB: 1 } };
const small: OnnxSpec = { input: ["batch", 3], nodes: [gemm], constants: [weights], output: "y" };
const read = (spec: OnnxSpec) => importGraph(parseOnnx(buildOnnx(spec)));
const withNode = (node: OnnxNodeSpec, more: Partial<OnnxSpec> = {}): OnnxSpec => ({
  ...small,
  nodes: [gemm, node],
  output: node.output,
  ...more,
});

describe("parseOnnx and importGraph", () => {
  it("default: reads a dense layer", () => {
    const graph = read(small);
    expect(graph.inputDims).to.deep.equal([3]);
    expect(graph.ops.map((op) => op.kind)).to.deep.equal(["dense"]);
    expect(graph.dims).to.deep.equal([[3], [2]]);
  });

  it("error: ONNX_UNSUPPORTED_OPERATOR names the operator and its node", async () => {
    const node: OnnxNodeSpec = { op: "LogSoftmax", inputs: ["y"], output: "z", name: "final_softmax" };
    const error = await expectCode("ONNX_UNSUPPORTED_OPERATOR", () => read(withNode(node)));
    expect(isAssayError(error) && error.meta).to.deep.equal({ node: "final_softmax", operator: "LogSoftmax" });
    expect(isAssayError(error) && error.fix).to.contain("Gemm");
    await expectCode("ONNX_UNSUPPORTED_OPERATOR", () =>
      read(withNode({ op: "Relu", domain: "com.evil", inputs: ["y"], output: "z" })),
    );
    await expectCode("ONNX_UNSUPPORTED_OPERATOR", () =>
      read(withNode({ op: "constructor", inputs: ["y"], output: "z" })),
    );
  });

  it("error: ONNX_MALFORMED for a cycle, an unknown value, a value made twice, a missing output", async () => {
    const cycle = [
      { op: "Add", inputs: ["x", "b"], output: "a" },
      { op: "Relu", inputs: ["a"], output: "b" },
    ];
    await expectCode("ONNX_MALFORMED", () => read({ ...small, nodes: cycle, output: "b" }));
    await expectCode("ONNX_MALFORMED", () => read(withNode({ op: "Relu", inputs: ["nobody"], output: "z" })));
    await expectCode("ONNX_MALFORMED", () => read(withNode({ op: "Relu", inputs: ["y"], output: "y" })));
    await expectCode("ONNX_MALFORMED", () => read({ ...small, output: "nothing" }));
  });

  it("error: ONNX_UNSUPPORTED_GRAPH for dynamic dimensions, data elsewhere, subgraphs, old opsets", async () => {
    await expectCode("ONNX_UNSUPPORTED_GRAPH", () => read({ ...small, input: ["batch", "features"] }));
    await expectCode("ONNX_UNSUPPORTED_GRAPH", () => read({ ...small, constants: [{ ...weights, external: true }] }));
    await expectCode("ONNX_UNSUPPORTED_GRAPH", () =>
      read(withNode({ op: "Relu", inputs: ["y"], output: "z", subgraph: true })),
    );
    await expectCode("ONNX_UNSUPPORTED_GRAPH", () => read({ ...small, opset: 11 }));
    await expectCode("ONNX_UNSUPPORTED_GRAPH", () => read({ ...small, input: ["batch"] }));
  });

  it("error: ONNX_UNSUPPORTED_USE names what is wrong with a known operator", async () => {
    const use = (node: OnnxNodeSpec, more: Partial<OnnxSpec> = {}) =>
      expectCode("ONNX_UNSUPPORTED_USE", () => read(withNode(node, more)));
    const image: Partial<OnnxSpec> = { input: ["batch", 1, 4, 4] };
    const kernel = { name: "k", dims: [1, 1, 2, 2], values: [1, 2, 3, 4] };
    const conv = (ints: OnnxNodeSpec["ints"], texts?: OnnxNodeSpec["texts"]) =>
      use(
        { op: "Conv", inputs: ["x", "k"], output: "z", ints: ints ?? {}, texts: texts ?? {} },
        {
          ...image,
          nodes: [{ op: "Conv", inputs: ["x", "k"], output: "z", ints: ints ?? {}, texts: texts ?? {} }],
          constants: [kernel],
        },
      );
    await conv({ dilations: [2, 2] });
    await conv({ group: 2 });
    await conv({ strides: [0, 1] });
    await conv({ pads: [2, 0, 0, 0] });
    await conv({ pads: [0, 0] });
    await conv({ kernel_shape: [3, 3] });
    await conv({}, { auto_pad: "SAME_UPPER" });
    await use({ op: "Mul", inputs: ["y", "x"], output: "z" });
    await use({ op: "Gemm", inputs: ["y", "w"], output: "z", ints: { transB: 1 } });
    await use({ op: "Gemm", inputs: ["y", "x"], output: "z" });
    await use({ op: "Add", inputs: ["x", "y"], output: "z" });
    await use({ op: "Concat", inputs: ["y", "y"], output: "z", ints: { axis: 0 } });
    await use({ op: "Clip", inputs: ["y"], output: "z" });
    await use({ op: "Flatten", inputs: ["y"], output: "z", ints: { axis: 0 } });
    await use({ op: "Transpose", inputs: ["y"], output: "z", ints: { perm: [1, 0] } });
    await use(
      { op: "Reshape", inputs: ["y", "s"], output: "z" },
      {
        constants: [weights, { name: "s", dims: [2], values: [2, 1], type: "int64" }],
      },
    );
  });

  it("error: ONNX_TOO_LARGE for a file, a tensor and a shape beyond the limits", async () => {
    await expectCode("ONNX_TOO_LARGE", () => parseOnnx(new Uint8Array(ONNX_LIMITS.bytes + 1)));
    const huge = { name: "w", dims: [100_000, 100_000], values: [] };
    await expectCode("ONNX_TOO_LARGE", () => read({ ...small, constants: [huge] }));
    await expectCode("ONNX_UNSUPPORTED_GRAPH", () => read({ ...small, input: ["batch", 2 ** 31] }));
    const many = Array.from({ length: ONNX_LIMITS.nodes + 1 }, (_, i) => ({
      op: "Relu",
      inputs: ["x"],
      output: `o${i}`,
    }));
    await expectCode("ONNX_TOO_LARGE", () => read({ ...small, nodes: many }));
  });

  it("error: ONNX_MALFORMED for weights that are not numbers or not as many as their shape says", async () => {
    await expectCode("ONNX_MALFORMED", () =>
      read({ ...small, constants: [{ ...weights, values: [Number.NaN, 1, 1, 1, 1, 1] }] }),
    );
    await expectCode("ONNX_MALFORMED", () => read({ ...small, constants: [{ ...weights, values: [1, 2] }] }));
    await expectCode("ONNX_MALFORMED", () => read({ ...small, constants: [weights, weights] }));
  });

  it("behavior: every truncation and any flipped byte gives a typed error or a valid graph, quickly", async function () {
    this.timeout(60_000);
    const file = buildOnnx(small);
    for (let length = 0; length < file.length; length++) {
      try {
        importGraph(parseOnnx(file.slice(0, length)));
        expect.fail(`accepted ${length} of ${file.length} bytes`);
      } catch (error) {
        expect(isAssayError(error), String(error)).to.equal(true);
      }
    }
    const real = new Uint8Array(await readFile(new URL("../../../../../models/tumor-mlp/model.onnx", import.meta.url)));
    fc.assert(
      fc.property(fc.nat(real.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const broken = real.slice();
        broken[at] = (broken[at] ?? 0) ^ flip;
        try {
          importGraph(parseOnnx(broken));
        } catch (error) {
          if (!isAssayError(error)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("behavior: random bytes never pass and never throw anything untyped", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          importGraph(parseOnnx(bytes));
        } catch (error) {
          return isAssayError(error);
        }
        return false;
      }),
      { numRuns: 2000 },
    );
  });
});
