// SPDX-License-Identifier: MIT
import type { PairingEngine } from "./ports/pairing.ts";
import { jobTable } from "./network-part.ts";
import type { Receipt } from "./receipt.ts";
import { examineReceipt, type ReceiptExpectation, type ReceiptOptions, type ReceiptReport } from "./verify-receipt.ts";
import { judgeTogether } from "./zk/judge-proofs.ts";
import { noblePairing } from "./zk/noble-pairing.ts";
import { openKeys, type WantedKey } from "./zk/verifying-key.ts";

export interface ReceiptCase {
  readonly receipt: Receipt;
  readonly expected?: ReceiptExpectation | undefined;
}

/** Key records that the receipt's proofs need: others than the stage table names are refused unread. */
const keysOf = ({ manifest, record, proofs }: Receipt): WantedKey[] =>
  proofs.flatMap(({ tally, key }) => {
    const info = jobTable(manifest)[record.tallies[tally]?.stage ?? -1];
    return info === undefined ? [] : [{ record: key, keyId: info.keyId }];
  });

/**
 * `verifyReceipt` for many receipts of any jobs, models and keys: their proofs are judged together, each key is opened once. A report a
 * receipt, in order; none is the fault of another receipt. Errors: those of the engine.
 */
export async function verifyReceipts(
  cases: readonly ReceiptCase[],
  options: Omit<ReceiptOptions, "openKey"> = {},
  engine: PairingEngine = noblePairing,
): Promise<ReceiptReport[]> {
  const openKey = await openKeys(
    cases.flatMap(({ receipt }) => keysOf(receipt)),
    engine,
  );
  const examined = cases.map(({ receipt, expected }) => examineReceipt(receipt, expected, { ...options, openKey }));
  return judgeTogether(examined, engine);
}
