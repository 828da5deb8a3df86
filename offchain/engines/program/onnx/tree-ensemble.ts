// SPDX-License-Identifier: GPL-3.0-or-later
import { MAX_DEPTH, MAX_TREES } from "../../../core/program/analyse-block.ts";
import { ProgramError } from "../../../core/program/errors.ts";
import type { FloatOp } from "../compile/float-graph.ts";
import { dimsOf, source, type Draft } from "./draft.ts";
import type { NodeReader } from "./node-reader.ts";

type Forest = Extract<FloatOp, { kind: "forest" }>;

interface TreeNode {
  readonly mode: string;
  readonly feature: number;
  readonly value: number;
  readonly whenTrue: number;
  readonly whenFalse: number;
}

/** A tree's nodes by id, and what its leaves add: leaf id → [output, weight]. */
interface Tree {
  readonly nodes: Map<number, TreeNode>;
  readonly weights: Map<number, [number, number][]>;
}

const MAX_LEAVES = 1 << 20;

/** The largest float32 below t: for a float32 x, x < t is x <= that. */
function below(t: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, t);
  if (view.getFloat32(0) < t) return view.getFloat32(0);
  if (t === 0) return -(2 ** -149);
  view.setInt32(0, view.getInt32(0) + (t > 0 ? -1 : 1));
  return view.getFloat32(0);
}

function readTrees(reader: NodeReader, kind: "class" | "target"): Map<number, Tree> {
  const ints = (name: string) => reader.ints(name) ?? [];
  const ids = ints("nodes_nodeids");
  const columns = {
    tree: ints("nodes_treeids"),
    feature: ints("nodes_featureids"),
    whenTrue: ints("nodes_truenodeids"),
    whenFalse: ints("nodes_falsenodeids"),
    value: reader.floats("nodes_values") ?? [],
    mode: reader.texts("nodes_modes") ?? [],
  };
  const weights = reader.floats(`${kind}_weights`) ?? [];
  const leaf = { tree: ints(`${kind}_treeids`), node: ints(`${kind}_nodeids`), output: ints(`${kind}_ids`) };
  const fits = Object.values(columns).every(({ length }) => length === ids.length);
  const leavesFit = Object.values(leaf).every(({ length }) => length === weights.length);
  if (ids.length === 0 || !fits || weights.length === 0 || !leavesFit) {
    throw reader.refuse("its lists differ in length or are empty", "Export the trees again.");
  }
  const trees = new Map<number, Tree>();
  ids.forEach((id, i) => {
    const key = columns.tree[i] ?? 0;
    const tree: Tree = trees.get(key) ?? { nodes: new Map(), weights: new Map() };
    trees.set(key, tree);
    if (tree.nodes.has(id)) throw reader.refuse(`tree ${key} has node ${id} twice`);
    tree.nodes.set(id, {
      mode: columns.mode[i] ?? "",
      feature: columns.feature[i] ?? 0,
      value: columns.value[i] ?? 0,
      whenTrue: columns.whenTrue[i] ?? 0,
      whenFalse: columns.whenFalse[i] ?? 0,
    });
  });
  if (trees.size > MAX_TREES)
    throw new ProgramError("ONNX_TOO_LARGE", { what: "trees", actual: trees.size, limit: MAX_TREES });
  weights.forEach((weight, i) => {
    const [key, node] = [leaf.tree[i] ?? 0, leaf.node[i] ?? 0];
    const tree = trees.get(key);
    if (tree?.nodes.get(node)?.mode !== "LEAF" || !Number.isFinite(weight)) {
      throw reader.refuse(`a weight belongs to node ${node} of tree ${key}, which is no leaf, or is not finite`);
    }
    const list = tree.weights.get(node) ?? [];
    list.push([leaf.output[i] ?? 0, weight]);
    tree.weights.set(node, list);
  });
  return trees;
}

/** The only node that no other one leads to. */
function rootOf(tree: Tree, reader: NodeReader): number {
  const children = new Set<number>();
  for (const { mode, whenTrue, whenFalse } of tree.nodes.values()) {
    if (mode !== "LEAF") children.add(whenTrue).add(whenFalse);
  }
  const roots = [...tree.nodes.keys()].filter((id) => !children.has(id));
  const [root] = roots;
  if (roots.length !== 1 || root === undefined) throw reader.refuse("a tree has no root, or several");
  return root;
}

/** Depth of the part of a tree below node `id`; `seen` collects its nodes, so cycles and shared branches are found. */
function depthBelow(tree: Tree, id: number, reader: NodeReader, seen: Set<number>, level: number): number {
  const node = tree.nodes.get(id);
  if (node === undefined) throw reader.refuse(`a tree leads to node ${id}, which it lacks`);
  if (seen.has(id)) throw reader.refuse(`a tree leads to node ${id} twice`);
  seen.add(id);
  if (node.mode === "LEAF") return level;
  if (level >= MAX_DEPTH)
    throw reader.refuse(`a tree is deeper than ${MAX_DEPTH}`, `Train with a depth of at most ${MAX_DEPTH}.`);
  const left = depthBelow(tree, node.whenTrue, reader, seen, level + 1);
  return Math.max(left, depthBelow(tree, node.whenFalse, reader, seen, level + 1));
}

function depthOf(tree: Tree, root: number, reader: NodeReader): number {
  const seen = new Set<number>();
  const depth = depthBelow(tree, root, reader, seen, 0);
  if (seen.size !== tree.nodes.size) throw reader.refuse("a tree has nodes that nothing leads to");
  return depth;
}

/** One branch as x <= threshold: which child is on the left. */
function branch(node: TreeNode, reader: NodeReader): { threshold: number; left: number; right: number } {
  const { mode, value, whenTrue, whenFalse } = node;
  if (!Number.isFinite(value)) throw reader.refuse("a threshold is not finite");
  switch (mode) {
    case "BRANCH_LEQ":
      return { threshold: value, left: whenTrue, right: whenFalse };
    case "BRANCH_LT":
      return { threshold: below(value), left: whenTrue, right: whenFalse };
    case "BRANCH_GT":
      return { threshold: value, left: whenFalse, right: whenTrue };
    case "BRANCH_GTE":
      return { threshold: below(value), left: whenFalse, right: whenTrue };
    default:
      throw reader.refuse(`a node compares by ${mode}`, "Use ordered features: <=, <, >= or >.");
  }
}

/** Complete trees of the deepest one's depth; a shallow branch goes always left, over equal leaves. */
function complete(draft: Draft, reader: NodeReader, trees: Map<number, Tree>, outputs: number): Forest {
  const input = source(draft, reader);
  const [width = 0] = dimsOf(draft, input);
  if (dimsOf(draft, input).length !== 1) throw reader.refuse("its input is not one row of features");
  const roots = [...trees.values()].map((tree) => ({ tree, root: rootOf(tree, reader) }));
  const depth = Math.max(1, ...roots.map(({ tree, root }) => depthOf(tree, root, reader)));
  const nodes = 2 ** depth - 1;
  const total = roots.length * (nodes + 1) * outputs;
  if (total > MAX_LEAVES)
    throw new ProgramError("ONNX_TOO_LARGE", { what: "leaves", actual: total, limit: MAX_LEAVES });
  const features = new Uint16Array(roots.length * nodes);
  const thresholds = new Float64Array(roots.length * nodes).fill(Infinity);
  const leaves = new Float64Array(total);
  const place = (tree: Tree, index: number, at: number, id: number): void => {
    const node = tree.nodes.get(id);
    if (node === undefined) return;
    if (at >= nodes) {
      for (const [output, weight] of tree.weights.get(id) ?? []) {
        if (output < 0 || output >= outputs) throw reader.refuse(`a leaf adds to output ${output}`);
        const leaf = (index * (nodes + 1) + at - nodes) * outputs + output;
        leaves[leaf] = (leaves[leaf] ?? 0) + weight;
      }
    } else if (node.mode === "LEAF") {
      place(tree, index, 2 * at + 1, id);
      place(tree, index, 2 * at + 2, id);
    } else {
      if (node.feature < 0 || node.feature >= width) throw reader.refuse(`a node reads feature ${node.feature}`);
      const { threshold, left, right } = branch(node, reader);
      features[index * nodes + at] = node.feature;
      thresholds[index * nodes + at] = threshold;
      place(tree, index, 2 * at + 1, left);
      place(tree, index, 2 * at + 2, right);
    }
  };
  roots.forEach(({ tree, root }, index) => place(tree, index, 0, root));
  const { name } = reader.node;
  const bias = new Float64Array(outputs);
  return { kind: "forest", name, input, outputs, depth, features, thresholds, leaves, bias };
}

function withBase(forest: Forest, reader: NodeReader): Forest {
  const base = reader.floats("base_values") ?? [];
  if (base.length > 1 && base.length !== forest.outputs) throw reader.refuse("its base values do not fit its outputs");
  if (base.some((value) => !Number.isFinite(value))) throw reader.refuse("a base value is not finite");
  return { ...forest, bias: forest.bias.map((_, o) => base[base.length === 1 ? 0 : o] ?? 0) };
}

/** `TreeEnsembleRegressor`: sums or means of leaves. */
export function treeRegressor(draft: Draft, reader: NodeReader): Forest {
  const trees = readTrees(reader, "target");
  const outputs = reader.int("n_targets", 1);
  if (outputs < 1 || outputs > 1000) throw reader.refuse("n_targets is outside 1..1000");
  if (reader.text("post_transform", "NONE") !== "NONE")
    throw reader.refuse("it transforms its sum", "Use post_transform NONE.");
  const aggregate = reader.text("aggregate_function", "SUM");
  if (aggregate !== "SUM" && aggregate !== "AVERAGE")
    throw reader.refuse(`it aggregates by ${aggregate}`, "Use SUM or AVERAGE.");
  const forest = complete(draft, reader, trees, outputs);
  const share = aggregate === "AVERAGE" ? trees.size : 1;
  return withBase({ ...forest, leaves: forest.leaves.map((leaf) => leaf / share) }, reader);
}

/**
 * `TreeEnsembleClassifier`: scores per class; its post transforms keep the order of the scores, so they are left out.
 * With two classes and one score, onnxruntime compares with 1/2 if every weight is positive, else with 0.
 */
export function treeClassifier(draft: Draft, reader: NodeReader): Forest {
  const classes = (reader.ints("classlabels_int64s") ?? reader.texts("classlabels_strings") ?? []).length;
  if (classes < 2 || classes > 1000) throw reader.refuse("it has fewer than two or more than 1000 classes");
  const post = reader.text("post_transform", "NONE");
  if (!["NONE", "LOGISTIC", "SOFTMAX"].includes(post))
    throw reader.refuse(`it ends with ${post}`, "Use NONE, LOGISTIC or SOFTMAX.");
  const trees = readTrees(reader, "class");
  const used = new Set(reader.ints("class_ids") ?? []);
  if (classes > 2 || used.size > 1) return withBase(complete(draft, reader, trees, classes), reader);
  const only = [...used][0] ?? 0;
  for (const { weights } of trees.values()) {
    for (const list of weights.values()) for (const entry of list) entry[0] -= only;
  }
  const forest = withBase(complete(draft, reader, trees, 1), reader);
  const positive = (reader.floats("class_weights") ?? []).every((weight) => weight >= 0);
  draft.binary = positive ? "probability" : post === "LOGISTIC" ? "logistic" : "signed";
  return positive ? { ...forest, bias: forest.bias.map((value) => value - 0.5) } : forest;
}
