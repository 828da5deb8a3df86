// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD, mod } from "../../../core/poseidon-constants.ts";
import { inverse } from "../circuit/field.ts";
import { centred } from "../r1cs/check-witness.ts";

/** by · d lies in [least, most], as integers around 0 (0 included). */
export interface Condition {
  readonly by: bigint;
  readonly least: bigint;
  readonly most: bigint;
}

const SMALL = 1n << 100n;
const MOST_TRIED = 1n << 14n;
export const size = (x: bigint): bigint => (x < 0n ? -x : x);
export const max = (x: bigint, y: bigint): bigint => (x > y ? x : y);

/** Where conditions with factor 1 or -1 hold d itself; null if there are none. */
export function bounds(conditions: readonly Condition[]): readonly [bigint, bigint] | null {
  let [least, most, found] = [-SMALL, SMALL, false];
  for (const condition of conditions) {
    const by = centred(mod(condition.by));
    if (by !== 1n && by !== -1n) continue;
    const [low, high] = by === 1n ? [condition.least, condition.most] : [-condition.most, -condition.least];
    if (low > least) least = low;
    if (high < most) most = high;
    found = true;
  }
  return found ? [least, most] : null;
}

/** Whether the conditions hold for no field element d but 0. May say no where a cleverer argument would say yes. */
export function onlyZero(conditions: readonly Condition[]): boolean {
  const held = bounds(conditions);
  if (held !== null) {
    const reach = max(-held[0], held[1]);
    if (reach === 0n) return true;
    for (const { by, least, most } of conditions) {
      const factor = centred(mod(by));
      // A whole number of steps of |factor|, of which only 0 fits.
      if (size(factor) * reach < FIELD / 2n && most < size(factor) && -least < size(factor)) return true;
      const step = centred(inverse(factor));
      // d is a multiple of |step|, of which only 0 fits.
      if (size(step) * max(-least, most) < FIELD / 2n && reach < size(step)) return true;
    }
  }
  const [shortest, ...others] = conditions.toSorted((x, y) => Number(x.most - x.least - (y.most - y.least)));
  if (shortest === undefined || others.length === 0 || shortest.most - shortest.least > MOST_TRIED)
    return shortest !== undefined && shortest.least === 0n && shortest.most === 0n;
  const step = inverse(shortest.by);
  for (let k = shortest.least; k <= shortest.most; k++) {
    const d = mod(k * step);
    const fits = ({ by, least, most }: Condition): boolean => {
      const value = centred(mod(by * d));
      return value >= least && value <= most;
    };
    if (k !== 0n && others.every(fits)) return false;
  }
  return true;
}
