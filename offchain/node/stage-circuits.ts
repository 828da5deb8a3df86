// SPDX-License-Identifier: GPL-3.0-or-later
import type { Logger } from "../core/ports/logger.ts";
import type { Program } from "../core/program/types.ts";
import { KIND_PUBLIC, KIND_SALTED, PRODUCER_INPUT, ZERO_BYTES32, type StageInfo } from "../core/types.ts";
import type { BoundaryKind, CircuitOptions } from "../engines/zk/circuit/types.ts";
import type { StageKeys } from "../engines/zk/keys/key-store.ts";
import type { Hex } from "../protocol/ports.ts";
import { NodeError } from "./errors.ts";

export const LOCAL_CHAIN = 31_337n;

/** The models of this worker, as its prover sees them. */
export interface ProgramSource {
  readonly modelIds?: readonly Hex[];
  table(modelId: Hex): readonly StageInfo[] | null;
  /** Null for unknown models and stages. */
  program(modelId: Hex, stage: number): Promise<Program | null>;
  /** Where the model lies; null where it lies in no folder. */
  folder?(modelId: Hex): string | null;
  /** Where a job's stage stands in the manifest, whose numbers files have; where it says nothing, at its own number. */
  place?(modelId: Hex, stage: number): number | null;
}

export interface StageCircuitsOptions {
  /** Keys from ceremonies, a folder each. */
  readonly keyFolder: string;
  /** Compiled gadgets, verified ceremonies, and development keys on the local chain. */
  readonly cacheFolder: string;
  readonly chainId: bigint;
}

/** Whether the stage's weights are committed to instead of being constants of its key. */
export const isCommitted = ({ weightsX, weightsY }: StageInfo): boolean =>
  weightsX !== ZERO_BYTES32 || weightsY !== ZERO_BYTES32;

const kindName = (kind: number | undefined): BoundaryKind | null =>
  kind === KIND_PUBLIC ? "PUBLIC" : kind === KIND_SALTED ? "SALTED" : null;

/** Digest kinds of a stage's inputs, each as its producer makes it, and of its output; null where a boundary cannot be proven. */
export function boundaryKinds(table: readonly StageInfo[], stage: number) {
  const info = table[stage];
  const inKinds = info?.producers.map((producer) =>
    kindName(producer === PRODUCER_INPUT ? info.inKind : table[producer]?.outKind),
  );
  const outKind = kindName(info?.outKind);
  const known = inKinds?.flatMap((kind) => (kind === null ? [] : [kind])) ?? [];
  return outKind === null || known.length !== inKinds?.length ? null : { inKinds: known, outKind };
}

/** Circuits and keys of this worker's stages: compiled and looked up when first asked for, on the local chain made when missing. */
export class StageCircuits {
  readonly #options: StageCircuitsOptions;
  readonly #programs: ProgramSource;
  readonly #logger: Logger;
  readonly #stages = new Map<string, Promise<StageKeys>>();

  constructor(options: StageCircuitsOptions, modules: { readonly programs: ProgramSource; readonly logger: Logger }) {
    this.#options = options;
    this.#programs = modules.programs;
    this.#logger = modules.logger;
  }

  /** Circuit and key of a stage, as its table names them. Errors: PROOF_IMPOSSIBLE, KEY_MISSING, KEY_DEVELOPMENT, the compiler's. */
  keysOf(modelId: Hex, stage: number): Promise<StageKeys> {
    const name = `${modelId}/${stage}`;
    const known = this.#stages.get(name);
    if (known !== undefined) return known;
    const keys = this.#find(modelId, stage);
    this.#stages.set(name, keys);
    keys.catch(() => this.#stages.delete(name));
    return keys;
  }

  async #find(modelId: Hex, stage: number): Promise<StageKeys> {
    const impossible = (reason: string) => new NodeError("PROOF_IMPOSSIBLE", { model: modelId, stage, reason });
    const table = this.#programs.table(modelId);
    const info = table?.[stage];
    const kinds = table === null ? null : boundaryKinds(table, stage);
    const program = await this.#programs.program(modelId, stage);
    if (kinds === null || program === null || info === undefined) throw impossible("its boundaries have no proofs");
    const started = performance.now();
    const { KeyStore } = await import("../engines/zk/keys/key-store.ts");
    const store = new KeyStore(this.#options);
    const options: CircuitOptions = { weights: isCommitted(info) ? "private" : "public", ...kinds };
    const found = await store.ofStage(program, options, info.keyId, {
      onWarning: () => this.#logger.warn("proof.development-key", { model: modelId, stage }),
    });
    const durationMs = Math.round(performance.now() - started);
    this.#logger.info("proof.key-ready", {
      model: modelId,
      stage,
      durationMs,
      count: found.circuit.report.constraints,
    });
    return found;
  }
}
