// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { z } from "zod";
import { fromHex, toHex, utf8, type Hex } from "../../../core/bytes.ts";
import { domainHash, keccak256 } from "../../../core/keccak.ts";
import { canonicalJson } from "../../../core/manifest.ts";
import type { CircuitFacts } from "./circuit.ts";
import { parseCanonical } from "./canonical-file.ts";
import { checkId } from "./name.ts";
import { phase1Schema, type Phase1 } from "./phase-1.ts";

/** `ceremony.json`: what everybody contributes to. Every transcript begins with its hash. */
export interface CeremonyFile {
  readonly version: 1;
  readonly id: string;
  readonly circuit: CircuitFacts;
  readonly phase1: Phase1;
  /** blake2b-512 of all points of snarkjs's `zkey new`, before the strip. */
  readonly stockHash: Hex;
  /** Which public randomness will be the beacon, said before anyone knows it. */
  readonly beaconPlan: string;
  readonly tools: { readonly assay: string; readonly snarkjs: string };
}

export const CEREMONY_JSON = "ceremony.json";
export const TOOLS = { assay: "0.1.0", snarkjs: "0.7.6" } as const;
/** Limit of every JSON file of a ceremony. */
export const MAX_JSON_BYTES = 4 * 1024 * 1024;

const hex = (bytes: number) =>
  z.custom<Hex>((value) => typeof value === "string" && new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`).test(value));
const count = z.number().int().nonnegative().max(0xffffffff);
const bit = z.union([z.literal(0), z.literal(1)]);
const printable = (most: number) => z.string().regex(new RegExp(`^[\\x20-\\x7e]{1,${most}}$`));

const schema = z.strictObject({
  version: z.literal(1),
  id: z.string(),
  circuit: z.strictObject({
    hash: hex(32),
    backend: z.union([z.literal(1), z.literal(2), z.literal(3)]),
    wires: count,
    publics: count,
    constraints: count,
    domain: count,
    groups: z
      .array(
        z.strictObject({
          tag: z.union([z.literal(1), z.literal(2)]),
          wires: z.strictObject({ from: count, count: count.min(1) }),
        }),
      )
      .max(2),
    boundaries: z
      .array(z.strictObject({ direction: bit, kind: bit, dataLength: count, headerHash: hex(32) }))
      .min(2)
      .max(16),
  }),
  phase1: phase1Schema,
  stockHash: hex(64),
  beaconPlan: printable(500),
  tools: z.strictObject({ assay: printable(64), snarkjs: printable(64) }),
});

export const encodeCeremony = (ceremony: CeremonyFile): Uint8Array => utf8(canonicalJson(ceremony));

/** Error: FILE_MALFORMED, CEREMONY_INPUT for an impossible id. */
export function parseCeremony(bytes: Uint8Array): CeremonyFile {
  const ceremony = parseCanonical(bytes, CEREMONY_JSON, schema);
  checkId(ceremony.id);
  return ceremony;
}

const hashOf = (ceremony: CeremonyFile): Uint8Array => keccak256(encodeCeremony(ceremony));

/** Where the transcript of the steps begins. */
export const startHash = (ceremony: CeremonyFile): Hex =>
  toHex(keccak256(domainHash("assay.v1.zk.ceremony.start"), hashOf(ceremony)));

/**
 * Where snarkjs's transcript of δ2 begins, in place of the stock hash: contributions made to the key before its strip, or to any
 * other ceremony, do not continue it.
 */
export const initHash = (ceremony: CeremonyFile): Uint8Array =>
  new Uint8Array(
    createHash("blake2b512")
      .update(domainHash("assay.v1.zk.ceremony.init"))
      .update(fromHex(ceremony.stockHash, 64))
      .update(hashOf(ceremony))
      .digest(),
  );
