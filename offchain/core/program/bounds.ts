// SPDX-License-Identifier: MIT
import type { Finish, LinearOp } from "./types.ts";

/** Inclusive range of an integer. */
export interface Interval {
  readonly lo: bigint;
  readonly hi: bigint;
}

/**
 * Worst-case accumulator per output channel, over all inputs within their ranges: each weight meets whichever end of
 * the range hurts most. `add` and `sumPool` treat all channels alike and return one interval.
 */
export function linearBounds(op: LinearOp, sources: readonly Interval[]): Interval[] {
  const { lo, hi } = sources[0] ?? { lo: 0n, hi: 0n };
  if (op.kind === "add") {
    const [ma, mb] = [BigInt(op.multipliers[0]), BigInt(op.multipliers[1])];
    const other = sources[1] ?? { lo: 0n, hi: 0n };
    return [{ lo: ma * lo + mb * other.lo, hi: ma * hi + mb * other.hi }];
  }
  if (op.kind === "sumPool") {
    const factor = BigInt(op.multiplier * op.kernel[0] * op.kernel[1]);
    // Padding adds zeros, so zero is always reachable in a padded window.
    const padded = op.pads.some((pad) => pad > 0);
    const low = padded && lo > 0n ? 0n : lo;
    const high = padded && hi < 0n ? 0n : hi;
    return [{ lo: factor * low, hi: factor * high }];
  }
  const padded = op.kind === "conv" && op.pads.some((pad) => pad > 0);
  const [low, high] = [padded && lo > 0n ? 0n : lo, padded && hi < 0n ? 0n : hi];
  const taps = op.weights.length / op.outputs;
  return op.bias.map((bias, channel) => {
    let positive = 0;
    let negative = 0;
    for (let i = channel * taps; i < (channel + 1) * taps; i++) {
      const weight = op.weights[i] ?? 0;
      if (weight > 0) positive += weight;
      else negative += weight;
    }
    const [p, n] = [BigInt(positive), BigInt(negative)];
    return { lo: p * low + n * high + bias, hi: p * high + n * low + bias };
  });
}

/** floor((acc + 2^(s-1)) / 2^s); a right shift of a BigInt rounds towards minus infinity. */
export function roundShift(acc: bigint, shift: number): bigint {
  return shift === 0 ? acc : (acc + (1n << BigInt(shift - 1))) >> BigInt(shift);
}

/** Range of the finished value over all channels: as tight as the bounds, the clamp and the table allow. */
export function finishedRange(finish: Finish, bounds: readonly Interval[]): Interval {
  const clamp = (value: bigint, lo: number, hi: number) =>
    value < BigInt(lo) ? BigInt(lo) : value > BigInt(hi) ? BigInt(hi) : value;
  // One bound for all channels (pooling) still meets every channel's own shift.
  const shifts = finish.kind === "scale" ? finish.shifts.length : 1;
  const channels = bounds.length === 1 ? Math.max(1, shifts) : bounds.length;
  let range: Interval | undefined;
  for (let channel = 0; channel < channels; channel++) {
    let { lo, hi } = bounds[bounds.length === 1 ? 0 : channel] ?? { lo: 0n, hi: 0n };
    if (finish.kind === "scale") {
      const shift = finish.shifts[finish.shifts.length === 1 ? 0 : channel] ?? 0;
      lo = clamp(roundShift(lo, shift), finish.lo, finish.hi);
      hi = clamp(roundShift(hi, shift), finish.lo, finish.hi);
      if (finish.table !== null) {
        const reached = finish.table.subarray(Number(lo) - finish.lo, Number(hi) - finish.lo + 1);
        [lo, hi] = [BigInt(Math.min(...reached)), BigInt(Math.max(...reached))];
      }
    }
    range = range === undefined ? { lo, hi } : { lo: lo < range.lo ? lo : range.lo, hi: hi > range.hi ? hi : range.hi };
  }
  return range ?? { lo: 0n, hi: 0n };
}
