// SPDX-License-Identifier: GPL-3.0-or-later
import type { Curve } from "ffjavascript";
import { curveG1, curveG2, pointOfG1, pointOfG2 } from "../../../core/zk/points.ts";
import { startHash } from "./ceremony-file.ts";
import type { Chain, Delta } from "./chain.ts";
import { invertScalar, timesEach } from "./curve.ts";
import { proveKnowledge } from "./knowledge.ts";
import type { Work } from "./phase-1.ts";
import { beaconScalar, secretScalar, stretchBeacon } from "./secret-scalar.ts";
import { hashPoints, type GroupStep, type StepContext, type StepFile } from "./step-file.ts";
import type { StockContribution } from "./stock-key.ts";

async function changeGroup(
  curve: Curve,
  context: StepContext,
  { tag, deltaG1, deltaG2 }: Delta,
  before: Uint8Array,
  secret: { readonly x: bigint; readonly isPublic: boolean },
  work: Work,
): Promise<{ group: GroupStep; points: Uint8Array }> {
  const { x, isPublic } = secret;
  const points = await timesEach(curve, before, invertScalar(x), work);
  const [after, after2] = [pointOfG1(curveG1(deltaG1).multiply(x)), pointOfG2(curveG2(deltaG2).multiply(x))];
  const group = { tag, deltaG1: after, deltaG2: after2, pointsHash: hashPoints(points) };
  if (isPublic) return { group, points };
  const { pointsHash } = group;
  const knowledge = proveKnowledge({ context, tag, before: deltaG1, after, after2, pointsHash }, x);
  return { group: { ...group, knowledge }, points };
}

/**
 * The groups' part of a step whose contribution to δ2 is `stock`: δ' = x·δ in both groups of the curve, points divided by x, with a
 * fresh x for every delta. `text` is extra entropy of a person.
 */
export async function makeStep(
  curve: Curve,
  chain: Chain,
  points: readonly Uint8Array[],
  stock: StockContribution,
  text: string,
  work: Work = {},
): Promise<StepFile> {
  const { kind, name, iterations, beacon } = stock;
  const context: StepContext = {
    start: startHash(chain.ceremony),
    index: chain.heads.length + 1,
    previous: chain.hash,
    kind,
    name,
    iterations,
    beacon,
    stock: stock.hash,
  };
  const stretched = kind === "beacon" ? stretchBeacon(beacon, iterations) : undefined;
  const made: { group: GroupStep; points: Uint8Array }[] = [];
  for (const [i, delta] of chain.deltas.entries()) {
    work.onProgress?.(`changing ${delta.tag === 1 ? "deltaWeights" : "delta1"}`);
    const secret =
      stretched === undefined
        ? { x: secretScalar(text), isPublic: false }
        : { x: beaconScalar(stretched, chain.hash, delta.tag), isPublic: true };
    made.push(await changeGroup(curve, context, delta, points[i] ?? new Uint8Array(), secret, work));
  }
  return { head: { ...context, groups: made.map(({ group }) => group) }, points: made.map((part) => part.points) };
}
