// SPDX-License-Identifier: MIT
import { fromHex, isHex, type Hex } from "../bytes.ts";
import { isAssayError, type AssayError } from "../errors.ts";
import type { PairingEngine } from "../ports/pairing.ts";
import { ZkError } from "./errors.ts";
import {
  checkKeyRecord,
  decodeKeyRecord,
  KEY_DEVELOPMENT,
  keyIdOf,
  pointsOfRecord,
  readKeyRecord,
  type KeyRecord,
} from "./key-record.ts";
import { strangerToG1, strangerToG2 } from "./points.ts";

/** A record that was read and checked: open once, verify many proofs. */
export interface VerifyingKey {
  readonly keyId: Hex;
  readonly record: KeyRecord;
}

/** Opens a key. Errors: KEY_MALFORMED, KEY_DEGENERATE, KEY_MISMATCH if it has another id than `keyId`. */
export type KeyOpener = (record: Uint8Array | Hex, keyId?: Hex) => VerifyingKey;

const bytesOf = (record: Uint8Array | Hex): Uint8Array => (typeof record === "string" ? fromHex(record) : record);

function checkKeyId(actual: Hex, keyId: Hex | undefined): void {
  if (keyId !== undefined && keyId.toLowerCase() !== actual)
    throw new ZkError("KEY_MISMATCH", { actual, expected: keyId });
}

/** Errors: KEY_MALFORMED, KEY_DEGENERATE, KEY_MISMATCH if it has another id than `keyId`. */
export function openKey(record: Uint8Array | Hex, keyId?: Hex): VerifyingKey {
  const bytes = bytesOf(record);
  const actual = keyIdOf(bytes);
  checkKeyId(actual, keyId);
  const decoded = decodeKeyRecord(bytes);
  checkKeyRecord(decoded);
  return { keyId: actual, record: decoded };
}

type Opened = VerifyingKey | AssayError;

/** By its form; the points' groups are still to be asked for. */
function readKey(bytes: Uint8Array, keyId: Hex): Opened {
  try {
    return { keyId, record: readKeyRecord(bytes) };
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return error;
  }
}

function finishKey(key: VerifyingKey, stranger: string | undefined): Opened {
  if (stranger !== undefined) return new ZkError("KEY_MALFORMED", { reason: stranger });
  try {
    checkKeyRecord(key.record);
    return key;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return error;
  }
}

/** Of each of the keys the first point that is not of its group, in words. */
async function findStrangers(keys: readonly VerifyingKey[], engine: PairingEngine): Promise<Map<VerifyingKey, string>> {
  const named = keys.map((key) => ({ key, points: pointsOfRecord(key.record) }));
  const g1 = named.flatMap(({ key, points }) => points.g1.map(([name, point]) => ({ key, name, point })));
  const g2 = named.flatMap(({ key, points }) => points.g2.map(([name, point]) => ({ key, name, point })));
  const found = new Map<VerifyingKey, string>();
  for (const place of await engine.strangersToG2(g2.map(({ point }) => point))) {
    const { key, name } = g2[place] as (typeof g2)[0];
    if (!found.has(key)) found.set(key, strangerToG2(name));
  }
  for (const place of await engine.strangersToG1(g1.map(({ point }) => point))) {
    const { key, name } = g1[place] as (typeof g1)[0];
    if (!found.has(key)) found.set(key, strangerToG1(name));
  }
  return found;
}

/** A record that somebody will ask for; with another id than `keyId` it is refused unread. */
export interface WantedKey {
  readonly record: Hex;
  readonly keyId?: Hex | undefined;
}

/**
 * Reads and checks many records at once, each once, however often it is wanted. The opener that it resolves to answers for them, and opens
 * others as `openKey` does. No record makes it reject. Errors: those of the engine.
 */
export async function openKeys(wanted: readonly WantedKey[], engine: PairingEngine): Promise<KeyOpener> {
  const ids = new Map<Hex, Hex>();
  const opened = new Map<Hex, Opened>();
  for (const { record, keyId } of wanted) {
    if (!isHex(record)) continue;
    const actual = ids.get(record) ?? keyIdOf(fromHex(record));
    ids.set(record, actual);
    const isAsked = keyId === undefined || keyId.toLowerCase() === actual;
    if (isAsked && !opened.has(actual)) opened.set(actual, readKey(fromHex(record), actual));
  }
  const keys = [...opened.values()].flatMap((one) => (isAssayError(one) ? [] : [one]));
  const strangers = await findStrangers(keys, engine);
  for (const key of keys) opened.set(key.keyId, finishKey(key, strangers.get(key)));
  return (record, keyId) => {
    const actual = typeof record === "string" ? ids.get(record) : undefined;
    const known = actual && opened.get(actual);
    if (actual === undefined || known === undefined) return openKey(record, keyId);
    checkKeyId(actual, keyId);
    if (isAssayError(known)) throw known;
    return known;
  };
}

/** The only chain on which a development key's proof means anything. */
export const LOCAL_CHAIN_ID = 31337n;

/** Error: KEY_DEVELOPMENT unless the key is a ceremony's or the chain is local. */
export function assertKeyClass({ keyId, record }: VerifyingKey, chainId: bigint): void {
  if (record.cls === KEY_DEVELOPMENT && chainId !== LOCAL_CHAIN_ID) throw new ZkError("KEY_DEVELOPMENT", { keyId });
}
