// SPDX-License-Identifier: GPL-3.0-or-later
import { auditMarkdown } from "../../../audit/audit-markdown.ts";
import type { AuditOptions } from "../../../audit/audit-report.ts";
import {
  readSecret,
  verifyJoinedFiles,
  verifyReceiptFile,
  verifyReceiptFiles,
} from "../../../audit/verify-receipt-file.ts";
import type { Hex } from "../../../core/bytes.ts";
import { MAX_RECEIPT_BYTES } from "../../../core/receipt.ts";
import { MAX_PARENTS } from "../../../core/join.ts";
import { MAX_TENSOR_BYTES } from "../../../core/tensor.ts";
import { loadAnyModel } from "../../../engines/program/load-any-model.ts";
import { choosePairing } from "../../../engines/zk/verify/choose-pairing.ts";
import { defineCommand } from "../../command.ts";
import { readFileBytes } from "../../connection.ts";
import { CliError } from "../../errors.ts";
import { EXIT, type ExitCode } from "../../exit-code.ts";
import { address, flag, hash, list, optional, text, url, type Parsed } from "../../fields.ts";
import { fileBatches } from "../../file-batches.ts";
import type { Io } from "../../io.ts";
import { FileReports } from "../../report-files.ts";

// One byte more than allowed, so that a too large receipt is a finding and not a reading error.
const MAX_READ = MAX_RECEIPT_BYTES + 1;
/** Of an input in parts: every part with its salt. */
const MAX_OPENED = MAX_PARENTS * (MAX_TENSOR_BYTES + 64);

const hashes = (value: string): Parsed<readonly Hex[]> => {
  const all = value.split(",").map((part) => hash(part.trim()));
  const wrong = all.find((one) => "why" in one);
  return wrong ?? { value: all.flatMap((one) => ("value" in one ? [one.value] : [])) };
};

/** A model over ciphertexts has no program that an opened input could go through: only its manifest counts. */
async function modelOptions(folder: string): Promise<Pick<AuditOptions, "model" | "manifest">> {
  const { isCipherFolder, loadCipherModel } = await import("../../../engines/she/model/load-cipher-model.ts");
  if (await isCipherFolder(folder)) return { manifest: (await loadCipherModel(folder)).manifest.model };
  const model = await loadAnyModel(folder);
  return { model, manifest: model.manifest.model };
}

const secretIn = (path: string | undefined): Uint8Array | undefined =>
  path === undefined ? undefined : readSecret(new TextDecoder().decode(readFileBytes(path, 1024)));

async function verifyOne(path: string, options: AuditOptions, io: Io): Promise<ExitCode> {
  const report = await verifyReceiptFile(readFileBytes(path, MAX_READ), options);
  io.result(report, auditMarkdown(report).trimEnd());
  return report.ok ? EXIT.done : EXIT.failed;
}

async function verifyJoined(paths: readonly string[], options: AuditOptions, io: Io): Promise<ExitCode> {
  const [joined, ...parents] = paths.map((path) => readFileBytes(path, MAX_READ));
  if (joined === undefined) throw new CliError("USAGE", { why: "--joined takes the joined job's receipt first" });
  const report = await verifyJoinedFiles(joined, parents, options);
  io.result(report, auditMarkdown(report).trimEnd());
  return report.ok ? EXIT.done : EXIT.failed;
}

async function verifyMany(paths: readonly string[], options: AuditOptions, io: Io): Promise<ExitCode> {
  const reports = new FileReports(io, "receipts");
  for (const batch of fileBatches(paths, MAX_READ)) {
    const audits = await verifyReceiptFiles(
      batch.map(({ bytes }) => bytes),
      options,
    );
    for (const [i, audit] of audits.entries()) reports.add(batch[i]?.path ?? "", audit);
  }
  return reports.end(options.pairing?.name ?? "");
}

export const receiptVerify = defineCommand({
  name: "receipt verify",
  summary: "Check receipts from their bytes alone; exit code 1 and the failed checks' names if one does not hold.",
  details:
    "Offline unless --rpc is given. A record of a refreshed program (`request --refreshed`) is judged as a whole: every job, their order, and " +
    "the client's word between them. With the model's folder, the input tensor and the job's secret (from the requester; a model whose " +
    "boundaries are public needs none) the inference of one receipt is also done again: bit for bit, or of floats within the model's " +
    "tolerance. Many receipts give a line each; their proofs are checked together, some thousand a second where the native prover is built.",
  examples: [
    "assay receipt verify job.receipt",
    "assay receipt verify job.receipt --rpc http://127.0.0.1:8545 --hub 0x… --json",
    "assay receipt verify digit.refreshed --model models/digits-mlp --hub 0x…",
    "assay receipt verify receipts/*.receipt --hub 0x…",
    "assay receipt verify fusion.receipt image.receipt amount.receipt --joined",
  ],
  args: { files: list("file", "Receipt files, or single inferences taken out of them (`receipt leaf`).", text) },
  options: {
    rpc: optional("url", "Also compare with this chain.", url),
    hub: optional("address", "The hub that you believe in.", address),
    model: optional(
      "folder",
      "The model's folder (of a model over ciphertexts the folder `cipher`, of a refreshed program the plain model's): its manifest must be the job's.",
      text,
    ),
    input: optional("file", "The opened input: canonical tensor bytes, or all parts of one in parts.", text),
    secretFile: optional("file", "The job's secret as 0x and 64 digits.", text),
    joined: flag("The first receipt's job joins the results of the others' jobs: say what the whole guarantees."),
    simulatedRoot: optional(
      "hashes",
      "Take evidence of SIMULATED enclaves under this root, or these, separated by commas (0x, SHA-256 of the key). Development only: refused otherwise.",
      hashes,
    ),
    refuseDevelopment: flag("Refuse proofs under development keys on the local chain too; elsewhere they always are."),
  },
  async run(input, io) {
    const isOne = input.files.length === 1 && !input.joined;
    if (!isOne && !input.joined && (input.input !== undefined || input.secretFile !== undefined))
      throw new CliError("USAGE", { why: "--input and --secret-file open one receipt, not several" });
    const model = input.model === undefined ? {} : await modelOptions(input.model);
    const opened =
      input.input === undefined
        ? undefined
        : { input: readFileBytes(input.input, MAX_OPENED), secret: secretIn(input.secretFile) };
    const pairing = choosePairing();
    const options = {
      pairing,
      ...model,
      ...(opened === undefined ? {} : { opened }),
      ...(input.rpc === undefined ? {} : { rpcUrl: input.rpc }),
      ...(input.hub === undefined ? {} : { hub: input.hub }),
      ...(input.simulatedRoot === undefined ? {} : { simulatedRoots: input.simulatedRoot }),
      refuseDevelopmentKeys: input.refuseDevelopment,
    };
    try {
      if (input.joined) return await verifyJoined(input.files, options, io);
      return isOne ? await verifyOne(input.files[0] ?? "", options, io) : await verifyMany(input.files, options, io);
    } finally {
      await pairing.close?.();
    }
  },
});
