// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import type { AssayError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import { encodeProofEvidence } from "../core/zk/evidence.ts";
import type { LinearCheckAnswer, LinearCheckRequest } from "../core/zk/linear-check-wire.ts";
import type { StageProof } from "../core/zk/verify-proof.ts";
import type { StageKeys } from "../engines/zk/keys/key-store.ts";
import { chooseProver, type ChosenProver } from "../engines/zk/prover/choose-prover.ts";
import type { Prover } from "../engines/zk/prover/prover.ts";
import type { CheckRequest, ProverService } from "../engines/zk/service/prover-service.ts";
import type { Hex, ProofPort, ProofTask } from "../protocol/ports.ts";
import { NodeError } from "./errors.ts";
import { KeyChecks, type KeyChecksOptions } from "./key-checks.ts";
import { isCommitted, type ProgramSource } from "./stage-circuits.ts";

export interface StageProverOptions extends KeyChecksOptions {
  /** Proofs waiting and under way; more are left to other candidates. */
  readonly maxLoad: number;
}

/**
 * `ProofPort` over the prover service. Circuits are compiled and keys looked up when a stage's first proof is asked for; on the local
 * chain a missing development key is made. Stages with committed weights are proven with their opening, once it was seen to open them.
 */
export class StageProver implements ProofPort {
  readonly name: Prover["name"];
  readonly maxLoad: number;
  readonly #chosen: ChosenProver;
  readonly #options: StageProverOptions;
  readonly #programs: ProgramSource;
  readonly #checks: KeyChecks;
  #service: Promise<ProverService> | null = null;
  #load = 0;

  /** `checks`: shared with the shelf that votes; its own otherwise. Error: NATIVE_MISSING. */
  constructor(
    options: StageProverOptions,
    modules: { readonly programs: ProgramSource; readonly logger: Logger; readonly checks?: KeyChecks },
  ) {
    this.#options = options;
    this.#chosen = chooseProver(options.prover);
    this.name = this.#chosen.name;
    this.#programs = modules.programs;
    this.#checks = modules.checks ?? new KeyChecks(options, modules);
    this.maxLoad = options.maxLoad;
  }

  get load(): number {
    return this.#load;
  }

  canProve(modelId: Hex, stage: number): boolean {
    return this.#checks.mayProve(modelId, stage);
  }

  mayJudge(modelId: Hex, stage: number): boolean {
    return this.#checks.mayJudge(modelId, stage);
  }

  /** See `KeyChecks.prepare`. */
  prepare(): Promise<void> {
    return this.#checks.prepare();
  }

  /** Errors: PROOF_IMPOSSIBLE; those of the compiler, the key store, the check of weights and `ProverService.proveStage`. */
  async prove(task: ProofTask): Promise<Uint8Array> {
    const { modelId, stage, claim, domain, inputs, salts, deadlineMs, signal } = task;
    this.#load += 1;
    try {
      const info = this.#programs.table(modelId)?.[stage];
      if (info === undefined)
        throw new NodeError("PROOF_IMPOSSIBLE", { model: modelId, stage, reason: "it is unknown" });
      const weights = isCommitted(info) ? await this.#checks.weights.check(modelId, stage) : undefined;
      if (weights !== undefined && weights.opening === undefined) throw weights.error;
      const { circuit, files } = await this.keysOf(modelId, stage);
      signal.throwIfAborted();
      const { producers } = info;
      const service = await this.#open();
      const { evidence } = await service.proveStage({
        circuit,
        keys: files,
        inputs,
        salts,
        claim,
        domain,
        producers,
        weights: weights?.opening,
        deadlineMs,
        signal,
      });
      return encodeProofEvidence(evidence);
    } finally {
      this.#load -= 1;
    }
  }

  /** Whether this worker has the weights of the stage and what opens their commitment. */
  offersChecks(modelId: Hex, stage: number): boolean {
    const info = this.#programs.table(modelId)?.[stage];
    return info !== undefined && isCommitted(info) && this.canProve(modelId, stage);
  }

  /**
   * A linear check of private weights, booked before it is proven. Errors: those of the check of weights, of the key store and of
   * `proveLinearCheck`.
   */
  async proveCheck(
    request: LinearCheckRequest,
    { signal, ...owner }: Pick<CheckRequest, "domain" | "ledger" | "allowance" | "signal">,
  ): Promise<LinearCheckAnswer> {
    const { modelId, stage } = request.scope;
    this.#load += 1;
    try {
      const { opening, error } = await this.#checks.weights.check(modelId, stage);
      if (opening === undefined) throw error;
      const { circuit, files: keys } = await this.keysOf(modelId, stage);
      const service = await this.#open();
      return await service.proveCheck({ ...owner, circuit, keys, weights: opening, request, signal });
    } finally {
      this.#load -= 1;
    }
  }

  async judge(proof: StageProof): Promise<AssayError | undefined> {
    return (await this.#open()).judge(proof);
  }

  /** Circuit and key of a stage, as its table names them. Errors: PROOF_IMPOSSIBLE, KEY_MISSING, KEY_DEVELOPMENT, the compiler's. */
  keysOf(modelId: Hex, stage: number): Promise<StageKeys> {
    return this.#checks.circuits.keysOf(modelId, stage);
  }

  #open(): Promise<ProverService> {
    this.#service ??= (async () => {
      const [{ ProverService: Service }, { choosePairing }, made] = await Promise.all([
        import("../engines/zk/service/prover-service.ts"),
        import("../engines/zk/verify/choose-pairing.ts"),
        this.#chosen.make(),
      ]);
      const { memoryMiB, threads, prover } = this.#options;
      return new Service(made, { memoryMiB, threads, pairing: choosePairing(prover) });
    })();
    return this.#service;
  }

  async close(): Promise<void> {
    this.#checks.close();
    await (await this.#service)?.close();
  }
}

/** Where development keys and compiled gadgets lie, unless configured. */
export const cacheFolderIn = (storeFolder: string): string => join(storeFolder, "zk-cache");
