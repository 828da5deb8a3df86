// SPDX-License-Identifier: MIT
import { decodeAbi, encodeAbi, type AbiType } from "./abi.ts";
import { ByteReader } from "./byte-reader.ts";
import { concatBytes, equalBytes, fromHex, toHex, utf8, type Hex } from "./bytes.ts";
import { runCheck, type Check } from "./check.ts";
import { claimDigest } from "./claim.ts";
import { CoreError } from "./core-errors.ts";
import { domainSeparator } from "./eip712.ts";
import { feedClaim } from "./join.ts";
import { decodeManifestFile, hashJson, type RefreshRecord } from "./manifest.ts";
import { decodeReceipt, encodeReceipt, type Receipt } from "./receipt.ts";
import { recoverSigner } from "./signature.ts";
import { PARENT, type Parent } from "./types.ts";
import { verifyReceipt, type ReceiptExpectation, type ReceiptReport } from "./verify-receipt.ts";

/**
 * A refreshed program's run: a job over ciphertexts for each linear step, and between two of them the client's signed word that it made
 * the one's result the other's input. What the client did there, nothing proves; its activations it alone has seen.
 */
export interface RefreshedReceipt {
  readonly steps: readonly RefreshedStep[];
  /** One fewer than steps: the job before, what it ended with, and what the next one took. */
  readonly refreshes: readonly Parent[];
}

export interface RefreshedStep {
  readonly receipt: Receipt;
  /** `manifest.json` of the step's model: its tools record says which step of which program it is. */
  readonly manifest: string;
}

export interface RefreshedReport {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Of each step's receipt. */
  readonly reports: readonly ReceiptReport[];
  /** Steps and refreshes in the order in which they ran: what stands behind each. */
  readonly coverage: readonly {
    readonly step: number;
    readonly kind: "EVIDENCED" | "CLIENT_UNPROVEN" | "UNDECIDED";
    readonly evidence: readonly string[];
  }[];
}

const RECORD = {
  struct: {
    steps: { array: { struct: { receipt: "bytes", manifest: "string" } } },
    refreshes: { array: PARENT },
  },
} as const satisfies AbiType;
const MAGIC = utf8("ASRF");
const VERSION = 1;
export const MAX_REFRESHED_BYTES = 16 * 1024 * 1024;

const bad = (why: string) => new CoreError("RECEIPT_INVALID", { why });

/** What a refresh costs: nobody proves it, and whoever holds the key sees what it rounds. */
const leakText = (refreshes: number) =>
  `${refreshes} signed by the client, which nothing proves; in each it saw its own input's activations, operators saw ciphertexts only`;

/** Whether a file says that it is a refreshed program's and not one job's. */
export const isRefreshedFile = (bytes: Uint8Array): boolean => equalBytes(bytes.subarray(0, MAGIC.length), MAGIC);

/** "ASRF" ‖ u8 version ‖ abi.encode(steps, refreshes). Errors: those of `encodeReceipt`, ABI_VALUE. */
export function encodeRefreshedReceipt({ steps, refreshes }: RefreshedReceipt): Uint8Array {
  const encoded = steps.map(({ receipt, manifest }) => ({ receipt: toHex(encodeReceipt(receipt)), manifest }));
  return concatBytes(MAGIC, Uint8Array.of(VERSION), encodeAbi([RECORD], [{ steps: encoded, refreshes }]));
}

/**
 * Reads one from anyone: its form only. Errors: RECEIPT_INVALID, TOO_LARGE, VERSION_UNKNOWN, BYTES_TRUNCATED, ABI_NOT_CANONICAL, those of
 * `decodeReceipt`.
 */
export function decodeRefreshedReceipt(bytes: Uint8Array): RefreshedReceipt {
  const what = "The refreshed receipt";
  if (bytes.length > MAX_REFRESHED_BYTES)
    throw new CoreError("TOO_LARGE", { what, actual: `${bytes.length} bytes`, limit: MAX_REFRESHED_BYTES });
  const reader = new ByteReader(bytes, what);
  if (!equalBytes(reader.raw(MAGIC.length), MAGIC)) throw bad("it does not begin with ASRF");
  const version = reader.u8();
  if (version !== VERSION) throw new CoreError("VERSION_UNKNOWN", { what, version });
  const [{ steps, refreshes }] = decodeAbi([RECORD], reader.raw(reader.remaining));
  return {
    steps: steps.map(({ receipt, manifest }) => ({ receipt: decodeReceipt(fromHex(receipt)), manifest })),
    refreshes,
  };
}

/** What the steps say that they are. Error: NOT_CANONICAL. */
function refreshOf({ receipt, manifest }: RefreshedStep): { readonly plain: Hex; readonly refresh: RefreshRecord } {
  const file = decodeManifestFile(manifest);
  if (file.modelId !== receipt.job.spec.modelId) throw bad("a manifest is another model's than its job's");
  // The id commits to the hash of the tools record, which `decodeManifestFile` does not compare.
  if (toHex(hashJson(file.tools)) !== file.model.toolsHash) throw bad("a manifest's tools record is another model's");
  const { cipher } = file.tools;
  if (cipher?.refresh === undefined) throw bad(`${file.model.name} is no step of a refreshed program`);
  return { plain: cipher.plain, refresh: cipher.refresh };
}

function stepsFailure({ steps }: RefreshedReceipt): string | undefined {
  const [first] = steps;
  if (first === undefined) return "there are no steps";
  const { plain } = refreshOf(first);
  for (const [i, step] of steps.entries()) {
    const own = refreshOf(step);
    if (own.refresh.step !== i || own.refresh.steps !== steps.length)
      return `step ${own.refresh.step} of ${own.refresh.steps} is in place ${i} of ${steps.length}`;
    const isSame = own.plain === plain && step.receipt.manifest.programRoot === first.receipt.manifest.programRoot;
    if (!isSame) return `step ${i} is of another program than the first`;
  }
  return new Set(steps.map(({ receipt }) => receipt.jobId)).size === steps.length ? undefined : "a job is repeated";
}

function clientFailure({ steps }: RefreshedReceipt): string | undefined {
  const [first] = steps;
  for (const [i, { receipt }] of steps.entries()) {
    const { chainId, hub, job } = receipt;
    if (chainId !== first?.receipt.chainId || hub !== first.receipt.hub) return `step ${i} ran at another hub`;
    if (job.spec.client !== first.receipt.job.spec.client) return `step ${i} is another client's`;
  }
  return undefined;
}

/** Whether a job's result became the next one's input by its client's word. */
function refreshFailure(refresh: Parent | undefined, before: Receipt, after: Receipt | undefined): string | undefined {
  if (refresh === undefined || after === undefined) return "it is missing";
  if (refresh.jobId !== before.jobId) return `it is about job ${refresh.jobId}`;
  if (before.reason !== 0) return "the job before it ended without a result";
  if (refresh.outDigest !== before.outDigest) return "it begins with another result than the job's";
  if (refresh.recordHash !== before.recordHash) return "it names another record than the job's";
  if (refresh.fedDigest !== after.job.spec.inDigest) return "it ends with another ciphertext than the next job took";
  const client = before.job.spec.client;
  const signer = recoverSigner(claimDigest(domainSeparator(before), feedClaim(refresh, client)), refresh);
  return signer === client.toLowerCase() ? undefined : "it is not signed by the client";
}

/**
 * Re-does everything that a refreshed program's receipts claim, from their bytes alone: each job by `verifyReceipt`, that they are all steps
 * of one program in their order, one client's at one hub, each taking what the client says it made of the one before. Pure; never throws
 * on hostile content. `expected`: what is known of every step.
 */
export function verifyRefreshed(
  given: RefreshedReceipt,
  expected: Pick<ReceiptExpectation, "chainId" | "hub" | "signers"> & {
    /** The plain program that was meant. */
    readonly plain?: Hex;
    /** Record hashes of the steps' jobs, in order, as far as the chain has said them. */
    readonly records?: readonly (Hex | undefined)[];
  } = {},
): RefreshedReport {
  let record = given;
  const form = runCheck("form", "it has a canonical encoding", () => {
    record = decodeRefreshedReceipt(encodeRefreshedReceipt(given));
    return undefined;
  });
  if (!form.ok) return { ok: false, checks: [form], reports: [], coverage: [] };
  const { plain, records = [], ...known } = expected;
  const { steps, refreshes } = record;
  const reports = steps.map(({ receipt }, i) => {
    const recordHash = records[i];
    return verifyReceipt(receipt, { ...known, ...(recordHash !== undefined && { recordHash }) });
  });
  const checks = [form];
  for (const [i, report] of reports.entries()) {
    const failed = report.checks.find(({ ok }) => !ok);
    const detail = failed === undefined ? "its receipt holds" : `${failed.name}: ${failed.detail}`;
    checks.push({ name: `step ${i}`, ok: report.ok, detail });
  }
  checks.push(
    runCheck("steps", `all ${steps.length} of one program, in order`, () => stepsFailure(record)),
    runCheck("client", "one client's, at one hub", () => clientFailure(record)),
    runCheck("ended", "every job ended with a result", () =>
      steps.every(({ receipt }) => receipt.reason === 0) ? undefined : "a job closed without a result",
    ),
    runCheck("refreshes", leakText(refreshes.length), () => {
      if (refreshes.length !== Math.max(0, steps.length - 1)) return `${refreshes.length} for ${steps.length} steps`;
      return steps
        .slice(0, -1)
        .map(({ receipt }, i) => refreshFailure(refreshes[i], receipt, steps[i + 1]?.receipt))
        .map((failure, i) => failure && `refresh ${i}: ${failure}`)
        .find((failure) => failure !== undefined);
    }),
    runCheck("program", plain === undefined ? "none was given to compare with" : "it is the one that was meant", () => {
      const [first] = steps;
      return plain === undefined || (first !== undefined && refreshOf(first).plain === plain.toLowerCase())
        ? undefined
        : "it is another program than the one that was meant";
    }),
  );
  const coverage = reports.flatMap((report, step): RefreshedReport["coverage"] => {
    const isEvidenced = report.coverage.length > 0 && report.coverage.every(({ kind }) => kind === "EVIDENCED");
    const evidence = [...new Set(report.coverage.flatMap((stage) => stage.evidence))];
    const refreshed = { step, kind: "CLIENT_UNPROVEN", evidence: [] } as const;
    // Behind the last step too: the client rounds the result itself.
    return [{ step, kind: isEvidenced ? "EVIDENCED" : "UNDECIDED", evidence }, refreshed];
  });
  return { ok: checks.every(({ ok }) => ok), checks, reports, coverage };
}
