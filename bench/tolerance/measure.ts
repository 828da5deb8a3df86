// SPDX-License-Identifier: GPL-3.0-or-later
import { prepareReals } from "../../offchain/core/program/real-input.ts";
import { sketchA, sketchB, tallySketches, unpackSketch, type SketchVote } from "../../offchain/core/sketch.ts";
import { keccakText, type Word } from "../../offchain/core/tagged-hash.ts";
import { takeRows, type Dataset } from "../../offchain/engines/program/dataset.ts";
import { checkFloatModel } from "../../offchain/engines/program/float/float-graph.ts";
import { honestMachines, runRows } from "../../offchain/engines/program/float/float-machines.ts";
import type { LoadedFloatModel } from "../../offchain/engines/program/float/load-float-model.ts";
import { Prng } from "../../test/support/prng.ts";
import { hideFromSketchA } from "./kernel-attack.ts";

export interface MeasureParameters {
  readonly model: LoadedFloatModel;
  /** Held-out rows; the first `inputs` are used. */
  readonly data: Dataset;
  readonly inputs: number;
  /** Committees of each case. */
  readonly runs: number;
  /** Honest machines to use, by name; all if absent. */
  readonly machines?: (name: string) => boolean;
  /** Other model files that pretend to be this one. */
  readonly impostors: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  readonly seats?: number;
}

/** One case: by run, the smallest tau with which the subject would have agreed. */
export interface CaseResult {
  readonly name: string;
  readonly honest: boolean;
  readonly needed: readonly number[];
  /** The same by one sketch alone. */
  readonly neededA: readonly number[];
  readonly neededB: readonly number[];
  /** Runs that the model's own tolerance flags, by `tallySketches`. */
  readonly flagged: number;
  /** Honest seats beside the subject that were flagged: with a lone impostor there must be none. */
  readonly wronged: number;
}

export interface Measurement {
  readonly tau: number;
  readonly machines: readonly string[];
  readonly cases: readonly CaseResult[];
}

const distance = (sketch: Word, median: Word): number => {
  const other = unpackSketch(median);
  return Math.max(...unpackSketch(sketch).map((value, c) => Math.abs(value - (other[c] ?? 0))));
};

/**
 * Committees of honest machines with one subject: another honest machine, or an impostor. Every seat sketches under
 * fresh seeds; the verdict is the protocol's own. Errors: those of the machines.
 */
export async function measureTolerance(
  { model, data, inputs, runs, machines, impostors, seats = 5 }: MeasureParameters,
  progress: (text: string) => void = () => {},
): Promise<Measurement> {
  const { tolerance, program, preprocess } = model;
  const input = prepareReals(preprocess, takeRows(data, inputs).features);
  const width = program.graph.outputDims.reduce((product, dim) => product * dim, 1);
  const answersOf = async (bytes: Uint8Array, wanted: (name: string) => boolean) => {
    const all: { readonly name: string; readonly outputs: Float32Array }[] = [];
    const subject = bytes === program.bytes ? program : { bytes, graph: checkFloatModel(bytes), range: preprocess };
    for (const machine of honestMachines(subject)) {
      if (wanted(machine.name)) {
        progress(machine.name);
        all.push({ name: machine.name, outputs: await runRows(machine, input) });
      }
      await machine.close();
    }
    return all;
  };
  const honest = await answersOf(program.bytes, machines ?? (() => true));
  const rng = new Prng(28);
  const rowOf = (outputs: Float32Array, row: number) => outputs.slice(row * width, (row + 1) * width);

  const play = (name: string, isHonest: boolean, answer: (row: number, seed: Word) => Float32Array): CaseResult => {
    const needed: number[] = [];
    const [neededA, neededB]: [number[], number[]] = [[], []];
    let [flagged, wronged] = [0, 0];
    for (let run = 0; run < runs; run++) {
      const row = run % inputs;
      const [seed, commitSet] = [keccakText(`draw ${name} ${run}`), keccakText(`commits ${name} ${run}`)];
      const place = rng.int(0, seats - 1);
      const votes = Array.from({ length: seats }, (_, seat): SketchVote => {
        const machine = honest[rng.int(0, honest.length - 1)];
        const output = seat === place ? answer(row, seed) : rowOf(machine?.outputs ?? new Float32Array(), row);
        return { a: sketchA(output, tolerance, seed), b: sketchB(output, tolerance, seed, commitSet) };
      });
      const { agreeing, medianA, medianB } = tallySketches(votes, tolerance.tau);
      const vote = votes[place] as SketchVote;
      const [a, b] = [distance(vote.a, medianA), distance(vote.b, medianB)];
      neededA.push(a);
      neededB.push(b);
      needed.push(Math.max(a, b));
      if (agreeing[place] !== true) flagged++;
      wronged += agreeing.filter((agrees, seat) => seat !== place && !agrees).length;
    }
    return { name, honest: isHonest, needed, neededA, neededB, flagged, wronged };
  };

  const pick = (all: readonly { readonly outputs: Float32Array }[], row: number) =>
    rowOf(all[rng.int(0, all.length - 1)]?.outputs ?? new Float32Array(), row);
  const cases = [play("honest", true, (row) => pick(honest, row))];
  for (const { name, bytes } of impostors) {
    // An impostor computes as well as anyone, only with other weights.
    const answers = await answersOf(bytes, (machine) => machine === honest[0]?.name);
    cases.push(play(name, false, (row) => pick(answers, row)));
  }
  cases.push(play("error in the kernel of A", false, (row, seed) => hideFromSketchA(pick(honest, row), seed, 0.05)));
  return { tau: tolerance.tau, machines: honest.map(({ name }) => name), cases };
}

/** Share of runs that a tolerance of `tau` flags. */
export const flagRate = (needed: readonly number[], tau: number): number =>
  needed.filter((value) => value > tau).length / needed.length;
