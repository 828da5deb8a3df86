// SPDX-License-Identifier: GPL-3.0-or-later
import { BlockWatcher } from "../adapters/chain/block-watcher.ts";
import type { Chain } from "../adapters/chain/chain.ts";
import { decodeEvents } from "../adapters/chain/decode-events.ts";
import { ADVERT_PROTOCOL } from "../core/advert.ts";
import { BOUNDARY_PROTOCOL } from "../core/boundary-index.ts";
import { PUT_PROTOCOL } from "../core/blob-put.ts";
import { CHANNEL_PROTOCOL } from "../core/channel-wire.ts";
import { PROOF_PROTOCOL } from "../core/proof-wire.ts";
import { OFFER_PROTOCOL } from "../core/messages.ts";
import { RESULT_PROTOCOL } from "../core/result-request.ts";
import { LINEAR_CHECK_PROTOCOL } from "../core/zk/linear-check-wire.ts";
import { AdvertDesk } from "../protocol/advert-desk.ts";
import { DisputeDesk } from "../protocol/dispute-desk.ts";
import { JobDesk, type JobDeskOptions } from "../protocol/job-desk.ts";
import type { ProtocolModules } from "../protocol/ports.ts";
import type { TracePort } from "../protocol/referee-ports.ts";
import { ResultDesk } from "../protocol/result-desk.ts";
import { SCHEDULE_PROTOCOL } from "../protocol/scheduled-desk.ts";
import { SEAT_PROTOCOL } from "../protocol/seat-wire.ts";
import { serveBeacon } from "./beacon/serve-beacon.ts";
import { createChainPort } from "./chain-port.ts";
import { hubFacts } from "./hub-facts.ts";
import type { LinearCheckDesk } from "./linear-check-desk.ts";
import { payEarnings } from "./pay-earnings.ts";
import { createRefereePort } from "./referee-port.ts";
import { upkeepTable } from "./upkeep-table.ts";

export interface WorkerOptions {
  /** Block of the deployment: nothing before it matters. */
  readonly fromBlock: bigint;
  readonly confirmations: number;
  readonly maxRange: number;
  readonly pollMs: number;
  readonly desk: JobDeskOptions;
  /** Pause between payments of earnings to the owner; 0: never. */
  readonly claimEveryMs: number;
  /** Whether this worker advances the ticket table when its epoch is over. */
  readonly upkeep: boolean;
  /** The most that may be at stake before the referee of ciphertexts, wei; none by default, and 0: no games. */
  readonly bondLimit?: bigint;
}

export type WorkerModules = Omit<ProtocolModules, "chain" | "disputes"> & {
  readonly chain: Chain;
  /** Missing: this worker evaluates no ciphertexts. */
  readonly traces?: TracePort;
  /** Missing: this worker serves no linear checks. */
  readonly checks?: Pick<LinearCheckDesk, "answer"> | undefined;
};

/** Chain seconds from a job's end to when its dispute is forgotten, for each confirmation that the worker waits for. */
const SETTLE_SEC = 24;

/** One worker: watches the chain, answers peers, works its seats. Everything it stands on is passed in. */
export class Worker {
  readonly desk: JobDesk;
  readonly watcher: BlockWatcher;
  /** Games about ciphertexts; null where there are none to play. */
  readonly disputes: DisputeDesk | null;
  readonly #options: WorkerOptions;
  readonly #modules: WorkerModules;
  readonly #results: ResultDesk;
  readonly #adverts: AdvertDesk;
  readonly #loops: Promise<void>[] = [];

  constructor(options: WorkerOptions, modules: WorkerModules) {
    this.#options = options;
    this.#modules = modules;
    const { chain, journal, clock, logger, metrics, signal } = modules;
    const port = createChainPort(chain, options.fromBlock, { clock, signal });
    this.disputes = this.#openDisputes();
    const protocol: ProtocolModules = {
      ...modules,
      chain: port,
      ...(this.disputes === null ? {} : { disputes: this.disputes }),
    };
    this.desk = new JobDesk(options.desk, protocol);
    this.#adverts = new AdvertDesk(protocol, this.desk.work);
    this.#results = new ResultDesk(protocol, (jobId) => this.desk.holder(jobId));
    const random = () => (modules.randomBytes(1)[0] ?? 0) / 256;
    const { hub, vault } = chain.contracts;
    this.watcher = new BlockWatcher(
      {
        chainId: BigInt(chain.chainId),
        addresses: [hub, vault],
        fromBlock: options.fromBlock,
        confirmations: options.confirmations,
        maxRange: options.maxRange,
        pollMs: options.pollMs,
      },
      { client: chain.client, cursors: journal, clock, random, logger, metrics },
      {
        onHead: (head) => chain.clock.observe(head.timestamp),
        onBatch: async ({ logs }) => {
          if (logs.length === 0) return;
          const events = decodeEvents(chain.contracts, logs);
          for (const event of events.vault)
            if (event.eventName === "ProfileUpdated") port.forgetProfile(event.args.workerId);
          await this.desk.onFacts(hubFacts(events.hub));
        },
        onRewind: async () => {
          chain.sender?.reset();
          await this.desk.onRewind();
        },
      },
    );
  }

  #openDisputes(): DisputeDesk | null {
    const { chain, traces } = this.#modules;
    const { fromBlock, maxRange, confirmations, pollMs, bondLimit = 0n } = this.#options;
    if (traces === undefined) return null;
    const referee = createRefereePort(chain, { fromBlock, maxRange, confirmations });
    const head = (): bigint | null => this.watcher.head?.number ?? null;
    const settleSec = SETTLE_SEC * confirmations;
    return new DisputeDesk({ bondLimit, tickMs: pollMs, settleSec, head }, { ...this.#modules, referee, traces });
  }

  /** Synced with the chain and taking seats. */
  get isReady(): boolean {
    return this.watcher.isUp && !this.desk.isDraining;
  }

  /** Serves peers, takes up the journal's open jobs, then follows the chain until the signal. */
  async start(): Promise<void> {
    const { transport, signal, chain, clock, logger } = this.#modules;
    const { desk } = this;
    const results = this.#results;
    transport.serve(SEAT_PROTOCOL, async function* answer(_from, request) {
      yield desk.onSeatMessage(request);
    });
    transport.serve(PROOF_PROTOCOL, async function* answer(_from, request) {
      yield desk.proofs.onMessage(request);
    });
    transport.serve(SCHEDULE_PROTOCOL, async function* answer(_from, request) {
      yield desk.scheduled.onStatus(request);
    });
    transport.serve(CHANNEL_PROTOCOL, async function* answer(_from, request) {
      yield await desk.scheduled.onChannel(request);
    });
    transport.serve(OFFER_PROTOCOL, async function* answer(_from, request) {
      yield desk.input.handle(request);
    });
    transport.serve(BOUNDARY_PROTOCOL, async function* answer(_from, request, until) {
      yield await desk.boundaries.handle(request, until);
    });
    transport.serve(RESULT_PROTOCOL, async function* answer(_from, request) {
      yield await results.serve(request);
    });
    const adverts = this.#adverts;
    transport.serve(ADVERT_PROTOCOL, async function* answer(_from, request) {
      yield await adverts.serve(request);
    });
    const { blobs } = this.#modules;
    transport.serve(PUT_PROTOCOL, async function* answer(_from, request) {
      yield await blobs.put(request);
    });
    const { checks } = this.#modules;
    if (checks !== undefined)
      transport.serve(LINEAR_CHECK_PROTOCOL, async function* answer(_from, request) {
        yield await checks.answer(request);
      });
    await desk.restore().catch((error: unknown) => logger.warn("jobs.restore-failed", { error }));
    this.disputes?.restore();
    this.#loops.push(this.watcher.run(signal), desk.run(signal));
    if (this.disputes !== null) this.#loops.push(this.disputes.run(signal));
    const { claimEveryMs, fromBlock } = this.#options;
    if (claimEveryMs > 0) this.#loops.push(payEarnings(chain, { claimEveryMs, fromBlock }, { clock, logger, signal }));
    const { pollMs, upkeep } = this.#options;
    const { keys, journal, metrics, randomBytes: random } = this.#modules;
    const head = (): bigint | null => this.watcher.head?.number ?? null;
    const withholds = (): boolean => this.#modules.behaviour().withholdsPreimage;
    this.#loops.push(
      serveBeacon(
        chain,
        { fromBlock, pollMs, upkeep },
        { keys, journal, clock, logger, metrics, signal, random, head, withholds },
      ),
    );
    if (this.#options.upkeep)
      this.#loops.push(upkeepTable(chain, { clock, logger, signal, random: this.#modules.randomBytes }));
  }

  /** No new seats; resolves when the open ones are done or `timeoutMs` is over. */
  async drain(timeoutMs: number): Promise<void> {
    const { clock } = this.#modules;
    this.desk.drain();
    const until = clock.monotonicMs() + timeoutMs;
    while (this.desk.openSeats > 0 && clock.monotonicMs() < until) await clock.sleep(100);
  }

  /** After the signal: waits for the loops to end. */
  async stopped(): Promise<void> {
    await Promise.allSettled(this.#loops);
    await this.disputes?.close();
  }
}
