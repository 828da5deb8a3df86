// SPDX-License-Identifier: GPL-3.0-or-later
import { getHead } from "../../../adapters/chain/actions/get-head.ts";
import { readEnclaveContracts } from "../../../adapters/chain/enclave-contracts.ts";
import { readCommittee } from "../../../adapters/chain/read-committee.ts";
import { fromHex, toHex, type Hex } from "../../../core/bytes.ts";
import type { CryptoPort } from "../../../core/crypto-port.ts";
import { domainSeparator } from "../../../core/eip712.ts";
import { decodeEnvelope, verifyEnvelope } from "../../../core/envelope.ts";
import { hasCode, isAssayError } from "../../../core/errors.ts";
import type { Logger } from "../../../core/ports/logger.ts";
import { readCommitteeKey, type CommitteeKey } from "../../../core/threshold/committee-key.ts";
import type { Committee, CommitteeRules, DrawnCommittee } from "../../../core/threshold/draw-committee.ts";
import { ThresholdError } from "../../../core/threshold/errors.ts";
import { COMMITTEE_PROTOCOL, decodeRequest, decodeSignedAsk, encodeReply, type SignedAsk } from "../../../core/threshold/host-wire.ts"; // prettier-ignore
import { readThresholdHeader, type SealedShare } from "../../../core/threshold/sealed-input.ts";
import { makeCommitteeKey, type MemberPort } from "../../../engines/tee/threshold/make-key.ts";
import { NodeError } from "../../errors.ts";
import type { EnclaveClient } from "../enclave-client.ts";
import { MemberCalls, type CallMembersModules } from "./call-members.ts";
import { enclaveMember } from "./enclave-member.ts";
import { fromBits } from "./inner-committee.ts";
import { decodeList, encodeList, encodeUnwrap } from "./lists.ts";
import { isSeated } from "./seat-check.ts";

export interface CommitteeHostOptions {
  readonly rules: CommitteeRules;
  /** First block of the deployment. */
  readonly fromBlock: bigint;
  /** Most blocks that one query for logs may cover. */
  readonly maxRange: bigint;
  /** Blocks after which a draw does not change any more. */
  readonly confirmations: number;
  /** Pause between looks at the epoch. */
  readonly watchMs: number;
}

/** This host's registered enclave. */
export interface HostedEnclave {
  readonly client: Pick<EnclaveClient, "ask">;
  readonly key: Hex;
  readonly sealKey: Hex;
}

export interface CommitteeHostModules extends CallMembersModules {
  /** Null while none is registered. */
  readonly enclave: () => HostedEnclave | null;
  readonly crypto: CryptoPort;
  readonly logger: Logger;
}

/** What a client sealed, as an offer named it. */
export interface SealedScope {
  readonly boundary: number;
  readonly sender: Hex;
}

/** A member's turn to lead begins so many blocks after the one before it, in case that one is away. */
const TURN_BLOCKS = 3;
const RETRY_MS = 30_000;
const MAX_AHEAD_SEC = 600n;
/** Rounds of asking for shares: members may be starting up. */
const GATHER_ROUNDS = 3;
const GATHER_PAUSE_MS = 1_000;

/**
 * The host's part in committees: relays between its own enclave and the other members' hosts, sees to it that each epoch has a key, and
 * fetches shares for its enclave. Nothing that passes here is secret, and nothing here is trusted: it can refuse, no more.
 */
export class CommitteeHost {
  readonly #options: CommitteeHostOptions;
  readonly #modules: CommitteeHostModules;
  readonly #calls: MemberCalls;
  /** After a try that failed, others first have time to come back. */
  #notBeforeMs = 0;
  readonly #drawn = new Map<number, Promise<DrawnCommittee>>();
  /** By epoch: the key and its bytes. */
  readonly #keys = new Map<number, { readonly key: CommitteeKey; readonly bytes: Uint8Array }>();

  constructor(options: CommitteeHostOptions, modules: CommitteeHostModules) {
    this.#options = options;
    this.#modules = modules;
    this.#calls = new MemberCalls(modules, options.fromBlock);
  }

  /** The epoch's key, if it is known here. */
  keyOf(epoch: number): CommitteeKey | null {
    return this.#keys.get(epoch)?.key ?? null;
  }

  // --- Serving ------------------------------------------------------------------------------------------------------------

  /** One request of another host or a client. Never throws: what is wrong is one word of the reply. */
  async serve(request: Uint8Array): Promise<Uint8Array> {
    try {
      return encodeReply(await this.#answer(request));
    } catch (error) {
      if (!isAssayError(error)) throw error;
      this.#modules.logger.debug("committee.refused", { code: error.code });
      return encodeReply(error.code === "ENCLAVE_REFUSED" ? String(error.meta["refusal"]) : error.code);
    }
  }

  async #answer(request: Uint8Array): Promise<Uint8Array> {
    const asked = decodeRequest(request);
    if (asked.kind === "key") return this.#shown(asked.epoch);
    if (asked.kind === "publish") {
      await this.#adopt(asked.epoch, asked.key);
      return new Uint8Array();
    }
    const signed = decodeEnvelope(asked.envelope);
    const { chain, operator } = this.#modules;
    const hub = chain.contracts.hub;
    verifyEnvelope(signed, {
      domain: domainSeparator({ chainId: BigInt(chain.chainId), hub }),
      protocol: COMMITTEE_PROTOCOL,
      to: operator.address,
      now: BigInt(Math.floor(chain.clock.now())),
      maxAhead: MAX_AHEAD_SEC,
    });
    const { from, jobId } = signed.envelope;
    const ask = decodeSignedAsk(signed.body);
    return ask.kind === "release" ? this.#release(from, jobId, ask) : this.#round(from, ask);
  }

  /** Only while this host's enclave still holds its share: clients count who answers. */
  #shown(epoch: number): Uint8Array {
    const known = this.#keys.get(epoch) ?? refuse("key", "KEY_UNKNOWN");
    const own = this.#modules.enclave()?.key.toLowerCase();
    if (!known.key.committee.members.some(({ key }) => key === own)) return refuse("key", "SHARE_LOST");
    return known.bytes;
  }

  /** A step of making a key, for another member's host. */
  async #round(from: Hex, ask: Exclude<SignedAsk, { readonly kind: "release" }>): Promise<Uint8Array> {
    const { epoch, mask, attempt } = ask;
    if (epoch !== (await this.#epoch())) return refuse(ask.kind, "EPOCH");
    const drawn = await this.#drawnOf(epoch);
    if (!drawn.members.some(({ worker }) => worker === from.toLowerCase())) return refuse(ask.kind, "STRANGER");
    // Else a member could make keys until the enclave forgets the share of the one in use.
    if (ask.kind === "commit" && this.#keys.has(epoch)) return refuse(ask.kind, "KEY_KNOWN");
    const committee: Committee = { ...drawn, mask, attempt };
    const member = enclaveMember(this.#hosted().client);
    if (ask.kind === "commit") return member.commit(committee);
    return member[ask.kind](committee, decodeList(ask.list));
  }

  /** A share for an enclave of the job's seats. The enclave itself sees to it that the client named that enclave. */
  async #release(from: Hex, jobId: Hex, ask: Extract<SignedAsk, { readonly kind: "release" }>): Promise<Uint8Array> {
    const { chain } = this.#modules;
    const { fromBlock, maxRange } = this.#options;
    const { boundary, sender, receiver, header } = ask;
    if (!(await isSeated(chain, { jobId, signer: from, sender, fromBlock, maxRange }))) return refuse("release", "SEAT_UNKNOWN"); // prettier-ignore
    return (await this.#hosted().client.ask("release", { jobId, boundary, sender, receiver }, header)).tail;
  }

  #hosted(): HostedEnclave {
    const hosted = this.#modules.enclave();
    if (hosted === null) throw new NodeError("ENCLAVE_LOST", { reason: "its key is not registered" });
    return hosted;
  }

  // --- Draws and keys -----------------------------------------------------------------------------------------------------

  async #epoch(): Promise<number> {
    const { number } = await getHead(this.#modules.chain);
    const settled = number - BigInt(this.#options.confirmations);
    return settled < 0n ? 0 : Number(settled / BigInt(this.#options.rules.epochBlocks));
  }

  /** Errors: COMMITTEE_SMALL; those of the chain, after which it is read again. */
  #drawnOf(epoch: number): Promise<DrawnCommittee> {
    const known = this.#drawn.get(epoch);
    if (known !== undefined) return known;
    const reading = this.#readDrawn(epoch);
    this.#drawn.set(epoch, reading);
    // What the chain says of a settled block stays so; what the endpoint says does not.
    reading.catch((error: unknown) => hasCode(error, "COMMITTEE_SMALL") || this.#drawn.delete(epoch));
    return reading;
  }

  async #readDrawn(epoch: number): Promise<DrawnCommittee> {
    const { chain } = this.#modules;
    const { rules, fromBlock } = this.#options;
    const { enclaves } = await readEnclaveContracts(chain);
    return readCommittee(chain, { chainId: BigInt(chain.chainId), hub: chain.contracts.hub, registry: enclaves, rules, epoch, fromBlock }); // prettier-ignore
  }

  /** Error: COMMITTEE_KEY, and those of reading the committee. */
  async #adopt(epoch: number, bytes: Uint8Array): Promise<void> {
    const now = await this.#epoch();
    if (epoch > now || epoch + 1 < now || this.#keys.has(epoch)) return;
    const key = readCommitteeKey(await this.#drawnOf(epoch), bytes);
    this.#keys.set(epoch, { key, bytes: bytes.slice() });
    for (const map of [this.#keys, this.#drawn]) for (const old of map.keys()) if (old + 1 < now) map.delete(old);
    this.#modules.logger.info("committee.key", { round: epoch, count: key.signatures.length, attempt: key.committee.attempt }); // prettier-ignore
  }

  /** Sees to it, until the signal, that each epoch that this enclave was drawn for has a key. */
  async keep(): Promise<void> {
    const { clock, signal, logger } = this.#modules;
    while (!signal.aborted) {
      try {
        await this.tick();
      } catch (error) {
        if (!isAssayError(error)) throw error;
        if (!signal.aborted) logger.debug("committee.no-key", { code: error.code, error });
      }
      await clock.sleep(this.#options.watchMs, signal).catch(() => undefined);
    }
  }

  /** Errors: COMMITTEE_SMALL, COMMITTEE_KEY, those of the chain. */
  async tick(): Promise<void> {
    const { chain, crypto, logger, enclave } = this.#modules;
    const epoch = await this.#epoch();
    const hosted = enclave();
    if (epoch === 0 || hosted === null || this.#keys.has(epoch)) return;
    const drawn = await this.#drawnOf(epoch);
    const place = drawn.members.findIndex(({ key }) => key === hosted.key.toLowerCase());
    if (place < 0 || (await this.#fetchKey(drawn))) return;
    const { number } = await getHead(chain);
    const since = Number(number) - epoch * this.#options.rules.epochBlocks - this.#options.confirmations;
    if (since < place * TURN_BLOCKS || this.#modules.clock.monotonicMs() < this.#notBeforeMs) return;
    this.#notBeforeMs = this.#modules.clock.monotonicMs() + RETRY_MS;
    const { bytes, leftOut } = await makeCommitteeKey(crypto, drawn, (index) => this.#member(drawn, index));
    for (const { index, proven, why } of leftOut)
      logger.warn("committee.left-out", { seat: index, worker: drawn.members[index - 1]?.worker ?? "", ok: !proven, reason: why }); // prettier-ignore
    await this.#adopt(epoch, bytes);
    await this.#others(drawn, async (worker) => this.#calls.open(worker, { kind: "publish", epoch, key: bytes }));
  }

  /** The key from another member, if one has it. */
  async #fetchKey({ epoch, ...drawn }: DrawnCommittee): Promise<boolean> {
    await this.#others({ epoch, ...drawn }, async (worker) => {
      if (!this.#keys.has(epoch)) await this.#adopt(epoch, await this.#calls.open(worker, { kind: "key", epoch }));
    });
    return this.#keys.has(epoch);
  }

  /** What the others do not answer is no error: they may be away. */
  async #others({ members }: DrawnCommittee, call: (worker: Hex) => Promise<unknown>): Promise<void> {
    const own = this.#modules.operator.address;
    const workers = [...new Set(members.map(({ worker }) => worker))].filter((worker) => worker !== own);
    await Promise.all(
      workers.map(async (worker) =>
        call(worker).catch((error: unknown) => {
          if (!isAssayError(error)) throw error;
        }),
      ),
    );
  }

  #member({ members }: DrawnCommittee, index: number): MemberPort {
    const { key, worker } = members[index - 1] ?? { key: "0x", worker: "0x" };
    const hosted = this.#hosted();
    if (key === hosted.key.toLowerCase()) return enclaveMember(hosted.client);
    const ask = async (of: Committee, kind: "deal" | "judge", list: readonly Uint8Array[]) =>
      this.#calls.signed(worker, toHex(new Uint8Array(32)), { kind, epoch: of.epoch, mask: of.mask, attempt: of.attempt, list: encodeList(list) }); // prettier-ignore
    return {
      commit: async ({ epoch, mask, attempt }) =>
        this.#calls.signed(worker, toHex(new Uint8Array(32)), { kind: "commit", epoch, mask, attempt }),
      deal: async (committee, list) => ask(committee, "deal", list),
      judge: async (committee, list) => ask(committee, "judge", list),
    };
  }

  // --- Shares for this host's enclave -----------------------------------------------------------------------------------

  /**
   * An input that a client sealed to a committee, turned by this host's enclave into one sealed to itself. Asks all members at once and
   * is done with the first t good shares; wrong ones are logged by member. Errors: SHARES_MISSING; ENCLAVE_REFUSED, ENCLAVE_LOST; those of
   * the header and the chain.
   */
  async unwrap(jobId: Hex, scope: SealedScope, blob: Uint8Array): Promise<Uint8Array> {
    const { clock, signal } = this.#modules;
    for (let round = 1; ; round += 1) {
      try {
        return await this.#unwrapOnce(jobId, scope, blob);
      } catch (error) {
        if (!isAssayError(error) || error.code !== "SHARES_MISSING" || round === GATHER_ROUNDS) throw error;
        await clock.sleep(GATHER_PAUSE_MS, signal);
      }
    }
  }

  async #unwrapOnce(jobId: Hex, scope: SealedScope, blob: Uint8Array): Promise<Uint8Array> {
    const header = readThresholdHeader(blob);
    const { members } = await this.#drawnOf(header.epoch);
    const need = header.points.length;
    const wrong = new Set<number>();
    const shares: SealedShare[] = [];
    const pending = new Map(members.map(({ key, worker }, i) => [i + 1, this.#share(jobId, scope, { index: i + 1, key, worker }, header.bytes)])); // prettier-ignore
    while (pending.size > 0) {
      const { index, sealed } = await Promise.race(pending.values());
      pending.delete(index);
      if (sealed === null) continue;
      shares.push({ index, sealed });
      const usable = shares.filter((one) => !wrong.has(one.index));
      if (usable.length < need) continue;
      const { body, tail } = await this.#hosted().client.ask("unwrap", { jobId, ...scope }, encodeUnwrap(usable, blob));
      for (const one of fromBits(body.wrong)) if (!wrong.has(one)) this.#name(jobId, one, members[one - 1]?.worker ?? "", wrong); // prettier-ignore
      if (body.opened) return tail;
    }
    const have = shares.length - wrong.size;
    throw new ThresholdError("SHARES_MISSING", { have, need, wrong: [...wrong].join(", ") || "none" });
  }

  #name(jobId: Hex, index: number, worker: string, wrong: Set<number>): void {
    wrong.add(index);
    this.#modules.logger.warn("committee.share-wrong", { job: jobId, seat: index, worker });
  }

  async #share(
    jobId: Hex,
    scope: SealedScope,
    { index, key, worker }: { readonly index: number; readonly key: Hex; readonly worker: Hex },
    header: Uint8Array,
  ): Promise<{ readonly index: number; readonly sealed: Uint8Array | null }> {
    const hosted = this.#hosted();
    const receiver = toHex(fromHex(hosted.sealKey, 32));
    try {
      const isOwn = key === hosted.key.toLowerCase();
      const sealed = isOwn
        ? (await hosted.client.ask("release", { jobId, ...scope, receiver }, header)).tail
        : await this.#calls.signed(worker, jobId, { kind: "release", ...scope, receiver, header });
      return { index, sealed };
    } catch (error) {
      if (!isAssayError(error)) throw error;
      this.#modules.logger.debug("committee.no-share", { job: jobId, seat: index, code: error.code });
      return { index, sealed: null };
    }
  }
}

function refuse(what: string, reason: string): never {
  throw new NodeError("ENCLAVE_REFUSED", { what, refusal: reason });
}
