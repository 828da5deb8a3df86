// SPDX-License-Identifier: GPL-3.0-or-later
import { readSecret } from "../../audit/verify-receipt-file.ts";
import { errorText, runCheck, type Check } from "../../core/check.ts";
import { digestOf } from "../../core/digest.ts";
import { isAssayError } from "../../core/errors.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../core/salts.ts";
import { encodeTensor } from "../../core/tensor.ts";
import { KIND_PUBLIC, PRODUCER_INPUT, type DigestKind } from "../../core/types.ts";
import { readKeyRecord } from "../../core/zk/key-record.ts";
import {
  decodeProofFile,
  MAX_PROOF_FILE_BYTES,
  type ProofExpectation,
  type ProofFile,
  type ProofReport,
} from "../../core/zk/proof-file.ts";
import { verifyProofFiles } from "../../core/zk/verify-proof-files.ts";
import type { PairingEngine } from "../../core/ports/pairing.ts";
import { fromHex } from "../../core/bytes.ts";
import { loadModel, type LoadedModel } from "../../engines/program/load-program.ts";
import { createReferenceExecutor } from "../../engines/program/reference-executor.ts";
import { runModel } from "../../engines/program/run-model.ts";
import { choosePairing } from "../../engines/zk/verify/choose-pairing.ts";
import { defineCommand } from "../command.ts";
import { readFileBytes } from "../connection.ts";
import { CliError } from "../errors.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import type { Io } from "../io.ts";
import { address, defaulted, flag, hash, integer, list, optional, text } from "../fields.ts";
import { fileBatches } from "../file-batches.ts";
import { readModelInput } from "../model-input.ts";
import { keyIdAt, ModelCircuits } from "../model-circuits.ts";
import { FileReports } from "../report-files.ts";

// One byte more than allowed, so that a too large file is a finding and not a reading error.
const MAX_READ = MAX_PROOF_FILE_BYTES + 1;

/** The kind of the job's input, as the key of the first stage that reads it has it. */
function inputKind({ stages }: ProofFile): DigestKind {
  const at = stages.find(({ producers }) => producers.includes(PRODUCER_INPUT));
  return at === undefined ? KIND_PUBLIC : (readKeyRecord(fromHex(at.key)).boundaries[0]?.kind ?? KIND_PUBLIC);
}

/** Opens the digests: that this input was proven, and that the model gives this result for it. */
async function opened(
  file: ProofFile,
  model: LoadedModel,
  path: string,
  secret: Uint8Array | undefined,
): Promise<Check[]> {
  const input = readModelInput(path, model);
  const { output } = await runModel(model, input, createReferenceExecutor());
  const last = file.stages.length - 1;
  const outKind = readKeyRecord(fromHex(file.stages[last]?.key ?? "0x")).boundaries.at(-1)?.kind ?? KIND_PUBLIC;
  const opens = (kind: DigestKind, bytes: Uint8Array, boundary: number, digest: string) => {
    const salt = secret === undefined ? undefined : boundarySalt(secret, boundary, kind);
    return digestOf(kind, bytes, salt) === digest ? undefined : "its digest is another one";
  };
  return [
    runCheck("input", "the given input is what was proven", () =>
      opens(inputKind(file), encodeTensor(input), INPUT_BOUNDARY, file.inDigest),
    ),
    runCheck("output", "the model gives the proven result", () =>
      opens(outKind, encodeTensor(output), last, file.stages[last]?.outDigest ?? "0x"),
    ),
  ];
}

interface FileReport extends Partial<ProofReport> {
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/** What the files are held against. */
interface Terms {
  readonly expected: ProofExpectation;
  readonly refuseDevelopmentKeys: boolean;
  readonly model: LoadedModel | undefined;
  readonly circuits: ModelCircuits | undefined;
  readonly pairing: PairingEngine;
}

function readFile(bytes: Uint8Array): ProofFile | Check {
  try {
    return decodeProofFile(bytes);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return { name: "bytes", ok: false, detail: errorText(error) };
  }
}

/** Under other keys than it names, such as those of public ends, a model is recognised by its circuits. */
const isKeyed = (file: ProofFile, model: LoadedModel | undefined): boolean =>
  model?.manifest.model.stages.every(({ keyId }, i) => keyId === keyIdAt(file, i)) === true;

/** Checks files together; `more`: what else there is to say of one that holds. */
async function verifyFiles(
  files: readonly Uint8Array[],
  terms: Terms,
  more: (file: ProofFile) => Promise<readonly Check[]> = () => Promise.resolve([]),
): Promise<FileReport[]> {
  const { expected, refuseDevelopmentKeys, model, circuits, pairing } = terms;
  const read = files.map(readFile);
  const cases = read.flatMap((file) => {
    if (!("stages" in file)) return [];
    const stages = isKeyed(file, model) ? model?.manifest.model.stages : undefined;
    return [{ file, expected: { ...expected, stages } }];
  });
  const reports = (await verifyProofFiles(cases, { refuseDevelopmentKeys }, pairing)).values();
  const all: FileReport[] = [];
  for (const file of read) {
    const report = "stages" in file ? reports.next().value : undefined;
    if (!("stages" in file) || report === undefined) {
      all.push({ ok: false, checks: "stages" in file ? [] : [file] });
      continue;
    }
    const checks = [...report.checks];
    if (report.ok && circuits !== undefined && !isKeyed(file, model)) checks.push(...(await circuits.check(file)));
    if (report.ok) checks.push(...(await more(file)));
    all.push({ ...report, checks, ok: checks.every(({ ok }) => ok) });
  }
  return all;
}

function textOf({ ok, checks, outDigest }: FileReport): string {
  if (outDigest === undefined) return checks.map(({ name, detail }) => `FAILED ${name}: ${detail}`).join("\n");
  const lines = checks.map((check) => `${check.ok ? "ok    " : "FAILED"} ${check.name}: ${check.detail}`);
  return [...lines, `result ${outDigest}`, ok ? "valid" : "NOT VALID"].join("\n");
}

export const verify = defineCommand({
  name: "verify",
  summary: "Check files of proofs by their bytes alone; exit code 1 and the failed checks' names if one does not hold.",
  details:
    "Offline. Without --model or --key a file is true of some program: say which key or model you mean. With the model's folder, the " +
    "input and the secret from the prover, input and result of one file are opened too. Many files give a line each; their proofs are " +
    "checked together, some thousand a second where the native prover is built.",
  examples: [
    "assay verify patient.proof --model models/tumor-mlp",
    "assay verify digit.proof --key 0x… --job 0x… --refuse-development --json",
    "assay verify proofs/*.proof --model models/digits-mlp",
  ],
  args: { files: list("file", "Files of `assay prove`.", text) },
  options: {
    model: optional(
      "folder",
      "The model's folder: its stage table names the keys, or its circuits are compiled.",
      text,
    ),
    key: optional("hash", "Key id of the (only) stage.", hash),
    job: optional("hash", "What the proofs must be good for.", hash),
    chainId: optional("id", "Chain of the job.", integer(1, Number.MAX_SAFE_INTEGER)),
    hub: optional("address", "The hub that you believe in.", address),
    input: optional("file", "The input: JSON array of raw numbers, or a canonical tensor. Needs --model.", text),
    secretFile: optional("file", "The prover's secret as 0x and 64 digits.", text),
    cache: defaulted("folder", "Where compiled gadgets are kept.", text, "build/zk"),
    refuseDevelopment: flag("Refuse development keys on the local chain too."),
  },
  async run(input, io) {
    const isOne = input.files.length === 1;
    if (!isOne && (input.input !== undefined || input.secretFile !== undefined))
      throw new CliError("USAGE", { why: "--input and --secret-file open one file, not several" });
    const model = input.model === undefined ? undefined : await loadModel(input.model);
    const secret =
      input.secretFile === undefined
        ? undefined
        : readSecret(new TextDecoder().decode(readFileBytes(input.secretFile, 1024)));
    const pairing = choosePairing();
    const terms: Terms = {
      expected: {
        chainId: input.chainId === undefined ? undefined : BigInt(input.chainId),
        hub: input.hub,
        jobId: input.job,
        keyIds: input.key === undefined ? undefined : [input.key],
      },
      refuseDevelopmentKeys: input.refuseDevelopment,
      model,
      circuits: model && new ModelCircuits(model, input.cache, io),
      pairing,
    };
    try {
      if (!isOne) return await verifyMany(input.files, terms, io);
      const bytes = readFileBytes(input.files[0] ?? "", MAX_READ);
      const [report = { ok: false, checks: [] }] = await verifyFiles([bytes], terms, async (file) =>
        model === undefined || input.input === undefined ? [] : opened(file, model, input.input, secret),
      );
      io.result(report, textOf(report));
      return report.ok ? EXIT.done : EXIT.failed;
    } finally {
      await pairing.close?.();
    }
  },
});

async function verifyMany(paths: readonly string[], terms: Terms, io: Io): Promise<ExitCode> {
  const reports = new FileReports(io, "files");
  for (const batch of fileBatches(paths, MAX_READ)) {
    const found = await verifyFiles(
      batch.map(({ bytes }) => bytes),
      terms,
    );
    for (const [i, report] of found.entries()) reports.add(batch[i]?.path ?? "", report);
  }
  return reports.end(terms.pairing.name);
}
