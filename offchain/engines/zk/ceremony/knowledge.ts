// SPDX-License-Identifier: GPL-3.0-or-later
// Schnorr's proof of knowledge of x with δ' = x·δ, made non-interactive over everything that the step says: whoever replays a step
// elsewhere, or bends a delta to cancel others', cannot make it.
import { fromHex, type Hex } from "../../../core/bytes.ts";
import { ByteWriter } from "../../../core/byte-writer.ts";
import { FIELD_R, modR } from "../../../core/zk/field.ts";
import {
  curveG1,
  pointOfG1,
  wordsOfG1,
  wordsOfG2,
  writeWords,
  type G1Point,
  type G2Point,
} from "../../../core/zk/points.ts";
import type { GroupTag } from "./circuit.ts";
import { challengeScalar, secretScalar } from "./secret-scalar.ts";
import { encodeContext, type Knowledge, type StepContext } from "./step-file.ts";

export interface KnowledgeStatement {
  readonly context: StepContext;
  readonly tag: GroupTag;
  /** δ before and after. */
  readonly before: G1Point;
  readonly after: G1Point;
  readonly after2: G2Point;
  readonly pointsHash: Hex;
}

function challenge({ context, tag, before, after, after2, pointsHash }: KnowledgeStatement, r: G1Point): bigint {
  const writer = new ByteWriter().u8(tag);
  writeWords(writer, [...wordsOfG1(before), ...wordsOfG1(after), ...wordsOfG2(after2)]);
  writer.raw(fromHex(pointsHash, 32));
  return challengeScalar(encodeContext(context), writeWords(writer, wordsOfG1(r)).finish());
}

export function proveKnowledge(statement: KnowledgeStatement, x: bigint): Knowledge {
  const k = secretScalar("");
  const r = pointOfG1(curveG1(statement.before).multiply(k));
  return { r, s: modR(k + challenge(statement, r) * x) };
}

/** s·δ = R + e·δ'. Points must have been checked; s is below r. */
export function knowledgeHolds(statement: KnowledgeStatement, { r, s }: Knowledge): boolean {
  const e = challenge(statement, r);
  if (s === 0n || e === 0n || s >= FIELD_R) return false;
  return curveG1(statement.before)
    .multiply(s)
    .equals(curveG1(r).add(curveG1(statement.after).multiply(e)));
}
