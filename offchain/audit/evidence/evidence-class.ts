// SPDX-License-Identifier: GPL-3.0-or-later
import type { Chain } from "../../adapters/chain/chain.ts";
import type { Hex } from "../../core/bytes.ts";
import type { PairingEngine } from "../../core/ports/pairing.ts";
import type { Receipt } from "../../core/receipt.ts";
import type { ReceiptReport } from "../../core/verify-receipt.ts";
import type { JobOpening } from "../bundle/job-opening.ts";
import type { Bundle } from "../bundle/open-bundle.ts";
import type { History, HistoryEvent } from "../fairness/history.ts";
import type { BundledModel } from "../replay/bundled-model.ts";
import type { Finding } from "../replay/claims.ts";
import type { RecordedChain } from "../replay/replay-blocks.ts";

/** What a job's evidence is checked with. The chain is the auditor's own, on which every recorded block was run again. */
export interface JobContext {
  readonly bundle: Bundle;
  readonly chain: Chain;
  readonly recorded: RecordedChain;
  readonly events: readonly HistoryEvent[];
  readonly history: History;
  readonly jobId: Hex;
  /** Where the receipt stands in the bundle. */
  readonly path: string;
  readonly receipt: Receipt;
  readonly report: ReceiptReport;
  /** Receipts of this and all other jobs of the chain, put together from the replayed chain; each is made once. */
  readonly receiptOf: (jobId: Hex) => Promise<Receipt>;
  /** A job's receipt as the bundle has it, with its report; undefined where the bundle makes no claim about it. */
  readonly bundledOf: (jobId: Hex) => { readonly receipt: Receipt; readonly report: ReceiptReport } | undefined;
  readonly pairing: PairingEngine | undefined;
  /** A model from the bundle's files; each is read once. Errors: BUNDLE_INVALID, those of the loaders. */
  readonly modelOf: (modelId: Hex) => Promise<BundledModel>;
}

export interface EvidenceClaim {
  /** Within its job: "draws". */
  readonly name: string;
  readonly says: string;
  readonly check: (context: JobContext) => Finding | Promise<Finding>;
}

/** What an exporter asks for about one job. */
export interface CollectContext {
  readonly chain: Chain;
  readonly jobId: Hex;
  readonly receipt: Receipt;
  /** What its requester opens, if it does. */
  readonly opening: JobOpening | undefined;
}

/** `file`: below `jobs/<id>/`. */
export interface CollectedFile {
  readonly file: string;
  readonly content: Uint8Array;
}

/**
 * One kind of evidence: what it adds to a bundle (`evidence-artefacts.ts` names those files), and what is claimed of it. One file each, put
 * into `all.ts`.
 */
export interface EvidenceClass {
  readonly name: string;
  readonly applies: (receipt: Receipt) => boolean;
  readonly collect?: (context: CollectContext) => readonly CollectedFile[] | Promise<readonly CollectedFile[]>;
  readonly claims: readonly EvidenceClaim[];
  /** Beside those: claims of which each job has its own number. */
  readonly more?: (receipt: Receipt) => readonly EvidenceClaim[];
}
