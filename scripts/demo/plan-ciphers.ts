// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import { decodeTensor } from "../../offchain/core/tensor.ts";
import { parseCsv, parseIdx, type Dataset } from "../../offchain/engines/program/dataset.ts";
import { loadModel, type LoadedModel } from "../../offchain/engines/program/load-program.ts";
import { readProgram, runLayers } from "../../offchain/engines/she/compile/read-program.ts";
import { CIPHER_FOLDER } from "../../offchain/engines/she/model/folders.ts";
import { readManifestFile } from "./devnet.ts";
import { DemoError } from "./errors.ts";
import { dataFile, plan, type PlannedJob } from "./plan-jobs.ts";

/** Folders of the plain models: what is registered and evaluated lies in their `cipher`. */
export const CIPHER_MODELS = ["models/tumor-poly", "models/digits-mlp-poly"];

/** A job whose inputs are encrypted here. */
export interface PlannedCipher {
  readonly folder: string;
  readonly model: LoadedModel;
  /** A row each, as the integers that the plain program takes. */
  readonly inputs: readonly PlannedJob["input"][];
  /** What the exact program ends with, before its last rounding: what is decrypted must lie within the tolerance of it. */
  readonly accumulators: readonly (readonly number[])[];
  /** Labels that the exact program gives. */
  readonly labels: readonly string[];
  /** A label as it is shown. */
  readonly short: (label: string) => string;
}

export interface CipherJobs {
  readonly patients: PlannedJob;
  readonly digit: PlannedJob;
}

/** One key set tells 64 answers at most. */
const PATIENTS = 12;
/** Rows that no other job of a run opens: what is looked for must be here only. */
const [FIRST_PATIENT, PATIENT_STEP, DIGIT] = [14, 13, 61];

/** Held-out rows, encrypted: patients in one ciphertext, and a digit; `from`: number of the first. */
export async function planCiphers(from: number): Promise<CipherJobs> {
  const [sickFolder = "", digitFolder = ""] = CIPHER_MODELS;
  const sick = parseCsv(new TextDecoder().decode(dataFile("tumor-test.csv")));
  const images = parseIdx(dataFile("digits-test-images.idx.gz"), dataFile("digits-test-labels.idx.gz"));
  const rows = Array.from({ length: PATIENTS }, (_, i) => FIRST_PATIENT + i * PATIENT_STEP);
  return {
    patients: await planCipher(sickFolder, sick, rows, from, (label) => label.slice(0, 1).toUpperCase()),
    digit: await planCipher(digitFolder, images, [DIGIT], from + 1, (label) => label),
  };
}

async function planCipher(
  folder: string,
  dataset: Dataset,
  rows: readonly number[],
  index: number,
  short: (label: string) => string,
): Promise<PlannedJob> {
  const model = await loadModel(folder);
  const many: PlannedJob[] = [];
  for (const row of rows) many.push(await plan(model, dataset, row, "cipher", index));
  const [first] = many;
  const [stage] = model.stages;
  if (first === undefined || stage === undefined) throw new DemoError("MODEL_MISSING", { path: folder });
  const layers = readProgram(stage.program);
  return {
    ...first,
    preset: "critical-cipher",
    model: model.manifest.model.name,
    manifest: readManifestFile(join(folder, CIPHER_FOLDER)).model,
    truth: many.map(({ truth }) => short(truth)).join(" "),
    picture: [],
    cipher: {
      folder,
      model,
      inputs: many.map(({ input }) => input),
      accumulators: many.map(({ input }) => runLayers(layers, Array.from(input.data, Number)).at(-1) ?? []),
      labels: many.map(({ expectedOutput, labelOf }) => labelOf(decodeTensor(expectedOutput))),
      short,
    },
  };
}
