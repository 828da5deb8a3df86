// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex } from "../core/bytes.ts";
import { stageInDigest } from "../core/digest.ts";
import { isAssayError, type AssayError } from "../core/errors.ts";
import type { StageInfo, StageProof } from "../core/types.ts";
import { decodeProofEvidence } from "../core/zk/evidence.ts";
import { weightsOf } from "../core/verify-proven.ts";
import type { StageProof as StatedProof } from "../core/zk/verify-proof.ts";
import { openKey, type VerifyingKey } from "../core/zk/verifying-key.ts";
import type { Hex, ProofPort } from "./ports.ts";
import type { HeldProof } from "./seat-codec.ts";
import type { SessionState } from "./session-state.ts";

const same = (a: Hex, b: Hex): boolean => a.toLowerCase() === b.toLowerCase();

/** Different answers that one candidate may give about one stage: a boundary may have been corrected. */
const MAX_ANSWERS = 3;

/**
 * Proofs of one job's stages that this worker holds. Those of others are signed by candidates, and may be false: they are judged when
 * a chain of proofs is put together, and only one a stage and candidate is kept.
 */
export class ProofShelf {
  readonly #state: SessionState;
  readonly #prover: Pick<ProofPort, "judge">;
  /** By stage, worker, input and output: whether the held proof holds. */
  readonly #verdicts = new Map<string, boolean>();
  /** What each fellow said of each stage; nothing is heard twice, so a false proof is the last of its answer. */
  readonly #answers = new Map<string, Set<Hex>>();
  readonly #keys = new Map<Hex, VerifyingKey>();

  constructor(state: SessionState, prover: Pick<ProofPort, "judge">) {
    this.#state = state;
    this.#prover = prover;
  }

  get all(): readonly HeldProof[] {
    return this.#state.memory.proofs ?? [];
  }

  of(stage: number, worker: Hex): HeldProof | null {
    return this.all.find((one) => one.stage === stage && same(one.worker, worker)) ?? null;
  }

  has(stage: number): boolean {
    return this.all.some((one) => one.stage === stage);
  }

  /** Journalled before it counts, in place of an earlier answer. False if that worker said this of the stage before, or too much. */
  add(proof: HeldProof): boolean {
    const { stage, worker, outDigest } = proof;
    const name = `${stage}/${worker.toLowerCase()}`;
    if (!this.#isOwn(worker)) {
      const known = this.of(stage, worker)?.outDigest;
      const said = this.#answers.get(name) ?? new Set(known === undefined ? [] : [known]);
      if (said.has(outDigest) || said.size >= MAX_ANSWERS) return false;
      this.#answers.set(name, said.add(outDigest));
    }
    for (const verdict of this.#verdicts.keys()) if (verdict.startsWith(`${name}/`)) this.#verdicts.delete(verdict);
    this.#keep(proof, [proof]);
    return true;
  }

  #keep({ stage, worker }: HeldProof, instead: readonly HeldProof[]): void {
    const others = this.all.filter((one) => one.stage !== stage || !same(one.worker, worker));
    this.#state.saveMemory({ proofs: [...others, ...instead] });
  }

  #isOwn(worker: Hex): boolean {
    return same(worker, this.#state.modules.keys.operator.address);
  }

  /**
   * Proofs of consecutive stages from the chain's current one on, each over what the one before it proved; as far as they are held.
   * `assigned`: signers that the client chose, one a stage; of several proofs theirs go first. Errors: RPC_UNAVAILABLE, those of `judge`.
   */
  async assemble(table: readonly StageInfo[], assigned: readonly (Hex | null)[]): Promise<StageProof[]> {
    const { job, record } = this.#state;
    const boundaries = [...record.boundaries];
    const chain: StageProof[] = [];
    for (let stage = boundaries.length; stage < table.length; stage += 1) {
      const inDigest = stageInDigest(table, stage, job.spec.inDigest, boundaries);
      const first = assigned[stage] ?? null;
      const known = this.all.filter((one) => one.stage === stage);
      const ranked = known.toSorted((a, b) => Number(isFirst(b, first)) - Number(isFirst(a, first)));
      let found: HeldProof | null = null;
      for (const one of ranked) if (found === null && (await this.#holds(one, inDigest, table))) found = one;
      if (found === null) break;
      boundaries.push(found.outDigest);
      chain.push({ worker: found.worker, outDigest: found.outDigest, evidence: found.evidence });
    }
    return chain;
  }

  async #holds(proof: HeldProof, inDigest: Hex, table: readonly StageInfo[]): Promise<boolean> {
    const name = `${proof.stage}/${proof.worker.toLowerCase()}/${inDigest}/${proof.outDigest}`;
    const known = this.#verdicts.get(name);
    if (known !== undefined) return known;
    const verdict = await this.#verify(proof, inDigest, table);
    this.#verdicts.set(name, verdict);
    if (!verdict) this.#drop(proof);
    return verdict;
  }

  async #verify({ stage, worker, outDigest, evidence }: HeldProof, inDigest: Hex, table: readonly StageInfo[]) {
    const info = table[stage];
    const key = info === undefined ? null : await this.#key(info.keyId);
    if (info === undefined || key === null) return false;
    const { jobId, modules } = this.#state;
    const fault = await this.#fault(() => ({
      key,
      claim: { jobId, stage, inDigest, outDigest, worker },
      domain: modules.chain.domainSeparator,
      evidence: decodeProofEvidence(fromHex(evidence)),
      producers: info.producers,
      weights: weightsOf(info),
    }));
    if (fault !== undefined) modules.logger.warn("proof.false", { stage, worker, code: fault.code });
    return fault === undefined;
  }

  async #fault(read: () => StatedProof): Promise<AssayError | undefined> {
    let proof: StatedProof;
    try {
      proof = read();
    } catch (error) {
      if (isAssayError(error)) return error;
      throw error;
    }
    return this.#prover.judge(proof);
  }

  async #key(keyId: Hex): Promise<VerifyingKey | null> {
    const known = this.#keys.get(keyId);
    if (known !== undefined) return known;
    const record = await this.#state.modules.chain.key(keyId);
    if (record === null) return null;
    const key = openKey(record, keyId);
    this.#keys.set(keyId, key);
    return key;
  }

  #drop(proof: HeldProof): void {
    // An own proof was verified when it was made: it waits for the right input.
    if (this.#isOwn(proof.worker)) return;
    // Its worker may have given another answer meanwhile.
    if (this.of(proof.stage, proof.worker)?.outDigest === proof.outDigest) this.#keep(proof, []);
  }
}

const isFirst = (proof: HeldProof, signer: Hex | null): boolean => signer !== null && same(proof.worker, signer);
