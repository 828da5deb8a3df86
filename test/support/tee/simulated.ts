// SPDX-License-Identifier: GPL-3.0-or-later
import { SimulatedPlatform, type SimulatedOptions } from "../../../offchain/engines/tee/sim/platform.ts";
import type { TrustRoots } from "../../../offchain/engines/tee/roots.ts";
import type { Endorsements, EvidenceFormat, EvidenceVendor, Verdict } from "../../../offchain/engines/tee/verdict.ts";
import { verifyEvidence, type VerifyOptions } from "../../../offchain/engines/tee/verify.ts";

/** Unix seconds: everything simulated is current from here for thirty days. */
export const START = 1_790_000_000n;
export const NOW = START + 3600n;
export const PERIOD = { from: START, to: START + 30n * 86_400n };
export const REPORT = { reportData: new Uint8Array(64).fill(0xa5), measurement: new Uint8Array(48).fill(0x3c) };
export const MILAN_FLOOR = { Milan: { bootloader: 4, tee: 0, snp: 23, microcode: 213 } };

/** One seed for all tests: its RSA keys are found once. */
export const simulated = (options: SimulatedOptions = {}): SimulatedPlatform =>
  new SimulatedPlatform(new Uint8Array(32).fill(0x11), PERIOD, options);

export interface Change extends VerifyOptions {
  readonly options?: SimulatedOptions;
  readonly editBytes?: (bytes: Uint8Array) => Uint8Array;
  readonly editEndorsements?: (endorsements: Endorsements) => Endorsements;
  readonly roots?: (roots: TrustRoots) => TrustRoots;
  readonly now?: bigint;
}

/** Verifies simulated evidence with one thing changed. */
export function verifySimulated(format: EvidenceFormat, change: Change = {}): Verdict {
  const { options, editBytes, editEndorsements, roots, now = NOW, ...verify } = change;
  const platform = simulated(options);
  const { evidence, endorsements } = platform.attest(format, REPORT);
  const own = platform.roots([vendorOf(format)]);
  const bytes = editBytes?.(Uint8Array.from(evidence.bytes)) ?? evidence.bytes;
  return verifyEvidence(
    { ...evidence, bytes },
    editEndorsements?.(endorsements) ?? endorsements,
    roots?.(own) ?? own,
    now,
    { amdFloors: MILAN_FLOOR, ...verify },
  );
}

function vendorOf(format: EvidenceFormat): EvidenceVendor {
  if (format.startsWith("dcap")) return "intel";
  return format === "snp-report" ? "amd" : format === "nitro-cose" ? "aws" : "nvidia";
}

/** Flips one bit of one byte. */
export const flip =
  (at: number) =>
  (bytes: Uint8Array): Uint8Array => {
    const index = at < 0 ? bytes.length + at : at;
    bytes[index] = (bytes[index] ?? 0) ^ 1;
    return bytes;
  };
