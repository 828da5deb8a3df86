// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, toHex } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { earliestEnd, parseChain, requireChain } from "../bytes/chain.ts";
import { readPem } from "../bytes/pem.ts";
import { checkRaw } from "../bytes/signature.ts";
import { EvidenceError } from "../errors.ts";
import { measurementId, platformId } from "../measure.ts";
import type { Endorsements, Evidence, Verdict } from "../verdict.ts";
import type { VerifyContext } from "../verify-context.ts";
import { parseGpu } from "./parse.ts";

type Nvidia = Extract<Endorsements, { readonly kind: "nvidia" }>;

/**
 * NVIDIA GPU reports. Signed are firmware measurements and versions; whether confidential mode is on is not part of them:
 * the enclave asks the driver (tee.md §4). Errors: QUOTE, CHAIN, ROOT, PEM, DER.
 */
export function verifyNvidia(evidence: Evidence, endorsements: Nvidia | undefined, context: VerifyContext): Verdict {
  const { roots, now, cache } = context;
  const report = parseGpu(evidence.bytes);
  if (endorsements === undefined) throw new EvidenceError("CHAIN", { detail: "NVIDIA's certificates are missing" });
  const chain = parseChain(readPem(endorsements.chain), cache);
  const trusted = requireChain(chain, "nvidia", roots, now, cache);
  const [leaf, device] = chain;
  if (leaf === undefined || device === undefined || chain.length < 3 || leaf.isCa)
    throw new EvidenceError("CHAIN", { detail: "it is not leaf, device and above" });
  if (!checkRaw("P-384", leaf.key, report.signed, report.signature))
    throw new EvidenceError("QUOTE", { detail: "the GPU's signature" });
  const ascii = (bytes: Uint8Array): string =>
    Buffer.from(bytes)
      .toString("latin1")
      .replaceAll(/[^\x21-\x7e]/g, "");
  return {
    platform: "nvidia-gpu",
    root: trusted.kind,
    rootId: `0x${trusted.spkiSha256}`,
    platformId: platformId("nvidia-gpu", device.spki),
    measurementId: measurementId("nvidia-gpu", [...report.blocks, report.driver, report.vbios, report.featureBytes]),
    reportData: toHex(concatBytes(report.nonce, new Uint8Array(32))),
    tcb: { status: "VendorManaged", advisories: [], evaluation: 0, short: [] },
    mark: null,
    evidenceHash: toHex(keccak256(evidence.bytes)),
    usedBytes: evidence.bytes.length,
    verifiedAt: now,
    notAfter: earliestEnd(chain),
    checks: [
      { name: "chain", detail: `${chain.length} certificates up to ${trusted.name}` },
      { name: "driver", detail: `${ascii(report.driver)}, ${report.blocks.length} measurements` },
      { name: "feature", detail: report.feature ?? "not stated" },
    ],
  };
}
