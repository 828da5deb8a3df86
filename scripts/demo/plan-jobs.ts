// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClientPart } from "../../offchain/core/client-part.ts";
import type { PresetName } from "../../offchain/core/policy-presets.ts";
import { boundarySalt } from "../../offchain/core/salts.ts";
import { digestOf } from "../../offchain/core/digest.ts";
import { interpretOutput, prepareInput } from "../../offchain/core/program/preprocess.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import type { DigestKind, ModelManifest } from "../../offchain/core/types.ts";
import { parseCsv, parseIdx, rowOf, type Dataset } from "../../offchain/engines/program/dataset.ts";
import { loadModel, type LoadedModel } from "../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../offchain/engines/program/run-model.ts";
import type { JobSecret } from "../../offchain/sdk/job-secret.ts";
import { asciiDigit } from "./ascii-digit.ts";
import type { PlannedCipher } from "./plan-ciphers.ts";
import type { JobKind } from "./summary.ts";

export interface PlannedJob {
  readonly index: number;
  readonly kind: JobKind;
  readonly model: string;
  readonly manifest: ModelManifest;
  readonly input: Tensor;
  /** What this machine computes with the TypeScript reference of the same program: what the committee must say too. */
  readonly expectedOutput: Uint8Array;
  /** Label of the held-out row. */
  readonly truth: string;
  readonly picture: readonly string[];
  /** Reads a label out of a result. */
  readonly labelOf: (output: Tensor) => string;
  /** `general-vote` by default. */
  readonly preset?: PresetName;
  /** Many inputs in one job; `input` is then the first. */
  readonly batch?: readonly { readonly input: Tensor; readonly expectedOutput: Uint8Array }[];
  /** Stages that run at the client. */
  readonly clientPart?: ClientPart;
  /** The model's `program` file: its input goes to two lanes in masked shares. */
  readonly masked?: Uint8Array;
  /** Encrypted here; `input` is then the first of many, `manifest` the one of the model over ciphertexts. */
  readonly cipher?: PlannedCipher;
}

/** The digest that the committee must agree on, under this job's salt. */
export function expectedDigest(job: PlannedJob, secret: JobSecret): string {
  const last = job.manifest.stages.length - 1;
  const kind = (job.manifest.stages[last]?.outKind ?? 0) as DigestKind;
  return digestOf(kind, job.expectedOutput, boundarySalt(secret.reveal(), last, kind));
}

export const dataFile = (name: string): Uint8Array => new Uint8Array(readFileSync(join("models/data", name)));

/**
 * Held-out rows, spread over the test set by a fixed step: patients through tumor-mlp, digits through digits-cnn; and with `proven` one
 * of each, and a loan, whose answers are proven instead of voted on.
 */
export async function planJobs(patients: number, digits: number, proven: boolean): Promise<readonly PlannedJob[]> {
  const tumor = await loadModel("models/tumor-mlp");
  const cnn = await loadModel("models/digits-cnn");
  const sick = parseCsv(new TextDecoder().decode(dataFile("tumor-test.csv")));
  const images = parseIdx(dataFile("digits-test-images.idx.gz"), dataFile("digits-test-labels.idx.gz"));
  const jobs: PlannedJob[] = [];
  // Alternating, so that both kinds are always under way.
  for (let i = 0; i < Math.max(patients, digits); i++) {
    if (i < patients) jobs.push(await plan(tumor, sick, i * Math.floor(sick.rows / patients), "plain", jobs.length));
    if (i < digits) jobs.push(await plan(cnn, images, i * Math.floor(images.rows / digits), "plain", jobs.length));
  }
  jobs.push(await plan(cnn, images, 7, "liar", jobs.length));
  jobs.push(await plan(tumor, sick, 3, "killed", jobs.length));
  if (!proven) return jobs;
  const credit = await loadModel("models/credit-forest");
  const loans = parseCsv(new TextDecoder().decode(dataFile("credit-test.csv")));
  jobs.push(await plan(tumor, sick, 5, "proven", jobs.length));
  jobs.push(await plan(cnn, images, 11, "proven", jobs.length));
  jobs.push(await plan(credit, loans, 2, "proven", jobs.length));
  return jobs;
}

/** One held-out row as a job. */
export async function plan(
  model: LoadedModel,
  dataset: Dataset,
  row: number,
  kind: JobKind,
  index: number,
): Promise<PlannedJob> {
  const raw = rowOf(dataset, row);
  const input = prepareInput(model.preprocess, raw);
  const { output } = await runModel(model, input, createReferenceExecutor());
  return {
    index: index + 1,
    kind,
    ...(kind === "proven" ? { preset: "critical-proof" as const } : {}),
    model: model.manifest.model.name,
    manifest: model.manifest.model,
    input,
    expectedOutput: encodeTensor(output),
    truth: model.output.labels[dataset.labels[row] ?? -1] ?? "?",
    picture: raw.length === 784 ? asciiDigit(raw, 255) : [],
    labelOf: (result) => interpretOutput(model.output, result)[0]?.label ?? "?",
  };
}
