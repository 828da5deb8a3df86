// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../offchain/core/bytes.ts";
import { mod } from "../../offchain/core/poseidon-constants.ts";
import type { LinearOperator } from "../../offchain/core/program/linear-operators.ts";
import { linearFactors, linearInputs, type LinearCheckProof } from "../../offchain/core/zk/linear-check.ts";
import { BACKEND_WEIGHTS } from "../../offchain/core/zk/key-record.ts";
import { wordsOfProof } from "../../offchain/core/zk/proof.ts";
import { bytesOf } from "./deterministic.ts";
import { proofCase } from "./proof-cases.ts";
import { DOMAIN, hashOf, signerOf } from "./sample-receipt.ts";
import { g1Of, g2Of, inverse, scalarOf, type SimulatedKey } from "./simulated-proof.ts";

export const OPERATORS: readonly LinearOperator[] = [
  { op: 0, rows: 4, columns: 3, weights: 12 },
  { op: 2, rows: 2, columns: 4, weights: 8 },
];

export const SIMULATED_SEED = bytesOf("linear check seed");

/** A proof that satisfies its key for these words, true or not, made without a circuit. */
export function simulateLinearCheck(
  name = "first",
  over: Partial<Pick<LinearCheckProof, "statement" | "words" | "domain">> = {},
): LinearCheckProof & { readonly made: SimulatedKey } {
  const { made } = proofCase(BACKEND_WEIGHTS, "salted");
  const digest = (end: string): Hex => `0x${scalarOf(`${name} ${end}`).toString(16).padStart(64, "0")}`;
  const statement = {
    modelId: hashOf(`${name} model`),
    stage: 2,
    client: signerOf(3),
    inDigest: digest("in"),
    outDigest: digest("out"),
    ...over.statement,
  };
  const r = linearFactors(SIMULATED_SEED, statement, OPERATORS);
  const u = Array.from({ length: 9 }, (_, i) => scalarOf(`${name} u ${i}`));
  const words = over.words ?? { r, u };
  const { logs, weights } = made;
  if (weights === undefined) throw new TypeError("a key without weights");
  const domain = over.domain ?? DOMAIN;
  const [a, b, c1] = ["a", "b", "c1"].map((part) => scalarOf(`${name} ${part}`)) as [bigint, bigint, bigint];
  const inputs = linearInputs(made.key.keyId, { domain, statement, words, weights: weights.point }, g1Of(c1));
  const sum = [1n, ...inputs].reduce((total, input, at) => total + input * (logs.ic[at] ?? 0n), 0n);
  const rest = a * b - logs.alpha * logs.beta - sum - c1 * logs.delta1 - weights.log * logs.deltaWeights;
  const c2 = mod(mod(rest) * inverse(logs.delta2));
  const proof = wordsOfProof({ a: g1Of(a), b: g2Of(b), c1: g1Of(c1), c2: g1Of(c2) });
  const { circuitHash } = made.key.record;
  return {
    made,
    key: made.key,
    circuitHash,
    operators: OPERATORS,
    domain,
    statement,
    words,
    weights: weights.point,
    proof,
  };
}
