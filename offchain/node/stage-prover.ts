// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import type { Logger } from "../core/ports/logger.ts";
import type { Program } from "../core/program/types.ts";
import {
  KIND_PUBLIC,
  KIND_SALTED,
  PLACE_NETWORK,
  PRODUCER_INPUT,
  ZERO_BYTES32,
  type StageInfo,
} from "../core/types.ts";
import { encodeProofEvidence } from "../core/zk/evidence.ts";
import type { BoundaryKind } from "../engines/zk/circuit/types.ts";
import type { StageKeys } from "../engines/zk/keys/key-store.ts";
import type { ProverService } from "../engines/zk/service/prover-service.ts";
import type { Hex, ProofPort, ProofTask } from "../protocol/ports.ts";
import { NodeError } from "./errors.ts";

export interface StageProverOptions {
  /** Keys from ceremonies, a folder each. */
  readonly keyFolder: string;
  /** Compiled gadgets, and development keys on the local chain. */
  readonly cacheFolder: string;
  readonly chainId: bigint;
  /** Of all warm keys together, and of one proof. */
  readonly memoryMiB: number;
  readonly threads: number;
  /** Proofs waiting and under way; more are left to other candidates. */
  readonly maxLoad: number;
}

/** The models of this worker, as a prover sees them. */
export interface ProgramSource {
  table(modelId: Hex): readonly StageInfo[] | null;
  /** Null for unknown models and stages. */
  program(modelId: Hex, stage: number): Promise<Program | null>;
}

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

/**
 * `ProofPort` over the prover service. Circuits are compiled and keys looked up when a stage's first proof is asked for; on the local
 * chain a missing development key is made. Stages with committed weights are left to who holds their opening.
 */
export class StageProver implements ProofPort {
  readonly name = "snarkjs";
  readonly maxLoad: number;
  readonly #options: StageProverOptions;
  readonly #programs: ProgramSource;
  readonly #logger: Logger;
  readonly #stages = new Map<string, Promise<StageKeys>>();
  #service: Promise<ProverService> | null = null;
  #load = 0;

  constructor(options: StageProverOptions, modules: { readonly programs: ProgramSource; readonly logger: Logger }) {
    this.#options = options;
    this.#programs = modules.programs;
    this.#logger = modules.logger;
    this.maxLoad = options.maxLoad;
  }

  get load(): number {
    return this.#load;
  }

  canProve(modelId: Hex, stage: number): boolean {
    const table = this.#programs.table(modelId);
    const info = table?.[stage];
    if (table === null || info === undefined || info.place !== PLACE_NETWORK || info.keyId === ZERO_BYTES32)
      return false;
    const isPrivate = info.weightsX !== ZERO_BYTES32 || info.weightsY !== ZERO_BYTES32;
    return !isPrivate && boundaryKinds(table, stage) !== null;
  }

  /** Errors: PROOF_IMPOSSIBLE; those of the compiler, the key store and `ProverService.proveStage`. */
  async prove(task: ProofTask): Promise<Uint8Array> {
    const { modelId, stage, claim, domain, inputs, salts, deadlineMs, signal } = task;
    this.#load += 1;
    try {
      const { circuit, files } = await this.keysOf(modelId, stage);
      signal.throwIfAborted();
      const producers = this.#programs.table(modelId)?.[stage]?.producers ?? [];
      const service = await this.#open();
      const { evidence } = await service.proveStage({
        circuit,
        keys: files,
        inputs,
        salts,
        claim,
        domain,
        producers,
        deadlineMs,
        signal,
      });
      return encodeProofEvidence(evidence);
    } finally {
      this.#load -= 1;
    }
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
    const kinds = table === null ? null : boundaryKinds(table, stage);
    const program = await this.#programs.program(modelId, stage);
    const keyId = table?.[stage]?.keyId;
    if (kinds === null || program === null || keyId === undefined) throw impossible("its boundaries have no proofs");
    const started = performance.now();
    const { KeyStore } = await import("../engines/zk/keys/key-store.ts");
    const { keyFolder, cacheFolder, chainId } = this.#options;
    const store = new KeyStore({ keyFolder, cacheFolder, chainId });
    const circuit = await store.compile(program, { weights: "public", ...kinds });
    const found = await store.find(circuit, keyId).catch(async (error: unknown) => {
      if (chainId !== LOCAL_CHAIN) throw error;
      const made = await store.ensureDevelopmentKeys(circuit, {
        onWarning: () => this.#logger.warn("proof.development-key", { model: modelId, stage }),
      });
      if (made.key.keyId !== keyId) throw error;
      return made;
    });
    const durationMs = Math.round(performance.now() - started);
    this.#logger.info("proof.key-ready", { model: modelId, stage, durationMs, count: circuit.report.constraints });
    return found;
  }

  #open(): Promise<ProverService> {
    this.#service ??= (async () => {
      const [{ ProverService: Service }, { SnarkjsProver }] = await Promise.all([
        import("../engines/zk/service/prover-service.ts"),
        import("../engines/zk/prover/snarkjs-prover.ts"),
      ]);
      const { memoryMiB, threads } = this.#options;
      return new Service(new SnarkjsProver(), { memoryMiB, threads });
    })();
    return this.#service;
  }

  async close(): Promise<void> {
    await (await this.#service)?.close();
  }
}

const LOCAL_CHAIN = 31_337n;
/** Where development keys and compiled gadgets lie, unless configured. */
export const cacheFolderIn = (storeFolder: string): string => join(storeFolder, "zk-cache");
