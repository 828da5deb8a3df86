// SPDX-License-Identifier: GPL-3.0-or-later
import { concatTensors } from "../../offchain/core/concat-tensors.ts";
import { createClientPart } from "../../offchain/core/program/open-client-part.ts";
import { prepareInput } from "../../offchain/core/program/preprocess.ts";
import { decodeTensor, encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { parseCsv, parseIdx, rowOf } from "../../offchain/engines/program/dataset.ts";
import { readDataset, readRecipe } from "../../offchain/engines/program/import-folder.ts";
import { loadModel, type LoadedModel } from "../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../offchain/engines/program/run-model.ts";
import { dataFile, plan, type PlannedJob } from "./plan-jobs.ts";

/** The models behind `planPresets`, beside those of `planJobs`. */
export const PRESET_MODELS = ["digits-split", "cheque-image", "cheque-amount", "cheque-fusion"].map(
  (name) => `models/${name}`,
);

/** A cheque: two branches under policies of their own, and a vote over both. `fusion.input` is for comparison only: the job's is joined. */
export interface PlannedCheque {
  readonly image: PlannedJob;
  readonly amount: PlannedJob;
  readonly fusion: PlannedJob;
}

/** What the enclaves of these jobs serve. */
export const ENCLAVE_MODEL = "models/tumor-mlp";
/** Of sixteen workers four stand on machines of AWS: none is among a critical job's twelve candidates at most once in 1,800. */
export const ENCLAVES = { model: ENCLAVE_MODEL, platforms: 1, critical: true, nitro: 4 };

export interface PlannedPresets {
  readonly split: PlannedJob;
  readonly economy: PlannedJob;
  readonly batch: PlannedJob;
  /** Of enclaves, which are SIMULATED: of one, and of two of two vendors. */
  readonly enclaves: readonly PlannedJob[];
  readonly pair: PlannedJob;
  readonly cheque: PlannedCheque;
}

const BATCH_DIGITS = 8;
/** 72 by the labels of its two images; the same is typed. */
const CHEQUE = 0;
const WRITTEN = 72;

/** One job of every preset that `planJobs` does not show, on held-out data; `from`: number of the first. */
export async function planPresets(from: number): Promise<PlannedPresets> {
  const images = parseIdx(dataFile("digits-test-images.idx.gz"), dataFile("digits-test-labels.idx.gz"));
  const sick = parseCsv(new TextDecoder().decode(dataFile("tumor-test.csv")));
  const [cnn, tumor, splitModel] = await Promise.all(["digits-cnn", "tumor-mlp", "digits-split"].map(load));
  const split = await plan(splitModel as LoadedModel, images, 42, "split", from);
  const { manifest, stages: programs, leakage } = splitModel as LoadedModel;
  const economy = await plan(tumor as LoadedModel, sick, 8, "economy", from + 1);
  const many: PlannedJob[] = [];
  for (let i = 0; i < BATCH_DIGITS; i++)
    many.push(await plan(cnn as LoadedModel, images, 100 + i * 17, "batch", from + 2));
  const [first] = many;
  if (first === undefined) throw new RangeError("an empty batch");
  return {
    split: {
      ...split,
      preset: "general-split",
      clientPart: createClientPart({ manifest: manifest.model, programs, leakage }),
    },
    economy: { ...economy, preset: "economy" },
    batch: {
      ...first,
      batch: many.map(({ input, expectedOutput }) => ({ input, expectedOutput })),
      truth: many.map(({ truth }) => truth).join(" "),
      picture: [],
    },
    cheque: await planCheque(from + 3),
    enclaves: [{ ...(await plan(tumor as LoadedModel, sick, 13, "enclave", from + 6)), preset: "fast-enclave" }],
    pair: { ...(await plan(tumor as LoadedModel, sick, 21, "pair", from + 7)), preset: "critical-enclave" },
  };
}

const load = async (name: string): Promise<LoadedModel> => loadModel(`models/${name}`);

async function planCheque(from: number): Promise<PlannedCheque> {
  const [image, amount, fusion] = (await Promise.all(["cheque-image", "cheque-amount", "cheque-fusion"].map(load))) as [
    LoadedModel,
    LoadedModel,
    LoadedModel,
  ];
  const rowsOf = async (name: string) => readDataset(`models/${name}`, (await readRecipe(`models/${name}`)).evaluation);
  const pixels = prepareInput(image.preprocess, rowOf(await rowsOf("cheque-image"), CHEQUE));
  const words = prepareInput(amount.preprocess, rowOf(await rowsOf("cheque-amount"), WRITTEN));
  const branch = async (model: LoadedModel, input: Tensor, index: number): Promise<PlannedJob> => ({
    index: index + 1,
    kind: "cheque",
    model: model.manifest.model.name,
    manifest: model.manifest.model,
    input,
    expectedOutput: encodeTensor((await runModel(model, input, createReferenceExecutor())).output),
    // A branch says nothing by itself: what is compared is its numbers.
    truth: "features",
    picture: [],
    labelOf: () => "features",
  });
  const left = await branch(image, pixels, from);
  const right = await branch(amount, words, from + 1);
  const both = concatTensors([left, right].map(({ expectedOutput }) => decodeTensor(expectedOutput)));
  const joined = await branch(fusion, both, from + 2);
  const [mismatch = "", match = ""] = fusion.output.labels;
  return {
    image: { ...left, masked: image.program },
    amount: { ...right, preset: "critical-proof" },
    fusion: {
      ...joined,
      truth: match,
      labelOf: ({ data }) => (Number(data[1]) > Number(data[0]) ? match : mismatch),
    },
  };
}
