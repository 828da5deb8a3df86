// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex } from "../core/bytes.ts";
import type { CryptoPort } from "../core/crypto-port.ts";
import { hasCode, isAssayError } from "../core/errors.ts";
import type { Clock } from "../core/ports/clock.ts";
import type { KeyRing } from "../core/ports/keys.ts";
import type { Logger } from "../core/ports/logger.ts";
import {
  decodeLinearCall,
  linearRequestDigest,
  MAX_REQUEST_LIFE,
  openLinearRequest,
  sealLinearAnswer,
  type LinearCheckAnswer,
  type LinearCheckRequest,
  type SentLinearRequest,
} from "../core/zk/linear-check-wire.ts";
import type { Hex } from "../protocol/ports.ts";
import { NodeError } from "./errors.ts";

/** What proves for the desk: books what it is about to tell, then proves, in its turn behind jobs. */
export interface LinearProver {
  readonly load: number;
  readonly maxLoad: number;
  /** Whether this worker has the weights of the stage and what opens their commitment. */
  offersChecks(modelId: Hex, stage: number): boolean;
  proveCheck(request: LinearCheckRequest, signal: AbortSignal): Promise<LinearCheckAnswer>;
}

export interface LinearCheckDeskOptions {
  /** `domainSeparator` of chain and hub. */
  readonly domain: Hex;
  /** Addresses that may ask. */
  readonly clients: readonly Hex[];
}

export interface LinearCheckDeskModules {
  readonly prover: LinearProver;
  readonly keys: Pick<KeyRing, "sealKeys">;
  readonly crypto: CryptoPort;
  readonly clock: Pick<Clock, "nowMs">;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Answers kept for one client until their requests' deadlines. */
const MAX_KEPT = 4;

interface Kept {
  readonly client: Hex;
  readonly deadlineMs: number;
  readonly answer: Promise<Uint8Array>;
  isDone: boolean;
}

/**
 * Serves `/assay/linear-check/1` for a model's owner: clients that it knows get checks of private weights, as many as its ledger allows.
 * One proof a client at a time. A request that comes again before its deadline, from whomever, gets the same answer, which only its
 * client can open; later it is stale. So a copy of a request costs its owner nothing and tells nobody anything.
 */
export class LinearCheckDesk {
  readonly #domain: Hex;
  readonly #clients: ReadonlySet<string>;
  readonly #modules: LinearCheckDeskModules;
  /** By the signed digest. */
  readonly #kept = new Map<string, Kept>();

  constructor({ domain, clients }: LinearCheckDeskOptions, modules: LinearCheckDeskModules) {
    this.#domain = domain;
    this.#clients = new Set(clients.map((client) => client.toLowerCase()));
    this.#modules = modules;
  }

  /**
   * Errors: LINEAR_CHECK_UNKNOWN, LINEAR_CHECK_STRANGER, LINEAR_CHECK_STALE, LINEAR_CHECK_BUSY, those of `decodeLinearCall`,
   * `openLinearRequest` and `proveLinearCheck`.
   */
  async answer(bytes: Uint8Array): Promise<Uint8Array> {
    const { modelId, stage, sealed } = decodeLinearCall(bytes);
    const { prover, clock } = this.#modules;
    if (!prover.offersChecks(modelId, stage)) throw new NodeError("LINEAR_CHECK_UNKNOWN", { model: modelId, stage });
    const request = this.#open({ modelId, stage }, sealed);
    const { client } = request.scope;
    if (!this.#clients.has(client)) throw new NodeError("LINEAR_CHECK_STRANGER", { client });
    const nowMs = clock.nowMs();
    const leftMs = Number(request.deadline) * 1_000 - nowMs;
    if (leftMs <= 0 || leftMs > MAX_REQUEST_LIFE * 1_000)
      throw new NodeError("LINEAR_CHECK_STALE", { seconds: Math.round(leftMs / 1_000), most: MAX_REQUEST_LIFE });
    for (const [id, { deadlineMs, isDone }] of this.#kept) if (isDone && deadlineMs <= nowMs) this.#kept.delete(id);
    const id = toHex(linearRequestDigest(this.#domain, request));
    const known = this.#kept.get(id);
    if (known !== undefined) return known.answer;
    const own = [...this.#kept.values()].filter((kept) => kept.client === client);
    if (own.length >= MAX_KEPT || own.some(({ isDone }) => !isDone) || prover.load >= prover.maxLoad)
      throw new NodeError("LINEAR_CHECK_BUSY", { client });
    const kept: Kept = { client, deadlineMs: nowMs + leftMs, answer: this.#prove(request, leftMs), isDone: false };
    this.#kept.set(id, kept);
    try {
      return await kept.answer;
    } catch (error) {
      // Nothing to give again: what was booked is free under the same seed.
      this.#kept.delete(id);
      throw error;
    } finally {
      kept.isDone = true;
    }
  }

  #open(place: { readonly modelId: Hex; readonly stage: number }, sealed: Uint8Array): SentLinearRequest {
    const { keys, crypto } = this.#modules;
    let failure: unknown = null;
    // Newest first; an older key may still have been the published one when the client sealed.
    for (const key of keys.sealKeys) {
      try {
        return key.use((privateKey) =>
          openLinearRequest(crypto, sealed, { ...place, domain: this.#domain, privateKey }),
        );
      } catch (error) {
        if (!hasCode(error, "SEALED_NOT_FOR_US")) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** Goes on when the caller has left: its answer waits for it. */
  async #prove(request: SentLinearRequest, leftMs: number): Promise<Uint8Array> {
    const { prover, crypto, logger, signal } = this.#modules;
    const { modelId: model, stage, client } = request.scope;
    const started = performance.now();
    try {
      const answer = await prover.proveCheck(request, AbortSignal.any([signal, AbortSignal.timeout(leftMs)]));
      const durationMs = Math.round(performance.now() - started);
      logger.info("linear-check.proven", { model, stage, peer: client, durationMs });
      return sealLinearAnswer(crypto, answer, { domain: this.#domain, request });
    } catch (error) {
      const code = isAssayError(error) ? { code: error.code } : {};
      logger.warn("linear-check.refused", { model, stage, peer: client, ...code });
      throw error;
    }
  }
}
