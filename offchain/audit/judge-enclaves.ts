// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex, fromUtf8, type Hex } from "../core/bytes.ts";
import { runCheck, type Check } from "../core/check.ts";
import type { EnclavedTally, Receipt } from "../core/receipt.ts";
import type { EnclaveBinding } from "../core/enclave-binding.ts";
import { enclaveBindingOf, enclavedSigner } from "../core/verify-enclaves.ts";
import type { RegisteredEvidence } from "../adapters/chain/read-shown.ts";
import { GENERAL_STATUSES } from "../engines/tee/admit.ts";
import { requireBinding } from "../engines/tee/bind.ts";
import { decodeEndorsements, FORMATS } from "../engines/tee/board.ts";
import { pemOf } from "../engines/tee/bytes/pem.ts";
import { unpackQuote } from "../engines/tee/dcap/pack.ts";
import { EvidenceError } from "../engines/tee/errors.ts";
import { PRODUCTION_ROOTS, type TrustRoots } from "../engines/tee/roots.ts";
import type { Endorsements, Evidence, EvidenceVendor, IntelCollateral, Verdict } from "../engines/tee/verdict.ts";
import { verifyEvidence } from "../engines/tee/verify.ts";

export interface EnclaveJudgement {
  readonly checks: readonly Check[];
  readonly skipped: readonly string[];
}

/** Of enclaves that have keys. */
const VENDORS: readonly EvidenceVendor[] = ["intel", "amd", "aws"];

/** The vendors' roots, and simulated ones that a development auditor names, for all of them. */
export function rootsOf(simulated: readonly Hex[]): TrustRoots {
  if (simulated.length === 0) return PRODUCTION_ROOTS;
  const own = simulated.flatMap((root) => VENDORS.map((vendor) => ({ vendor, name: "SIMULATED ARK-Milan", kind: "simulated" as const, spkiSha256: root.slice(2).toLowerCase() }))); // prettier-ignore
  return { simulatedAllowed: true, roots: [...PRODUCTION_ROOTS.roots, ...own] };
}

function endorsementsOf({ endorsement: all }: Pick<EnclavedTally, "endorsement">): IntelCollateral {
  const chainOf = (signer: Hex): string => `${pemOf(fromHex(signer))}${pemOf(fromHex(all.root))}`;
  return {
    kind: "intel",
    rootCrl: fromHex(all.rootCrl),
    pckCrl: fromHex(all.caCrl),
    tcbInfo: fromUtf8(fromHex(all.tcbInfo), "TCB info"),
    tcbInfoSignature: fromHex(all.tcbInfoSignature),
    tcbInfoChain: chainOf(all.tcbSigner),
    qeIdentity: fromUtf8(fromHex(all.identity), "QE identity"),
    qeIdentitySignature: fromHex(all.identitySignature),
    qeIdentityChain: chainOf(all.identitySigner),
  };
}

/** A registration's evidence and what it rested on, as a vendor's tools take them. */
export interface ShownEnclave {
  readonly evidence: Evidence;
  readonly endorsements: Endorsements;
  /** Null: the time of the registration; else when the board was shown it. Unix seconds. */
  readonly openedAt: number | null;
}

/** Errors: QUOTE, UTF8_INVALID, ABI_NOT_CANONICAL, CHAIN. */
export function shownEnclave(one: RegisteredEvidence & Pick<EnclavedTally, "runtime">): ShownEnclave {
  const runtime = fromHex(one.runtime);
  const [shown] = one.board;
  if (shown !== undefined) {
    const { vendor, openedAt } = shown;
    const format = FORMATS.get(vendor);
    if (format === undefined) throw new EvidenceError("QUOTE", { detail: `vendor ${vendor} shows none at the board` });
    const endorsements = decodeEndorsements(format, fromHex(shown.endorsements));
    return { evidence: { format, bytes: fromHex(shown.evidence), runtime }, endorsements, openedAt };
  }
  const { pck, ca, root } = one.endorsement;
  const quote = unpackQuote(fromHex(one.quote), { pck: fromHex(pck), ca: fromHex(ca), root: fromHex(root) });
  return { evidence: { ...quote, runtime }, endorsements: endorsementsOf(one), openedAt: null };
}

/** Whether bytes follow that nobody signed: attesters refuse such a case. A packed quote has none. */
const hasTail = ({ kind }: Endorsements, { bytes }: Evidence, { usedBytes }: Verdict): boolean =>
  kind !== "intel" && usedBytes !== bytes.length;

/** AMD publishes no levels: how recent its firmware is the chain's floor says, which is no part of the evidence. */
const isWithoutLevels = ({ platform }: Verdict): boolean => platform === "amd-snp";
const statusText = (verdict: Verdict): string =>
  isWithoutLevels(verdict)
    ? `firmware ${verdict.checks.find(({ name }) => name === "reported TCB")?.detail}`
    : verdict.tcb.status;

export interface BoundEvidence {
  readonly evidence: Evidence;
  readonly endorsements: Endorsements;
  readonly binding: EnclaveBinding;
  /** Unix seconds as of which the vendor's part is judged. */
  readonly at: number;
  /** What it calls itself. */
  readonly simulated: boolean;
}

/** In words if it holds. `failure`: why not, though its signatures are good. */
export interface EvidenceWords {
  readonly verdict: Verdict;
  readonly text: string;
  readonly failure: string | undefined;
}

/** What the vendor says of an enclave at that time, whose report data must be the binding's. Errors: those of `verifyEvidence`; BINDING. */
export function judgeEvidence(
  { evidence, endorsements, binding, at, simulated }: BoundEvidence,
  roots: TrustRoots,
): EvidenceWords {
  const verdict = verifyEvidence(evidence, endorsements, roots, BigInt(at));
  requireBinding(verdict, evidence, binding);
  const { platform, measurementId, tcb, root } = verdict;
  if (hasTail(endorsements, evidence, verdict)) throw new EvidenceError("QUOTE", { detail: "bytes behind the evidence" }); // prettier-ignore
  const when = new Date(at * 1000).toISOString().replace(".000", "");
  const mark = root === "simulated" ? "SIMULATED, proves nothing about hardware: " : "";
  const text = `${mark}${platform}, ${statusText(verdict)} at ${when}, image ${measurementId}`;
  const failure =
    (root === "simulated") !== simulated
      ? simulated
        ? "it calls itself SIMULATED and ends at a vendor's root"
        : "it hides that it is SIMULATED"
      : tcb.status === "Revoked"
        ? `${platform} was revoked at ${when}`
        : undefined;
  return { verdict, text, failure };
}

/** What the chain alone knows of a status. */
function unknownOf(verdict: Verdict): readonly string[] {
  if (isWithoutLevels(verdict)) return [`floor: whether the chain's floor admits this ${statusText(verdict)}, its registry says`]; // prettier-ignore
  const { status } = verdict.tcb;
  if (GENERAL_STATUSES.includes(status)) return [];
  return [`grace: ${status} counts only if Intel's evaluation before called it up to date, which the chain knew then`];
}

/**
 * Judges the vendors' evidence in a receipt as of the time at which it was registered, or shown to the board: offline, from the receipt's
 * bytes. The vendor's own signature is judged, so attesters' words are not needed. What the chain alone knows is named as not looked at.
 */
export function judgeEnclaves(receipt: Receipt, roots: TrustRoots): EnclaveJudgement {
  const skipped: string[] = [];
  const checks = receipt.enclaves.map((one) => {
    let text = "";
    const check = runCheck(`enclave of tally ${one.tally}`, "", () => {
      const binding = enclaveBindingOf(receipt, one, enclavedSigner(receipt, one));
      const { registeredAt, simulated } = one;
      const { openedAt, ...shown } = shownEnclave(one);
      const at = openedAt ?? registeredAt;
      const { verdict, failure, ...words } = judgeEvidence({ ...shown, binding, at, simulated }, roots);
      if (failure !== undefined) return failure;
      ({ text } = words);
      skipped.push(
        ...unknownOf(verdict),
        `image ${verdict.measurementId}: whether it was listed, and what its code is, the chain's registry and the image's makers say`,
      );
      return undefined;
    });
    return check.ok ? { ...check, detail: text } : check;
  });
  return { checks, skipped };
}
