// SPDX-License-Identifier: MIT
import { isAssayError, type AssayError } from "../errors.ts";
import type { PairingEngine } from "../ports/pairing.ts";
import { boundProof, mixedFactors } from "./batch-factors.ts";
import { equationOf, type FactoredProof } from "./equation.ts";
import { ZkError } from "./errors.ts";
import { noblePairing } from "./noble-pairing.ts";
import { strangerToG1, strangerToG2, type G1Point } from "./points.ts";
import { readProof, type Proof } from "./proof.ts";
import { bindProof, rejected, verifyStageProof, WEIGHTS_NAME, type StageProof } from "./verify-proof.ts";

/** What `verifyStageProof` would throw about a proof; undefined if it holds. */
export type Verdict = AssayError | undefined;

/** Bounds memory, and the time for which nothing else runs. */
const MAX_TOGETHER = 1024;

/** The value, or the typed error that making it ended in. */
function attempt<T>(make: () => T): { readonly value: T } | { readonly error: AssayError } {
  try {
    return { value: make() };
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return { error };
  }
}

/** One proof on its way to a verdict. */
interface Trial {
  readonly stage: StageProof;
  readonly at: number;
  readonly proof: Proof;
}

/** Names the first stranger among each trial's points. */
async function findStrangers(trials: readonly Trial[], engine: PairingEngine): Promise<Map<Trial, AssayError>> {
  const found = new Map<Trial, AssayError>();
  const malformed = (reason: string) => new ZkError("PROOF_MALFORMED", { reason });
  const owners: { readonly trial: Trial; readonly point: G1Point; readonly error: () => AssayError }[] = [];
  for (const trial of trials) {
    const { a, c1, c2 } = trial.proof;
    for (const [name, point] of Object.entries({ A: a, C1: c1, C2: c2 }))
      owners.push({ trial, point, error: () => malformed(strangerToG1(name)) });
    const { weights } = trial.stage;
    const mismatch = () => new ZkError("STATEMENT_MISMATCH", { reason: strangerToG1(WEIGHTS_NAME) });
    if (weights !== undefined) owners.push({ trial, point: weights, error: mismatch });
  }
  const g1 = await engine.strangersToG1(owners.map(({ point }) => point));
  const g2 = await engine.strangersToG2(trials.map(({ proof }) => proof.b));
  for (const place of g2) found.set(trials[place] as Trial, malformed(strangerToG2("B")));
  for (const { trial, error } of g1.map((place) => owners[place] as (typeof owners)[0]))
    if (!found.has(trial)) found.set(trial, error());
  return found;
}

/**
 * Those of the proofs that are false. Their product was not 1: halves are asked until single proofs are left. The factors were drawn
 * when all proofs were fixed, so they serve every part.
 */
async function findFalse<T extends FactoredProof>(proofs: readonly T[], engine: PairingEngine): Promise<T[]> {
  if (proofs.length <= 1) return [...proofs];
  const half = proofs.length >> 1;
  const [left, right] = [proofs.slice(0, half), proofs.slice(half)];
  // A true half leaves the fault in the other, which need not be asked.
  if (await engine.isOne(equationOf(left))) return findFalse(right, engine);
  const inLeft = await findFalse(left, engine);
  return (await engine.isOne(equationOf(right))) ? inLeft : [...inLeft, ...(await findFalse(right, engine))];
}

async function judgeBatch(stages: readonly StageProof[], engine: PairingEngine): Promise<Verdict[]> {
  const verdicts: Verdict[] = stages.map(() => undefined);
  const trials: Trial[] = [];
  for (const [at, stage] of stages.entries()) {
    const read = attempt(() => readProof(stage.evidence.proof));
    if ("error" in read) verdicts[at] = read.error;
    else trials.push({ stage, at, proof: read.value });
  }
  const strangers = await findStrangers(trials, engine);
  const bound = trials.flatMap((trial) => {
    const { stage, at, proof } = trial;
    const prepared = attempt(() => bindProof(stage, proof));
    const error = strangers.get(trial) ?? ("error" in prepared ? prepared.error : undefined);
    verdicts[at] = error;
    return "error" in prepared || error !== undefined ? [] : [{ stage, at, prepared: prepared.value }];
  });
  const factors = mixedFactors(bound.map(({ stage, prepared }) => boundProof(stage, prepared)));
  const factored = bound.map((one, i) => ({ ...one, factor: factors[i] ?? 0n }));
  if (factored.length === 0 || (await engine.isOne(equationOf(factored)))) return verdicts;
  for (const { stage, at } of await findFalse(factored, engine)) verdicts[at] = rejected(stage);
  return verdicts;
}

/**
 * Judges proofs of any keys, together: one product of pairings if all hold, some more to name those that do not. A verdict a proof, in
 * order; none is the fault of another proof's. Errors: those of the engine.
 */
export async function judgeProofs(
  stages: readonly StageProof[],
  engine: PairingEngine = noblePairing,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (let from = 0; from < stages.length; from += MAX_TOGETHER)
    verdicts.push(...(await judgeBatch(stages.slice(from, from + MAX_TOGETHER), engine)));
  return verdicts;
}

/** Something that was read, whose proofs are still to be judged. */
export interface Examination<R> {
  readonly proofs: readonly StageProof[];
  /** Takes a verdict a proof, in order. */
  readonly report: (verdicts: readonly Verdict[]) => R;
}

/** Judges the proofs of all of them together. Errors: those of the engine. */
export async function judgeTogether<R>(examined: readonly Examination<R>[], engine: PairingEngine): Promise<R[]> {
  const verdicts = await judgeProofs(
    examined.flatMap(({ proofs }) => proofs),
    engine,
  );
  let at = 0;
  return examined.map(({ proofs, report }) => report(verdicts.slice(at, (at += proofs.length))));
}

/** One proof's verdict, at once, in JavaScript. */
export function judgeProof(stage: StageProof): Verdict {
  const result = attempt(() => verifyStageProof(stage));
  return "error" in result ? result.error : undefined;
}
