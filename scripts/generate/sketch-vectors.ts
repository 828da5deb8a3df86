// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/{sketch,sketch-vote}.json: class T as offchain/core/sketch.ts computes it, for Solidity and for
// TypeScript; flat lists of numbers, like those of protocol-vectors.ts.
import {
  encodeTolerance,
  packSketch,
  sketchA,
  sketchB,
  sketchSeedB,
  tallySketches,
  toleranceOf,
  type SketchVote,
} from "../../offchain/core/sketch.ts";
import { toWord } from "../../offchain/core/tagged-hash.ts";
import { Prng } from "../../test/support/prng.ts";
import { dataWords } from "../../test/support/sketch-data.ts";
import { writeNumbers, type NumberField } from "../../test/support/write-numbers.ts";

const rng = new Prng(5);

/** Any finite f32: patterns, ordinary numbers, the neighbourhood of steps and of ties. */
function element(kind: number, scale: number): number {
  const real = (rng.int(-1_000_000, 1_000_000) / 1_000_000) * scale;
  if (kind === 0) {
    const bits = new Uint32Array([rng.next()]);
    const value = new Float32Array(bits.buffer)[0] ?? 0;
    return Number.isFinite(value) ? value : 0;
  }
  if (kind === 1) return Math.fround(real * 1000);
  if (kind === 2) return Math.fround((rng.int(-70_000, 70_000) + 0.5) * scale);
  return Math.fround(real * 2 ** rng.int(-40, 60));
}

function lengthOf(index: number): number {
  if (index % 40 === 0) return rng.pick([255, 256, 257, 300]);
  return rng.chance(0.5) ? rng.int(1, 17) : rng.int(17, 60);
}

const sketches = Array.from({ length: 1200 }, (_, index): NumberField[] => {
  const n = lengthOf(index);
  const power = 2 ** rng.int(-20, 6);
  const scale =
    index % 3 === 0 ? power : index % 3 === 1 ? power * rng.int(1, 1000) : power * (1 + rng.next() / 2 ** 32);
  const extreme = rng.pick([2 ** -149, 2 ** 31, 3 * 2 ** -140]);
  const tolerance = toleranceOf(rng.chance(0.05) ? extreme : scale, rng.int(1, 32_767));
  const kind = rng.int(0, 3);
  const outputs = Float32Array.from({ length: n }, () => element(kind, scale));
  const [seed, commitSet] = [toWord(rng.bigint(256)), toWord(rng.bigint(256))];
  return [
    encodeTolerance(tolerance),
    n,
    ...dataWords(outputs),
    seed,
    commitSet,
    sketchSeedB(commitSet, seed),
    sketchA(outputs, tolerance, seed),
    sketchB(outputs, tolerance, seed, commitSet),
  ];
});

const votes = Array.from({ length: 1010 }, (_, index): NumberField[] => {
  const k = index % 40 === 0 ? rng.pick([11, 15, 23]) : rng.pick([1, 2, 3, 3, 4, 5, 5, 7]);
  const tau = rng.pick([1, 2, 3, 10, 32_767]);
  const truth = Array.from({ length: 32 }, () => rng.pick([-32_768, 32_767, 0, rng.int(-1000, 1000)]));
  const wide = rng.pick([1, tau, 2 * tau]);
  const hold = (value: number) => Math.max(-32_768, Math.min(32_767, value));
  const near = () => truth.map((value) => hold(value + rng.int(-wide, wide)));
  const bWidth = rng.chance(0.3) ? 0 : 1;
  const seats = Array.from({ length: k }, (): SketchVote | undefined => {
    if (rng.chance(0.15)) return undefined;
    const said = near();
    // Some are wrong in one coordinate only, by exactly as much as is still allowed or one more.
    const at = rng.int(0, 31);
    if (rng.chance(0.2)) said[at] = hold((truth[at] ?? 0) + tau + rng.int(0, 1));
    if (rng.chance(0.1)) said[at] = rng.int(-32_768, 32_767);
    return { a: packSketch(said.slice(0, 16)), b: packSketch(said.slice(16).map((value) => value * bWidth)) };
  });
  const { medianA, medianB, agreeing, delivered } = tallySketches(seats, tau);
  return [
    tau,
    k,
    ...seats.flatMap((vote) => (vote === undefined ? [0] : [1, vote.a, vote.b])),
    medianA,
    medianB,
    ...agreeing,
    delivered === undefined ? 0 : delivered + 1,
  ];
});

writeNumbers("sketch", "tolerance n data[ceil(n/8)] seed commitSet seedB sketchA sketchB", sketches);
writeNumbers("sketch-vote", "tau k (0 | 1 a b)[k] medianA medianB agrees[k] deliveredSeatPlusOne", votes);
