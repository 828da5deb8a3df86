// SPDX-License-Identifier: GPL-3.0-or-later
import type { Curve } from "ffjavascript";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CeremonyFile } from "./ceremony-file.ts";
import { checkSameSteps, openChain, takeStep, type Chain } from "./chain.ts";
import { checkDivided } from "./check-points.ts";
import { checkStockKey } from "./check-stock-key.ts";
import { deltaName } from "./circuit.ts";
import { CeremonyError } from "./errors.ts";
import { groupBase, inTemporaryFolder } from "./initial-key.ts";
import type { Work } from "./phase-1.ts";
import type { StepHead } from "./step-file.ts";
import type { StockKey } from "./stock-key.ts";
import { runStock } from "./stock.ts";

/** All that a ceremony has made so far, and what it must follow from. */
export interface CeremonyEvidence {
  readonly ceremony: CeremonyFile;
  /** snarkjs's `zkey new`. */
  readonly stock: StockKey;
  /** The stripped key. */
  readonly init: { readonly key: StockKey; readonly bytes: Uint8Array };
  /** The newest key, and where it lies. */
  readonly key: StockKey;
  readonly keyPath: string;
  readonly heads: readonly StepHead[];
  /** Of each committed group. */
  readonly points: readonly Uint8Array[];
  readonly ptau: string;
}

/**
 * Everything that can be known of a ceremony, running or finished: key and points follow from circuit, phase 1 and strip, every step
 * from the one before it, every factor was known to its maker. Returns the transcript. Errors: CIRCUIT_MISMATCH,
 * COMMITTED_WIRE_EXPOSED, STRIPPED_LATE, KEY_DIFFERS, DELTA_DEGENERATE, POINTS_WRONG, CONTRIBUTORS_DIFFER, TRANSCRIPT_BROKEN,
 * CONTRIBUTION_INVALID, STOCK_REFUSED, STOCK_FAILED.
 */
export async function verifyCeremony(curve: Curve, evidence: CeremonyEvidence, work: Work = {}): Promise<Chain> {
  const { ceremony, stock, init, key, heads, points } = evidence;
  work.onProgress?.("checking the key of delta2");
  await checkStockKey(curve, key, init.key, ceremony, work);
  work.onProgress?.("checking the transcript");
  let chain = openChain(ceremony);
  // Before the contributions are compared, so that a broken transcript is called that.
  for (const [i, head] of heads.entries()) chain = takeStep(chain, head, key.contributions[i]?.deltaAfter);
  checkSameSteps(heads, key.contributions);
  for (const [i, { tag, deltaG2 }] of chain.deltas.entries()) {
    const delta = deltaName(tag);
    work.onProgress?.(`checking the points of ${delta}`);
    const base = groupBase(stock, ceremony.circuit, i);
    await checkDivided(curve, { delta, deltaG2, base, points: points[i] ?? new Uint8Array() }, work);
  }
  await checkByStock(evidence, work);
  return chain;
}

/** snarkjs's own judgement of δ2's part, proofs of knowledge included. */
async function checkByStock({ init, key, keyPath, ptau }: CeremonyEvidence, work: Work): Promise<void> {
  if (key.contributions.length === 0) return;
  work.onProgress?.("letting snarkjs verify the key");
  const { ok, why } = await inTemporaryFolder(async (folder) => {
    const path = join(folder, "init.zkey");
    writeFileSync(path, init.bytes);
    return runStock({ call: "verifyFromInit", init: path, ptau, zkey: keyPath }, work.signal);
  });
  if (!ok) throw new CeremonyError("STOCK_REFUSED", { reason: why });
}
