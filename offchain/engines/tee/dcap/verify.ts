// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, equalBytes, toHex } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import type { Certificate } from "../bytes/certificate.ts";
import { earliestEnd, parseChain, requireChain } from "../bytes/chain.ts";
import { readCrl, requireCurrent, type RevocationList } from "../bytes/crl.ts";
import { isZero, sha256 } from "../bytes/fields.ts";
import { readPem } from "../bytes/pem.ts";
import { checkRaw, p256Key } from "../bytes/signature.ts";
import { EvidenceError } from "../errors.ts";
import { measurementId, platformId } from "../measure.ts";
import { worstStatus, type Check, type Evidence, type IntelCollateral, type Verdict } from "../verdict.ts";
import type { VerifyContext } from "../verify-context.ts";
import { parseQeIdentity, parseTcbInfo, readSigned, type TcbInfo } from "./collateral.ts";
import { parseQuote, type Quote } from "./parse.ts";
import { readPck, type PckFacts } from "./pck.ts";
import { matchModule, matchPlatform, matchQuotingEnclave } from "./tcb.ts";

const CAS = new Set(["Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"]);

function readChain(quote: Quote, { roots, now, cache }: VerifyContext) {
  const chain = parseChain(readPem(quote.chain), cache);
  const [pck, ca, root, ...rest] = chain;
  if (pck === undefined || ca === undefined || root === undefined || rest.length > 0)
    throw new EvidenceError("CHAIN", { detail: "it is not PCK, CA and root" });
  const trusted = requireChain(chain, "intel", roots, now, cache);
  if (!CAS.has(ca.commonName))
    throw new EvidenceError("CHAIN", { detail: `${ca.commonName} issues no PCK certificates` });
  if (pck.isCa) throw new EvidenceError("CHAIN", { detail: "the PCK certificate is a CA" });
  return { chain, pck, ca, root, trusted };
}

function requireUnrevoked(
  issuer: Certificate,
  der: Uint8Array,
  subjects: readonly Certificate[],
  { now, cache }: VerifyContext,
): RevocationList {
  const list = cache.memo("crl", [der, issuer.der], () => readCrl(der, issuer));
  requireCurrent(list, now, issuer.commonName);
  for (const { serial, commonName } of subjects)
    if (list.serials.has(serial)) throw new EvidenceError("REVOKED", { detail: `${commonName} ${serial}` });
  return list;
}

function requireFit(quote: Quote, pck: PckFacts, info: TcbInfo, qeId: string, { seen }: VerifyContext): void {
  const refuse = (detail: string): never => {
    throw new EvidenceError("COLLATERAL", { detail });
  };
  if (info.id !== (quote.isTdx ? "TDX" : "SGX")) return refuse(`TCB info for ${info.id}`);
  if (qeId !== (quote.isTdx ? "TD_QE" : "QE")) return refuse(`enclave identity of ${qeId}`);
  if (info.fmspc !== pck.fmspc) return refuse(`TCB info of family ${info.fmspc}, the platform is ${pck.fmspc}`);
  if (info.pceId !== pck.pceId) return refuse(`TCB info of PCE ${info.pceId}, the platform's is ${pck.pceId}`);
  for (const mark of seen) {
    if (mark.id !== info.id || mark.fmspc !== info.fmspc) continue;
    const isOlder =
      info.evaluation < mark.evaluation || (info.evaluation === mark.evaluation && info.issued < mark.issued);
    if (isOlder) return refuse(`evaluation ${info.evaluation} is older than ${mark.evaluation}, which was seen before`);
  }
}

function requireQuoteSigned(quote: Quote, pck: Certificate): void {
  const bound = concatBytes(sha256(quote.attestationKey, quote.qeAuthData), new Uint8Array(32));
  if (!equalBytes(quote.qeReport.subarray(320, 384), bound))
    throw new EvidenceError("QE", { detail: "its report binds another attestation key" });
  if (!checkRaw("P-256", pck.key, quote.qeReport, quote.qeSignature))
    throw new EvidenceError("QE", { detail: "the PCK signature on its report" });
  const key = p256Key(quote.attestationKey);
  if (key === undefined || !checkRaw("P-256", key, quote.signed, quote.signature))
    throw new EvidenceError("QUOTE", { detail: "the attestation key's signature" });
}

/** Facts that make the report meaningless whatever the policy. Errors: DEBUG, TD. */
function requireProductionBody({ body, isTdx }: Quote): void {
  if (!isTdx) {
    if (((body[48] ?? 0) & 2) !== 0) throw new EvidenceError("DEBUG", { detail: "SGX DEBUG attribute" });
    return;
  }
  if (body[120] !== 0) throw new EvidenceError("DEBUG", { detail: "TD attributes of the untrusted group" });
  if (((body[123] ?? 0) & 0x10) === 0) throw new EvidenceError("TD", { detail: "SEPT_VE_DISABLE is off" });
  if (!isZero(body.subarray(600))) throw new EvidenceError("TD", { detail: "a service TD may migrate it" });
}

function measure({ body, isTdx }: Quote): Uint8Array[] {
  const field = (at: number, length: number): Uint8Array => body.subarray(at, at + length);
  if (!isTdx) return [field(64, 32), field(128, 32), field(256, 2), field(258, 2), field(48, 16), field(16, 4)];
  const rtmr = [0, 1, 2, 3].map((i) => field(328 + 48 * i, 48));
  return [field(136, 48), ...rtmr, field(120, 8), field(128, 8), field(184, 48), field(232, 48), field(280, 48)];
}

/** Intel SGX and TDX quotes (tee.md §2). Errors: every code of the tee module's table but BINDING and NOT_ADMITTED. */
export function verifyDcap(
  evidence: Evidence,
  collateral: IntelCollateral | undefined,
  context: VerifyContext,
): Verdict {
  const { now } = context;
  const quote = parseQuote(evidence.bytes, evidence.format);
  const { chain, pck, ca, root, trusted } = readChain(quote, context);
  if (collateral === undefined) throw new EvidenceError("COLLATERAL", { detail: "it is missing" });
  const facts = context.cache.memo("pck", [pck.der], () => readPck(pck));
  const rootList = requireUnrevoked(root, collateral.rootCrl, [ca], context);
  const caList = requireUnrevoked(ca, collateral.pckCrl, [pck], context);
  const signing = { root, ...context };
  const tcb = readSigned({ what: "TCB info", json: collateral.tcbInfo, signature: collateral.tcbInfoSignature, chain: collateral.tcbInfoChain, parse: parseTcbInfo }, signing); // prettier-ignore
  const qe = readSigned({ what: "QE identity", json: collateral.qeIdentity, signature: collateral.qeIdentitySignature, chain: collateral.qeIdentityChain, parse: parseQeIdentity }, signing); // prettier-ignore
  requireUnrevoked(root, collateral.rootCrl, [...tcb.chain, ...qe.chain], context);
  requireFit(quote, facts, tcb.info, qe.info.id, context);
  const qeLevel = matchQuotingEnclave(quote.qeReport, qe.info);
  requireQuoteSigned(quote, pck);
  const platform = matchPlatform({ pck: facts, tee: quote.isTdx ? quote.body.subarray(0, 16) : undefined }, tcb.info);
  const module = quote.isTdx ? matchModule(quote.body, tcb.info) : undefined;
  requireProductionBody(quote);
  const levels = [platform.level, qeLevel, ...(module === undefined ? [] : [module])];
  const kind = quote.isTdx ? "intel-tdx" : "intel-sgx";
  const data = quote.isTdx ? quote.body.subarray(520, 584) : quote.body.subarray(320, 384);
  const ends = [rootList.nextUpdate, caList.nextUpdate, tcb.info.nextUpdate, qe.info.nextUpdate, earliestEnd([...chain, ...tcb.chain, ...qe.chain])]; // prettier-ignore
  const { id, fmspc, evaluation, issued } = tcb.info;
  const checks: Check[] = [
    { name: "chain", detail: `${pck.commonName} < ${ca.commonName} < ${root.commonName}` },
    {
      name: "revocation",
      detail: `${rootList.serials.size} and ${caList.serials.size} serials listed, none of this chain`,
    },
    { name: "collateral", detail: `family ${fmspc}, evaluation ${evaluation}` },
    { name: "quoting enclave", detail: `isvSvn level ${qeLevel.isvSvn}: ${qeLevel.status}` },
    { name: "platform", detail: `level of ${platform.level.date}: ${platform.level.status}` },
    ...(module === undefined
      ? []
      : [{ name: "TDX module", detail: `isvSvn level ${module.isvSvn}: ${module.status}` }]),
  ];
  return {
    platform: kind,
    root: trusted.kind,
    rootId: `0x${trusted.spkiSha256}`,
    platformId: platformId(kind, facts.ppid),
    measurementId: measurementId(kind, measure(quote)),
    reportData: toHex(data),
    tcb: {
      status: worstStatus(levels.map(({ status }) => status)),
      advisories: [...new Set(levels.flatMap(({ advisories }) => advisories))],
      evaluation,
      short: platform.short,
    },
    mark: { id: id === "TDX" ? "TDX" : "SGX", fmspc, evaluation, issued },
    evidenceHash: toHex(keccak256(evidence.bytes.subarray(0, quote.used))),
    usedBytes: quote.used,
    verifiedAt: now,
    notAfter: ends.reduce((a, b) => (b < a ? b : a)),
    checks,
  };
}
