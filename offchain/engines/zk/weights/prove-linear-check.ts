// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from "node:crypto";
import { toHex, type Hex } from "../../../core/bytes.ts";
import { saltedDigest } from "../../../core/digest.ts";
import { keccak256 } from "../../../core/keccak.ts";
import type { CheckLedger } from "../../../core/ports/check-ledger.ts";
import { mod } from "../../../core/poseidon-constants.ts";
import { WORD_BYTES } from "../../../core/poseidon.ts";
import { analyseProgram } from "../../../core/program/analyse.ts";
import type { LinearOperator } from "../../../core/program/linear-operators.ts";
import { inputsOf, type Program } from "../../../core/program/types.ts";
import { encodeTensor } from "../../../core/tensor.ts";
import { hidingLinearChecks, mostLinearChecks } from "../../../core/zk/check-allowance.ts";
import { encodeKeyRecord } from "../../../core/zk/key-record.ts";
import { linearFactors, linearInputs, verifyLinearCheck } from "../../../core/zk/linear-check.ts";
import type { LinearCheckAnswer, LinearCheckRequest } from "../../../core/zk/linear-check-wire.ts";
import { wordsOfProof } from "../../../core/zk/proof.ts";
import { openKey } from "../../../core/zk/verifying-key.ts";
import { isWeighted } from "../circuit/architecture.ts";
import { biasOf, eachEntry } from "../circuit/linear-checks.ts";
import type { CompiledCircuit } from "../circuit/types.ts";
import { ProverError } from "../prover/errors.ts";
import type { Job, ProvingKey, WeightsOpening } from "../prover/prover.ts";
import { buildRoundOne } from "../witness/build-round-one.ts";
import { solveRoundTwo } from "../witness/solve-round-two.ts";
import { knownInputs } from "./known-answer.ts";

/** A model's owner, about one stage. */
export interface WeightsOwner {
  /** Compiled in linear-check mode. */
  readonly circuit: CompiledCircuit;
  readonly proving: ProvingKey;
  /** The registered C_w and what opens it. */
  readonly weights: WeightsOpening;
  /** `domainSeparator` of chain and hub. */
  readonly domain: Hex;
  readonly ledger: CheckLedger;
  /**
   * Checks that one client may have of an operator; by default as many as hide the weights (`hidingLinearChecks`), which is none of layers
   * of fewer than 64 outputs. More is the owner's decision to tell weights, and never beyond `mostLinearChecks`.
   */
  readonly allowance?: (operator: LinearOperator) => number;
}

const wrong = (reason: string) => new ProverError("STATEMENT_WRONG", { reason });

/** Each operator's r^T W, then its r · bias. One multiplication an entry. */
export function transposedProducts(
  program: Program,
  operators: readonly LinearOperator[],
  factors: readonly bigint[],
): bigint[] {
  const { values } = analyseProgram(program);
  let at = 0;
  return operators.flatMap(({ op: index, rows, columns }) => {
    const op = program.ops[index];
    if (op === undefined || !isWeighted(op)) throw wrong(`operator ${index} has no weights`);
    const r = factors.slice(at, (at += rows));
    const u = Array.from({ length: columns + 1 }, () => 0n);
    const [from = 0] = inputsOf(op);
    const [inDims = [], outDims = []] = [values[from]?.dims, values[program.inputs.length + index]?.dims];
    eachEntry(op, { inDims, outDims, rows }, (row, column, weight) => {
      u[column] = (u[column] ?? 0n) + (r[row] ?? 0n) * BigInt(op.weights[weight] ?? 0);
    });
    for (const [row, factor] of r.entries())
      u[columns] = (u[columns] ?? 0n) + factor * (op.bias[biasOf(op, row, rows)] ?? 0n);
    return u.map(mod);
  });
}

/** Books what is to be told. Errors: STATEMENT_WRONG, CHECKS_SPENT, CHECK_BOOKING_INVALID. */
function book(
  { circuit, ledger, allowance = hidingLinearChecks }: WeightsOwner,
  { scope, seed, ops }: LinearCheckRequest,
) {
  const wanted = ops.map((op) => circuit.checks.find((operator) => operator.op === op));
  if (ops.length === 0) throw wrong("no operator is asked for");
  const seedHash = toHex(keccak256(seed));
  ledger.book(
    wanted.map((operator, i) => {
      if (operator === undefined) throw wrong(`operator ${ops[i]} has no linear check in this circuit`);
      const limit = Math.min(allowance(operator), mostLinearChecks(operator));
      return { ...scope, op: operator.op, seedHash, limit };
    }),
  );
}

/**
 * The owner's side of a linear check: u = r^T W and r · bias of the asked operators, with the proof that they are of the registered
 * weights. Whoever calls it has made sure that `scope.client` is who asks, as `openLinearRequest` does: the limit is that address's. What
 * is told is booked first, and a retry with the same seed is free. The proof's own input is the known vector under fresh salts: it says
 * nothing of anybody's. The proof is verified before it leaves.
 * Errors: STATEMENT_WRONG (not in linear-check mode, unknown operator), KEY_UNSOUND (another circuit's key), CHECKS_SPENT,
 * CHECK_BOOKING_INVALID, LENGTH_WRONG, WITNESS_WRONG (the weights do not open C_w), those of the prover.
 */
export async function proveLinearCheck(
  owner: WeightsOwner,
  request: LinearCheckRequest,
  job: Job = {},
): Promise<LinearCheckAnswer> {
  const { circuit, proving, weights, domain } = owner;
  const { scope, seed, ops } = request;
  const operators = circuit.checks;
  if (operators.length === 0) throw wrong("the circuit was not compiled in linear-check mode");
  const key = openKey(encodeKeyRecord(proving.record));
  if (key.record.circuitHash !== circuit.circuitHash)
    throw new ProverError("KEY_UNSOUND", { reason: `it is a key of circuit ${key.record.circuitHash}` });
  const r = linearFactors(seed, scope, operators, ops);
  book(owner, request);
  const inputs = knownInputs(circuit.program);
  const salts = [randomBytes(WORD_BYTES), randomBytes(WORD_BYTES)];
  const roundOne = buildRoundOne(circuit, { inputs, salts, factors: r });
  const [inDigest = "0x", outDigest = "0x"] = [...inputs, ...roundOne.outputs].map((tensor, i) =>
    saltedDigest(encodeTensor(tensor), salts[i] ?? new Uint8Array()),
  );
  const words = { r, u: transposedProducts(circuit.program, operators, r) };
  const statement = { ...scope, inDigest, outDigest };
  const commitment = await proving.commit(roundOne.values, job);
  try {
    const context = { domain, statement, words, weights: weights.commitment };
    const [v = 0n, c = 0n, rho = 0n] = linearInputs(key.keyId, context, commitment.c1);
    const values = solveRoundTwo(circuit, roundOne.values, { v, c, rho });
    const made = await proving.finish(commitment, values, { ...job, weights }).finally(() => values.fill(0));
    const proof = wordsOfProof(made);
    verifyLinearCheck({ key, circuitHash: circuit.circuitHash, operators, ...context, proof });
    return { statement, u: words.u, proof };
  } finally {
    proving.discard(commitment);
    roundOne.values.fill(0);
  }
}
