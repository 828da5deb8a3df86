// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex, type Hex } from "../../../core/bytes.ts";
import { G1_BYTES } from "../keys/zkey-file.ts";
import { initHash, type CeremonyFile } from "./ceremony-file.ts";
import { offsetOf } from "./check-stock-key.ts";
import type { CircuitFacts } from "./circuit.ts";
import { CeremonyError } from "./errors.ts";
import type { Work } from "./phase-1.ts";
import { parseStockKey, writeInitialKey, type StockKey } from "./stock-key.ts";
import { runStock } from "./stock.ts";

/** A folder for the time of `work`. */
export async function inTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "assay-ceremony-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** snarkjs's `zkey new`: all deltas are 1, nothing is stripped. Errors: PTAU_INVALID if phase 1 is too small, STOCK_FAILED. */
export async function makeStockKey(r1csBytes: Uint8Array, ptau: string, work: Work = {}): Promise<StockKey> {
  work.onProgress?.("computing the key that circuit and phase 1 yield");
  return inTemporaryFolder(async (folder) => {
    const [r1cs, zkey] = [join(folder, "circuit.r1cs"), join(folder, "new.zkey")];
    writeFileSync(r1cs, r1csBytes);
    const { ok, why } = await runStock({ call: "newZkey", r1cs, ptau, zkey }, work.signal);
    if (!ok) throw new CeremonyError("PTAU_INVALID", { reason: why });
    return parseStockKey(new Uint8Array(readFileSync(zkey)), "new.zkey");
  });
}

export const stockHashOf = (key: StockKey): Hex => toHex(key.circuitHash);

/** The points of a group before anyone contributed: those that the strip removes from the stock key. */
export function groupBase(stock: StockKey, facts: CircuitFacts, i: number): Uint8Array {
  const wires = facts.groups[i]?.wires;
  if (wires === undefined) return new Uint8Array();
  const from = offsetOf(facts, wires.from);
  return stock.zkey.c.slice(from, from + wires.count * G1_BYTES);
}

/**
 * The key that contributions to δ2 begin with: THE STRIP removes every committed wire's point, and the transcript begins with the
 * ceremony's own hash. Error: CIRCUIT_MISMATCH if the stock key is not that of the ceremony.
 */
export function stripKey(stock: StockKey, ceremony: CeremonyFile): { bytes: Uint8Array; key: StockKey } {
  const facts = ceremony.circuit;
  const { wires, publics, domain } = stock.zkey;
  if (
    stockHashOf(stock) !== ceremony.stockHash ||
    wires !== facts.wires ||
    publics !== facts.publics ||
    domain !== facts.domain
  )
    throw new CeremonyError("CIRCUIT_MISMATCH", {
      file: "The ceremony",
      reason: "circuit and phase 1 yield another key than the one it names",
    });
  const points = stock.zkey.c.slice();
  for (const { wires: group } of facts.groups)
    points.fill(0, offsetOf(facts, group.from), offsetOf(facts, group.from + group.count));
  const bytes = writeInitialKey(stock, points, initHash(ceremony));
  return { bytes, key: parseStockKey(bytes, "0000.zkey") };
}
