// SPDX-License-Identifier: MIT
import { toHex, utf8 } from "./bytes.ts";
import { CoreError } from "./core-errors.ts";
import { domainHash, keccak256 } from "./keccak.ts";
import type { Word } from "./tagged-hash.ts";

/** One run of a generative model: which seed went in, which answer came out. */
export interface SeededRun {
  /** What set this run apart; no two runs of one agreement share it. */
  readonly seed: Word;
  /** Equal words are equal answers: an output's digest where outputs are exact, else `answerWord`. */
  readonly answer: Word;
}

/**
 * How much a model's own answers agree over seeds: a signal of how determined the question is for this model. A model
 * can agree with itself and be wrong; the name of every number here says agreement, and none says correctness.
 */
export interface Agreement {
  readonly meaning: typeof AGREEMENT_MEANING;
  readonly runs: number;
  /** Different answers seen. */
  readonly answers: number;
  /** Runs that gave the commonest answer. */
  readonly largest: number;
  /** largest / runs. */
  readonly agreement: number;
  /** 95 % interval (Wilson) for the share that more seeds would give. */
  readonly interval: readonly [low: number, high: number];
  /** The commonest answer; of equally common ones, that of the earliest run. */
  readonly commonest: Word;
}

export const AGREEMENT_MEANING = "agreement of the model with itself over seeds, never correctness";
export const MAX_AGREEMENT_RUNS = 1000;

/** keccak256(keccak256("assay.v1.answer") ‖ UTF-8): the answer as read, where outputs differ in their last bits. */
export const answerWord = (answer: string): Word => toHex(keccak256(domainHash("assay.v1.answer"), utf8(answer)));

const invalid = (why: string) => new CoreError("AGREEMENT_INVALID", { why });

/** Wilson's interval at 95 %: right also for few runs and for shares near 0 and 1. */
function wilson(successes: number, runs: number): [number, number] {
  const z = 1.959963984540054;
  const share = successes / runs;
  const shrink = 1 + z ** 2 / runs;
  const centre = (share + z ** 2 / (2 * runs)) / shrink;
  const half = (z / shrink) * Math.sqrt((share * (1 - share)) / runs + z ** 2 / (4 * runs ** 2));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/**
 * The share of the largest cluster of equal answers over two or more runs. Replicas of one seed agree whatever they
 * answer, so equal seeds are refused. It is computed from finished jobs and enters no vote, payment or slash.
 * Error: AGREEMENT_INVALID.
 */
export function agreementOf(runs: readonly SeededRun[]): Agreement {
  if (runs.length < 2 || runs.length > MAX_AGREEMENT_RUNS)
    throw invalid(`${runs.length} runs are not 2 to ${MAX_AGREEMENT_RUNS}`);
  if (new Set(runs.map(({ seed }) => seed.toLowerCase())).size !== runs.length)
    throw invalid("two runs have one seed: replicas agree whatever they answer");
  const counts = new Map<Word, number>();
  for (const { answer } of runs) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  // Maps keep the order of first appearance, so the earliest of equals wins.
  let [commonest, largest]: [Word, number] = ["0x", 0];
  for (const [answer, count] of counts) if (count > largest) [commonest, largest] = [answer, count];
  return {
    meaning: AGREEMENT_MEANING,
    runs: runs.length,
    answers: counts.size,
    largest,
    agreement: largest / runs.length,
    interval: wilson(largest, runs.length),
    commonest,
  };
}

/** One line for people: what was seen, and what it does not say. */
export function describeAgreement({ runs, largest, answers, agreement, interval: [low, high] }: Agreement): string {
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  const seen = `${largest} of ${runs} seeds gave the commonest of ${answers} ${answers === 1 ? "answer" : "answers"}`;
  return `agreement ${percent(agreement)} (95 % interval ${percent(low)} to ${percent(high)}): ${seen}; this is agreement of the model with itself, not correctness`;
}
