// SPDX-License-Identifier: MIT
import { sha256 } from "@noble/hashes/sha2.js";
import { assertInteger, toHex, type Hex } from "../bytes.ts";
import { ByteWriter } from "../byte-writer.ts";
import { addressWord } from "../enclave-binding.ts";
import { taggedHash, toWord, type Word } from "../tagged-hash.ts";
import type { Deployment } from "../types.ts";
import { ThresholdError } from "./errors.ts";

/** What a committee must be like. Whoever seals to one decides; other rules draw another committee. */
export interface CommitteeRules {
  /** A committee is drawn at every block whose number is a multiple of this. */
  readonly epochBlocks: number;
  /** Members drawn, at most 32. */
  readonly n: number;
  /** Shares that open an input. */
  readonly t: number;
  /** Most members of one vendor family. From t on, one forged vendor root opens everything. */
  readonly perFamily: number;
  /** Most members of one worker id: one worker id an owner. */
  readonly perOperator: number;
  /** Most members on one machine. */
  readonly perPlatform: number;
  /** Development chains only. */
  readonly allowSimulated: boolean;
}

/** A week of 12-second blocks. */
export const COMMITTEE_RULES: CommitteeRules = {
  epochBlocks: 50_400,
  n: 6,
  t: 4,
  perFamily: 3,
  perOperator: 2,
  perPlatform: 1,
  allowSimulated: false,
};
/** Of simulated enclaves, which are all of one family and often on one machine. */
export const DEVELOPMENT_RULES: CommitteeRules = {
  epochBlocks: 256,
  n: 4,
  t: 3,
  perFamily: 4,
  perOperator: 1,
  perPlatform: 4,
  allowSimulated: true,
};
export const MAX_MEMBERS = 32;

/** Error: NUMBER_OUT_OF_RANGE. */
export function assertRules({ epochBlocks, n, t, perFamily, perOperator, perPlatform }: CommitteeRules): void {
  assertInteger(epochBlocks, 1, 0xffff_ffff, "Blocks of an epoch");
  assertInteger(n, 3, MAX_MEMBERS, "Members of a committee");
  // One member may be lost; and one alone must open nothing.
  assertInteger(t, 2, n - 1, "Shares that open");
  for (const [what, cap] of Object.entries({ family: perFamily, operator: perOperator, platform: perPlatform }))
    assertInteger(cap, 1, n, `Members of one ${what}`);
}

/** One event of the enclave registry, as far as draws look at it. */
export type RegistryEvent =
  | {
      readonly kind: "registered";
      readonly key: Hex;
      readonly worker: Hex;
      /** SGX and TDX are one. */
      readonly family: number;
      readonly platformId: Word;
      /** Unix seconds. */
      readonly expiry: number;
      readonly simulated: boolean;
      /** Of the enclave's runtime: which chain, hub and registry it was booted for. */
      readonly configDigest: Word;
    }
  | { readonly kind: "ended"; readonly key: Hex };

export interface CommitteeMember {
  /** Claim key: what its registration's quote binds. */
  readonly key: Hex;
  /** Whose enclave it is. */
  readonly worker: Hex;
}

/** The members that one block drew, in order: member i has index i + 1. */
export interface DrawnCommittee extends Deployment {
  /** Address of the enclave registry. */
  readonly registry: Hex;
  readonly rules: CommitteeRules;
  /** Number of the draw's block, divided by `epochBlocks`. */
  readonly epoch: number;
  readonly drawHash: Word;
  readonly members: readonly CommitteeMember[];
}

export interface DrawOptions extends Omit<DrawnCommittee, "members"> {
  /** Unix seconds of the block that draws. */
  readonly drawTime: number;
  /** Of all blocks before the one that draws, in the chain's order: who may be drawn was settled before anybody knew its hash. */
  readonly events: readonly RegistryEvent[];
  /** `enclaveConfigDigest` of this hub and registry. */
  readonly configDigest: Word;
}

type Registered = Extract<RegistryEvent, { readonly kind: "registered" }>;

/**
 * The committee of an epoch, from public things only: registry events and one block's hash. Enclaves come in the order of a hash over
 * block and key, and each is taken unless its family, operator or machine has its share already. Errors: COMMITTEE_SMALL,
 * NUMBER_OUT_OF_RANGE.
 */
export function drawCommittee({ events, drawTime, configDigest, ...draw }: DrawOptions): DrawnCommittee {
  const { rules, drawHash, epoch, registry, chainId } = draw;
  assertRules(rules);
  const newest = new Map<Hex, Registered>();
  for (const event of events) {
    const key = event.key.toLowerCase() as Hex;
    newest.delete(key);
    if (event.kind === "registered") newest.set(key, event);
  }
  const seed = taggedHash("assay.v1.committee", [drawHash, addressWord(registry), toWord(chainId), toWord(epoch)]);
  const ranked = [...newest]
    .filter(([, one]) => one.expiry > drawTime && (!one.simulated || rules.allowSimulated))
    .filter(([, one]) => one.configDigest === configDigest)
    .map(([key, one]) => ({ key, one, rank: taggedHash("assay.v1.member", [seed, addressWord(key)]) }))
    .toSorted((a, b) => (a.rank < b.rank ? -1 : 1));
  const counts = new Map<string, number>();
  const members: CommitteeMember[] = [];
  for (const { key, one } of ranked) {
    if (members.length === rules.n) break;
    const worker = one.worker.toLowerCase() as Hex;
    const caps: readonly (readonly [string, number])[] = [
      [`family ${one.family}`, rules.perFamily],
      [`operator ${worker}`, rules.perOperator],
      [`platform ${one.platformId}`, rules.perPlatform],
    ];
    if (caps.some(([name, cap]) => (counts.get(name) ?? 0) >= cap)) continue;
    for (const [name] of caps) counts.set(name, (counts.get(name) ?? 0) + 1);
    members.push({ key, worker });
  }
  if (members.length < rules.n) throw new ThresholdError("COMMITTEE_SMALL", { have: members.length, need: rules.n });
  return { ...draw, members };
}

/** One try of a drawn committee to make a key: those who take part. */
export interface Committee extends DrawnCommittee {
  /** Bit i: member i takes part. Who was found wrong, or is away, does not. */
  readonly mask: number;
  /** Counts from 0: the same members try again under another id. */
  readonly attempt: number;
}

/** Fewest who may hold shares: one may be lost. */
export const fewestHolders = ({ t }: CommitteeRules): number => t + 1;

/** Indices (from 1, as in the draw) of those who take part, ascending. */
export const holdersOf = ({ members, mask }: Pick<Committee, "members" | "mask">): readonly number[] =>
  members.flatMap((_, i) => (((mask >>> i) & 1) === 1 ? [i + 1] : []));

/** Errors: NUMBER_OUT_OF_RANGE; THRESHOLD_INVALID for repeated members, strangers in the mask, or too few. */
export function assertCommittee(committee: Committee): void {
  const { rules, members, mask, attempt, epoch } = committee;
  assertRules(rules);
  assertInteger(epoch, 0, 0xffff_ffff, "The epoch");
  assertInteger(attempt, 0, 0xff, "The attempt");
  assertInteger(mask, 1, 0xffff_ffff, "The mask");
  const refuse = (why: string) => new ThresholdError("THRESHOLD_INVALID", { what: "The committee", why });
  if (members.length !== rules.n) throw refuse(`it has ${members.length} members, its rules say ${rules.n}`);
  if (new Set(members.map(({ key }) => key.toLowerCase())).size !== members.length) throw refuse("a member is twice");
  if (members.length < 32 && mask >>> members.length !== 0) throw refuse("its mask names strangers");
  if (holdersOf(committee).length < fewestHolders(rules)) throw refuse("too few take part");
}

/**
 * sha256 over all that a committee is. Deals, proofs, keys and inputs are bound to it, so that nothing of one chain, registry, epoch,
 * committee or attempt means anything in another. Errors: those of `assertCommittee`.
 */
export function committeeId(committee: Committee): Word {
  assertCommittee(committee);
  const { chainId, hub, registry, rules, epoch, drawHash, members, mask, attempt } = committee;
  const writer = new ByteWriter().string("assay.v1.threshold.committee").fixed(toWord(chainId), 32);
  writer.fixed(hub, 20).fixed(registry, 20).u32be(rules.epochBlocks).u8(rules.n).u8(rules.t);
  writer.u8(rules.perFamily).u8(rules.perOperator).u8(rules.perPlatform).bool(rules.allowSimulated);
  writer.u32be(epoch).fixed(drawHash, 32).u32be(mask).u8(attempt);
  for (const { key, worker } of members) writer.fixed(key, 20).fixed(worker, 20);
  return toHex(sha256(writer.finish()));
}
