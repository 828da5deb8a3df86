// SPDX-License-Identifier: GPL-3.0-or-later
import { getBeaconChain } from "../../adapters/chain/actions/get-beacon-chain.ts";
import { getBeaconState } from "../../adapters/chain/actions/get-beacon-state.ts";
import { getBeat } from "../../adapters/chain/actions/get-beat.ts";
import { getDuty } from "../../adapters/chain/actions/get-duty.ts";
import { getEpoch } from "../../adapters/chain/actions/get-epoch.ts";
import { registerChain } from "../../adapters/chain/actions/register-chain.ts";
import { revealPreimages } from "../../adapters/chain/actions/reveal-preimages.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { listBeaconChains } from "../../adapters/chain/list-beacon-chains.ts";
import { listWorkerIds } from "../../adapters/chain/list-worker-ids.ts";
import { BEAT_BLOCKS, isRevealBlock } from "../../core/beacon.ts";
import { hasCode, isAssayError } from "../../core/errors.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Journal } from "../../core/ports/journal.ts";
import type { KeyRing } from "../../core/ports/keys.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { Metrics } from "../../core/ports/metrics.ts";
import { toWord, type Word } from "../../core/tagged-hash.ts";
import { ZERO_BYTES32 } from "../../core/types.ts";
import { BeaconSecrets } from "./beacon-secrets.ts";
import { keepDuty } from "./keep-duty.ts";

export interface BeaconOptions {
  readonly fromBlock: bigint;
  readonly pollMs: number;
  /** Whether this worker summons and seats duties, and has those punished that withhold. */
  readonly upkeep: boolean;
  readonly links?: number;
}

export interface BeaconModules {
  readonly keys: Pick<KeyRing, "prf" | "operator">;
  readonly journal: Pick<Journal, "writeBeforeSign">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
  readonly random: (length: number) => Uint8Array;
  /** Number of the newest block, once known. */
  readonly head: () => bigint | null;
  /** Development: on duty, but silent. */
  readonly withholds: () => boolean;
}

/** A new chain is registered when fewer links are left: two epochs of six hours in which every beat is asked for. */
export const FEW_LINKS = 1_024;

export const isRevert = (error: unknown, ...names: readonly string[]): boolean =>
  hasCode(error, "REVERTED") && isAssayError(error) && names.includes(String(error.meta["name"]));

/** Whether seeds of this deployment come from workers on duty. Errors: RPC_UNAVAILABLE. */
export async function hasWorkerBeacon(chain: Chain): Promise<boolean> {
  try {
    await getBeaconState(chain);
    return true;
  } catch (error) {
    if (hasCode(error, "RPC_UNAVAILABLE")) throw error;
    return false;
  }
}

/**
 * The worker's part in the beacon, until the signal: keeps a hash chain registered, and when it is on duty reveals the next link in
 * time. Ends at once where seeds come from elsewhere. Every link is written to the journal with its beat before it leaves: after a
 * crash or a reorganisation it can serve that beat only, and a link that was public before its beat makes room for a new chain.
 */
export async function serveBeacon(chain: Chain, options: BeaconOptions, modules: BeaconModules): Promise<void> {
  const { clock, logger, signal } = modules;
  let service: BeaconService | null = null;
  let seen: bigint | null = null;
  let checked = -Infinity;
  let keeping = false;
  while (!signal.aborted) {
    try {
      const head = modules.head();
      if (service === null && head !== null) {
        if (!(await hasWorkerBeacon(chain))) return;
        service = await BeaconService.find(chain, options, modules);
        if (service === null) await clock.sleep(8 * options.pollMs, signal);
      }
      if (service !== null && head !== null && head !== seen) {
        seen = head;
        await service.onHead(Number(head));
        const due = clock.monotonicMs() - checked > 8 * options.pollMs;
        if (due) await service.keepChain();
        if (due) checked = clock.monotonicMs();
        if (due && options.upkeep && !keeping) {
          keeping = true;
          // Not awaited: it waits on purpose, and reveals must not wait with it.
          void keepDuty(chain, modules, 20 * options.pollMs)
            .catch((error: unknown) => (signal.aborted ? undefined : logger.warn("beacon.upkeep-failed", { error })))
            .finally(() => (keeping = false));
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.warn("beacon.failed", { error });
    }
    await clock.sleep(options.pollMs, signal).catch(() => undefined);
  }
}

/** One worker's chain and reveals. */
class BeaconService {
  readonly #chain: Chain;
  readonly #modules: BeaconModules;
  readonly #workerId: number;
  readonly #secrets: BeaconSecrets;
  readonly #versions: number[];
  readonly #done = new Set<number>();
  readonly #under = new Set<number>();
  /** The chain in use gave a link away outside its beat. */
  #spoilt: number | null = null;

  private constructor(
    chain: Chain,
    workerId: number,
    secrets: BeaconSecrets,
    versions: number[],
    modules: BeaconModules,
  ) {
    this.#chain = chain;
    this.#workerId = workerId;
    this.#secrets = secrets;
    this.#versions = versions;
    this.#modules = modules;
  }

  /** Null until the worker is registered. */
  static async find(chain: Chain, options: BeaconOptions, modules: BeaconModules): Promise<BeaconService | null> {
    const { fromBlock, links } = options;
    const [workerId] = await listWorkerIds(chain, { signer: modules.keys.operator.address, fromBlock });
    if (workerId === undefined) return null;
    const past = await listBeaconChains(chain, { workerId, fromBlock });
    const secrets = new BeaconSecrets(
      { beacon: chain.contracts.randomness, workerId, ...(links === undefined ? {} : { links }) },
      modules.keys,
    );
    return new BeaconService(chain, workerId, secrets, [...new Set(past.map(({ from }) => from))], modules);
  }

  /** Reveals, if a transaction in the next block may and should. */
  async onHead(head: number): Promise<void> {
    const beat = Math.floor((head + 1) / BEAT_BLOCKS);
    if (!isRevealBlock(beat, head + 1) || this.#done.has(beat) || this.#under.has(beat)) return;
    const asked = await getBeat(this.#chain, { ref: beat }).catch((error: unknown) => {
      if (isRevert(error, "BeatUnknown")) return null;
      throw error;
    });
    if (asked === null) return;
    const duty = await getDuty(this.#chain, { version: asked.version });
    const seat = duty.workers.indexOf(this.#workerId);
    this.#modules.metrics.set("assay_beacon_duty_state", {}, seat === -1 ? 0 : 1);
    if (seat === -1) return;
    if (duty.served[seat] !== asked.ordinal || this.#modules.withholds()) return void this.#done.add(beat);
    this.#under.add(beat);
    // Not awaited: the next beat's turn may come before this one is mined.
    void this.#reveal(beat, seat, asked.version).finally(() => this.#under.delete(beat));
  }

  async #reveal(beat: number, seat: number, version: number): Promise<void> {
    const { logger, metrics, journal } = this.#modules;
    const count = (outcome: "mined" | "refused" | "failed"): void =>
      metrics.count("assay_beacon_reveals_total", { outcome });
    try {
      const chain = await getBeaconChain(this.#chain, { workerId: this.#workerId });
      const head = chain.from !== 0 && chain.from <= version ? chain.next : chain.head;
      const link = this.#secrets.find(head, this.#versions);
      if (link === null) {
        this.#done.add(beat);
        count("refused");
        return logger.error("beacon.link-unknown", { worker: this.#workerId, digest: head });
      }
      try {
        journal.writeBeforeSign({ jobId: head, stage: 0, round: 0, kind: "beacon", digest: toWord(beat) });
      } catch (error) {
        if (!hasCode(error, "ALREADY_SIGNED")) throw error;
        // It was sent for another beat and did not count: everybody may know it.
        this.#spoilt = link.from;
        this.#done.add(beat);
        count("refused");
        return logger.warn("beacon.link-spoilt", { worker: this.#workerId, digest: head });
      }
      await revealPreimages(this.#chain, { beat, seats: [seat], preimages: [link.preimage] });
      this.#done.add(beat);
      count("mined");
      metrics.set("assay_beacon_links_count", {}, link.left - 1);
      logger.info("beacon.revealed", { worker: this.#workerId, seat, count: link.left - 1 });
    } catch (error) {
      // Nodes that dry-run in the newest block, not in the next one, find it too early by a block.
      if (isRevert(error, "BeatClosed")) return;
      count("failed");
      if (!this.#modules.signal.aborted) logger.warn("beacon.reveal-failed", { worker: this.#workerId, error });
    }
  }

  /** Registers a chain if there is none to rely on. */
  async keepChain(): Promise<void> {
    const { logger, metrics } = this.#modules;
    const [{ head, next, from }, [version]] = await Promise.all([
      getBeaconChain(this.#chain, { workerId: this.#workerId }),
      getEpoch(this.#chain),
    ]);
    const waits = from > version;
    const current = from === 0 || waits ? head : next;
    const link = current === ZERO_BYTES32 ? null : this.#secrets.find(current, this.#versions);
    metrics.set("assay_beacon_links_count", {}, link?.left ?? 0);
    if (waits && this.#secrets.find(next, [...this.#versions, from]) !== null) return;
    if (link !== null && link.left >= FEW_LINKS && link.from !== this.#spoilt) return;
    await this.#register(version + 1).catch((error: unknown) => {
      if (!isRevert(error, "ChainBusy")) throw error;
      logger.debug("beacon.chain-waits", { worker: this.#workerId });
    });
  }

  async #register(from: number): Promise<void> {
    const head: Word = this.#secrets.headFrom(from);
    await registerChain(this.#chain, { workerId: this.#workerId, head });
    if (!this.#versions.includes(from)) this.#versions.push(from);
    this.#modules.logger.info("beacon.chain-registered", { worker: this.#workerId, version: String(from) });
  }
}
