// SPDX-License-Identifier: GPL-3.0-or-later
import { hasCode } from "../core/errors.ts";
import type { ManifestFile } from "../core/manifest.ts";
import type { Logger } from "../core/ports/logger.ts";
import { ProgramError } from "../core/program/errors.ts";
import { ciphertextTensor, tensorCiphertext } from "../core/she/ciphertext-tensor.ts";
import { cipherDigest } from "../core/she/digest.ts";
import { decodeSheObject } from "../core/she/object.ts";
import type { CipherModel } from "../engines/she/client/cipher-model.ts";
import { innerFolders } from "../engines/she/model/folders.ts";
import type { CipherSeat } from "../engines/she/seat/cipher-seat.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { Hex, StageRunner } from "../protocol/ports.ts";

interface Held {
  readonly folder: string;
  readonly model: CipherModel;
}

/** What an input can be that its digest names rightly: no honest seat evaluates it. */
const INPUT_FAILURES = ["BYTES_REFUSED", "PROFILE_UNKNOWN", "LEVEL_MISMATCH", "KEY_MISSING"] as const;

/**
 * Models over ciphertexts in folders. At start a model's SHE program is checked against its manifest; a stage's weights are read, its facts
 * made again and compared, and its threads begun when its first job comes.
 */
export class CipherShelf {
  readonly #logger: Logger;
  readonly #models = new Map<Hex, Held>();
  readonly #seats = new Map<string, Promise<CipherSeat>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * Takes a folder that is a model over ciphertexts, or has some beside its own: `cipher`, or the steps `refresh/0`, `refresh/1` and so
   * on. Returns them; none where it is neither. Errors: those of `loadCipherModel`.
   */
  async add(
    folder: string,
    file: ManifestFile,
  ): Promise<readonly { readonly folder: string; readonly file: ManifestFile }[]> {
    const own = file.tools.cipher === undefined ? innerFolders(folder) : [folder];
    if (own.length === 0) return [];
    const { loadCipherModel } = await import("../engines/she/model/load-cipher-model.ts");
    const added: { readonly folder: string; readonly file: ManifestFile }[] = [];
    for (const inner of own) {
      const model = await loadCipherModel(inner);
      this.#models.set(model.manifest.modelId, { folder: inner, model });
      added.push({ folder: inner, file: model.manifest });
    }
    return added;
  }

  has(modelId: Hex): boolean {
    return this.#models.has(modelId);
  }

  /** A stage for votes; null for unknown models and stages. Errors: STAGE_REFUSED for facts that are not the manifest's, FILE_MISSING. */
  async stage(modelId: Hex, stage: number): Promise<StageRunner | null> {
    const held = this.#models.get(modelId);
    const own = held?.model.program.plan.stages[stage];
    if (held === undefined || own === undefined) return null;
    const seat = await this.#open(modelId, held, stage);
    const { nodeHashes } = await import("../engines/she/node-hashes.ts");
    const { degree } = held.model.program.plan.profile;
    return {
      maxInputBytes: 128 + 8 * own.levelIn * degree,
      checkKeys: async (keys) => seat.checkKeys(keys),
      run: async ([tensor], _signal, keys) => {
        const wrong = (actual: string) =>
          new ProgramError("INPUT_SHAPE", { input: 0, expected: "a ciphertext of the stage, with its keys", actual });
        if (tensor === undefined || keys === undefined) throw wrong("none");
        try {
          const input = tensorCiphertext(tensor);
          // That it is the job's was asked by the same digest.
          const inDigest = cipherDigest(decodeSheObject(input, nodeHashes), nodeHashes);
          const { output } = await seat.evaluate({ ...keys, inDigest, input });
          return { output: ciphertextTensor(output), probe: null };
        } catch (error) {
          if (INPUT_FAILURES.some((code) => hasCode(error, code))) throw wrong("another");
          // Its threads are gone: the next job begins others.
          if (hasCode(error, "WORKER_FAILED")) this.#seats.delete(`${modelId}/${stage}`);
          throw error;
        }
      },
    };
  }

  /** The seat itself, which makes traces; null for unknown models and stages. Errors: as `stage`. */
  async seat(modelId: Hex, stage: number): Promise<CipherSeat | null> {
    const held = this.#models.get(modelId);
    return held?.model.program.plan.stages[stage] === undefined ? null : this.#open(modelId, held, stage);
  }

  #open(modelId: Hex, { folder, model }: Held, stage: number): Promise<CipherSeat> {
    const name = `${modelId}/${stage}`;
    const known = this.#seats.get(name);
    if (known !== undefined) return known;
    const opened = this.#start(modelId, folder, model, stage);
    this.#seats.set(name, opened);
    opened.catch(() => this.#seats.delete(name));
    return opened;
  }

  async #start(modelId: Hex, folder: string, model: CipherModel, stage: number): Promise<CipherSeat> {
    const started = performance.now();
    const { openCipherSeat } = await import("../engines/she/model/load-cipher-model.ts");
    try {
      const seat = await openCipherSeat(folder, model, stage);
      this.#logger.info("model.loaded", { model: modelId, stage, durationMs: Math.round(performance.now() - started) });
      return seat;
    } catch (cause) {
      if (!hasCode(cause, "STAGE_DIFFERS") && !hasCode(cause, "BYTES_REFUSED")) throw cause;
      const reason = "its facts are not what its plan and weights give";
      throw new ProtocolError("STAGE_REFUSED", { model: modelId, stage, reason }, { cause });
    }
  }

  async close(): Promise<void> {
    const seats = await Promise.allSettled(this.#seats.values());
    await Promise.all(seats.map(async (seat) => (seat.status === "fulfilled" ? seat.value.close() : undefined)));
  }
}
