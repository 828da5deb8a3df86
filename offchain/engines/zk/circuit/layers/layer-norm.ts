// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf } from "../../../../core/program/analyse.ts";
import { layerNormBounds } from "../../../../core/program/block-bounds.ts";
import type { LayerNormOp } from "../../../../core/program/types.ts";
import type { Layer, LayerFrame } from "../context.ts";
import { EQUAL, PRODUCT, SQUARE } from "../gadgets.ts";
import { STEP_ADVICE, STEP_FORM } from "../netlist.ts";
import { siteOf, type SiteClass } from "../plan/sites.ts";
import { demandSites, finishAll, finishSite, siteClasses } from "./finish.ts";
import { scaledFunction } from "./softmax.ts";

interface NormSites {
  readonly width: number;
  readonly rows: number;
  /** V to R */
  readonly rsqrt: SiteClass;
  readonly results: readonly SiteClass[] | null;
}

function sitesOf(frame: LayerFrame<LayerNormOp>): NormSites {
  const { op, sources, info } = frame;
  const width = op.weights.length;
  const { variance } = layerNormBounds(op, sources[0] ?? { lo: 0n, hi: 0n }, width);
  return {
    width,
    rows: elementsOf(info.output.dims) / width,
    rsqrt: siteOf(scaledFunction(op.rsqrt), op.rsqrt.shift, variance),
    results: siteClasses(frame, op.finish, width),
  };
}

/** A square and a product an element, the row's sum as a wire of its own. */
export const layerNormLayer: Layer<LayerNormOp> = {
  demand(frame, demand) {
    const { width, rows, rsqrt, results } = sitesOf(frame);
    demand.fixed(rows * (1 + 2 * width));
    demand.site(rsqrt, rows);
    demandSites(results, rows, demand);
  },
  build(frame, [x = []], context) {
    const { net } = context;
    const { forms } = net;
    const { op, value } = frame;
    const { width, rows, rsqrt, results } = sitesOf(frame);
    const accumulators = Array.from({ length: rows }, (_, row) => {
      const cells = x.slice(row * width, (row + 1) * width);
      const total = forms.sum(...cells);
      // A wire for the sum: as a form it would stand n times in each of n differences.
      const sum = net.advice(STEP_FORM, total, 0, 0);
      net.stamp(EQUAL, { a: total, b: sum });
      const differences = cells.map((cell) =>
        forms.combine([
          [cell, width],
          [sum, -1n],
        ]),
      );
      const squares = differences.map((d) => net.stamp(SQUARE, { x: d })["y"]?.[0] ?? d);
      const factor = finishSite(context, forms.sum(...squares), rsqrt, { kind: STEP_ADVICE, p: value, q: row });
      return differences.map((d, i) => {
        const scaled = net.stamp(PRODUCT, { a: d, b: factor })["y"]?.[0] ?? d;
        return forms.combine([
          [scaled, op.weights[i] ?? 0],
          [forms.one, op.bias[i] ?? 0n],
        ]);
      });
    }).flat();
    return finishAll(context, accumulators, results, 1, value);
  },
};
