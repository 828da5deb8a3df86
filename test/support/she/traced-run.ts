// SPDX-License-Identifier: GPL-3.0-or-later
import { bodyRoot, cipherDigest, objectsRoot } from "../../../offchain/core/she/digest.ts";
import { toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { cipherHeader, cipherStageHash, type CipherStage } from "../../../offchain/core/she/cipher-stage.ts";
import type { SheObject } from "../../../offchain/core/she/object.ts";
import type { SheProfile } from "../../../offchain/core/she/profiles.ts";
import type { Program } from "../../../offchain/core/program/types.ts";
import { compilePlan, type CompiledPlan } from "../../../offchain/engines/she/compile/compile-plan.ts";
import { nodeHashes } from "../../../offchain/engines/she/node-hashes.ts";
import type { TraceSources } from "../../../offchain/engines/she/trace/interpret.ts";
import { keyList } from "../../../offchain/engines/she/trace/key-list.ts";
import { cipherStageOf, StageTrace } from "../../../offchain/engines/she/trace/trace.ts";
import { Prng } from "../prng.ts";
import { runnersFor } from "./encrypted-run.ts";
import { randomInput } from "./toy-programs.ts";

export interface TracedStage {
  readonly compiled: CompiledPlan;
  readonly index: number;
  readonly facts: CipherStage;
  readonly factsHash: Hex;
  readonly sources: TraceSources;
  readonly inDigest: Hex;
  readonly keySetRoot: Hex;
  /** What the kernel made of it. */
  readonly output: SheObject;
}

/**
 * Every stage of a program on one input: what a seat has in its hands when it is asked about it. Input and keys are random residues:
 * evaluation cannot tell them from real ones.
 */
export function tracedStages(
  program: Program,
  options: { readonly profile?: SheProfile; readonly cuts?: readonly number[] } = {},
): TracedStage[] {
  const rng = new Prng(4711);
  const calibration = Array.from({ length: 5 }, () => randomInput(program, rng));
  const compiled = compilePlan(program, { ...options, calibration });
  const { plan } = compiled;
  const { degree, primes } = plan.profile;
  const residues = (indices: readonly number[]) => {
    const rows = new Uint32Array(indices.length * degree);
    for (const [at, index] of indices.entries())
      for (let k = 0; k < degree; k++) rows[at * degree + k] = rng.int(0, (primes[index] ?? 1) - 1);
    return rows;
  };
  const data = (level: number) => Array.from({ length: level }, (_, i) => i);
  const header = { profile: plan.profile, seeded: false, compact: false } as const;
  const keys = keyList(plan).map(({ galois, level }): SheObject => {
    const half = [...data(level), primes.length - 1];
    const rows = residues(data(level).flatMap(() => [...half, ...half]));
    return { header: { ...header, kind: "key", level, special: true, galois }, rows };
  });
  const keyBodies = keys.map((key) => toHex(bodyRoot(key, nodeHashes)));
  const keySetRoot = objectsRoot(keys, nodeHashes);
  const first = plan.stages[0]?.levelIn ?? 0;
  let input: SheObject = {
    header: cipherHeader(plan.profile, first),
    rows: residues([...data(first), ...data(first)]),
  };
  return plan.stages.map((stage, index) => {
    const own = keys.map((key) =>
      stage.keys.some(({ galois, level }) => galois === key.header.galois && level === key.header.level)
        ? key
        : undefined,
    );
    const stageKeys = own.flatMap((key) => (key === undefined ? [] : [key]));
    const runner = runnersFor(
      { ...compiled, plan: { ...plan, stages: [stage] }, weights: [compiled.weights[index] ?? []] },
      stageKeys,
    )[0];
    if (runner === undefined) throw new TypeError("no runner");
    const weights = (compiled.weights[index] ?? []).map((_, i) => runner.weightObject(i));
    const weightRoot = objectsRoot(weights, nodeHashes);
    const facts = cipherStageOf(plan, index, weightRoot, nodeHashes);
    const sources: TraceSources = { input, keys: own, keyBodies, weights };
    const output = runner.run(input);
    const traced: TracedStage = {
      compiled,
      index,
      facts,
      factsHash: cipherStageHash(facts),
      sources,
      inDigest: cipherDigest(input, nodeHashes),
      keySetRoot,
      output,
    };
    input = output;
    return traced;
  });
}

/** A party's trace; `tamper` may change a row as it is made, and all that follows is made of what it left. */
export const traceOf = (
  { compiled, index, sources }: TracedStage,
  tamper?: (row: number, values: Uint32Array) => void,
): StageTrace => new StageTrace(compiled.plan, index, sources, nodeHashes, tamper);
