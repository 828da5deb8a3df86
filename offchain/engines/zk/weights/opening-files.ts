// SPDX-License-Identifier: GPL-3.0-or-later
import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bigToBytes, bytesToBig, joinBytes } from "../../../core/bytes.ts";
import { ProverError } from "../prover/errors.ts";
import type { WeightsOpening } from "../prover/prover.ts";

/** Openings by stage. */
export type WeightsOpenings = ReadonlyMap<number, WeightsOpening>;

const WORD = 32;
const BYTES = 3 * WORD;

/** Where a model folder keeps the opening of a stage's committed weights. */
export const openingFile = (stage: number): string => `keys/${stage}.opening`;

/**
 * One opening: C_w (x, y big-endian) and the blind. Whoever has one and the weights can prove, so others must not be able to read it.
 * Undefined where there is none. Error: OPENING_INVALID.
 */
export function readOpening(path: string): WeightsOpening | undefined {
  const invalid = (why: string, cause?: unknown) => new ProverError("OPENING_INVALID", { path, why }, { cause });
  let fd: number;
  try {
    // The open file is judged, not its name; a FIFO must not hang.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const { code = "an error" } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw invalid(`it cannot be opened (${code})`, cause);
  }
  try {
    const info = fstatSync(fd);
    if (!info.isFile()) throw invalid("it is not a file");
    if ((info.mode & 0o077) !== 0) throw invalid("others may read it: its mode must be 0600");
    if (info.size !== BYTES) throw invalid(`it has ${info.size} bytes`);
    const bytes = new Uint8Array(BYTES);
    if (readSync(fd, bytes, 0, BYTES, 0) !== BYTES) throw invalid("it is truncated");
    const [x, y] = [bytesToBig(bytes.subarray(0, WORD)), bytesToBig(bytes.subarray(WORD, 2 * WORD))];
    return { commitment: { x, y }, blind: bytes.slice(2 * WORD) };
  } finally {
    closeSync(fd);
  }
}

/** A model folder's openings. Error: OPENING_INVALID. */
export function readOpenings(folder: string, stages: number): Map<number, WeightsOpening> {
  const openings = new Map<number, WeightsOpening>();
  for (let stage = 0; stage < stages; stage++) {
    const opening = readOpening(join(folder, openingFile(stage)));
    if (opening !== undefined) openings.set(stage, opening);
  }
  return openings;
}

/** Writes them with mode 0600. */
export function writeOpenings(folder: string, openings: WeightsOpenings): void {
  for (const [stage, { commitment, blind }] of openings) {
    mkdirSync(join(folder, "keys"), { recursive: true });
    const bytes = joinBytes([bigToBytes(commitment.x, WORD), bigToBytes(commitment.y, WORD), blind]);
    writeFileSync(join(folder, openingFile(stage)), bytes, { mode: 0o600 });
  }
}
