// SPDX-License-Identifier: MIT
import { encodeAbi } from "../abi.ts";
import { assertLength, bigToBytes, bytesToBig, concatBytes, fromHex, toHex, type Hex } from "../bytes.ts";
import { typeHash } from "../eip712.ts";
import { domainHash, keccak256 } from "../keccak.ts";
import type { LinearOperator } from "../program/linear-operators.ts";
import { KIND_SALTED } from "../types.ts";
import { challenge } from "./challenge.ts";
import { ZkError } from "./errors.ts";
import { FIELD_R, toScalar } from "./field.ts";
import { fingerprint } from "./fingerprint.ts";
import { BACKEND_WEIGHTS, DIRECTION_IN, DIRECTION_OUT, type KeyRecord } from "./key-record.ts";
import { g1Failure, isInfinityG1, type G1Point } from "./points.ts";
import { proofOfWords } from "./proof.ts";
import { satisfiesKey, WEIGHTS_NAME } from "./verify-proof.ts";
import type { VerifyingKey } from "./verifying-key.ts";

/** What a linear check is good for. Its proof stands for no job: the owner may have run any input between these digests. */
export interface LinearCheckScope {
  readonly modelId: Hex;
  readonly stage: number;
  /** The address that may check with it. */
  readonly client: Hex;
}

export interface LinearCheckStatement extends LinearCheckScope {
  /** SALTED, of the owner's own input and output. */
  readonly inDigest: Hex;
  readonly outDigest: Hex;
}

/** r of all operators, one after another; u likewise: each operator's r^T W, then its r · bias. */
export interface LinearWords {
  readonly r: readonly bigint[];
  readonly u: readonly bigint[];
}

export const SEED_BYTES = 32;
const TYPEHASH = typeHash(
  "LinearCheck(bytes32 modelId,uint16 stage,address client,bytes32 wordsHash,bytes32 inDigest,bytes32 outDigest)",
);

const packed = (words: readonly bigint[]): Uint8Array => concatBytes(...words.map((word) => bigToBytes(word, 32)));

/** keccak256(r ‖ u), 32 bytes big-endian each: u is fixed before ρ is known, or a wrong one could be fitted to v. */
export const linearWordsHash = ({ r, u }: LinearWords): Hex => toHex(keccak256(packed(r), packed(u)));

/** EIP-712 hashStruct, in the place of a claim's: neither kind of proof passes for the other. */
export function linearCheckHash(statement: LinearCheckStatement, words: LinearWords): Hex {
  const { modelId, stage, client, inDigest, outDigest } = statement;
  const types = ["bytes32", "bytes32", "uint16", "address", "bytes32", "bytes32", "bytes32"] as const;
  const values = [TYPEHASH, modelId, stage, client, linearWordsHash(words), inDigest, outDigest] as const;
  return toHex(keccak256(encodeAbi(types, values)));
}

/**
 * r from the client's secret seed (uniform, fresh): a hash an element, so that no r can be shaped to read weights out of u digit by digit,
 * and no r serves two models, stages or clients. Operators that are not in `wanted` get zeros, and their u says nothing. Error:
 * LENGTH_WRONG.
 */
export function linearFactors(
  seed: Uint8Array,
  { modelId, stage, client }: LinearCheckScope,
  operators: readonly LinearOperator[],
  wanted: readonly number[] = operators.map(({ op }) => op),
): bigint[] {
  const types = ["bytes32", "bytes32", "bytes32", "uint16", "address", "uint16", "uint32"] as const;
  const tag = toHex(domainHash("assay.v1.zk.linear-check"));
  const secret = toHex(assertLength(seed, SEED_BYTES, "The seed"));
  const element = (op: number, i: number): bigint =>
    toScalar(keccak256(encodeAbi(types, [tag, secret, modelId, stage, client, op, i])));
  return operators.flatMap(({ op, rows }) =>
    Array.from({ length: rows }, (_, i) => (wanted.includes(op) ? element(op, i) : 0n)),
  );
}

/** What one operator's words say: r · y = u · x + constant for every true y = W·x + bias. */
export interface LinearFunctional {
  readonly r: readonly bigint[];
  readonly u: readonly bigint[];
  /** r · bias. */
  readonly constant: bigint;
}

/** An operator's part of the words. Error: STATEMENT_MISMATCH where there is none, or its r is zero: that would hold for every y. */
export function linearFunctional(
  { r, u }: LinearWords,
  operators: readonly LinearOperator[],
  wanted: number,
): LinearFunctional {
  let [row, column] = [0, 0];
  for (const { op, rows, columns } of operators) {
    const own = {
      r: r.slice(row, row + rows),
      u: u.slice(column, column + columns),
      constant: u[column + columns] ?? 0n,
    };
    if (op === wanted && own.r.some((factor) => factor !== 0n)) return own;
    row += rows;
    column += columns + 1;
  }
  throw differs(`operator ${wanted} is not checked by this proof`);
}

const differs = (reason: string) => new ZkError("STATEMENT_MISMATCH", { reason });

function digestWord(digest: Hex, name: string): bigint {
  const word = bytesToBig(fromHex(digest, 32, "A digest"));
  if (word >= FIELD_R) throw differs(`the SALTED digest of ${name} is not below r`);
  return word;
}

export interface LinearContext {
  /** `domainSeparator` of chain and hub. */
  readonly domain: Hex;
  readonly statement: LinearCheckStatement;
  readonly words: LinearWords;
  /** The stage's registered C_w. */
  readonly weights: G1Point;
}

/** The circuit's public inputs v, c, ρ. Errors: STATEMENT_MISMATCH, HEX_INVALID. */
export function linearInputs(keyId: Hex, { domain, statement, words, weights }: LinearContext, c1: G1Point): bigint[] {
  const ends = [digestWord(statement.inDigest, "the input"), digestWord(statement.outDigest, "the output")];
  const { c, rho } = challenge({ domain, claimHash: linearCheckHash(statement, words), keyId, weights, c1 });
  return [fingerprint([...words.r, ...words.u, ...ends], rho), c, rho];
}

function checkWords(list: readonly bigint[], length: number, name: string): void {
  if (list.length !== length) throw differs(`${name} has ${list.length} elements instead of ${length}`);
  if (list.some((word) => word < 0n || word >= FIELD_R)) throw differs(`an element of ${name} is not below r`);
}

/** Error: STATEMENT_MISMATCH unless a key with this record can prove linear checks of these operators. */
function checkKey({ backend, boundaries, circuitHash }: KeyRecord, expected: Hex): void {
  if (circuitHash !== expected.toLowerCase()) throw differs(`the key is of circuit ${circuitHash}`);
  if (backend !== BACKEND_WEIGHTS) throw differs("the key has no weights group");
  const [input, output, ...more] = boundaries;
  const salted = input?.kind === KIND_SALTED && output?.kind === KIND_SALTED;
  if (!salted || input.direction !== DIRECTION_IN || output.direction !== DIRECTION_OUT || more.length > 0)
    throw differs("the key's boundaries are not one SALTED input and a SALTED output");
}

export interface LinearCheckProof {
  /** The stage's key, by the id that the model names. */
  readonly key: VerifyingKey;
  /** Of the architecture in linear-check mode: a key of another circuit proves something else. */
  readonly circuitHash: Hex;
  readonly operators: readonly LinearOperator[];
  readonly domain: Hex;
  readonly statement: LinearCheckStatement;
  /** The verifier's own r, the prover's u. */
  readonly words: LinearWords;
  /** C_w as the model's stage table has it. */
  readonly weights: G1Point;
  /** A, B, C1, C2. */
  readonly proof: readonly bigint[];
}

/**
 * Checks that u = r^T W and r · bias for the weights that are committed on chain (zk.md section 5), as whoever drew r does. Returns if it
 * holds. Errors: STATEMENT_MISMATCH, PROOF_MALFORMED, LINEAR_CHECK_REJECTED, HEX_INVALID.
 */
export function verifyLinearCheck({
  key,
  circuitHash,
  operators,
  domain,
  statement,
  words,
  weights,
  proof: given,
}: LinearCheckProof): void {
  checkKey(key.record, circuitHash);
  const rows = operators.reduce((sum, operator) => sum + operator.rows, 0);
  checkWords(words.r, rows, "r");
  checkWords(
    words.u,
    operators.reduce((sum, operator) => sum + operator.columns + 1, 0),
    "u",
  );
  const failure = g1Failure(weights, WEIGHTS_NAME);
  if (failure !== undefined) throw differs(failure);
  const proof = proofOfWords(given);
  if (isInfinityG1(proof.c1)) throw new ZkError("PROOF_MALFORMED", { reason: "C1 is the point at infinity" });
  const inputs = linearInputs(key.keyId, { domain, statement, words, weights }, proof.c1);
  if (!satisfiesKey({ key, proof, inputs, weights }))
    throw new ZkError("LINEAR_CHECK_REJECTED", { stage: statement.stage, model: statement.modelId });
}
