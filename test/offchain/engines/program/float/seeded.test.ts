// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { agreementOf, answerWord, type Agreement } from "../../../../../offchain/core/agreement.ts";
import { interpretReals, prepareReals, seedNoise } from "../../../../../offchain/core/program/real-input.ts";
import { keccakText } from "../../../../../offchain/core/tagged-hash.ts";
import { parseCsv } from "../../../../../offchain/engines/program/dataset.ts";
import {
  createFloatExecutor,
  type FloatExecutor,
} from "../../../../../offchain/engines/program/float/float-executor.ts";
import {
  loadFloatModel,
  type LoadedFloatModel,
} from "../../../../../offchain/engines/program/float/load-float-model.ts";
import { expectCode } from "../../../../support/expect-code.ts";

const ALPHABET = " abcdefghijklmnopqrstuvwxyz0.,!?$%'-:/()";
const SEEDS = 60;

/** The last 32 letters of a text as the model's codes. */
function codesOf(text: string): number[] {
  const codes = text.split("").map((letter) => (ALPHABET.includes(letter) ? ALPHABET.indexOf(letter) + 2 : 1));
  return [...Array.from({ length: 32 }, () => 0), ...codes].slice(-32);
}

describe("seeded runs of a float model", () => {
  let model: LoadedFloatModel;
  let executor: FloatExecutor;
  before(async () => {
    model = await loadFloatModel("models/mail-letters");
    executor = createFloatExecutor();
  });
  after(() => executor.close());

  const ask = async (text: string, seed?: string): Promise<string> => {
    const input = prepareReals(model.preprocess, codesOf(text), seed === undefined ? undefined : keccakText(seed));
    const [answer] = interpretReals(model.output, await executor.run(model.program, input));
    return answer?.label ?? "";
  };
  const agreement = async (text: string): Promise<Agreement> => {
    const runs = [];
    for (let i = 0; i < SEEDS; i++)
      runs.push({ seed: keccakText(`seed ${i}`), answer: answerWord(await ask(text, `seed ${i}`)) });
    return agreementOf(runs);
  };

  it("R29: high where the text determines the next letter, low where it does not", async () => {
    for (const [text, next] of [
      ["please visit our site at http:/", "/"],
      ["to stop receiving this newslette", "r"],
      ["click here to unsubscribe from thi", "s"],
    ] as const) {
      const { agreement: share, commonest } = await agreement(text);
      expect(commonest, text).to.equal(answerWord(next));
      expect(share, text).to.be.at.least(0.8);
    }
    for (const text of ["and then we all went to see the ", "i think that ", "it was a very "]) {
      const { interval, answers } = await agreement(text);
      expect(interval[1], text).to.be.below(0.6);
      expect(answers, text).to.be.at.least(6);
    }
  });

  it("R29: agreement is not correctness: on some held-out texts the model agrees with itself and is wrong", async () => {
    const data = parseCsv(readFileSync("models/data/letters-test.csv", "utf8"));
    const many = createFloatExecutor({ maxBatch: data.rows });
    const answers = interpretReals(
      model.output,
      await many.run(model.program, prepareReals(model.preprocess, data.features)),
    );
    await many.close();
    const lead = (scores: readonly number[]) => {
      const [first = 0, second = 0] = scores.toSorted((a, b) => b - a);
      return first - second;
    };
    const wrong = answers
      .map(({ index, scores }, row) => ({ row, index, lead: lead(scores) }))
      .filter(({ row, index }) => index !== data.labels[row])
      .toSorted((a, b) => b.lead - a.lead)[0];
    const row = data.features.subarray(32 * (wrong?.row ?? 0), 32 * (wrong?.row ?? 0) + 32);
    const runs = [];
    for (let i = 0; i < SEEDS; i++) {
      const seed = keccakText(`seed ${i}`);
      const output = await executor.run(model.program, prepareReals(model.preprocess, row, seed));
      runs.push({ seed, answer: answerWord(interpretReals(model.output, output)[0]?.label ?? "") });
    }
    const { agreement: share, commonest } = agreementOf(runs);
    expect(share).to.be.at.least(0.8);
    expect(commonest).to.not.equal(answerWord(model.output.labels[data.labels[wrong?.row ?? 0] ?? 0] ?? ""));
  });

  it("behavior: draws follow the scores: over many seeds each answer is as common as its softmax says", async () => {
    const text = "it was a very ";
    const input = prepareReals(model.preprocess, codesOf(text));
    const { data } = await executor.run(model.program, input);
    const most = Math.max(...data);
    const weights = Array.from(data, (score) => Math.exp(score - most));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const counts = weights.map(() => 0);
    const draws = 3000;
    for (let i = 0; i < draws; i++) {
      const noise = seedNoise(keccakText(`draw ${i}`), data.length);
      const best = noise.map((value, at) => value + (data[at] ?? 0));
      const at = best.indexOf(Math.max(...best));
      counts[at] = (counts[at] ?? 0) + 1;
    }
    weights.forEach((weight, at) => {
      const share = weight / total;
      const sigma = Math.sqrt(share * (1 - share) * draws);
      expect(Math.abs((counts[at] ?? 0) - share * draws), `letter ${at}`).to.be.below(5 * sigma + 1);
    });
  });

  it("behavior: one seed is one answer, no seed is the likeliest one, and seeds without a use are refused", async () => {
    const text = "it was a very ";
    expect(await ask(text, "one")).to.equal(await ask(text, "one"));
    const answers = new Set<string>();
    for (let i = 0; i < 20; i++) answers.add(await ask(text, `other ${i}`));
    expect(answers.size).to.be.at.least(4);
    expect(await ask(text)).to.equal(await ask(text));
    const { noise: _noise, ...without } = model.preprocess;
    await expectCode("RAW_INPUT_INVALID", () =>
      prepareReals({ ...without, dims: [32], lo: 0, hi: 41 }, codesOf(text), keccakText("x")),
    );
  });
});
