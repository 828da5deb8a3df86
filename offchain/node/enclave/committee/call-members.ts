// SPDX-License-Identifier: GPL-3.0-or-later
import { getWorkerOfSigner } from "../../../adapters/chain/actions/get-worker-of-signer.ts";
import type { Chain } from "../../../adapters/chain/chain.ts";
import { listProfiles } from "../../../adapters/chain/list-profiles.ts";
import { joinBytes, type Hex } from "../../../core/bytes.ts";
import { domainSeparator } from "../../../core/eip712.ts";
import { bodyHashOf, encodeEnvelope, envelopeDigest, type Envelope } from "../../../core/envelope.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { Signer } from "../../../core/ports/keys.ts";
import type { PeerAddress, Transport } from "../../../core/ports/transport.ts";
import { unpackSignature } from "../../../core/signature.ts";
import { COMMITTEE_PROTOCOL, decodeReply, encodeEnveloped, encodeOpenAsk, encodeSignedAsk, MAX_COMMITTEE_REPLY, type OpenAsk, type SignedAsk } from "../../../core/threshold/host-wire.ts"; // prettier-ignore
import { parseEndpoints } from "../../chain-port.ts";
import { NodeError } from "../../errors.ts";

export interface CallMembersModules {
  readonly chain: Chain;
  readonly transport: Pick<Transport, "call">;
  readonly operator: Signer;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** One member's answer is not waited for longer: others are there. */
const CALL_MS = 10_000;
const AHEAD_SEC = 120;

/** Calls members' hosts, found by the registry's word on whose enclaves they are. */
export class MemberCalls {
  readonly #modules: CallMembersModules;
  readonly #fromBlock: bigint;
  readonly #addresses = new Map<Hex, PeerAddress>();
  #seq = 0n;

  constructor(modules: CallMembersModules, fromBlock: bigint) {
    [this.#modules, this.#fromBlock] = [modules, fromBlock];
  }

  /** Errors: COMMITTEE_CALL for refusals and workers without an address; those of the transport and the chain. */
  async open(worker: Hex, ask: OpenAsk): Promise<Uint8Array> {
    return this.#call(worker, encodeOpenAsk(ask), ask.kind);
  }

  /** The same, signed by this operator. */
  async signed(worker: Hex, jobId: Hex, ask: SignedAsk): Promise<Uint8Array> {
    const { chain, operator, clock } = this.#modules;
    const body = encodeSignedAsk(ask);
    const now = BigInt(clock.nowMs()) * 1_000n;
    this.#seq = this.#seq >= now ? this.#seq + 1n : now;
    const deadline = BigInt(Math.floor(chain.clock.now()) + AHEAD_SEC);
    const envelope: Envelope = { protocol: COMMITTEE_PROTOCOL, from: operator.address, to: worker, jobId, seq: this.#seq, deadline, bodyHash: bodyHashOf(body) }; // prettier-ignore
    const domain = domainSeparator({ chainId: BigInt(chain.chainId), hub: chain.contracts.hub });
    const signature = unpackSignature(operator.signDigest(envelopeDigest(domain, envelope)));
    return this.#call(worker, encodeEnveloped(encodeEnvelope({ envelope, signature, body })), ask.kind);
  }

  async #call(worker: Hex, request: Uint8Array, what: string): Promise<Uint8Array> {
    const { transport, signal } = this.#modules;
    const address = await this.#addressOf(worker);
    const chunks: Uint8Array[] = [];
    try {
      const options = { signal, deadlineMs: CALL_MS, maxReplyBytes: MAX_COMMITTEE_REPLY };
      for await (const chunk of transport.call(address, COMMITTEE_PROTOCOL, request, options)) chunks.push(chunk);
    } catch (error) {
      // It may have moved.
      this.#addresses.delete(worker);
      throw error;
    }
    const reply = decodeReply(joinBytes(chunks));
    if (typeof reply === "string") throw new NodeError("COMMITTEE_CALL", { worker, what, reason: reply });
    return reply;
  }

  async #addressOf(worker: Hex): Promise<PeerAddress> {
    const known = this.#addresses.get(worker);
    if (known !== undefined) return known;
    const { chain } = this.#modules;
    const workerId = await getWorkerOfSigner(chain, { signer: worker });
    const [found] = await listProfiles(chain, { workerIds: workerId === 0 ? [] : [workerId], fromBlock: this.#fromBlock }); // prettier-ignore
    const { transportId = worker, endpoints = "" } = found?.profile ?? {};
    const [address] = parseEndpoints(transportId, endpoints);
    if (address === undefined) throw new NodeError("COMMITTEE_CALL", { worker, what: "call", reason: "it has no address" }); // prettier-ignore
    this.#addresses.set(worker, address);
    return address;
  }
}
