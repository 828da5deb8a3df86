// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { readdir, readFile } from "node:fs/promises";
import * as ort from "onnxruntime-node";
import { isAssayError } from "../../../../../offchain/core/errors.ts";
import { encodeProgram } from "../../../../../offchain/core/program/encode-program.ts";
import type { Tensor } from "../../../../../offchain/core/tensor.ts";
import { compileQuantised } from "../../../../../offchain/engines/program/compile/compile-quantised.ts";
import { simplifyGraph } from "../../../../../offchain/engines/program/compile/simplify.ts";
import { loadStage } from "../../../../../offchain/engines/program/executor.ts";
import { importGraph } from "../../../../../offchain/engines/program/onnx/import-graph.ts";
import { parseOnnx } from "../../../../../offchain/engines/program/onnx/parse-onnx.ts";
import { runReference } from "../../../../../offchain/engines/program/reference-executor.ts";
import { buildOnnx, type OnnxNodeSpec } from "../../../../support/build-onnx.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { Random } from "../../../../support/random-program.ts";

const folder = new URL("../../../../fixtures/onnx/", import.meta.url).pathname;
const [ROWS, FEATURES] = [2000, 6];
const options = { inputStep: 1, inputLo: -60, inputHi: 210, maxShift: 13, shifts: "perLayer" } as const;

/** One tree: x0 <= 5 ? a : (x1 <= 7 ? b : c), in the attributes that exporters write. */
const lists = {
  nodes_treeids: [0, 0, 0, 0, 0],
  nodes_nodeids: [0, 1, 2, 3, 4],
  nodes_featureids: [0, 0, 1, 0, 0],
  nodes_truenodeids: [1, 0, 3, 0, 0],
  nodes_falsenodeids: [2, 0, 4, 0, 0],
};
const modes = ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"];
const target = { target_treeids: [0, 0, 0], target_nodeids: [1, 3, 4], target_ids: [0, 0, 0] };

interface Change {
  readonly ints?: Readonly<Record<string, number | readonly number[]>>;
  readonly values?: readonly number[];
  readonly weights?: readonly number[];
  readonly modes?: readonly string[];
  readonly texts?: Readonly<Record<string, string>>;
  readonly floatLists?: Readonly<Record<string, readonly number[]>>;
}

const regressor = (change: Change = {}): OnnxNodeSpec => ({
  op: "TreeEnsembleRegressor",
  domain: "ai.onnx.ml",
  inputs: ["x"],
  output: "y",
  ints: { ...lists, ...target, n_targets: 1, ...change.ints },
  texts: change.texts ?? {},
  textLists: { nodes_modes: change.modes ?? modes },
  floatLists: {
    nodes_values: change.values ?? [5, 0, 7, 0, 0],
    target_weights: change.weights ?? [1, -2, 4],
    ...change.floatLists,
  },
});
const read = (...nodes: readonly OnnxNodeSpec[]) =>
  importGraph(parseOnnx(buildOnnx({ input: ["batch", 2], nodes, output: nodes.at(-1)?.output ?? "y" })));

describe("tree ensembles from ONNX", () => {
  it("default: a small tree becomes a complete one, its short branch filled", () => {
    const [op] = read(regressor()).ops;
    if (op?.kind !== "forest") expect.fail("no forest");
    expect(op.depth).to.equal(2);
    expect([...op.features]).to.deep.equal([0, 0, 1]);
    expect([...op.thresholds]).to.deep.equal([5, Infinity, 7]);
    expect([...op.leaves]).to.deep.equal([1, 1, -2, 4]);
  });

  it("behavior: <, >= and > become <= with the next float32 below, or with the children exchanged", () => {
    const forest = (mode: string, value: number) => {
      const [op] = read(regressor({ modes: [mode, ...modes.slice(1)], values: [value, 0, 7, 0, 0] })).ops;
      if (op?.kind !== "forest") expect.fail("no forest");
      return { threshold: op.thresholds[0] ?? 0, leaves: [...op.leaves] };
    };
    expect(forest("BRANCH_LT", 5)).to.deep.equal({ threshold: 5 - 2 ** -21, leaves: [1, 1, -2, 4] });
    expect(forest("BRANCH_LT", 0).threshold).to.equal(-(2 ** -149));
    expect(forest("BRANCH_LT", -1).threshold).to.equal(-1 - 2 ** -23);
    expect(forest("BRANCH_GT", 5)).to.deep.equal({ threshold: 5, leaves: [-2, 4, 1, 1] });
    expect(forest("BRANCH_GTE", 5)).to.deep.equal({ threshold: 5 - 2 ** -21, leaves: [-2, 4, 1, 1] });
  });

  it("behavior: what LightGBM, XGBoost and scikit-learn export answers as onnxruntime does", async function () {
    this.timeout(120_000);
    const files = (await readdir(folder)).filter((file) => file.endsWith(".onnx"));
    expect(files).to.have.length(11);
    for (const file of files) {
      const onnx = new Uint8Array(await readFile(`${folder}${file}`));
      const graph = simplifyGraph(importGraph(parseOnnx(onnx)));
      const random = new Random(3);
      const rows = Int32Array.from({ length: ROWS * FEATURES }, () => random.integer(-60, 210));
      const compiled = compileQuantised(graph, rows, options);
      const input: Tensor = { dtype: "i32", dims: [ROWS, FEATURES], data: rows };
      const { outputs } = runReference(loadStage(encodeProgram(compiled.program)), [input], ROWS);
      const data = outputs[0]?.data ?? new Int32Array();
      const session = await ort.InferenceSession.create(onnx);
      const [name = ""] = session.inputNames;
      const results = await session.run({
        [name]: new ort.Tensor("float32", Float32Array.from(rows), [ROWS, FEATURES]),
      });
      await session.release();
      const width = data.length / ROWS;
      const label = results["label"]?.data;
      const step = compiled.steps[compiled.program.output] ?? 0;
      let same = 0;
      for (let row = 0; row < ROWS; row++) {
        const values = [...data.subarray(row * width, (row + 1) * width)];
        if (label === undefined) {
          const real = Number(results[graph.outputName]?.data[row]);
          if (Math.abs((values[0] ?? 0) * step - real) < 1e-3 * Math.max(1, Math.abs(real))) same++;
        } else {
          const answer = graph.binary === null ? values.indexOf(Math.max(...values)) : Number((values[0] ?? 0) > 0);
          if (answer === Number(label[row])) same++;
        }
      }
      // Votes of a random forest tie now and then, and float32 sums break ties by their rounding.
      expect(same / ROWS, file).to.be.at.least(file.startsWith("sklearn-forest") ? 0.995 : 1);
    }
  });

  it("error: ONNX_UNSUPPORTED_USE for lists that lie, trees that are none, and other comparisons", async () => {
    const use = (change: Change) => expectCode("ONNX_UNSUPPORTED_USE", () => read(regressor(change)));
    const nodes = (name: keyof typeof lists, values: readonly number[]) => use({ ints: { [name]: values } });
    await nodes("nodes_featureids", [0, 0, 1, 0]);
    await nodes("nodes_featureids", [0, 0, 2, 0, 0]);
    await nodes("nodes_featureids", [0, 0, -1, 0, 0]);
    await nodes("nodes_nodeids", [0, 1, 2, 3, 3]);
    // A cycle below the root, a missing child, every node a child, two roots.
    await nodes("nodes_truenodeids", [1, 0, 2, 0, 0]);
    await nodes("nodes_truenodeids", [9, 0, 3, 0, 0]);
    await nodes("nodes_truenodeids", [1, 0, 0, 0, 0]);
    await nodes("nodes_truenodeids", [3, 0, 3, 0, 0]);
    await nodes("nodes_treeids", [0, 0, 1, 1, 1]);
    await use({ ints: { target_nodeids: [0, 3, 4] } });
    await use({ ints: { target_ids: [0, 0, 1] } });
    await use({ ints: { target_ids: [0, 0] } });
    await use({ ints: { n_targets: 0 } });
    await use({ weights: [] });
    await use({ weights: [1, Infinity, 2] });
    await use({ values: [Number.NaN, 0, 7, 0, 0] });
    await use({ modes: ["BRANCH_EQ", ...modes.slice(1)] });
    await use({ modes: modes.slice(1) });
    await use({ texts: { post_transform: "LOGISTIC" } });
    await use({ texts: { aggregate_function: "MAX" } });
    await use({ floatLists: { base_values: [1, 2, 3] } });
    await use({ floatLists: { base_values: [Number.NaN] } });
  });

  it("error: a tree deeper than the limit, more trees or leaves than the limit", async () => {
    const chain = (depth: number) => {
      const length = 2 * depth + 1;
      const at = Array.from({ length }, (_, i) => i);
      const inner = (i: number) => i % 2 === 0 && i < length - 1;
      return regressor({
        ints: {
          nodes_treeids: at.map(() => 0),
          nodes_nodeids: at,
          nodes_featureids: at.map(() => 0),
          nodes_truenodeids: at.map((i) => (inner(i) ? i + 1 : 0)),
          nodes_falsenodeids: at.map((i) => (inner(i) ? i + 2 : 0)),
          target_treeids: [0],
          target_nodeids: [length - 1],
          target_ids: [0],
        },
        values: at.map(() => 1),
        modes: at.map((i) => (inner(i) ? "BRANCH_LEQ" : "LEAF")),
        weights: [1],
      });
    };
    expect(read(chain(10)).ops).to.have.length(1);
    await expectCode("ONNX_UNSUPPORTED_USE", () => read(chain(11)));
    const many = Array.from({ length: 4097 }, (_, i) => i);
    const stumps = {
      nodes_treeids: many,
      nodes_nodeids: many.map(() => 0),
      nodes_featureids: many.map(() => 0),
      nodes_truenodeids: many.map(() => 0),
      nodes_falsenodeids: many.map(() => 0),
      target_treeids: [0],
      target_nodeids: [0],
      target_ids: [0],
    };
    const leaves = { values: many.map(() => 0), modes: many.map(() => "LEAF"), weights: [1] };
    await expectCode("ONNX_TOO_LARGE", () => read(regressor({ ints: stumps, ...leaves })));
    // 2^10 leaves a tree times 1000 outputs.
    const wide = { ...chain(10), name: "wide" };
    const ints = { ...wide.ints, n_targets: 1000, nodes_treeids: wide.ints?.["nodes_treeids"] ?? [] };
    const double = (name: string) => {
      const list = ints[name as keyof typeof ints];
      return Array.isArray(list) ? [...list, ...list] : list;
    };
    const doubled = Object.fromEntries(Object.keys(ints).map((name) => [name, double(name) ?? 0]));
    const treeids = [...Array.from({ length: 21 }, () => 0), ...Array.from({ length: 21 }, () => 1)];
    const two: OnnxNodeSpec = {
      ...wide,
      ints: { ...doubled, nodes_treeids: treeids, target_treeids: [0, 1] },
      floatLists: { nodes_values: treeids.map(() => 1), target_weights: [1, 1] },
      textLists: {
        nodes_modes: [...(wide.textLists?.["nodes_modes"] ?? []), ...(wide.textLists?.["nodes_modes"] ?? [])],
      },
    };
    await expectCode("ONNX_TOO_LARGE", () => read(two));
  });

  it("error: classifiers without classes, with probit; operators after trees; zipmaps and foreign trees", async () => {
    const { target_treeids: treeids, target_nodeids: nodeids } = target;
    const classifier = (ints: Change["ints"], texts: Change["texts"] = {}): OnnxNodeSpec => ({
      ...regressor(),
      op: "TreeEnsembleClassifier",
      before: ["label"],
      ints: { ...lists, class_treeids: treeids, class_nodeids: nodeids, class_ids: [0, 0, 0], ...ints },
      texts,
      floatLists: { nodes_values: [5, 0, 7, 0, 0], class_weights: [1, -2, 4] },
    });
    const two = { classlabels_int64s: [0, 1] };
    expect(read(classifier(two)).binary).to.equal("signed");
    expect(read(classifier({ ...two, class_ids: [1, 1, 1] })).binary).to.equal("signed");
    expect(read(classifier(two, { post_transform: "LOGISTIC" })).binary).to.equal("logistic");
    expect(read(classifier({ ...two, class_ids: [0, 1, 1] })).binary).to.equal(null);
    await expectCode("ONNX_UNSUPPORTED_USE", () => read(classifier({})));
    await expectCode("ONNX_UNSUPPORTED_USE", () => read(classifier({ classlabels_int64s: [0] })));
    await expectCode("ONNX_UNSUPPORTED_USE", () => read(classifier(two, { post_transform: "PROBIT" })));
    await expectCode("ONNX_UNSUPPORTED_GRAPH", () => read(classifier(two), { op: "Relu", inputs: ["y"], output: "z" }));
    const zip: OnnxNodeSpec = { op: "ZipMap", domain: "ai.onnx.ml", inputs: ["y"], output: "z" };
    await expectCode("ONNX_UNSUPPORTED_OPERATOR", () => read(classifier(two), zip));
    await expectCode("ONNX_UNSUPPORTED_OPERATOR", () => read({ ...regressor(), domain: "ml.microsoft" }));
  });

  it("behavior: any flipped byte of a real file gives a typed error or a valid graph", async function () {
    this.timeout(60_000);
    const real = new Uint8Array(await readFile(`${folder}lightgbm-binary.onnx`));
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
});
