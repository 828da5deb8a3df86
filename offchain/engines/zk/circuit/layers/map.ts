// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf } from "../../../../core/program/analyse.ts";
import type { MapOp } from "../../../../core/program/types.ts";
import type { Layer } from "../context.ts";
import { STEP_VALUE } from "../netlist.ts";
import { tableFunction } from "../plan/sites.ts";

const functionOf = ({ lo, table }: MapOp) => tableFunction(lo, lo + table.length - 1, table);

/** y = table[x]: a pair in the function's table, whose rows are exactly the input's range. */
export const mapLayer: Layer<MapOp> = {
  demand({ op, info }, demand) {
    const fn = functionOf(op);
    demand.pair(fn.key, BigInt(fn.lo), BigInt(fn.hi), elementsOf(info.output.dims));
  },
  build({ op, value }, [x = []], { net, lookups }) {
    const fn = functionOf(op);
    return x.map((form, e) => {
      const y = net.advice(STEP_VALUE, null, value, e);
      lookups.pair(fn, [BigInt(fn.lo), BigInt(fn.hi)], form, y);
      return y;
    });
  },
};
