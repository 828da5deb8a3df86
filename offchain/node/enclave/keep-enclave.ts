// SPDX-License-Identifier: GPL-3.0-or-later
import { getBlockHash } from "../../adapters/chain/actions/get-block-hash.ts";
import { getEnclave } from "../../adapters/chain/actions/get-enclave.ts";
import { getHead } from "../../adapters/chain/actions/get-head.ts";
import { isEnclaveLive } from "../../adapters/chain/actions/is-enclave-live.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { readEnclaveContracts, type EnclaveContracts } from "../../adapters/chain/enclave-contracts.ts";
import { CASE_CHALLENGED, CASE_FAILED, CASE_OPEN, closeCase, readCase } from "../../adapters/chain/verdict-board.ts";
import { fromHex, toHex } from "../../core/bytes.ts";
import { decodeRuntime, enclaveConfigDigest } from "../../core/enclave-binding.ts";
import { hasCode, isAssayError } from "../../core/errors.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { Metrics } from "../../core/ports/metrics.ts";
import { CRITICAL_AGE_SEC, CRITICAL_STATUSES } from "../../core/enclave-bundle.ts";
import { isPaired, isShared } from "../../core/replay-record.ts";
import type { Job, Spec } from "../../core/types.ts";
import { SAMPLED_ENCLAVE } from "../../core/verify-enclaves.ts";
import { boardVendor } from "../../engines/tee/board.ts";
import type { TrustRoots } from "../../engines/tee/roots.ts";
import type { Endorsements, EvidenceFormat } from "../../engines/tee/verdict.ts";
import { verifyEvidence } from "../../engines/tee/verify.ts";
import type {
  EnclaveAnswer,
  EnclaveInput,
  EnclaveOrder,
  EnclavePort,
  EnclaveProof,
  Hex,
} from "../../protocol/ports.ts";
import { ABSTAIN_REASON, reasonWord, SAID_ABSTAIN_WORD } from "../../protocol/said.ts";
import { openBoardCase, registerBoardKey, type BoardEvidence } from "../attester/register-by-board.ts";
import type { ScheduledPort } from "../../protocol/scheduled-port.ts";
import { NodeError } from "../errors.ts";
import type { EnclaveClient } from "./enclave-client.ts";
import { registerEnclave } from "./register-enclave.ts";
import type { Reply } from "./wire.ts";

export interface EnclaveKeeperOptions {
  /** The model that the enclave serves. */
  readonly modelId: Hex;
  /** Before a registration ends, seconds: time to renew it, and to try again. */
  readonly renewBeforeSec: number;
  /** Pause between looks at the registration. */
  readonly watchMs: number;
  /** Only a development configuration says so. */
  readonly simulatedAllowed: boolean;
  /** Takes part in critical jobs: the registration is renewed so often that it is never too old for them. */
  readonly critical: boolean;
  /** Whether the enclave was given what proving takes. */
  readonly proves: boolean;
}

export interface EnclaveKeeperModules {
  /** Writes as the worker. */
  readonly chain: Chain;
  /** A fresh enclave; its keys are new. */
  readonly launch: () => Promise<EnclaveClient>;
  /** What verifiers need beside the quote, and the roots by which this worker checks it first. */
  readonly endorse: () => Promise<{ readonly endorsements: Endorsements; readonly roots: TrustRoots }>;
  /** Whether this worker may answer for the model at all. Error: STAGE_REFUSED. */
  readonly assertMayVote: (modelId: Hex, stage: number) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}

/** Evidence that attesters judge. */
interface ShownCase {
  readonly shown: BoardEvidence;
  readonly caseId: bigint;
  readonly board: Hex;
}

/** A registered enclave. */
interface Live {
  readonly client: EnclaveClient;
  readonly identity: Reply<"boot">;
  readonly epoch: number;
  /** Unix seconds. */
  readonly expiry: number;
  /** Until which it is young enough for critical jobs, and its status good enough; 0 if it never is. */
  readonly criticalUntil: number;
}

export interface EnclaveStatus {
  readonly key: Hex;
  readonly epoch: number;
  readonly expiry: number;
  readonly simulated: boolean;
}

const FORMATS: readonly EvidenceFormat[] = ["dcap-sgx-v3", "dcap-tdx-v4", "dcap-tdx-v5", "snp-report", "nitro-cose"];
const PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 120_000;
/** As `EnclaveRegistry`: no registration lasts longer. */
const LIFE_SEC = 7 * 86_400;
/**
 * A renewal must win so much time, or half of what it could last: some vendors' certificates end after hours. Each one voids what was signed
 * two registrations ago, so an answer that waits to be opened must not see two of them because the collateral ends soon.
 */
const WORTH_SEC = 6 * 3_600;
/** Nothing is known to have happened. */
const UNSENT = ["RPC_UNAVAILABLE", "TRANSACTION_DROPPED", "TRANSACTION_TIMEOUT"] as const;
/** Beyond the deadline of a proof, until an enclave that says nothing is taken for broken. */
const PROOF_GRACE_MS = 60_000;
/** Before a registration is too old for critical jobs: longer than any of them lives, with time to try again. */
const CRITICAL_RENEW_SEC = 6 * 3_600;

/**
 * Keeps one enclave running and its key registered: at start, before it expires, and with new keys after it died. While there is no
 * live registration the worker takes no ENCLAVE jobs, and says so.
 */
export class EnclaveKeeper implements EnclavePort {
  readonly #options: EnclaveKeeperOptions;
  readonly #modules: EnclaveKeeperModules;
  /** Good for new jobs. */
  #live: Live | null = null;
  /** The running enclave's newest registration: after its end, signatures still count for a while, and open jobs are finished. */
  #last: Live | null = null;
  #case: ShownCase | null = null;

  constructor(options: EnclaveKeeperOptions, modules: EnclaveKeeperModules) {
    this.#options = options;
    this.#modules = modules;
    modules.metrics.set("assay_enclave_live_count", {}, 0);
  }

  /** Null while no key is registered. */
  get status(): EnclaveStatus | null {
    if (this.#live === null) return null;
    const { identity, epoch, expiry } = this.#live;
    return { key: identity.key, epoch, expiry, simulated: identity.simulated };
  }

  /** The running enclave while its key is registered; null else. */
  get hosted(): { readonly client: EnclaveClient; readonly key: Hex; readonly sealKey: Hex } | null {
    if (this.#last === null) return null;
    const { client, identity } = this.#last;
    return { client, key: identity.key, sealKey: identity.sealKey };
  }

  serves({ modelId, policy, stages, expiry }: Spec): boolean {
    if (modelId !== this.#options.modelId || policy.cls !== 0 || this.#live === null) return false;
    // The longest that the job may live: a seat whose registration ends before would sign for nothing.
    if (isPaired(policy.mask)) return this.#options.critical && this.#live.criticalUntil > expiry;
    return policy.mask === SAMPLED_ENCLAVE && stages === 1 && this.#live.expiry > expiry;
  }

  get canProve(): boolean {
    return this.#options.proves;
  }

  async open(_jobId: Hex, job: Job, { blob, ...input }: EnclaveInput): Promise<void> {
    await this.#registered().client.ask("open", { job, ...input }, blob);
  }

  async order(_jobId: Hex, job: Job, { blob, ...input }: Omit<EnclaveInput, "isPublic">): Promise<EnclaveOrder> {
    const { body } = await this.#registered().client.ask("order", { job, ...input }, blob);
    return body;
  }

  async prove(jobId: Hex, stage: number, deadlineMs: number): Promise<EnclaveProof> {
    const { client, epoch } = this.#registered();
    const ask = { jobId, stage, epoch, deadlineMs: BigInt(Math.floor(deadlineMs)) };
    const timeoutMs = Math.max(0, deadlineMs - this.#modules.clock.nowMs()) + PROOF_GRACE_MS;
    const { body, tail } = await client.ask("prove", ask, undefined, timeoutMs);
    return { ...body, proof: toHex(tail) };
  }

  async run(jobId: Hex, stage = 0): Promise<EnclaveAnswer> {
    const { modelId } = this.#options;
    try {
      await this.#modules.assertMayVote(modelId, stage);
    } catch (error) {
      if (!hasCode(error, "STAGE_REFUSED")) throw error;
      const payload = reasonWord(ABSTAIN_REASON.bounds);
      return { outDigest: SAID_ABSTAIN_WORD, payload, evidence: "0x", sealed: null };
    }
    const { client, epoch } = this.#registered();
    const { body, tail } = await client.ask("run", { jobId, stage, epoch });
    return { ...body, sealed: tail.length === 0 ? null : tail };
  }

  forget(jobId: Hex): void {
    // An enclave that is gone has forgotten.
    this.#last?.client.ask("forget", { jobId }).catch(() => undefined);
  }

  /** Jobs whose stages several enclaves share. */
  readonly scheduled: ScheduledPort = {
    serves: ({ modelId, policy, stages, expiry }) =>
      modelId === this.#options.modelId &&
      isShared(policy.mask) &&
      policy.cls === 0 &&
      stages > 1 &&
      this.#live !== null &&
      this.#live.expiry > expiry,
    schedule: async (job, { blob, ...order }) => {
      const { body } = await this.#registered().client.ask("schedule", { job, ...order }, blob);
      const { attempt, first, last, previous, next } = body;
      const workerOf = (address: Hex): Hex | null => (BigInt(address) === 0n ? null : address);
      return { attempt, first, last, previous: workerOf(previous), next: workerOf(next) };
    },
    dial: async (jobId) => (await this.#registered().client.ask("dial", { jobId })).tail,
    step: async (jobId, at, bytes) => {
      const { body, tail } = await this.#registered().client.ask("step", { jobId, ...at }, bytes);
      return { ...body, bytes: tail };
    },
    feed: async (jobId) => {
      const { body, tail } = await this.#registered().client.ask("feed", { jobId });
      return { ...body, bytes: tail };
    },
    compute: async (jobId) => {
      const { client, epoch } = this.#registered();
      const { body, tail } = await client.ask("compute", { jobId, epoch });
      return { results: body.results, sealed: tail.length === 0 ? null : tail };
    },
    forget: (jobId) => this.forget(jobId),
  };

  #registered(): Live {
    if (this.#last === null) throw new NodeError("ENCLAVE_LOST", { reason: "its key is not registered" });
    return this.#last;
  }

  /** Until the signal. */
  async keep(): Promise<void> {
    const { clock, logger, signal, launch } = this.#modules;
    let pauseMs = PAUSE_MS;
    while (!signal.aborted) {
      let client: EnclaveClient | null = null;
      try {
        client = await launch();
        await this.#serve(client);
        pauseMs = PAUSE_MS;
      } catch (error) {
        if (!signal.aborted)
          logger.error("enclave.failed", { error, ...(isAssayError(error) ? { code: error.code } : {}) });
      } finally {
        this.#drop("gone");
        this.#last = null;
        this.#case = null;
        client?.close();
      }
      await clock.sleep(pauseMs, signal).catch(() => undefined);
      pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
    }
  }

  #drop(reason: string): void {
    if (this.#live === null) return;
    const { identity } = this.#live;
    this.#live = null;
    this.#modules.metrics.set("assay_enclave_live_count", {}, 0);
    if (!this.#modules.signal.aborted)
      this.#modules.logger.error("enclave.ended", { address: identity.key, model: this.#options.modelId, reason });
  }

  /** One enclave's life. Errors: those of registering, of its wire and of the chain. */
  async #serve(client: EnclaveClient): Promise<void> {
    const { chain, clock, signal, logger } = this.#modules;
    const contracts = await readEnclaveContracts(chain);
    const identity = await this.#boot(client, contracts);
    const stop = new AbortController();
    const until = AbortSignal.any([signal, stop.signal]);
    void client.ended.then(() => stop.abort());
    let tryAgainSec = 0;
    let isUp = true;
    while (!until.aborted) {
      try {
        tryAgainSec = await this.#look(client, identity, contracts, tryAgainSec);
        isUp = true;
      } catch (error) {
        // The enclave holds open jobs' inputs: an endpoint that is away must not end it.
        if (!hasCode(error, "RPC_UNAVAILABLE")) throw error;
        if (isUp && !signal.aborted) logger.warn("enclave.chain-down", { error });
        isUp = false;
      }
      await clock.sleep(this.#options.watchMs, until).catch(() => undefined);
    }
  }

  /** Renews what ends soon, and sees whether the key is live. Returns when to register next, if it did not work: chain seconds. */
  async #look(
    client: EnclaveClient,
    identity: Reply<"boot">,
    contracts: EnclaveContracts,
    tryAgainSec: number,
  ): Promise<number> {
    const { chain, signal, logger } = this.#modules;
    const now = Number((await getHead(chain)).timestamp);
    let next = tryAgainSec;
    const isDue = this.#live === null || now > this.#live.expiry - this.#options.renewBeforeSec || this.#isOld(now);
    if (isDue && now >= tryAgainSec) {
      try {
        const live = await this.#register(client, identity, contracts);
        if (live === null) {
          next = now + WORTH_SEC / 6;
          logger.warn("enclave.not-renewed", { address: identity.key, reason: "collateral" });
        } else if (live !== "pending") {
          [this.#live, this.#last] = [live, live];
          this.#tell(live);
        }
      } catch (error) {
        if (signal.aborted) return next;
        this.#modules.metrics.count("assay_enclave_registrations_total", { outcome: "failed" });
        logger.error("enclave.not-registered", { error, ...(isAssayError(error) ? { code: error.code } : {}) });
        next = now + MAX_PAUSE_MS / 1000;
      }
    }
    if (this.#live !== null && !(await isEnclaveLive(chain, { contracts, key: identity.key }))) {
      // Whoever ended it wrote its end into the registry: what was registered says whether that was early.
      this.#drop(now >= this.#live.expiry ? "expired" : "revoked");
    }
    return next;
  }

  /** Whether the registration is about to be too old for the critical jobs that this worker takes part in; one that ends first is no case of it. */
  #isOld(now: number): boolean {
    const { criticalUntil = 0, expiry = 0 } = this.#live ?? {};
    const isByAge = criticalUntil > 0 && criticalUntil < expiry;
    return this.#options.critical && isByAge && now > criticalUntil - CRITICAL_RENEW_SEC;
  }

  /** Tells the enclave where it is, and checks that it understood: what it declares is what clients will demand. */
  async #boot(client: EnclaveClient, { enclaves }: EnclaveContracts): Promise<Reply<"boot">> {
    const { chain } = this.#modules;
    if (chain.sender === null)
      throw new NodeError("ENCLAVE_SETTINGS", { reason: "the worker has no key to sign with" });
    const place = { chainId: BigInt(chain.chainId), hub: chain.contracts.hub, registry: enclaves };
    const { body } = await client.ask("boot", { ...place, worker: chain.sender.address });
    const runtime = decodeRuntime(fromHex(body.runtime));
    if (runtime.modelId !== this.#options.modelId)
      throw new NodeError("ENCLAVE_SETTINGS", { reason: `it serves model ${runtime.modelId}` });
    if (runtime.configDigest !== enclaveConfigDigest(place))
      throw new NodeError("ENCLAVE_SETTINGS", { reason: "it is configured for another hub or registry" });
    if (body.simulated && !this.#options.simulatedAllowed)
      throw new NodeError("ENCLAVE_SETTINGS", {
        reason: "it is SIMULATED, which only development configurations take",
      });
    return body;
  }

  /** Null where a renewal would win no time; "pending" while attesters judge the evidence. */
  async #register(
    client: EnclaveClient,
    identity: Reply<"boot">,
    contracts: EnclaveContracts,
  ): Promise<Live | "pending" | null> {
    if (this.#case !== null) return this.#registerByVerdict(client, identity, this.#case);
    const { chain, endorse } = this.#modules;
    const { key, channelKey, sealKey } = identity;
    const record = await getEnclave(chain, { contracts, key });
    const epoch = record.epoch + 1;
    const { number, timestamp } = await getHead(chain);
    const challenge = await getBlockHash(chain, { blockNumber: number });
    const { body, tail } = await client.ask("quote", { epoch, challenge });
    const format = FORMATS.find((name) => name === body.format);
    if (format === undefined)
      throw new NodeError("ENCLAVE_SETTINGS", {
        reason: `chains take no evidence of form ${body.format.slice(0, 20)}`,
      });
    const { endorsements, roots } = await endorse();
    const evidence = { format, bytes: tail, runtime: fromHex(identity.runtime) };
    if (this.#live !== null && !this.#isOld(Number(timestamp))) {
      const { notAfter } = verifyEvidence(evidence, endorsements, roots, timestamp);
      const lasts = Math.min(Number(notAfter - timestamp), LIFE_SEC);
      if (Number(timestamp) + lasts < this.#live.expiry + Math.min(WORTH_SEC, lasts / 2)) return null;
    }
    const binding = { key, channelKey, sealKey, epoch, challengeBlock: number };
    const shown = { chain, contracts, evidence, endorsements, roots, binding };
    if (boardVendor(format) !== undefined) {
      const { caseId, board } = await openBoardCase(shown);
      this.#case = { shown, caseId, board };
      this.#modules.logger.info("enclave.case-opened", { count: Number(caseId), address: board });
      return "pending";
    }
    await registerEnclave(shown);
    return this.#registration(client, identity, shown);
  }

  async #registration(
    client: EnclaveClient,
    identity: Reply<"boot">,
    { contracts, binding }: BoardEvidence,
  ): Promise<Live> {
    const { key, epoch } = binding;
    const { expiry, life, status } = await getEnclave(this.#modules.chain, { contracts, key });
    const youngUntil = Math.min(expiry, expiry - 3_600 * life + CRITICAL_AGE_SEC);
    return { client, identity, epoch, expiry, criticalUntil: CRITICAL_STATUSES.includes(status) ? youngUntil : 0 };
  }

  /** Looks whether the attesters' verdict stands, which takes hours on a production chain. Errors: VERDICT_MISSING, `registerBoardKey`'s. */
  async #registerByVerdict(
    client: EnclaveClient,
    identity: Reply<"boot">,
    shown: ShownCase,
  ): Promise<Live | "pending"> {
    const { chain } = this.#modules;
    const { caseId, board } = shown;
    const { contracts, binding } = shown.shown;
    const [known, head] = await Promise.all([readCase(chain, board, caseId), getHead(chain)]);
    const now = Number(head.timestamp);
    const isVote = known.state === CASE_OPEN || known.state === CASE_CHALLENGED;
    const isLate = isVote && now > known.deadline;
    if (isLate) await this.#endCase(board, caseId);
    if (isLate || known.state === CASE_FAILED) {
      this.#case = null;
      throw new NodeError("VERDICT_MISSING", { case: caseId });
    }
    if (isVote || now <= known.standsFrom) return "pending";
    try {
      // A registration whose answer was lost is no reason to ask, and pay, again.
      const { epoch } = await getEnclave(chain, { contracts, key: binding.key });
      if (epoch < binding.epoch) await registerBoardKey({ ...shown.shown, caseId });
      const live = await this.#registration(client, identity, shown.shown);
      this.#case = null;
      return live;
    } catch (error) {
      // The verdict stands for as long as its evidence; what an endpoint did not do is done in two minutes.
      if (!UNSENT.some((code) => hasCode(error, code))) this.#case = null;
      throw error;
    }
  }

  /** Gives back what attesters did not earn, which pays for the next case: where nobody voted nobody else would end it. */
  async #endCase(board: Hex, caseId: bigint): Promise<void> {
    try {
      await closeCase(this.#modules.chain, board, caseId);
    } catch (error) {
      // Somebody else was faster.
      if (!hasCode(error, "REVERTED") && !hasCode(error, "TRANSACTION_REVERTED")) throw error;
    }
  }

  #tell({ identity, epoch, expiry }: Live): void {
    const { logger, metrics } = this.#modules;
    metrics.count("assay_enclave_registrations_total", { outcome: "ok" });
    metrics.set("assay_enclave_live_count", {}, 1);
    metrics.set("assay_enclave_expiry_seconds", {}, expiry);
    const kind = identity.simulated ? "SIMULATED" : identity.kind;
    const say = { address: identity.key, model: this.#options.modelId, kind, round: epoch };
    if (identity.simulated) logger.warn("enclave.registered", say);
    else logger.info("enclave.registered", say);
  }
}
