// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf } from "../../../../core/program/analyse.ts";
import { softmaxBounds } from "../../../../core/program/block-bounds.ts";
import type { ScaledTable, SoftmaxOp } from "../../../../core/program/types.ts";
import type { BuildContext, Layer, LayerFrame } from "../context.ts";
import type { Form } from "../forms.ts";
import { maximum, PRODUCT } from "../gadgets.ts";
import { STEP_ADVICE, STEP_VALUE } from "../netlist.ts";
import { exactFunction, siteOf, tableFunction, type SiteClass, type TableFunction } from "../plan/sites.ts";
import { finishSite } from "./finish.ts";

export const scaledFunction = ({ lo, values }: ScaledTable): TableFunction =>
  tableFunction(lo, lo + values.length - 1, values);

interface SoftmaxSites {
  readonly width: number;
  readonly rows: number;
  readonly exp: TableFunction;
  /** S to R */
  readonly reciprocal: SiteClass;
  /** e·R to y */
  readonly result: SiteClass;
}

function sitesOf({ op, sources, info }: LayerFrame<SoftmaxOp>): SoftmaxSites {
  const width = sources[0]?.dims.at(-1) ?? 1;
  const { sum, product } = softmaxBounds(op, width);
  return {
    width,
    rows: elementsOf(info.output.dims) / width,
    // d >= 0, and so that nothing is above the largest element, follows from the keys alone.
    exp: exactFunction(tableFunction(0, op.exp.length - 1, op.exp)),
    reciprocal: siteOf(scaledFunction(op.reciprocal), op.reciprocal.shift, sum),
    result: siteOf(tableFunction(0, op.hi, null), op.shift, { lo: product.lo, hi: product.hi }),
  };
}

/** Advice of one row, as witness/advice.ts lays it out: the largest element, R, then every e. */
export const softmaxAdvice = (width: number, row: number) => ({
  most: row * (width + 2),
  factor: row * (width + 2) + 1,
  exp: (i: number) => row * (width + 2) + 2 + i,
});

function buildRow(
  frame: LayerFrame<SoftmaxOp>,
  sites: SoftmaxSites,
  x: readonly Form[],
  row: number,
  context: BuildContext,
) {
  const { net, lookups } = context;
  const { width, exp } = sites;
  const at = softmaxAdvice(width, row);
  const advice = (q: number) => ({ kind: STEP_ADVICE, p: frame.value, q }) as const;
  const most = width === 1 ? (x[0] as Form) : net.source(advice(at.most));
  // Some gap is 0; that none is negative follows from the table, whose keys start at 0.
  if (width > 1) net.stamp(maximum(width), { y: most, x });
  const powers = x.map((form, i) => {
    const e = net.source(advice(at.exp(i)));
    lookups.pair(exp, [BigInt(exp.lo), BigInt(exp.hi)], net.forms.difference(most, form), e);
    return e;
  });
  const factor = finishSite(context, net.forms.sum(...powers), sites.reciprocal, advice(at.factor));
  return powers.map((e, i) => {
    const product = net.stamp(PRODUCT, { a: e, b: factor })["y"]?.[0] ?? e;
    return finishSite(context, product, sites.result, { kind: STEP_VALUE, p: frame.value, q: row * width + i });
  });
}

/** Rows of the last dimension: largest element, exponentials by table, their sum's reciprocal by table, products requantised. */
export const softmaxLayer: Layer<SoftmaxOp> = {
  demand(frame, demand) {
    const { width, rows, exp, reciprocal, result } = sitesOf(frame);
    demand.pair(exp.key, BigInt(exp.lo), BigInt(exp.hi), rows * width);
    demand.fixed(rows * (width - 1 + width));
    demand.site(reciprocal, rows);
    demand.site(result, rows * width);
  },
  build(frame, [x = []], context) {
    const sites = sitesOf(frame);
    return Array.from({ length: sites.rows }, (_, row) =>
      buildRow(frame, sites, x.slice(row * sites.width, (row + 1) * sites.width), row, context),
    ).flat();
  },
};
