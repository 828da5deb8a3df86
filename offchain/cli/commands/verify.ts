// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import { readSecret } from "../../audit/verify-receipt-file.ts";
import { runCheck, type Check } from "../../core/check.ts";
import { digestOf } from "../../core/digest.ts";
import { isAssayError } from "../../core/errors.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../core/salts.ts";
import { encodeTensor } from "../../core/tensor.ts";
import { KIND_PUBLIC, PRODUCER_INPUT, type DigestKind } from "../../core/types.ts";
import { BACKEND_ONE_ROUND, BACKEND_WEIGHTS, decodeKeyRecord, keyIdOf } from "../../core/zk/key-record.ts";
import {
  decodeProofFile,
  MAX_PROOF_FILE_BYTES,
  verifyProofFile,
  type ProofFile,
  type ProvedStage,
} from "../../core/zk/proof-file.ts";
import { fromHex } from "../../core/bytes.ts";
import { loadModel, type LoadedModel } from "../../engines/program/load-program.ts";
import { createReferenceExecutor } from "../../engines/program/reference-executor.ts";
import { runModel } from "../../engines/program/run-model.ts";
import { compileCircuit } from "../../engines/zk/circuit/compile-circuit.ts";
import { defineCommand } from "../command.ts";
import { readFileBytes } from "../connection.ts";
import { EXIT } from "../exit-code.ts";
import type { Io } from "../io.ts";
import { address, defaulted, flag, hash, integer, optional, required, text } from "../fields.ts";
import { readModelInput } from "../model-input.ts";

/** The kind of the job's input, as the key of the first stage that reads it has it. */
function inputKind({ stages }: ProofFile): DigestKind {
  const at = stages.find(({ producers }) => producers.includes(PRODUCER_INPUT));
  return at === undefined ? KIND_PUBLIC : (decodeKeyRecord(fromHex(at.key)).boundaries[0]?.kind ?? KIND_PUBLIC);
}

const idAt = ({ stages }: ProofFile, stage: number): string | undefined =>
  stages[stage] && keyIdOf(fromHex(stages[stage].key));

/** Compiles the model's stages and compares: whether the keys are of its circuits, where they are not those that it names. */
async function ofModel(file: ProofFile, model: LoadedModel, cacheFolder: string, io: Io): Promise<Check[]> {
  const table = model.manifest.model.stages;
  if (file.stages.length !== table.length)
    return [{ name: "circuits", ok: false, detail: `${file.stages.length} stages of the model's ${table.length}` }];
  const progress = io.progress("compile");
  const checks: Check[] = [];
  for (const [stage, { program }] of model.stages.entries()) {
    const { key, producers, weightsX, weightsY } = file.stages[stage] as ProvedStage;
    const { backend, boundaries, circuitHash } = decodeKeyRecord(fromHex(key));
    const kinds = boundaries.map(({ kind }) => (kind === KIND_PUBLIC ? "PUBLIC" : "SALTED"));
    const circuit = await compileCircuit(program, {
      weights: backend === BACKEND_WEIGHTS ? "private" : "public",
      backend: backend === BACKEND_ONE_ROUND ? "one-round" : "two-round",
      inKinds: kinds.slice(0, -1),
      outKind: kinds.at(-1) ?? "PUBLIC",
      cacheFolder: join(cacheFolder, "circuits"),
      signal: io.signal,
      onProgress: (step) => progress.step(`stage ${stage}: ${step}`),
    });
    const info = table[stage];
    // A circuit with private weights is every training's: only the model's own commitment, under its own key, says which one it was.
    const committed =
      backend !== BACKEND_WEIGHTS ||
      (info?.keyId === idAt(file, stage) && info?.weightsX === weightsX && info.weightsY === weightsY);
    const same = producers.join() === info?.producers.join() && circuit.circuitHash === circuitHash;
    const detail = !same
      ? `stage ${stage} is another program`
      : committed
        ? `stage ${stage} was proven under a key of the model's circuit`
        : `stage ${stage} was proven with private weights that are not known to be the model's`;
    checks.push({ name: "circuits", ok: same && committed, detail });
  }
  progress.done(`${checks.length} stages compiled`);
  return checks;
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
  const outKind = decodeKeyRecord(fromHex(file.stages[last]?.key ?? "0x")).boundaries.at(-1)?.kind ?? KIND_PUBLIC;
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

export const verify = defineCommand({
  name: "verify",
  summary: "Check a file of proofs by its bytes alone; exit code 1 and the failed check's name if they do not hold.",
  details:
    "Offline. Without --model or --key the file is true of some program: say which key or model you mean. With the model's folder, the " +
    "input and the secret from the prover, input and result are opened too.",
  examples: [
    "assay verify patient.proof --model models/tumor-mlp",
    "assay verify digit.proof --key 0x… --job 0x… --refuse-development --json",
  ],
  args: { file: required("file", "File of `assay prove`.", text) },
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
    // One byte more than allowed, so that a too large file is a finding and not a reading error.
    const bytes = readFileBytes(input.file, MAX_PROOF_FILE_BYTES + 1);
    let file: ProofFile;
    try {
      file = decodeProofFile(bytes);
    } catch (error) {
      if (!isAssayError(error)) throw error;
      const check: Check = { name: "bytes", ok: false, detail: `${error.code}: ${error.message}` };
      io.result({ ok: false, checks: [check] }, `FAILED bytes: ${check.detail}`);
      return EXIT.failed;
    }
    const model = input.model === undefined ? undefined : await loadModel(input.model);
    const table = model?.manifest.model.stages;
    // Under other keys than it names, such as those of public ends, a model is recognised by its circuits.
    const keyed = table !== undefined && table.every(({ keyId }, i) => keyId === idAt(file, i));
    const report = verifyProofFile(
      file,
      {
        chainId: input.chainId === undefined ? undefined : BigInt(input.chainId),
        hub: input.hub,
        jobId: input.job,
        keyIds: input.key === undefined ? undefined : [input.key],
        stages: keyed ? table : undefined,
      },
      { refuseDevelopmentKeys: input.refuseDevelopment },
    );
    const secret =
      input.secretFile === undefined
        ? undefined
        : readSecret(new TextDecoder().decode(readFileBytes(input.secretFile, 1024)));
    const more =
      model === undefined || input.input === undefined || !report.ok
        ? []
        : await opened(file, model, input.input, secret);
    const circuits = model === undefined || keyed || !report.ok ? [] : await ofModel(file, model, input.cache, io);
    const checks = [...report.checks, ...circuits, ...more];
    const ok = checks.every((check) => check.ok);
    const lines = checks.map((check) => `${check.ok ? "ok    " : "FAILED"} ${check.name}: ${check.detail}`);
    io.result(
      { ...report, ok, checks },
      [...lines, `result ${report.outDigest}`, ok ? "valid" : "NOT VALID"].join("\n"),
    );
    return ok ? EXIT.done : EXIT.failed;
  },
});
