// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createChain } from "../../../adapters/chain/create-chain.ts";
import { silentLogger } from "../../../adapters/observe/silent-logger.ts";
import { systemClock } from "../../../adapters/observe/system-clock.ts";
import { DEFAULT_BUNDLE_BYTES, MAX_BUNDLE_BYTES } from "../../../audit/bundle/artefacts.ts";
import { exportBundle } from "../../../audit/bundle/export-bundle.ts";
import type { JobOpening } from "../../../audit/bundle/job-opening.ts";
import type { Hex } from "../../../core/bytes.ts";
import { MAX_PARENTS } from "../../../core/join.ts";
import { decodeReceipt, encodeReceipt, MAX_RECEIPT_BYTES } from "../../../core/receipt.ts";
import { MAX_PARCEL_BYTES } from "../../../core/she/cipher-parcel.ts";
import { MAX_STAGES } from "../../../core/types.ts";
import { MAX_TENSOR_BYTES } from "../../../core/tensor.ts";
import { connect } from "../../../sdk/node/connect.ts";
import { defineCommand } from "../../command.ts";
import { connectionOptions, readFileBytes, resolveConnection } from "../../connection.ts";
import { CliError } from "../../errors.ts";
import { parcelFile } from "../../job-opening.ts";
import { EXIT } from "../../exit-code.ts";
import { defaulted, integer, optional, required, text, type Parsed } from "../../fields.ts";

/** All parts of an input, where it comes in parts. */
const MAX_OPENED = MAX_PARENTS * (MAX_TENSOR_BYTES + 64);

interface What {
  readonly jobs?: readonly Hex[];
  readonly requestedFrom?: number;
  readonly toBlock?: number;
}

/** `all`, job ids with commas between them, or `FROM..TO` in blocks. */
function what(given: string): Parsed<What> {
  if (given === "all") return { value: {} };
  const range = /^(\d{1,9})\.\.(\d{1,9})$/.exec(given);
  if (range !== null) return { value: { requestedFrom: Number(range[1]), toBlock: Number(range[2]) } };
  const jobs = given.toLowerCase().split(",");
  if (!jobs.every((job) => /^0x[0-9a-f]{64}$/.test(job)))
    return { why: "must be all, job ids, or a range of blocks FROM..TO" };
  return { value: { jobs: jobs as Hex[] } };
}

/** Receipts of a folder by job: with a result or a client's claims they hold more than the chain. */
function readReceipts(folder: string): Map<Hex, Uint8Array> {
  const found = new Map<Hex, Uint8Array>();
  for (const name of readdirSync(folder).toSorted())
    if (name.endsWith(".receipt")) {
      const bytes = readFileBytes(join(folder, name), MAX_RECEIPT_BYTES);
      found.set(decodeReceipt(bytes).jobId, bytes);
    }
  return found;
}

/** `<folder>/<job id>/input` and `secret`, or `parcel-<stage>`, as `request --opening` writes them. */
function readOpenings(folder: string): Map<Hex, JobOpening> {
  const found = new Map<Hex, JobOpening>();
  for (const name of readdirSync(folder).toSorted()) {
    if (!/^0x[0-9a-f]{64}$/.test(name)) continue;
    const read = (file: string, most: number): Uint8Array | undefined => {
      const path = join(folder, name, file);
      return existsSync(path) ? readFileBytes(path, most) : undefined;
    };
    const parcels = Array.from({ length: MAX_STAGES }, (_, stage) => read(parcelFile(stage), MAX_PARCEL_BYTES));
    const secret = read("secret", 1024);
    found.set(name as Hex, {
      input: read("input", MAX_OPENED),
      secret: secret && new TextDecoder().decode(secret),
      parcels: parcels.flatMap((parcel) => parcel ?? []),
    });
  }
  return found;
}

export const auditExport = defineCommand({
  name: "audit export",
  summary: "Write everything that an auditor needs who has never seen the chain: a folder with a manifest of hashes.",
  details:
    "For local chains, from their first block: blocks, transactions and logs, balances that no transaction explains, contracts, parameters, keys, " +
    "models, receipts, and what --openings gives of inputs. The same range of the same chain gives the same bytes; an interrupted export goes on when the " +
    "command is given again. Publish the root and the last block's hash that it prints: auditors compare with them.",
  examples: [
    "assay audit export all --devnet build/devnet.json --models models/tumor-mlp,models/digits-cnn --out build/bundle",
    "assay audit export 0x… --devnet build/devnet.json --out build/one-job --openings build/openings",
    "assay audit export 100..400 --rpc http://127.0.0.1:8545 --hub 0x… --out build/bundle --json",
  ],
  args: {
    what: required(
      "job|range",
      "Job ids (commas between), a range of blocks FROM..TO in which jobs were requested, or all.",
      what,
    ),
  },
  options: {
    ...connectionOptions,
    out: optional("folder", "Where the bundle goes; new, or begun by the same export.", text),
    models: optional("folders", "Folders of models, commas between: their programs go into the bundle.", text),
    receipts: optional(
      "folder",
      "Folder of *.receipt files, with results or claims that the chain does not know.",
      text,
    ),
    openings: optional(
      "folder",
      "Folder with <job id>/input and secret: whoever has the bundle can then read them. Of jobs over ciphertexts <job id>/parcel-N: ciphertext and evaluation keys, nothing readable.",
      text,
    ),
    maxBytes: defaulted("n", "Largest bundle.", integer(1, MAX_BUNDLE_BYTES), DEFAULT_BUNDLE_BYTES),
  },
  async run(input, io) {
    const { rpcUrl, hub, fromBlock, chainId = 31337 } = resolveConnection(input);
    if (input.out === undefined) throw new CliError("OPTION_MISSING", { command: "audit export", name: "--out" });
    const progress = io.progress("export");
    progress.step("connecting");
    try {
      const chain = await createChain(
        { rpcUrl, chainId, hub },
        { clock: systemClock, random: Math.random, signal: io.signal, logger: silentLogger },
      );
      const reader = connect({ rpcUrl, hub, fromBlock });
      const report = await exportBundle(
        {
          ...input.what,
          folder: input.out,
          rpcUrl,
          fromBlock: Number(fromBlock),
          models: input.models?.split(",") ?? [],
          maxBytes: input.maxBytes,
          signal: io.signal,
          ...(input.receipts === undefined ? {} : { receipts: readReceipts(input.receipts) }),
          ...(input.openings === undefined ? {} : { openings: readOpenings(input.openings) }),
          onProgress: (step, done, total) => progress.step(step, done, total),
        },
        { chain, receiptOf: async (jobId) => encodeReceipt(await reader.getReceipt({ jobId })) },
      );
      progress.done(`${report.files} files, ${report.bytes} bytes`);
      io.result(
        report,
        [
          `${report.folder}: ${report.blocks} blocks, ${report.jobs.length} jobs, ${report.files} files, ${report.bytes} bytes`,
          ...report.leftOut.map(({ jobId, why }) => `left out: job ${jobId}, for which no receipt speaks: ${why}`),
          `root ${report.root}`,
          `head ${report.headHash}`,
        ].join("\n"),
      );
      return EXIT.done;
    } catch (error) {
      progress.failed("not complete; the same command goes on with it");
      throw error;
    }
  },
});
