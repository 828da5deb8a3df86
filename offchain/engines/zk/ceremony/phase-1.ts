// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { closeSync, createReadStream, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import { utf8 } from "../../../core/bytes.ts";
import { canonicalJson } from "../../../core/manifest.ts";
import { FIELD_Q } from "../../../core/zk/field.ts";
import { parseCanonical } from "./canonical-file.ts";
import { CeremonyError } from "./errors.ts";
import { G1_BYTES, G2_BYTES } from "../keys/zkey-file.ts";
import { PINNED_PTAU, type PinnedPtau } from "./pinned-ptau.ts";
import { runStock } from "./stock.ts";

/** What a ceremony keeps of phase 1; the file itself is named by this hash. */
export interface Phase1 {
  readonly power: number;
  /** Of the published list, or "local". */
  readonly name: string;
  /** blake2b-512 of the whole file, hexadecimal. */
  readonly blake2b: string;
  /** False: anyone may know its τ. Keys made from it are DEVELOPMENT keys. */
  readonly pinned: boolean;
}

export const phase1Schema = z.strictObject({
  power: z.number().int().min(1).max(28),
  name: z.string().regex(/^[\x20-\x7e]{1,64}$/),
  blake2b: z.string().regex(/^[0-9a-f]{128}$/),
  pinned: z.boolean(),
});

export const encodePhase1 = (phase1: Phase1): Uint8Array => utf8(canonicalJson(phase1));
/** What `encodePhase1` wrote. `checkPhase1` judges it. Error: FILE_MALFORMED. */
export const parsePhase1 = (bytes: Uint8Array): Phase1 => parseCanonical(bytes, "The phase 1 record", phase1Schema);

export interface Work {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((step: string) => void) | undefined;
}

export interface Phase1Options extends Work {
  /** Takes a file that is not on the list. */
  readonly unpinned?: boolean | undefined;
  readonly pins?: readonly PinnedPtau[] | undefined;
}

const invalid = (reason: string, cause?: unknown) => new CeremonyError("PTAU_INVALID", { reason }, { cause });
const MAX_POWER = 28;

/** Points of each section of a file prepared for phase 2, by its power. */
const lengths = (power: number): readonly [number, number][] => {
  const n = 2 ** power;
  return [
    [1, 44],
    [2, (2 * n - 1) * G1_BYTES],
    [3, n * G2_BYTES],
    [4, n * G1_BYTES],
    [5, n * G1_BYTES],
    [6, G2_BYTES],
    [12, (4 * n - 1) * G1_BYTES],
    [13, (2 * n - 1) * G2_BYTES],
    [14, (2 * n - 1) * G1_BYTES],
    [15, (2 * n - 1) * G1_BYTES],
  ];
};

function readSections(fd: number): { sections: Map<number, { at: number; length: number }>; power: number } {
  const { size } = fstatSync(fd);
  const read = (at: number, length: number): DataView => {
    const bytes = new Uint8Array(length);
    if (at + length > size || readSync(fd, bytes, 0, length, at) !== length) throw invalid("it is truncated");
    return new DataView(bytes.buffer);
  };
  const head = read(0, 12);
  if (head.getUint32(0, false) !== 0x70746175 || head.getUint32(4, true) !== 1)
    throw invalid("it is no .ptau file, version 1");
  const count = head.getUint32(8, true);
  if (count > 16) throw invalid(`it has ${count} sections`);
  const sections = new Map<number, { at: number; length: number }>();
  let at = 12;
  for (let i = 0; i < count; i++) {
    const entry = read(at, 12);
    const [id, length] = [entry.getUint32(0, true), Number(entry.getBigUint64(4, true))];
    if (sections.has(id)) throw invalid(`section ${id} occurs twice`);
    if (length > size - at - 12) throw invalid("it is truncated");
    sections.set(id, { at: at + 12, length });
    at += 12 + length;
  }
  if (at !== size) throw invalid("bytes follow its last section");
  const header = sections.get(1);
  if (header?.length !== 44) throw invalid("it has no header");
  const view = read(header.at, 44);
  let prime = 0n;
  for (let i = 3; i >= 0; i--) prime = (prime << 64n) | view.getBigUint64(4 + 8 * i, true);
  if (view.getUint32(0, true) !== 32 || prime !== FIELD_Q) throw invalid("it is not over BN254");
  return { sections, power: view.getUint32(36, true) };
}

/** The power of a prepared file. Error: PTAU_INVALID. */
export function readPtauPower(path: string): number {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (cause) {
    throw invalid("it cannot be read", cause);
  }
  try {
    const { sections, power } = readSections(fd);
    if (power < 1 || power > MAX_POWER) throw invalid(`its power is ${power}`);
    if (![12, 13, 14, 15].every((id) => sections.has(id))) throw invalid("it is not prepared for phase 2");
    for (const [id, length] of lengths(power))
      if (sections.get(id)?.length !== length) throw invalid(`section ${id} does not have ${length} bytes`);
    return power;
  } finally {
    closeSync(fd);
  }
}

/** blake2b-512 of a file of any size. */
export async function hashPtau(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("blake2b512");
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, ...(signal ? { signal } : {}) }))
      hash.update(chunk as Uint8Array);
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    throw invalid("it cannot be read", cause);
  }
  return hash.digest("hex");
}

/**
 * Takes a prepared phase 1 file: form, hash against the list, then snarkjs's `powersoftau verify`. Errors: PTAU_INVALID,
 * PTAU_UNPINNED unless `unpinned`, STOCK_FAILED.
 */
export async function importPhase1(path: string, options: Phase1Options = {}): Promise<Phase1> {
  const { signal, onProgress, pins = PINNED_PTAU } = options;
  const power = readPtauPower(path);
  onProgress?.("hashing the phase 1 file");
  const blake2b = await hashPtau(path, signal);
  const pin = pins.find((known) => known.blake2b === blake2b);
  if (pin === undefined && options.unpinned !== true)
    throw new CeremonyError("PTAU_UNPINNED", { file: basename(path), hash: `${blake2b.slice(0, 16)}…` });
  onProgress?.("verifying the powers of tau");
  const { ok, why } = await runStock({ call: "verifyPtau", ptau: path }, signal);
  if (!ok) throw invalid(`snarkjs does not verify it: ${why}`);
  return { power, name: pin?.name ?? "local", blake2b, pinned: pin !== undefined };
}

/** That a file is the one a ceremony names, and is on the list if the ceremony says so. Errors: PTAU_INVALID, PTAU_UNPINNED. */
export async function checkPhase1(path: string, phase1: Phase1, options: Phase1Options = {}): Promise<void> {
  const { pins = PINNED_PTAU } = options;
  if (readPtauPower(path) !== phase1.power) throw invalid("it is not the file that the ceremony names");
  options.onProgress?.("hashing the phase 1 file");
  if ((await hashPtau(path, options.signal)) !== phase1.blake2b)
    throw invalid("it is not the file that the ceremony names");
  if (phase1.pinned && !pins.some(({ blake2b, name }) => blake2b === phase1.blake2b && name === phase1.name))
    throw new CeremonyError("PTAU_UNPINNED", { file: phase1.name, hash: `${phase1.blake2b.slice(0, 16)}…` });
}
