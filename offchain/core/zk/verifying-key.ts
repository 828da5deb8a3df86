// SPDX-License-Identifier: MIT
import { fromHex, type Hex } from "../bytes.ts";
import { ZkError } from "./errors.ts";
import { checkKeyRecord, decodeKeyRecord, keyIdOf, KEY_DEVELOPMENT, type KeyRecord } from "./key-record.ts";
import { curveG1, curveG2, type CurveG1, type CurveG2 } from "./points.ts";

/** A record that was read, checked and brought into the curve library's form: open once, verify many proofs. */
export interface VerifyingKey {
  readonly keyId: Hex;
  readonly record: KeyRecord;
  readonly points: {
    readonly alpha: CurveG1;
    readonly beta: CurveG2;
    readonly delta1: CurveG2 | undefined;
    readonly delta2: CurveG2;
    readonly deltaWeights: CurveG2 | undefined;
    readonly ic: readonly CurveG1[];
  };
}

/** Errors: KEY_MALFORMED, KEY_DEGENERATE, KEY_MISMATCH if it has another id than `keyId`. */
export function openKey(record: Uint8Array | Hex, keyId?: Hex): VerifyingKey {
  const bytes = typeof record === "string" ? fromHex(record) : record;
  const actual = keyIdOf(bytes);
  if (keyId !== undefined && keyId.toLowerCase() !== actual)
    throw new ZkError("KEY_MISMATCH", { actual, expected: keyId });
  const decoded = decodeKeyRecord(bytes);
  checkKeyRecord(decoded);
  const { alpha, beta, delta1, delta2, deltaWeights, ic } = decoded;
  return {
    keyId: actual,
    record: decoded,
    points: {
      alpha: curveG1(alpha),
      beta: curveG2(beta),
      delta1: delta1 && curveG2(delta1),
      delta2: curveG2(delta2),
      deltaWeights: deltaWeights && curveG2(deltaWeights),
      ic: ic.map(curveG1),
    },
  };
}

/** The only chain on which a development key's proof means anything. */
export const LOCAL_CHAIN_ID = 31337n;

/** Error: KEY_DEVELOPMENT unless the key is a ceremony's or the chain is local. */
export function assertKeyClass({ keyId, record }: VerifyingKey, chainId: bigint): void {
  if (record.cls === KEY_DEVELOPMENT && chainId !== LOCAL_CHAIN_ID) throw new ZkError("KEY_DEVELOPMENT", { keyId });
}
