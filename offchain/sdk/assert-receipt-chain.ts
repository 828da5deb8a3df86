// SPDX-License-Identifier: MIT
import { assertChain } from "../core/client-claims.ts";
import { domainSeparator } from "../core/eip712.ts";
import type { Receipt } from "../core/receipt.ts";
import { replayRecord } from "../core/replay-record.ts";
import { openKey } from "../core/zk/verifying-key.ts";

/**
 * Whether boundaries, evidence and the client's claims of a receipt are one chain, by the auditor's rule. What `getReceipt` asks before
 * it hands a receipt out: a claim that does not fit is found where it can still be corrected. Error: CHAIN_BROKEN.
 */
export function assertReceiptChain(receipt: Receipt): void {
  assertChain(receipt, replayRecord(receipt, domainSeparator(receipt), openKey).boundaries);
}
