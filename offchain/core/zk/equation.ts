// SPDX-License-Identifier: MIT
import type { PairingTerm } from "../ports/pairing.ts";
import { FIELD_Q, modR } from "./field.ts";
import { CURVE_G2, pointOfG2, type G1Point, type G2Point } from "./points.ts";
import type { Proof } from "./proof.ts";
import type { VerifyingKey } from "./verifying-key.ts";

/** A proof whose form and statement are fine: what is left is the pairing equation. */
export interface PreparedProof {
  readonly key: VerifyingKey;
  readonly proof: Proof;
  readonly inputs: readonly bigint[];
  readonly weights: G1Point | undefined;
}

/** A proof whose equation is taken to this power, in [0, r). */
export interface FactoredProof {
  readonly prepared: PreparedProof;
  readonly factor: bigint;
}

const GENERATOR: G2Point = pointOfG2(CURVE_G2.BASE);

const negated = ({ x, y }: G1Point): G1Point => ({ x, y: y === 0n ? 0n : FIELD_Q - y });

/** Proofs of one key and one weight commitment. */
interface KeyGroup {
  readonly key: VerifyingKey;
  readonly weights: G1Point | undefined;
  readonly members: FactoredProof[];
}

function groupByKey(proofs: readonly FactoredProof[]): KeyGroup[] {
  const groups = new Map<string, KeyGroup>();
  for (const one of proofs) {
    const { key, weights } = one.prepared;
    const name = weights === undefined ? key.keyId : `${key.keyId}/${weights.x}/${weights.y}`;
    const group = groups.get(name) ?? { key, weights, members: [] };
    groups.set(name, group);
    group.members.push(one);
  }
  return [...groups.values()];
}

const sumOf = (members: readonly FactoredProof[], value: (prepared: PreparedProof) => bigint): bigint =>
  modR(members.reduce((sum, { prepared, factor }) => sum + factor * value(prepared), 0n));

/**
 * e(−A,B)·e(α,β)·e(L,g₂)·e(C1,δ1)·e(C2,δ2)[·e(C_w,δw)] with L = IC₀ + Σ input·IC, to the power of its factor, multiplied over all proofs:
 * what pairs with a key's points is summed first, so N proofs of K keys take N + 3K to N + 4K pairings and one more.
 */
export function equationOf(proofs: readonly FactoredProof[]): PairingTerm[] {
  const terms: PairingTerm[] = proofs.map(({ prepared: { proof }, factor }) => ({
    points: [negated(proof.a)],
    scalars: [factor],
    g2: proof.b,
  }));
  const publics: { readonly points: G1Point[]; readonly scalars: bigint[] } = { points: [], scalars: [] };
  for (const { key, weights, members } of groupByKey(proofs)) {
    const { alpha, beta, delta1, delta2, deltaWeights, ic } = key.record;
    const scalars = members.map(({ factor }) => factor);
    const total = sumOf(members, () => 1n);
    const all = (of: (proof: Proof) => G1Point): G1Point[] => members.map(({ prepared }) => of(prepared.proof));
    terms.push({ points: [alpha], scalars: [total], g2: beta });
    terms.push({ points: all(({ c2 }) => c2), scalars, g2: delta2 });
    if (delta1 !== undefined) terms.push({ points: all(({ c1 }) => c1), scalars, g2: delta1 });
    if (deltaWeights !== undefined && weights !== undefined)
      terms.push({ points: [weights], scalars: [total], g2: deltaWeights });
    for (const [at, point] of ic.entries()) {
      publics.points.push(point);
      publics.scalars.push(at === 0 ? total : sumOf(members, ({ inputs }) => inputs[at - 1] ?? 0n));
    }
  }
  terms.push({ ...publics, g2: GENERATOR });
  return terms;
}
