// SPDX-License-Identifier: GPL-3.0-or-later
// A drawn committee whose members are in this process, and keys that they made.
import { nodeCrypto } from "../../../offchain/adapters/keys/node-crypto.ts";
import type { Hex } from "../../../offchain/core/bytes.ts";
import type { CryptoPort } from "../../../offchain/core/crypto-port.ts";
import { enclaveConfigDigest } from "../../../offchain/core/enclave-binding.ts";
import { addressOfKey } from "../../../offchain/core/signature.ts";
import { keccakText, toWord } from "../../../offchain/core/tagged-hash.ts";
import { COMMITTEE_RULES, drawCommittee, type Committee, type CommitteeRules, type DrawnCommittee, type DrawOptions, type RegistryEvent } from "../../../offchain/core/threshold/draw-committee.ts"; // prettier-ignore
import {
  encodeJudgement,
  makeCommitteeKey,
  type MadeKey,
  type MemberPort,
} from "../../../offchain/engines/tee/threshold/make-key.ts";
import { CommitteeSession, type HeldShare } from "../../../offchain/engines/tee/threshold/member.ts";

export const PLACED: { readonly chainId: bigint; readonly hub: Hex; readonly registry: Hex } = {
  chainId: 31_337n,
  hub: `0x${"44".repeat(20)}`,
  registry: `0x${"55".repeat(20)}`,
};
export const RULES: CommitteeRules = COMMITTEE_RULES;
export const DRAW_TIME = 1_800_000_000;

type Registered = Extract<RegistryEvent, { readonly kind: "registered" }>;

/** Enclave i of a chain where families alternate, and nobody has two machines. */
export function registered(i: number, change: Partial<Registered> = {}): Registered {
  return {
    kind: "registered",
    key: addressOfKey(claimKey(i)),
    worker: `0x${(0x1000 + i).toString(16).padStart(40, "0")}`,
    family: 2 + (i % 2),
    platformId: toWord(0x2000 + i),
    expiry: DRAW_TIME + 86_400,
    simulated: false,
    configDigest: enclaveConfigDigest(PLACED),
    ...change,
  };
}
export const claimKey = (i: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, at) => (at === 31 ? i + 1 : 7));

export const drawOptions = (change: Partial<DrawOptions> = {}): DrawOptions => ({
  ...PLACED,
  rules: RULES,
  epoch: 12,
  drawHash: keccakText("block"),
  drawTime: DRAW_TIME,
  events: Array.from({ length: 12 }, (_, i) => registered(i)),
  configDigest: enclaveConfigDigest(PLACED),
  ...change,
});

export interface TestCommittee {
  readonly drawn: DrawnCommittee;
  /** Claim key of member `index`. */
  readonly claimKeyOf: (index: number) => Uint8Array;
  /** Shares of members by index, of the newest attempt. */
  readonly shares: Map<number, HeldShare>;
  /** An honest member; tests bend what it says. */
  readonly member: (index: number) => MemberPort;
  /** Claim key's address of enclave `i`, drawn or not. */
  readonly eventKey: (i: number) => Hex;
  readonly make: (memberAt?: (index: number) => MemberPort) => Promise<MadeKey>;
}

export function testCommittee(change: Partial<DrawOptions> = {}, crypto: CryptoPort = nodeCrypto): TestCommittee {
  const drawn = drawCommittee(drawOptions(change));
  const keys = new Map(Array.from({ length: 40 }, (_, i) => [addressOfKey(claimKey(i)), claimKey(i)]));
  const claimKeyOf = (index: number): Uint8Array => keys.get(drawn.members[index - 1]?.key ?? "0x") ?? new Uint8Array();
  const shares = new Map<number, HeldShare>();
  const member = (index: number): MemberPort => {
    const sessions = new Map<string, CommitteeSession>();
    const session = (committee: Committee): CommitteeSession => {
      const name = `${committee.attempt}/${committee.mask}`;
      const own = sessions.get(name) ?? new CommitteeSession(crypto, committee, claimKeyOf(index));
      sessions.set(name, own);
      return own;
    };
    return {
      commit: async (committee) => session(committee).commit(),
      deal: async (committee, messages) => session(committee).deal(messages),
      judge: async (committee, messages) => {
        const judgement = session(committee).judge(messages);
        if ("share" in judgement) shares.set(index, judgement.share);
        return encodeJudgement(judgement);
      },
    };
  };
  const made = new Map<number, MemberPort>();
  const honest = (index: number): MemberPort => {
    const one = made.get(index) ?? member(index);
    made.set(index, one);
    return one;
  };
  return { drawn, claimKeyOf, shares, member: honest, eventKey: (i) => addressOfKey(claimKey(i)), make: async (memberAt = honest) => makeCommitteeKey(crypto, drawn, memberAt) };
} // prettier-ignore
