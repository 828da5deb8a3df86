// SPDX-License-Identifier: GPL-3.0-or-later
import { equalBytes, toHex } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import type { Certificate } from "../bytes/certificate.ts";
import { earliestEnd, parseChain, requireChain } from "../bytes/chain.ts";
import { TAG, derSmall, readDer } from "../bytes/der.ts";
import { isZero } from "../bytes/fields.ts";
import { checkRaw } from "../bytes/signature.ts";
import { EvidenceError } from "../errors.ts";
import { measurementId, platformId } from "../measure.ts";
import type { Endorsements, Evidence, Verdict } from "../verdict.ts";
import type { VerifyContext } from "../verify-context.ts";
import { SNP_PARTS, SNP_REPORT_BYTES, parseSnp, type SnpReport } from "./parse.ts";

/** 1.3.6.1.4.1.3704.1, AMD's arc of VCEK extensions (57230, "VCEK Certificate and KDS Interface Specification"). */
const AMD = "2b060104019c7801";
const SVN_OIDS = { bootloader: `${AMD}0301`, tee: `${AMD}0302`, snp: `${AMD}0303`, microcode: `${AMD}0308` } as const;
const HARDWARE_ID = `${AMD}04`;
const PRODUCT_NAME = `${AMD}02`;
/** Present in VLEK certificates, which a cloud holds for many chips. */
const CSP_ID = `${AMD}05`;

/** CPUID families and models per product. Turin packs its TCB in another way and is not verified here yet. */
const PRODUCTS = {
  Milan: (family: number, model: number) => family === 0x19 && model <= 0x0f,
  Genoa: (family: number, model: number) =>
    family === 0x19 && ((model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf)),
} as const;

type Amd = Extract<Endorsements, { readonly kind: "amd" }>;

const refuse = (code: "QUOTE" | "CHAIN" | "DEBUG" | "TD", detail: string): never => {
  throw new EvidenceError(code, { detail });
};

function productOf(root: string, report: SnpReport, vcek: Certificate): keyof typeof PRODUCTS {
  const name = root.replace(/^.*ARK-/, "");
  if (name !== "Milan" && name !== "Genoa") return refuse("QUOTE", `product ${name} is not supported`);
  if (report.cpu !== undefined && !PRODUCTS[name](report.cpu.family, report.cpu.model))
    return refuse("CHAIN", `family ${report.cpu.family} model ${report.cpu.model} is no ${name}`);
  const certified = vcek.extensions.get(PRODUCT_NAME);
  const text = certified === undefined ? "" : Buffer.from(readDer(certified, 0x16).value).toString("latin1");
  return text === name || text.startsWith(`${name}-`) ? name : refuse("CHAIN", `the VCEK is of product "${text}"`);
}

/** The VCEK is derived from the chip and its firmware: it must be of exactly this report's. */
function requireOwnKey(report: SnpReport, vcek: Certificate): void {
  if (isZero(report.chipId)) return refuse("QUOTE", "the chip hides its id");
  const id = vcek.extensions.get(HARDWARE_ID);
  if (id === undefined || !equalBytes(id, report.chipId)) return refuse("CHAIN", "the VCEK is of another chip");
  for (const part of SNP_PARTS) {
    const svn = vcek.extensions.get(SVN_OIDS[part]);
    if (svn === undefined || derSmall(readDer(svn, TAG.integer), 255) !== report.reportedTcb[part])
      return refuse("CHAIN", `the VCEK is of another ${part} version than ${report.reportedTcb[part]}`);
  }
}

function requireGuest({ policy, vmpl, keyInfo }: SnpReport): void {
  const bits = policy[2] ?? 0;
  if ((bits & 0x08) !== 0) return refuse("DEBUG", "policy bit 19");
  if ((bits & 0x04) !== 0) return refuse("TD", "policy bit 18: a migration agent may move it");
  if (vmpl !== 0) return refuse("TD", `privilege level ${vmpl}: the level above it is not measured here`);
  // Bits 2 to 4 name the signing key: 0 is VCEK. Bit 0 says that an author key speaks for the image.
  if ((keyInfo & 0x1e) !== 0) return refuse("QUOTE", "signed by another key than the chip's VCEK");
}

/** AMD SEV-SNP reports. Errors: QUOTE, CHAIN, ROOT, DEBUG, TD, DER. Without a floor for the product: OutOfDate. */
export function verifySnp(evidence: Evidence, endorsements: Amd | undefined, context: VerifyContext): Verdict {
  const { roots, now, cache, amdFloors } = context;
  const report = parseSnp(evidence.bytes);
  if (endorsements === undefined) return refuse("CHAIN", "AMD's certificates are missing");
  const chain = parseChain([endorsements.vcek, endorsements.ask, endorsements.ark], cache);
  const [vcek] = chain;
  const trusted = requireChain(chain, "amd", roots, now, cache);
  if (vcek === undefined || vcek.commonName !== "SEV-VCEK" || vcek.extensions.has(CSP_ID) || vcek.isCa)
    return refuse("CHAIN", "the leaf is no VCEK");
  if (chain.some(({ algorithm }) => algorithm !== "rsa-pss-sha384"))
    return refuse("CHAIN", "AMD signs with RSA-PSS and SHA-384");
  const product = productOf(trusted.name, report, vcek);
  requireOwnKey(report, vcek);
  if (!checkRaw("P-384", vcek.key, report.signed, report.signature)) return refuse("QUOTE", "the VCEK's signature");
  requireGuest(report);
  const floor = amdFloors[product];
  const short =
    floor === undefined
      ? [`no floor is set for ${product}`]
      : SNP_PARTS.filter((part) => report.reportedTcb[part] < floor[part]).map(
          (part) => `${part} ${report.reportedTcb[part]} < ${floor[part]}`,
        );
  const { measurement, hostData, policy, vmpl, idKeyDigest, reportedTcb } = report;
  return {
    platform: "amd-snp",
    root: trusted.kind,
    rootId: `0x${trusted.spkiSha256}`,
    platformId: platformId("amd-snp", report.chipId),
    measurementId: measurementId("amd-snp", [measurement, hostData, policy, Uint8Array.of(vmpl), idKeyDigest]),
    reportData: toHex(report.reportData),
    tcb: { status: short.length === 0 ? "UpToDate" : "OutOfDate", advisories: [], evaluation: 0, short },
    mark: null,
    evidenceHash: toHex(keccak256(evidence.bytes.subarray(0, SNP_REPORT_BYTES))),
    usedBytes: SNP_REPORT_BYTES,
    verifiedAt: now,
    notAfter: earliestEnd(chain),
    checks: [
      { name: "chain", detail: `SEV-VCEK < ${product}` },
      { name: "reported TCB", detail: SNP_PARTS.map((part) => `${part} ${reportedTcb[part]}`).join(", ") },
      { name: "guest", detail: `policy ${toHex(policy.toReversed())}, privilege level ${vmpl}` },
    ],
  };
}
