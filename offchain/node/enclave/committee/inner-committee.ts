// SPDX-License-Identifier: GPL-3.0-or-later
import { equalBytes, fromHex, type Hex } from "../../../core/bytes.ts";
import type { CryptoPort, X25519KeyPair } from "../../../core/crypto-port.ts";
import { hasCode, isAssayError } from "../../../core/errors.ts";
import { sealBlob, sealContext } from "../../../core/seal.ts";
import { committeeId, type Committee } from "../../../core/threshold/draw-committee.ts";
import { joinPoints } from "../../../core/threshold/group.ts";
import { makeShare, openFromCommittee, readThresholdHeader, sealShare } from "../../../core/threshold/sealed-input.ts";
import { encodeJudgement } from "../../../engines/tee/threshold/make-key.ts";
import { CommitteeSession, type HeldShare } from "../../../engines/tee/threshold/member.ts";
import { NodeError } from "../../errors.ts";
import { DONE, type Ask, type Asked, type Refusal } from "../wire.ts";
import type { Answer } from "../inner.ts";
import { COMMITTEE_MESSAGES } from "./messages.ts";
import { decodeList, decodeUnwrap } from "./lists.ts";

export interface InnerCommitteeModules {
  readonly crypto: CryptoPort;
  readonly claimKey: Uint8Array;
  readonly sealKey: X25519KeyPair;
  /** Where the enclave was booted. Error: ENCLAVE_REFUSED before. */
  readonly place: () => Ask<"boot">;
}

export type CommitteeName = keyof typeof COMMITTEE_MESSAGES;
export type CommitteeAsked = Extract<Asked, { readonly name: CommitteeName }>;
export const isCommitteeAsked = (asked: Asked): asked is CommitteeAsked =>
  Object.hasOwn(COMMITTEE_MESSAGES, asked.name);

/** Tries at keys under way. A host that begins more stops its own older ones. */
const MAX_SESSIONS = 4;
/** Shares held: of this epoch's committee and the one before, with a try too many each. */
const MAX_SHARES = 4;

const refuse = (refusal: Refusal): never => {
  throw new NodeError("ENCLAVE_REFUSED", { what: "inner", refusal });
};

/**
 * The enclave as a committee's member: makes a key with others, keeps its share in memory only, and gives shares of inputs to enclaves that
 * the inputs' clients named. Of the chain it knows nothing: a committee that its host made up makes another key, which no client takes
 * for the drawn one, and a share goes only where the sealed input says.
 */
export class InnerCommittee {
  readonly #modules: InnerCommitteeModules;
  readonly #sessions = new Map<Hex, CommitteeSession>();
  readonly #shares = new Map<Hex, HeldShare>();

  constructor(modules: InnerCommitteeModules) {
    this.#modules = modules;
  }

  /** Error: ENCLAVE_REFUSED, with INPUT for whatever is wrong with what came. */
  answer(asked: CommitteeAsked): Answer {
    try {
      return this.#answer(asked);
    } catch (error) {
      if (!isAssayError(error) || hasCode(error, "ENCLAVE_REFUSED")) throw error;
      return refuse("INPUT");
    }
  }

  #answer(asked: CommitteeAsked): Answer {
    switch (asked.name) {
      case "commit":
        return { name: "commit", body: DONE, tail: this.#commit(asked.body) };
      case "deal":
        return { name: "deal", body: DONE, tail: this.#session(asked.body.committeeId).deal(decodeList(asked.tail)) };
      case "judge":
        return { name: "judge", body: DONE, tail: this.#judge(asked.body.committeeId, decodeList(asked.tail)) };
      case "release":
        return { name: "release", body: DONE, tail: this.#release(asked.body, asked.tail) };
      case "unwrap":
        return this.#unwrap(asked.body, asked.tail);
    }
  }

  #session(id: Hex): CommitteeSession {
    return this.#sessions.get(id) ?? refuse("COMMITTEE");
  }

  #commit({ committee: asked }: Ask<"commit">): Uint8Array {
    const { chainId, hub, registry } = this.#modules.place();
    const committee: Committee = { ...asked, chainId, hub, registry };
    const id = committeeId(committee);
    const known = this.#sessions.get(id);
    if (known !== undefined) return known.commit();
    const { crypto, claimKey } = this.#modules;
    const session = new CommitteeSession(crypto, committee, claimKey);
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= MAX_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest);
    this.#sessions.set(id, session);
    return session.commit();
  }

  #judge(id: Hex, deals: readonly Uint8Array[]): Uint8Array {
    const judgement = this.#session(id).judge(deals);
    if ("share" in judgement) this.#keep(id, judgement.share);
    return encodeJudgement(judgement);
  }

  /** Shares of epochs before the last one are erased: what was sealed to them is over. */
  #keep(id: Hex, share: HeldShare): void {
    this.#shares.set(id, share);
    const newest = Math.max(...[...this.#shares.values()].map(({ committee }) => committee.epoch));
    for (const [one, { committee }] of this.#shares)
      if (committee.epoch + 1 < newest) {
        this.#shares.delete(one);
        this.#sessions.delete(one);
      }
    const [oldest] = this.#shares.keys();
    if (this.#shares.size > MAX_SHARES && oldest !== undefined) this.#shares.delete(oldest);
  }

  #context({ jobId, boundary, sender }: Pick<Ask<"release">, "jobId" | "boundary" | "sender">): Uint8Array {
    const { chainId, hub } = this.#modules.place();
    return sealContext({ chainId, hub, jobId, boundary, lane: 0, sender });
  }

  #release({ receiver, ...scope }: Ask<"release">, bytes: Uint8Array): Uint8Array {
    const { crypto } = this.#modules;
    const header = readThresholdHeader(bytes);
    const held = this.#shares.get(header.committeeId) ?? refuse("COMMITTEE");
    if (header.bytes.length !== bytes.length || !equalBytes(header.context, this.#context(scope))) return refuse("INPUT"); // prettier-ignore
    if (!equalBytes(joinPoints(header.points), joinPoints(held.points))) return refuse("COMMITTEE");
    const share = makeShare(crypto, header, held.index, held.secret);
    const sealed = sealShare(crypto, header, held.index, fromHex(receiver, 32), share);
    share.fill(0);
    return sealed;
  }

  #unwrap(scope: Ask<"unwrap">, bytes: Uint8Array): Answer<"unwrap"> {
    const { crypto, sealKey } = this.#modules;
    const { shares, blob } = decodeUnwrap(bytes);
    const context = this.#context(scope);
    try {
      const { privateKey, publicKey } = sealKey;
      const { plain, wrong } = openFromCommittee(crypto, blob, { context, privateKey, shares });
      const sealed = sealBlob(crypto, { context, recipients: [publicKey], plain });
      plain.fill(0);
      return { name: "unwrap", body: { opened: true, have: shares.length - wrong.length, wrong: bits(wrong) }, tail: sealed }; // prettier-ignore
    } catch (error) {
      if (!hasCode(error, "SHARES_MISSING")) throw error;
      const wrong = String(error.meta["wrong"]).split(", ").map(Number).filter(Number.isInteger);
      return { name: "unwrap", body: { opened: false, have: Number(error.meta["have"]), wrong: bits(wrong) } };
    }
  }
}

/** Index 1 is the lowest bit. Indices that no committee has are nobody's. */
const bits = (indices: readonly number[]): number =>
  indices.reduce((mask, index) => (index >= 1 && index <= 32 ? (mask | (1 << (index - 1))) >>> 0 : mask), 0);
/** The indices of a mask of `unwrap`. */
export const fromBits = (mask: number): readonly number[] =>
  Array.from({ length: 32 }, (_, i) => i + 1).filter((index) => ((mask >>> (index - 1)) & 1) === 1);
