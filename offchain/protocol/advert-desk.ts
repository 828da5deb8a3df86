// SPDX-License-Identifier: GPL-3.0-or-later
import { advertStatement, encodeAdvert } from "../core/advert.ts";
import { concatBytes, toHex } from "../core/bytes.ts";
import { isAssayError } from "../core/errors.ts";
import { ProtocolError } from "./errors.ts";
import type { Hex, ProtocolModules } from "./ports.ts";
import type { StageWork } from "./stage-work.ts";

const MODEL_ID_BYTES = 32;

/**
 * Serves `/assay/advert/1`: measured times for one hosted model, signed by the transport key. A model that this worker never ran is run
 * once, on zeros, one model after the other: who asks can cause no more work than one run of each hosted stage. Proofs are not made for
 * adverts. Errors: ADVERT_REFUSED.
 */
export class AdvertDesk {
  readonly #modules: ProtocolModules;
  readonly #work: StageWork;
  readonly #calibrated = new Map<Hex, Promise<void>>();
  #last: Promise<void> = Promise.resolve();

  constructor(modules: ProtocolModules, work: StageWork) {
    this.#modules = modules;
    this.#work = work;
  }

  async serve(request: Uint8Array): Promise<Uint8Array> {
    if (request.length !== MODEL_ID_BYTES) throw new ProtocolError("ADVERT_REFUSED", { reason: "it names no model" });
    const modelId = toHex(request);
    const { chain, keys, models } = this.#modules;
    if (!models.has(modelId)) throw new ProtocolError("ADVERT_REFUSED", { reason: "the model is not hosted here" });
    if (!this.#work.times.has(modelId)) await this.#calibrate(modelId);
    const bytes = encodeAdvert({
      chainId: chain.chainId,
      hub: chain.hub,
      modelId,
      time: BigInt(Math.floor(chain.now())),
      load: this.#work.load,
      capacity: this.#work.capacity,
      entries: this.#work.times.entries(modelId),
    });
    return concatBytes(bytes, keys.transport.sign(advertStatement(bytes)));
  }

  /** Once a model and process, also where it fails. */
  async #calibrate(modelId: Hex): Promise<void> {
    const known = this.#calibrated.get(modelId);
    if (known !== undefined) return known;
    const running = this.#last.then(async () => this.#runOnce(modelId));
    this.#calibrated.set(modelId, running);
    this.#last = running;
    return running;
  }

  async #runOnce(modelId: Hex): Promise<void> {
    const { models, clock, logger, signal } = this.#modules;
    try {
      for (const stage of (models.table(modelId) ?? []).keys()) {
        const inputs = await models.sample?.(modelId, stage);
        const runner = inputs === undefined || inputs === null ? null : await models.stage(modelId, stage);
        if (inputs === undefined || inputs === null || runner === null) continue;
        // The first run loads and warms up; the second is what a job meets.
        await runner.run(inputs, signal);
        const started = clock.monotonicMs();
        await runner.run(inputs, signal);
        this.#work.times.record(modelId, stage, "run", clock.monotonicMs() - started);
      }
    } catch (error) {
      if (!isAssayError(error)) throw error;
      logger.warn("advert.not-calibrated", { model: modelId, error });
    }
  }
}
