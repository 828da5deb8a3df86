// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import { KIND_PUBLIC, PLACE_NETWORK, ZERO_BYTES32, type StageInfo } from "../core/types.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { Hex } from "../protocol/ports.ts";
import { CeremonyCheck, type CeremonyCheckOptions, type CeremonyState } from "./ceremony-check.ts";
import type { NodeConfig } from "./settings.ts";
import { boundaryKinds, isCommitted, LOCAL_CHAIN, StageCircuits, type ProgramSource } from "./stage-circuits.ts";
import { WeightsCheck, type WeightsCheckOptions } from "./weights-check.ts";

export interface KeyChecksOptions extends CeremonyCheckOptions, WeightsCheckOptions {
  /** Abstain from votes that a key may overrule whose ceremony was not verified here. */
  readonly requireVerified?: boolean;
}

export interface KeyedStage {
  readonly modelId: Hex;
  readonly stage: number;
  readonly info: StageInfo;
}

/** From a worker's settings. */
export const keyCheckOptions = ({ chain, prove }: NodeConfig): KeyChecksOptions => ({
  keyFolder: prove.keys,
  cacheFolder: prove.cache,
  chainId: BigInt(chain.id),
  openingsFolder: prove.openings,
  phase1Folder: prove.phase1,
  requireVerified: prove.requireVerified,
  prover: prove.prover,
  memoryMiB: prove.memoryMiB,
  threads: prove.threads,
});

const PROVABLE: readonly CeremonyState[] = ["verified", "unverified"];

/** What this worker may do with a stage, after looking at its key and its committed weights. */
export class KeyChecks {
  readonly circuits: StageCircuits;
  readonly weights: WeightsCheck;
  readonly ceremonies: CeremonyCheck;
  readonly #isLocal: boolean;
  readonly #requireVerified: boolean;
  readonly #programs: ProgramSource;
  #background: Promise<void> = Promise.resolve();

  constructor(options: KeyChecksOptions, modules: { readonly programs: ProgramSource; readonly logger: Logger }) {
    this.#isLocal = options.chainId === LOCAL_CHAIN;
    this.#requireVerified = options.requireVerified === true;
    this.#programs = modules.programs;
    this.circuits = new StageCircuits(options, modules);
    const parts = { ...modules, circuits: this.circuits };
    this.weights = new WeightsCheck(options, parts);
    this.ceremonies = new CeremonyCheck(options, parts);
  }

  /**
   * Opens every commitment and looks for every key, then goes on to verify ceremonies on its own. Until then stages that need it are
   * neither proven nor voted on. Never rejects.
   */
  async prepare(): Promise<void> {
    const stages = this.keyed();
    for (const { modelId, stage, info } of stages) {
      await this.ceremonies.look(modelId, stage);
      if (isCommitted(info)) await this.weights.check(modelId, stage);
    }
    this.#background = (async () => {
      for (const { modelId, stage } of stages) await this.ceremonies.verify(modelId, stage);
    })();
  }

  /** When all ceremonies are verified that can be. */
  get settled(): Promise<void> {
    return this.#background;
  }

  /** The stage's entry if proofs of it can exist. */
  #provable(modelId: Hex, stage: number): StageInfo | null {
    const table = this.#programs.table(modelId);
    const info = table?.[stage];
    if (table === null || info === undefined || info.place !== PLACE_NETWORK || info.keyId === ZERO_BYTES32)
      return null;
    return boundaryKinds(table, stage) === null ? null : info;
  }

  /** All stages of this worker's models of which there can be proofs. */
  keyed(): readonly KeyedStage[] {
    return (this.#programs.modelIds ?? []).flatMap((modelId) =>
      (this.#programs.table(modelId) ?? []).flatMap((_, stage) => {
        const info = this.#provable(modelId, stage);
        return info === null ? [] : [{ modelId, stage, info }];
      }),
    );
  }

  /** Cheap; what is not known yet is looked for, and refused meanwhile. */
  mayProve(modelId: Hex, stage: number): boolean {
    const info = this.#provable(modelId, stage);
    if (info === null) return false;
    const state = this.ceremonies.known(modelId, stage)?.state;
    const hasKey = this.#isLocal
      ? state !== "refused" && state !== "waiting"
      : state !== undefined && PROVABLE.includes(state);
    return hasKey && (!isCommitted(info) || this.weights.known(modelId, stage)?.state === "opened");
  }

  /** Courts hear proofs under ceremony keys, and on the local chain under any. */
  mayJudge(modelId: Hex, stage: number): boolean {
    const state = this.ceremonies.known(modelId, stage)?.state;
    const isTrusted = state === "verified" || (this.#isLocal && (state === undefined || state === "development"));
    return isTrusted && this.mayProve(modelId, stage);
  }

  /**
   * Whether an honest answer to the stage is safe from a proof that this worker would not believe. Error: STAGE_REFUSED, upon which its
   * seat abstains.
   */
  async assertMayVote(modelId: Hex, stage: number): Promise<void> {
    const info = this.#provable(modelId, stage);
    if (info === null) return;
    const refuse = (reason: string) => new ProtocolError("STAGE_REFUSED", { model: modelId, stage, reason });
    // Of a SALTED output no proof overrules a vote.
    const isJudged = info.outKind === KIND_PUBLIC;
    if (isCommitted(info)) {
      const { state } = await this.weights.check(modelId, stage);
      if (state === "refused") throw refuse("its committed weights are not the ones that this worker has");
      if (state === "unknown" && isJudged) throw refuse("its committed weights could not be checked");
    }
    if (!isJudged) return;
    const { state } = this.ceremonies.known(modelId, stage) ?? (await this.ceremonies.look(modelId, stage));
    if (state === "refused") throw refuse("its key must not be believed");
    if (state === "missing") throw refuse("its key is not among this worker's");
    // A key from here that another model's program belongs to would prove that program's answers to these inputs.
    if (!this.#isLocal && state !== "development")
      await this.circuits.keysOf(modelId, stage).catch((error: unknown) => {
        throw isAssayError(error) ? refuse("its key is not seen to be of its program") : error;
      });
    if (this.#requireVerified && state !== "verified" && state !== "development")
      throw refuse("the ceremony of its key was not verified here");
  }

  close(): void {
    this.ceremonies.close();
  }
}
