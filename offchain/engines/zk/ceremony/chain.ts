// SPDX-License-Identifier: GPL-3.0-or-later
import { equalBytes, type Hex } from "../../../core/bytes.ts";
import {
  CURVE_G1,
  CURVE_G2,
  curveG1,
  curveG2,
  g1Failure,
  pointOfG1,
  pointOfG2,
  type G1Point,
  type G2Point,
} from "../../../core/zk/points.ts";
import { pairsToOne } from "../../../core/zk/noble-pairing.ts";
import { startHash, type CeremonyFile } from "./ceremony-file.ts";
import { deltaName, type GroupTag } from "./circuit.ts";
import { CeremonyError } from "./errors.ts";
import { knowledgeHolds } from "./knowledge.ts";
import { beaconScalar, stretchBeacon } from "./secret-scalar.ts";
import { stepHash, type GroupStep, type StepHead } from "./step-file.ts";
import type { StockContribution } from "./stock-key.ts";

/** A delta as it stands after some steps. */
export interface Delta {
  readonly tag: GroupTag;
  readonly deltaG1: G1Point;
  readonly deltaG2: G2Point;
}

/** The committed groups' transcript, read up to some step. */
export interface Chain {
  readonly ceremony: CeremonyFile;
  readonly heads: readonly StepHead[];
  readonly hash: Hex;
  readonly deltas: readonly Delta[];
}

const G1 = pointOfG1(CURVE_G1.BASE);
const G2 = pointOfG2(CURVE_G2.BASE);
export const MIN_CONTRIBUTORS = 2;

export const openChain = (ceremony: CeremonyFile): Chain => ({
  ceremony,
  heads: [],
  hash: startHash(ceremony),
  deltas: ceremony.circuit.groups.map(({ tag }) => ({ tag, deltaG1: G1, deltaG2: G2 })),
});

export const isClosed = (heads: readonly { readonly kind: StepHead["kind"] }[]): boolean =>
  heads.at(-1)?.kind === "beacon";

const broken = (step: number, reason: string) => new CeremonyError("TRANSCRIPT_BROKEN", { step, reason });

function checkOrder({ ceremony, heads, hash }: Chain, head: StepHead): void {
  const step = heads.length + 1;
  if (head.start !== startHash(ceremony))
    throw new CeremonyError("CIRCUIT_MISMATCH", { file: `Step ${step}`, reason: "its transcript begins elsewhere" });
  if (isClosed(heads)) throw broken(step, "it follows the beacon");
  if (head.index !== step) throw broken(step, `it calls itself step ${head.index}`);
  if (head.previous !== hash) throw broken(step, "it does not follow the step before it");
}

/** The same number in both groups. Points must be valid. */
export const sameInBoth = (g1: G1Point, g2: G2Point): boolean =>
  pairsToOne([
    [curveG1(g1), CURVE_G2.BASE],
    [CURVE_G1.BASE.negate(), curveG2(g2)],
  ]);

/**
 * P and −P share their x. A step that leaves a delta, brings it back to the generator, or makes it another group's, adds nothing or
 * lets one part of a proof stand in for another.
 */
function checkDistinct(chain: Chain, after: readonly GroupStep[], stockDelta: G1Point | undefined): void {
  const seen = new Map<bigint, string>([[G1.x, "the generator"]]);
  if (stockDelta !== undefined) {
    if (stockDelta.x === G1.x) throw degenerate("delta2", "it is the generator up to its sign");
    seen.set(stockDelta.x, "delta2");
  }
  for (const [i, { tag, deltaG1 }] of after.entries()) {
    const name = deltaName(tag);
    if (deltaG1.x === chain.deltas[i]?.deltaG1.x)
      throw degenerate(name, "the step leaves it as it was, up to its sign");
    const twin = seen.get(deltaG1.x);
    if (twin !== undefined) throw degenerate(name, `it is ${twin} up to its sign`);
    seen.set(deltaG1.x, name);
  }
}

export const degenerate = (delta: string, reason: string) => new CeremonyError("DELTA_DEGENERATE", { delta, reason });

function checkGroup(chain: Chain, head: StepHead, i: number, stretched: Uint8Array | undefined): void {
  const [before, after] = [chain.deltas[i], head.groups[i]];
  const step = chain.heads.length + 1;
  const invalid = (tag: GroupTag, reason: string) =>
    new CeremonyError("CONTRIBUTION_INVALID", { step, delta: deltaName(tag), reason });
  if (before === undefined || after === undefined || before.tag !== after.tag)
    throw broken(step, "its groups are not the circuit's");
  const { tag, deltaG1, deltaG2, pointsHash, knowledge } = after;
  if (!sameInBoth(deltaG1, deltaG2)) throw invalid(tag, "its delta differs between G1 and G2");
  if (stretched !== undefined) {
    const x = beaconScalar(stretched, head.previous, tag);
    if (!curveG1(before.deltaG1).multiply(x).equals(curveG1(deltaG1)))
      throw invalid(tag, "the delta does not follow from the beacon");
  } else if (
    knowledge === undefined ||
    !knowledgeHolds(
      { context: head, tag, before: before.deltaG1, after: deltaG1, after2: deltaG2, pointsHash },
      knowledge,
    )
  )
    throw invalid(tag, "its maker does not show to know the factor");
}

/**
 * Takes one step: it continues the transcript, changes every delta by a factor that its maker knows or the beacon gives. `stockDelta`
 * is δ2 after the step. Errors: CIRCUIT_MISMATCH, TRANSCRIPT_BROKEN, DELTA_DEGENERATE, CONTRIBUTION_INVALID.
 */
export function takeStep(chain: Chain, head: StepHead, stockDelta?: G1Point): Chain {
  checkOrder(chain, head);
  checkDistinct(chain, head.groups, stockDelta);
  const stretched = head.kind === "beacon" ? stretchBeacon(head.beacon, head.iterations) : undefined;
  for (const i of chain.deltas.keys()) checkGroup(chain, head, i, stretched);
  return {
    ceremony: chain.ceremony,
    heads: [...chain.heads, head],
    hash: stepHash(head),
    deltas: head.groups.map(({ tag, deltaG1, deltaG2 }) => ({ tag, deltaG1, deltaG2 })),
  };
}

/** Every step was made for δ2 too, by the same maker, and changed it. Errors: CONTRIBUTORS_DIFFER, DELTA_DEGENERATE. */
export function checkSameSteps(heads: readonly StepHead[], stock: readonly StockContribution[]): void {
  const differ = (step: number, reason: string) => new CeremonyError("CONTRIBUTORS_DIFFER", { step, reason });
  for (let i = 0; i < Math.max(heads.length, stock.length); i++) {
    const [head, other] = [heads[i], stock[i]];
    if (head === undefined) throw differ(i + 1, "only delta2 has it");
    if (other === undefined) throw differ(i + 1, "delta2 lacks it");
    if (head.kind !== other.kind || head.name !== other.name)
      throw differ(i + 1, `delta2's is by ${other.name}, the groups' by ${head.name}`);
    if (!equalBytes(head.stock, other.hash)) throw differ(i + 1, "delta2's contribution is not the one it names");
    if (!equalBytes(head.beacon, other.beacon) || head.iterations !== other.iterations)
      throw differ(i + 1, "the beacons are not the same");
    const failure = g1Failure(other.deltaAfter, "it");
    if (failure !== undefined) throw degenerate("delta2", failure);
    if (other.deltaAfter.x === (i === 0 ? G1 : stock[i - 1]?.deltaAfter)?.x)
      throw degenerate("delta2", `step ${i + 1} leaves it as it was, up to its sign`);
  }
}

/** At least two contributors, then a beacon, for this delta. Errors: BEACON_MISSING, CONTRIBUTORS_TOO_FEW. */
export function checkComplete(
  delta: string,
  steps: readonly { readonly kind: "person" | "beacon"; readonly name: string }[],
): void {
  if (!isClosed(steps)) throw new CeremonyError("BEACON_MISSING", { delta });
  // One name counts once: who contributes twice is one person.
  const actual = new Set(steps.filter(({ kind }) => kind === "person").map(({ name }) => name)).size;
  if (actual < MIN_CONTRIBUTORS)
    throw new CeremonyError("CONTRIBUTORS_TOO_FEW", { delta, actual, least: MIN_CONTRIBUTORS });
}

/** Completeness of every delta, of δ2 by its own transcript. */
export function checkAllComplete(chain: Chain, stock: readonly StockContribution[]): void {
  for (const { tag } of chain.deltas) checkComplete(deltaName(tag), chain.heads);
  checkComplete("delta2", stock);
}
