// SPDX-License-Identifier: GPL-3.0-or-later
import { agreementOf, answerWord, type Agreement } from "../core/agreement.ts";
import { CoreError } from "../core/core-errors.ts";
import { jobTable } from "../core/network-part.ts";
import { decodeReceipt, receiptOutput, type Receipt } from "../core/receipt.ts";
import { decodeTensor, type Tensor } from "../core/tensor.ts";
import { KIND_PUBLIC, ZERO_BYTES32 } from "../core/types.ts";
import type { AuditOptions, AuditReport } from "./audit-report.ts";
import { verifyReceiptFiles } from "./verify-receipt-file.ts";

export interface AgreementOptions extends AuditOptions {
  /** Reads an answer out of a delivered output; needed where outputs are floats, whose digests differ in their last bits. */
  readonly answerOf?: (output: Tensor) => string;
}

export interface AgreementReport {
  /** Whether every receipt holds; if one does not, nothing is measured. */
  readonly ok: boolean;
  readonly receipts: readonly AuditReport[];
  readonly agreement: Agreement | null;
  readonly skipped: readonly string[];
}

const invalid = (why: string) => new CoreError("AGREEMENT_INVALID", { why });

/** A stage without key whose table entry has a tolerance: floats. */
const isFloat = ({ manifest }: Receipt): boolean =>
  manifest.stages.some(({ keyId, weightsY }) => keyId === ZERO_BYTES32 && weightsY !== ZERO_BYTES32);

function answerOfReceipt(receipt: Receipt, { answerOf }: AgreementOptions): `0x${string}` {
  if (receipt.reason !== 0) throw invalid(`job ${receipt.jobId} closed without a result`);
  const output = receiptOutput(receipt);
  if (answerOf !== undefined) {
    if (output === undefined) throw invalid(`the receipt of job ${receipt.jobId} does not include its output`);
    return answerWord(answerOf(decodeTensor(output)));
  }
  if (isFloat(receipt)) throw invalid("outputs are floats, equal in no two runs: give the model, which reads answers");
  return receipt.outDigest;
}

/**
 * Agreement over finished jobs of one model, each of its own seed, from their receipts alone. Seeds are part of the
 * inputs, so two receipts of one input are refused, and so are inputs and outputs that salts hide: under a salt replicas
 * would look like seeds. That all runs put the same question is the requester's word. Error: AGREEMENT_INVALID.
 */
export async function agreementOfReceipts(
  files: readonly Uint8Array[],
  options: AgreementOptions = {},
): Promise<AgreementReport> {
  const receipts = await verifyReceiptFiles(files, options);
  const skipped = ["that all runs put the same question: inputs are known by their digests only"];
  if (!receipts.every(({ ok }) => ok)) return { ok: false, receipts, agreement: null, skipped };
  const opened = files.map((bytes) => decodeReceipt(bytes));
  const [first] = opened;
  for (const { jobId, job, manifest } of opened) {
    if (job.spec.modelId !== first?.job.spec.modelId) throw invalid(`job ${jobId} is of another model`);
    const [open, close] = [jobTable(manifest)[0]?.inKind, jobTable(manifest).at(-1)?.outKind];
    if (open !== KIND_PUBLIC || (close !== KIND_PUBLIC && options.answerOf === undefined))
      throw invalid("salts hide whether inputs and outputs are equal: only the requester can measure it");
  }
  const runs = opened.map((receipt) => ({
    seed: receipt.job.spec.inDigest,
    answer: answerOfReceipt(receipt, options),
  }));
  return { ok: true, receipts, agreement: agreementOf(runs), skipped };
}
