// SPDX-License-Identifier: GPL-3.0-or-later
import { equalBytes } from "../../../core/bytes.ts";
import { EvidenceError } from "../errors.ts";
import { findRoot, type TrustRoot, type TrustRoots } from "../roots.ts";
import type { EvidenceVendor } from "../verdict.ts";
import type { VerifyCache } from "../cache.ts";
import { readCertificate, type Certificate } from "./certificate.ts";
import { isSignedBy } from "./signature.ts";

const refuse = (detail: string): never => {
  throw new EvidenceError("CHAIN", { detail });
};

export function parseChain(ders: readonly Uint8Array[], cache: VerifyCache): Certificate[] {
  return ders.map((der) => cache.memo("certificate", [der], () => readCertificate(der)));
}

/** `below`: CA certificates between the parent and the leaf. */
function requireIssued(child: Certificate, parent: Certificate, below: number, cache: VerifyCache): void {
  if (!equalBytes(child.issuer, parent.subject)) return refuse(`${child.commonName} names another issuer`);
  if (!parent.isCa || !parent.mayIssue) return refuse(`${parent.commonName} is no CA`);
  if (parent.pathLength !== undefined && parent.pathLength < below)
    return refuse(`the path under ${parent.commonName} is too long`);
  cache.memo(
    "issued",
    [child.der, parent.der],
    () => isSignedBy(child, parent) || refuse(`signature on ${child.commonName}`),
  );
}

/**
 * A chain from leaf to self-issued root: root pinned by its key, names, CA rights, path lengths, signatures and dates.
 * `now` in Unix seconds. Returns the pinned root's record. Errors: ROOT, CHAIN.
 */
export function requireChain(
  chain: readonly Certificate[],
  vendor: EvidenceVendor,
  roots: TrustRoots,
  now: bigint,
  cache: VerifyCache,
): TrustRoot {
  const top = chain.at(-1) ?? refuse("it is empty");
  const root = findRoot(roots, vendor, top);
  for (const certificate of chain) {
    if (certificate.isSimulated && !roots.simulatedAllowed)
      return refuse(`unknown critical extension in ${certificate.commonName}`);
    if (certificate.isCa && certificate.isSimulated !== (root.kind === "simulated"))
      return refuse(`${certificate.commonName} mixes a simulated chain with a vendor's`);
    if (now < certificate.notBefore) return refuse(`${certificate.commonName} is not valid yet`);
    if (now > certificate.notAfter) return refuse(`${certificate.commonName} expired`);
  }
  for (const [i, child] of chain.entries())
    requireIssued(child, chain[i + 1] ?? top, i === chain.length - 1 ? 0 : i, cache);
  return root;
}

/** The earliest end of validity. */
export const earliestEnd = (chain: readonly Certificate[]): bigint =>
  chain.reduce((end, { notAfter }) => (notAfter < end ? notAfter : end), 2n ** 63n);
