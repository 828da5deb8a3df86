// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCount } from "../core/batch.ts";
import { fromHex } from "../core/bytes.ts";
import { errorText, runCheck, type Check } from "../core/check.ts";
import { isAssayError, type AssayError } from "../core/errors.ts";
import { decodeLeaf, isLeafFile, leafFailure, type InferenceLeaf } from "../core/inference-leaf.ts";
import { followParents } from "../core/joined-receipts.ts";
import { modelId } from "../core/model.ts";
import { guaranteeOf } from "../core/receipt-json.ts";
import { decodeReceipt, receiptHash, type Receipt } from "../core/receipt.ts";
import { isRefreshedFile } from "../core/refreshed-receipt.ts";
import type { ReceiptExpectation, ReceiptReport } from "../core/verify-receipt.ts";
import { verifyReceipts } from "../core/verify-receipts.ts";
import { unreadable, type AuditOptions, type AuditReport } from "./audit-report.ts";
import { ANCHORED, checkAnchor } from "./check-anchor.ts";
import { judgeEnclaves, rootsOf } from "./judge-enclaves.ts";
import { isInParts, reExecute } from "./re-execute.ts";
import { auditRefreshed } from "./audit-refreshed.ts";

/** A file as a receipt, with what the chain says of it. */
interface Opened {
  readonly bytes: Uint8Array;
  readonly receipt: Receipt;
  /** Of a file that shows one inference of a batch. */
  readonly leaf: readonly Check[];
  readonly anchor: readonly Check[];
  readonly expected: ReceiptExpectation;
}

const PARENTS_UNREAD = "parents: the receipts of the jobs that were joined; `receipt verify --joined` takes them too";

const whatIs = ({ index }: InferenceLeaf, { job }: Receipt): string =>
  `it opens output ${index} of ${batchCount(job.spec.policy.flags)}, counted from 0`;

/** A receipt, or the one within a file that shows one inference of a batch. Errors: those of `decodeReceipt` and `decodeLeaf`. */
function readFile(file: Uint8Array): Pick<Opened, "bytes" | "receipt" | "leaf"> {
  if (!isLeafFile(file)) return { bytes: file, receipt: decodeReceipt(file), leaf: [] };
  const leaf = decodeLeaf(file);
  const bytes = fromHex(leaf.receipt);
  const receipt = decodeReceipt(bytes);
  return { bytes, receipt, leaf: [runCheck("leaf", whatIs(leaf, receipt), () => leafFailure(leaf, receipt))] };
}

async function openReceipt(file: Uint8Array, options: AuditOptions): Promise<Opened | AssayError> {
  let read: ReturnType<typeof readFile>;
  try {
    read = readFile(file);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return error;
  }
  const { receipt } = read;
  const { hub, chainId, manifest } = options;
  const { checks: anchor, enclaves } =
    options.rpcUrl === undefined
      ? { checks: [], enclaves: undefined }
      : await checkAnchor(receipt, options.rpcUrl, hub);
  const isAnchored = anchor.some(({ name, ok }) => name === ANCHORED && ok);
  const expected = {
    // The chain has confirmed it: commitments that seats posted themselves have its word.
    ...(isAnchored ? { recordHash: receipt.recordHash } : {}),
    ...(hub === undefined ? {} : { hub }),
    ...(chainId === undefined ? {} : { chainId }),
    ...(manifest === undefined ? {} : { modelId: modelId(manifest) }),
    ...(enclaves === undefined ? {} : { enclaves }),
  };
  return { ...read, anchor, expected };
}

async function reportOn(
  { bytes, receipt, leaf, anchor }: Opened,
  report: ReceiptReport,
  options: AuditOptions,
): Promise<AuditReport> {
  const checks = [{ name: "bytes", ok: true, detail: `${bytes.length} bytes, canonical` }, ...report.checks, ...leaf];
  const skipped: string[] = [];
  const inside = judgeEnclaves(receipt, rootsOf(options.simulatedRoots ?? []));
  checks.push(...inside.checks);
  skipped.push(...inside.skipped);
  if (receipt.parents.length > 0) skipped.push(PARENTS_UNREAD);
  if (options.model === undefined || options.opened === undefined)
    skipped.push(
      isInParts(receipt)
        ? "re-execution: needs the model's folder, all parts as their owner kept them and, of lanes, the job's secret"
        : "re-execution: needs the model's folder, the input and, if the model's boundaries are not public, the job's secret",
    );
  else checks.push(...(await reExecute(receipt, options.model, options.opened)));
  if (options.rpcUrl === undefined)
    skipped.push(
      "chain: that this hub exists, that worker ids sign with these addresses and that nothing came later is not known offline",
    );
  else checks.push(...anchor);
  return {
    ok: checks.every(({ ok }) => ok),
    receiptHash: receiptHash(bytes),
    jobId: receipt.jobId,
    end: receipt.reason === 0 ? "FINAL" : "CLOSED",
    checks,
    coverage: report.coverage,
    guarantee: guaranteeOf(receipt, report),
    skipped,
  };
}

/**
 * Re-checks receipts and records of refreshed programs from their bytes, the proofs of all of them together. Offline unless `rpcUrl` is given. Never throws on hostile bytes:
 * every finding is a named check of its file, in order. Errors: those of the chain's endpoint and of the pairing engine.
 */
export async function verifyReceiptFiles(
  files: readonly Uint8Array[],
  options: AuditOptions = {},
): Promise<AuditReport[]> {
  const opened: (Opened | AssayError | AuditReport)[] = [];
  for (const bytes of files)
    opened.push(isRefreshedFile(bytes) ? await auditRefreshed(bytes, options) : await openReceipt(bytes, options));
  const { refuseDevelopmentKeys = false, pairing } = options;
  const readable = opened.filter((one): one is Opened => "receipt" in one);
  const reports = (await verifyReceipts(readable, { refuseDevelopmentKeys }, pairing)).values();
  const audits: AuditReport[] = [];
  for (const one of opened) {
    if (isAssayError(one)) audits.push(unreadable(one));
    else audits.push("receipt" in one ? await reportOn(one, reports.next().value as ReceiptReport, options) : one);
  }
  return audits;
}

/**
 * A joined job's receipt together with those of the jobs that fed it (`parents`, in any order, of parents' parents too): what the whole
 * guarantees, which is no more than its weakest branch. Errors: as above.
 */
export async function verifyJoinedFiles(
  file: Uint8Array,
  parents: readonly Uint8Array[],
  options: AuditOptions = {},
): Promise<AuditReport> {
  const opened: (Opened | AssayError)[] = [];
  // The model and the input are the joining job's.
  const { manifest: _, ...shared } = options;
  for (const [i, bytes] of [file, ...parents].entries())
    opened.push(await openReceipt(bytes, i === 0 ? options : shared));
  const { refuseDevelopmentKeys = false, pairing } = options;
  const readable = opened.flatMap((one) => (isAssayError(one) ? [] : [one]));
  const reports = await verifyReceipts(readable, { refuseDevelopmentKeys }, pairing);
  const [joined] = opened;
  if (joined === undefined || isAssayError(joined)) return unreadable(joined as AssayError);
  const own = await reportOn(joined, reports[0] as ReceiptReport, options);
  const verified = readable.map(({ receipt, anchor }, i) => {
    const report = reports[i] as ReceiptReport;
    // What the chain says of a parent counts like any check of its own.
    return { receipt, report: { ...report, ok: report.ok && anchor.every(({ ok }) => ok) } };
  });
  const [{ receipt }] = verified as [{ receipt: Receipt; report: ReceiptReport }];
  const whole = followParents({ receipt, report: reports[0] as ReceiptReport }, verified.slice(1));
  const broken = opened.flatMap((one, i) =>
    isAssayError(one) ? [{ name: `parent file ${i - 1}`, ok: false, detail: errorText(one) }] : [],
  );
  const checks = [...own.checks, ...whole.checks, ...broken];
  const missing = whole.missing.map((id) => `parent ${id}: its receipt was not given`);
  const skipped = [...own.skipped.filter((text) => text !== PARENTS_UNREAD), ...missing];
  return { ...own, ok: checks.every(({ ok }) => ok), checks, guarantee: whole.guarantee, skipped };
}

/** The same for one receipt. */
export async function verifyReceiptFile(bytes: Uint8Array, options: AuditOptions = {}): Promise<AuditReport> {
  const [report] = await verifyReceiptFiles([bytes], options);
  return report as AuditReport;
}

/** The job secret as the requester keeps it: 0x and 64 digits. Error: HEX_INVALID. */
export const readSecret = (text: string): Uint8Array => fromHex(text.trim(), 32, "The job secret");
