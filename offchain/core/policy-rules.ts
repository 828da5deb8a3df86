// SPDX-License-Identifier: MIT
import { PRESETS, type PresetName } from "./policy-presets.ts";
import { keccakText, type Word } from "./tagged-hash.ts";

export type Criticality = "critical" | "general";
/**
 * `open`: the seats may read the input. `raw-stays`: the raw input stays with the client, what leaves it may leak within the model's
 * limits. `sealed`: operators read nothing, by encryption or an enclave.
 */
export type Privacy = "open" | "raw-stays" | "sealed";

/** One row of the table: every condition present must hold. */
export type PolicyRule = {
  readonly criticality: Criticality;
  /** Any of these wishes. */
  readonly privacy?: readonly Privacy[];
  readonly polynomial?: boolean;
  /** A latency budget below so many seconds: too short for a committee's exchange. */
  readonly latencyBelowSec?: number;
  readonly cheapest?: boolean;
  /** The insured value must be within what the preset may insure for this job. */
  readonly insurable?: boolean;
  readonly preset: PresetName;
  readonly why: string;
};

/** protocol.md section 8, `resolvePolicy`, with the privacy wish in three steps: first match. */
export const POLICY_RULES: readonly PolicyRule[] = [
  {
    criticality: "critical",
    privacy: ["raw-stays", "sealed"],
    polynomial: true,
    preset: "critical-cipher",
    why: "Critical, and the input must stay hidden: a polynomial program can run on ciphertexts.",
  },
  {
    criticality: "critical",
    privacy: ["raw-stays", "sealed"],
    preset: "critical-enclave",
    why: "Critical, and the input must stay hidden from operators: two enclaves and a proof, for the program is not polynomial.",
  },
  {
    criticality: "critical",
    preset: "critical-proof",
    why: "Critical: only a proof convinces without trust in a majority.",
  },
  {
    criticality: "general",
    privacy: ["sealed"],
    polynomial: true,
    preset: "critical-cipher",
    why: "No operator may read the input: a polynomial program can run on ciphertexts.",
  },
  {
    criticality: "general",
    privacy: ["sealed"],
    preset: "critical-enclave",
    why: "No operator may read the input, auditors included, and the program is not polynomial: two enclaves and a proof.",
  },
  {
    criticality: "general",
    privacy: ["raw-stays"],
    preset: "general-split",
    why: "The raw input stays at the client, which runs the first stage itself.",
  },
  {
    criticality: "general",
    latencyBelowSec: 10,
    insurable: true,
    preset: "fast-enclave",
    why: "Nothing is insured and an answer is needed faster than a committee gives it: one attested enclave.",
  },
  {
    criticality: "general",
    cheapest: true,
    insurable: true,
    preset: "economy",
    why: "The cheapest evidence that still makes lying unprofitable for this value.",
  },
  {
    criticality: "general",
    insurable: true,
    preset: "general-vote",
    why: "A committee's stake covers this value.",
  },
  { criticality: "general", preset: "critical-proof", why: "The value exceeds what a committee's stake covers." },
];

/**
 * Hash of the rules and presets behind `resolvePolicy`, without their explanations, as ProtocolParams holds it: keccak256
 * of the UTF-8 bytes of "assay.v1.policy-table" and the table as JSON with sorted keys and without spaces.
 */
export function policyTableHash(): Word {
  const rules = POLICY_RULES.map(({ why: _why, ...rule }) => rule);
  const presets = Object.values(PRESETS).map(({ explanation: _explanation, ...preset }) => preset);
  return keccakText(`assay.v1.policy-table${canonicalJson({ presets, rules })}`);
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`)
      .join(",")}}`;
  return JSON.stringify(value);
}
