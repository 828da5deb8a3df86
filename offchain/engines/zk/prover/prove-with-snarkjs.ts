// SPDX-License-Identifier: GPL-3.0-or-later
import type { Curve } from "ffjavascript";
import { groth16 } from "snarkjs";
import { G1_INFINITY, type G1Point, type G2Point } from "../../../core/zk/points.ts";
import type { OpenedKey } from "../keys/key-files.ts";
import { GROUP_ROUND1, GROUP_WEIGHTS, type KeyGroup } from "../keys/groups-file.ts";
import { g1OfLem, lemOfG1, lemOfG2 } from "../keys/lem-points.ts";
import { G1_BYTES } from "../keys/zkey-file.ts";
import { FIELD_BYTES } from "../r1cs/field-words.ts";
import { writeWtns } from "../r1cs/wtns.ts";
import { ProverError } from "./errors.ts";
import type { CommitRequest, FinishRequest, ProveReply } from "./prove-messages.ts";
import type { ProveStep } from "./prover.ts";
import { widthClasses } from "./width-classes.ts";

/** A validated key and the curve that works on it. */
export interface WarmKey extends OpenedKey {
  readonly curve: Curve;
}

type Report = (step: ProveStep) => void;

const groupOf = ({ groups }: WarmKey, tag: number): KeyGroup => {
  const found = groups.find((group) => group.tag === tag);
  if (found === undefined) throw new ProverError("WITNESS_MALFORMED", { reason: `the key has no group ${tag}` });
  return found;
};

/** Σ w·[ck/δ] + blind·[δ2], affine. */
async function commit(key: WarmKey, { tag, values, blind }: Omit<CommitRequest, "call">): Promise<Uint8Array> {
  const { curve, zkey } = key;
  const { G1, Fr } = curve;
  const { wires, points } = groupOf(key, tag);
  const scalars = new Uint8Array(wires.length * FIELD_BYTES);
  for (const [i, wire] of wires.entries())
    scalars.set(values.subarray(wire * FIELD_BYTES, (wire + 1) * FIELD_BYTES), i * FIELD_BYTES);
  let sum = G1.timesFr(zkey.delta1, Fr.fromRprLE(blind));
  for (const short of widthClasses(points, scalars))
    sum = G1.add(sum, await G1.multiExpAffine(short.points, short.scalars));
  scalars.fill(0);
  return G1.toAffine(sum);
}

/** snarkjs's own debug lines are its only sign of life. */
function progressOf(report: Report) {
  const said = new Set<ProveStep>();
  const say = (step: ProveStep): void => {
    if (!said.has(step)) report(step);
    said.add(step);
  };
  return {
    debug: (text: string): void => {
      if (text.includes("Building ABC")) say("constraints");
      else if (text.includes("FFT_")) say("transforms");
      else if (text.includes("Points")) say("multiply");
    },
    info: () => {},
    warn: () => {},
    error: () => {},
  };
}

/** The verifier's equation with the witness's own public wires: no proof leaves that nobody would accept. */
async function holds(
  { curve, zkey, groups, record }: WarmKey,
  values: Uint8Array,
  proof: Readonly<Record<"a" | "b" | "c2", Uint8Array>>,
  { round1, weights }: FinishRequest,
): Promise<boolean> {
  const { G1, G2, Fr } = curve;
  let sum = lemOfG1(record.ic[0] as G1Point);
  for (let wire = 1; wire <= zkey.publics; wire++) {
    const value = Fr.fromRprLE(values, wire * FIELD_BYTES);
    sum = G1.add(sum, G1.timesFr(lemOfG1(record.ic[wire] as G1Point), value));
  }
  const delta = (tag: number): Uint8Array => groups.find((group) => group.tag === tag)?.delta2 ?? G2.zeroAffine;
  const pairs = [
    [G1.neg(proof.a), proof.b],
    [zkey.alpha1, zkey.beta2],
    [G1.toAffine(sum), zkey.gamma2],
    [proof.c2, zkey.delta2],
  ];
  if (round1 !== undefined) pairs.push([lemOfG1(round1.c1), delta(GROUP_ROUND1)]);
  if (weights !== undefined) pairs.push([lemOfG1(weights.commitment), delta(GROUP_WEIGHTS)]);
  return curve.pairingEq(...pairs.flat());
}

const g1 = ([x, y]: readonly string[]): G1Point => ({ x: BigInt(x ?? 0), y: BigInt(y ?? 0) });
const g2 = ([x, y]: readonly (readonly string[])[]): G2Point => ({
  x: [BigInt(x?.[0] ?? 0), BigInt(x?.[1] ?? 0)],
  y: [BigInt(y?.[0] ?? 0), BigInt(y?.[1] ?? 0)],
});

async function finish(key: WarmKey, request: FinishRequest, report: Report): Promise<ProveReply> {
  const { curve, zkeyBytes } = key;
  const { G1, Fr } = curve;
  const { values, round1, weights } = request;
  const wtns = writeWtns(values);
  const stock = await groth16.prove(zkeyBytes, wtns, progressOf(report));
  const [a, b] = [g1(stock.proof.pi_a), g2(stock.proof.pi_b)];
  let c2 = lemOfG1(g1(stock.proof.pi_c));
  // The blinds were put in with delta2 and come out with the group's own delta.
  for (const [opening, tag] of [
    [round1, GROUP_ROUND1],
    [weights, GROUP_WEIGHTS],
  ] as const)
    if (opening !== undefined) {
      const blind = G1.timesFr(groupOf(key, tag).delta1, Fr.fromRprLE(opening.blind));
      c2 = G1.add(c2, G1.neg(blind));
      opening.blind.fill(0);
    }
  c2 = G1.toAffine(c2);
  report("check");
  const valid = await holds(key, values, { a: lemOfG1(a), b: lemOfG2(b), c2 }, request);
  wtns.fill(0);
  values.fill(0);
  if (!valid) throw new ProverError("WITNESS_WRONG");
  return {
    proved: { a, b, c1: round1?.c1 ?? G1_INFINITY, c2: g1OfLem(c2) },
    // Kibibytes, of the whole process with its threads.
    residentMiB: Math.ceil(process.resourceUsage().maxRSS / 1024),
  };
}

export async function proveWith(
  key: WarmKey,
  request: CommitRequest | FinishRequest,
  report: Report,
): Promise<ProveReply> {
  if (request.call === "finish") return finish(key, request, report);
  report("commit");
  const committed = g1OfLem((await commit(key, request)).slice(0, G1_BYTES));
  request.values.fill(0);
  request.blind.fill(0);
  return { committed };
}
