// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bigToBytes, bytesToBig, joinBytes } from "../core/bytes.ts";
import type { WeightsOpening } from "../engines/zk/prover/prover.ts";
import { CliError } from "./errors.ts";

/** Openings by stage. */
export type WeightsOpenings = ReadonlyMap<number, WeightsOpening>;

const WORD = 32;
const openingFile = (stage: number): string => `keys/${stage}.opening`;

/**
 * A model folder's openings of committed weights, `keys/<stage>.opening`: C_w (x, y big-endian) and the blind. Whoever has one and the
 * weights can prove, so it goes to the seats sealed and to nobody else. Error: OPENING_INVALID.
 */
export function readOpenings(folder: string, stages: number): Map<number, WeightsOpening> {
  const openings = new Map<number, WeightsOpening>();
  for (let stage = 0; stage < stages; stage++) {
    const path = join(folder, openingFile(stage));
    let bytes: Uint8Array;
    try {
      bytes = new Uint8Array(readFileSync(path));
    } catch {
      continue;
    }
    if (bytes.length !== 3 * WORD) throw new CliError("OPENING_INVALID", { path, why: `it has ${bytes.length} bytes` });
    const [x, y] = [bytesToBig(bytes.subarray(0, WORD)), bytesToBig(bytes.subarray(WORD, 2 * WORD))];
    openings.set(stage, { commitment: { x, y }, blind: bytes.slice(2 * WORD) });
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
