// SPDX-License-Identifier: GPL-3.0-or-later
import type { ForestOp } from "../../../../core/program/types.ts";
import type { BuildContext, Layer, LayerFrame } from "../context.ts";
import type { Form } from "../forms.ts";
import { SELECT, thresholds } from "../gadgets.ts";
import { STEP_NEGATIVE } from "../netlist.ts";
import { bitLength } from "../plan/range-shapes.ts";
import { demandSites, finishAll, siteClasses } from "./finish.ts";

/** Thresholds of each feature that decide something: ascending, distinct, within the feature's range. */
function decidingThresholds({ op, sources }: LayerFrame<ForestOp>): Map<number, number[]> {
  const [lo, hi] = [Number(sources[0]?.lo ?? 0n), Number(sources[0]?.hi ?? 0n)];
  const found = new Map<number, Set<number>>();
  for (const [node, feature] of op.features.entries()) {
    const threshold = op.thresholds[node] ?? 0;
    if (threshold < lo || threshold >= hi) continue;
    let set = found.get(feature);
    if (set === undefined) found.set(feature, (set = new Set()));
    set.add(threshold);
  }
  return new Map(
    [...found]
      .toSorted(([x], [y]) => x - y)
      .map(([feature, set]) => [feature, [...set].toSorted((x, y) => x - y)] as const),
  );
}

/** A node: always left, always right, or by the comparison of one feature. */
type Node = "left" | "right" | { readonly feature: number; readonly threshold: number };

function nodeOf({ op, sources }: LayerFrame<ForestOp>, index: number): Node {
  const threshold = op.thresholds[index] ?? 0;
  if (threshold >= Number(sources[0]?.hi ?? 0n)) return "left";
  if (threshold < Number(sources[0]?.lo ?? 0n)) return "right";
  return { feature: op.features[index] ?? 0, threshold };
}

/** A subtree's value while it is folded: a constant, or a form (null while only counting). */
interface Folded {
  readonly constant: number | null;
  readonly form: Form | null;
}

/**
 * Folds one tree for one output, leaves up. `choose` is told whether both branches are constants: then the node is affine and free.
 */
function foldTree(
  frame: LayerFrame<ForestOp>,
  tree: number,
  output: number,
  choose: (node: Exclude<Node, string>, low: Folded, high: Folded) => Folded,
): Folded {
  const { depth, outputs, leaves } = frame.op;
  const nodes = 2 ** depth - 1;
  const fold = (node: number): Folded => {
    if (node >= nodes) {
      const leaf = (tree * (nodes + 1) + node - nodes) * outputs + output;
      return { constant: leaves[leaf] ?? 0, form: null };
    }
    const kind = nodeOf(frame, tree * nodes + node);
    if (kind === "left") return fold(2 * node + 1);
    if (kind === "right") return fold(2 * node + 2);
    const [low, high] = [fold(2 * node + 1), fold(2 * node + 2)];
    return low.constant !== null && low.constant === high.constant ? low : choose(kind, low, high);
  };
  return fold(0);
}

const treesOf = ({ depth, features }: ForestOp): number => features.length / (2 ** depth - 1);

const spreadBits = ({ sources }: LayerFrame): number => bitLength((sources[0]?.hi ?? 0n) - (sources[0]?.lo ?? 0n));

function buildBits(frame: LayerFrame<ForestOp>, x: readonly Form[], { net, lookups, shapes }: BuildContext) {
  const { forms } = net;
  const [lo, hi] = [frame.sources[0]?.lo ?? 0n, frame.sources[0]?.hi ?? 0n];
  const bits = new Map<string, Form>();
  for (const [feature, limits] of decidingThresholds(frame)) {
    const value = x[feature] as Form;
    const above = limits.map((limit) =>
      net.advice(STEP_NEGATIVE, forms.difference(forms.constant(limit), value), 0, 0),
    );
    const { lower = [], upper = [] } = net.stamp(thresholds(limits, lo, hi), { x: value, above });
    for (const side of [...lower, ...upper]) lookups.range(side, shapes.loose(spreadBits(frame)));
    for (const [i, limit] of limits.entries()) bits.set(`${feature}|${limit}`, above[i] as Form);
  }
  return bits;
}

/** Decision trees: comparisons once a feature, then one selection a node above the lowest level. */
export const forestLayer: Layer<ForestOp> = {
  demand(frame, demand) {
    for (const limits of decidingThresholds(frame).values()) {
      demand.fixed(limits.length + 1);
      demand.range({ exact: false, bits: spreadBits(frame), count: 2 });
    }
    for (let tree = 0; tree < treesOf(frame.op); tree++) {
      for (let output = 0; output < frame.op.outputs; output++) {
        foldTree(frame, tree, output, (_, low, high) => {
          if (low.constant === null || high.constant === null) demand.fixed(1);
          return { constant: null, form: null };
        });
      }
    }
    demandSites(siteClasses(frame, frame.op.finish, frame.op.outputs), 1, demand);
  },
  build(frame, [x = []], context) {
    const { net } = context;
    const { forms } = net;
    const { op } = frame;
    const bits = buildBits(frame, x, context);
    const formOf = ({ constant, form }: Folded): Form => form ?? forms.constant(constant ?? 0);
    const accumulators = op.bias.map((bias, output) => {
      const trees = Array.from({ length: treesOf(op) }, (_, tree) =>
        formOf(
          foldTree(frame, tree, output, ({ feature, threshold }, low, high) => {
            const bit = bits.get(`${feature}|${threshold}`) as Form;
            const [a, b] = [low.constant, high.constant];
            // Two leaves: a + bit·(b − a), no product of wires.
            if (a !== null && b !== null)
              return { constant: null, form: forms.sum(forms.constant(a), forms.scaled(bit, b - a)) };
            return {
              constant: null,
              form: net.stamp(SELECT, { bit, low: formOf(low), high: formOf(high) })["y"]?.[0] ?? bit,
            };
          }),
        ),
      );
      return forms.sum(forms.constant(bias), ...trees);
    });
    return finishAll(context, accumulators, siteClasses(frame, op.finish, op.outputs), 1, frame.value);
  },
};
