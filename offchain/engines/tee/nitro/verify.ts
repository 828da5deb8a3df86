// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, toHex, utf8 } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { cborBytes } from "../bytes/cbor-writer.ts";
import { earliestEnd, parseChain, requireChain } from "../bytes/chain.ts";
import { isZero } from "../bytes/fields.ts";
import { checkRaw } from "../bytes/signature.ts";
import { EvidenceError } from "../errors.ts";
import { measurementId, platformId } from "../measure.ts";
import type { Evidence, Verdict } from "../verdict.ts";
import type { VerifyContext } from "../verify-context.ts";
import { parseNitro, type NitroDocument } from "./parse.ts";

/** How far the enclave's clock may run ahead of `now`. */
const MAX_AHEAD_MS = 60_000n;

const refuse = (code: "QUOTE" | "CHAIN" | "DEBUG", detail: string): never => {
  throw new EvidenceError(code, { detail });
};

/** RFC 9052 §4.4: ["Signature1", protected, h'', payload]. */
const signedBytes = ({ protectedHeader, payload }: NitroDocument): Uint8Array =>
  concatBytes(
    Uint8Array.of(0x84, 0x6a),
    utf8("Signature1"),
    cborBytes(protectedHeader),
    cborBytes(new Uint8Array()),
    cborBytes(payload),
  );

/**
 * AWS Nitro attestation documents. A report data of other than 64 bytes comes out empty and binds nothing. Errors: QUOTE,
 * CHAIN, ROOT, DEBUG, CBOR, DER.
 */
export function verifyNitro(evidence: Evidence, { roots, now, cache }: VerifyContext): Verdict {
  const document = parseNitro(evidence.bytes);
  const chain = parseChain([document.certificate, ...document.caBundle.toReversed()], cache);
  const trusted = requireChain(chain, "aws", roots, now, cache);
  const [leaf] = chain;
  if (leaf === undefined || chain.length < 2 || leaf.isCa) return refuse("CHAIN", "the leaf is a CA");
  if (!checkRaw("P-384", leaf.key, signedBytes(document), document.signature))
    return refuse("QUOTE", "the leaf's signature");
  if (document.timestamp > now * 1000n + MAX_AHEAD_MS) return refuse("QUOTE", "its timestamp lies in the future");
  const pcr = (index: number): Uint8Array => document.pcrs.get(index) ?? new Uint8Array(48);
  for (const index of [0, 1, 2]) if (isZero(pcr(index))) return refuse("DEBUG", `PCR${index} is zero`);
  const [instance = ""] = document.moduleId.split("-enc");
  return {
    platform: "aws-nitro",
    root: trusted.kind,
    rootId: `0x${trusted.spkiSha256}`,
    platformId: platformId("aws-nitro", utf8(instance)),
    measurementId: measurementId("aws-nitro", [pcr(0), pcr(1), pcr(2), pcr(8)]),
    reportData: document.userData.length === 64 ? toHex(document.userData) : "0x",
    tcb: { status: "VendorManaged", advisories: [], evaluation: 0, short: [] },
    mark: null,
    evidenceHash: toHex(keccak256(evidence.bytes.subarray(0, document.used))),
    usedBytes: document.used,
    verifiedAt: now,
    notAfter: earliestEnd(chain),
    checks: [
      { name: "chain", detail: `${chain.length} certificates up to ${trusted.name}` },
      {
        name: "document",
        detail: `module ${document.moduleId}, made ${new Date(Number(document.timestamp)).toISOString()}`,
      },
    ],
  };
}
