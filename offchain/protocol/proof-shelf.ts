// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex } from "../core/bytes.ts";
import { stageInDigest } from "../core/digest.ts";
import { isAssayError } from "../core/errors.ts";
import type { StageInfo, StageProof } from "../core/types.ts";
import { decodeProofEvidence } from "../core/zk/evidence.ts";
import { weightsOf } from "../core/verify-proven.ts";
import { verifyStageProof } from "../core/zk/verify-proof.ts";
import { openKey, type VerifyingKey } from "../core/zk/verifying-key.ts";
import type { Hex } from "./ports.ts";
import type { HeldProof } from "./seat-codec.ts";
import type { SessionState } from "./session-state.ts";

const same = (a: Hex, b: Hex): boolean => a.toLowerCase() === b.toLowerCase();

/**
 * Proofs of one job's stages that this worker holds. Those of others come from anyone who claims to be a candidate: they are checked,
 * some 60 ms each, when a chain of proofs is put together, and only one a stage and candidate is kept.
 */
export class ProofShelf {
  readonly #state: SessionState;
  /** By stage, worker and input: whether the held proof holds. */
  readonly #verdicts = new Map<string, boolean>();
  /** Whoever sent a false proof of a stage is not heard on it again. */
  readonly #liars = new Set<string>();
  readonly #keys = new Map<Hex, VerifyingKey>();

  constructor(state: SessionState) {
    this.#state = state;
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

  /** Journalled before it counts. False if this stage's proof of that worker is here already, or it lied before. */
  add(proof: HeldProof): boolean {
    const { stage, worker } = proof;
    if (this.of(stage, worker) !== null || this.#liars.has(`${stage}/${worker.toLowerCase()}`)) return false;
    this.#state.saveMemory({ proofs: [...this.all, proof] });
    return true;
  }

  /**
   * Proofs of consecutive stages from the chain's current one on, each over what the one before it proved; as far as they are held.
   * `assigned`: signers that the client chose, one a stage; of several proofs theirs go first. Error: RPC_UNAVAILABLE.
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
    const name = `${proof.stage}/${proof.worker.toLowerCase()}/${inDigest}`;
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
    try {
      verifyStageProof({
        key,
        claim: { jobId, stage, inDigest, outDigest, worker },
        domain: modules.chain.domainSeparator,
        evidence: decodeProofEvidence(fromHex(evidence)),
        producers: info.producers,
        weights: weightsOf(info),
      });
      return true;
    } catch (error) {
      if (!isAssayError(error)) throw error;
      modules.logger.warn("proof.false", { stage, worker, code: error.code });
      return false;
    }
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

  #drop({ stage, worker }: HeldProof): void {
    // An own proof was verified when it was made: it waits for the right input.
    if (same(worker, this.#state.modules.keys.operator.address)) return;
    this.#liars.add(`${stage}/${worker.toLowerCase()}`);
    this.#state.saveMemory({ proofs: this.all.filter((one) => one.stage !== stage || !same(one.worker, worker)) });
  }
}

const isFirst = (proof: HeldProof, signer: Hex | null): boolean => signer !== null && same(proof.worker, signer);
