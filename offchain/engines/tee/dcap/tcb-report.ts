// SPDX-License-Identifier: GPL-3.0-or-later
import { readCertificate } from "../bytes/certificate.ts";
import { readPem } from "../bytes/pem.ts";
import { u16le } from "../bytes/fields.ts";
import { EvidenceError } from "../errors.ts";
import type { Evidence, IntelCollateral } from "../verdict.ts";
import { parseQeIdentity, parseTcbInfo } from "./collateral.ts";
import { parseQuote } from "./parse.ts";
import { readPck } from "./pck.ts";

export interface TcbRow {
  readonly component: string;
  readonly have: number;
  /** What the vendor's newest level wants. */
  readonly newest: number;
  /** What raises it, in Intel's words; empty where Intel does not say. */
  readonly raisedBy: string;
}

/**
 * Every component of a platform beside its vendor's newest level. Explains and proves nothing: verify the same evidence and
 * collateral first. Errors: those of parsing.
 */
export function tcbReport(evidence: Evidence, collateral: IntelCollateral): TcbRow[] {
  const quote = parseQuote(evidence.bytes, evidence.format);
  const [leaf] = readPem(quote.chain);
  const info = parseTcbInfo(collateral.tcbInfo);
  const [newest] = info.levels;
  if (leaf === undefined || newest === undefined) throw new EvidenceError("COLLATERAL", { detail: "no TCB levels" });
  const pck = readPck(readCertificate(leaf));
  const tee = quote.isTdx ? quote.body.subarray(0, 16) : undefined;
  const from = (tee?.[1] ?? 0) > 0 ? 2 : 0;
  const qe = parseQeIdentity(collateral.qeIdentity).levels[0];
  const module = info.modules.find(
    ({ id }) => id === `TDX_${(tee?.[1] ?? 0).toString(16).padStart(2, "0").toUpperCase()}`,
  );
  const moduleLevel = tee === undefined || (tee[1] ?? 0) === 0 ? undefined : module?.levels[0];
  return [
    ...newest.sgx.map(({ svn, raisedBy }, i) => ({ component: `sgx[${i}]`, have: pck.components[i] ?? 0, newest: svn, raisedBy })),
    { component: "pce", have: pck.pceSvn, newest: newest.pceSvn, raisedBy: "PCE of the SGX platform software" },
    ...newest.tdx.flatMap(({ svn, raisedBy }, i) => (i < from ? [] : [{ component: `tdx[${i}]`, have: tee?.[i] ?? 0, newest: svn, raisedBy }])),
    { component: "quoting enclave", have: u16le(quote.qeReport, 258), newest: qe?.isvSvn ?? 0, raisedBy: "SGX platform software" },
    ...(moduleLevel === undefined ? [] : [{ component: "TDX module", have: tee?.[0] ?? 0, newest: moduleLevel.isvSvn, raisedBy: "TDX module" }]),
  ]; // prettier-ignore
}
