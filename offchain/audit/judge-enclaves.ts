// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex, fromUtf8, type Hex } from "../core/bytes.ts";
import { runCheck, type Check } from "../core/check.ts";
import type { EnclavedTally, Receipt } from "../core/receipt.ts";
import type { EnclaveBinding } from "../core/enclave-binding.ts";
import { enclaveBindingOf, enclavedSigner } from "../core/verify-enclaves.ts";
import { GENERAL_STATUSES } from "../engines/tee/admit.ts";
import { requireBinding } from "../engines/tee/bind.ts";
import { pemOf } from "../engines/tee/bytes/pem.ts";
import { unpackQuote } from "../engines/tee/dcap/pack.ts";
import { PRODUCTION_ROOTS, type TrustRoots } from "../engines/tee/roots.ts";
import type { Endorsements, Evidence, EvidenceVendor, IntelCollateral, Verdict } from "../engines/tee/verdict.ts";
import { verifyEvidence } from "../engines/tee/verify.ts";

export interface EnclaveJudgement {
  readonly checks: readonly Check[];
  readonly skipped: readonly string[];
}

/** The vendors' roots, and simulated ones that a development auditor names. */
export function rootsOf(simulated: readonly Hex[], vendor: EvidenceVendor = "intel"): TrustRoots {
  if (simulated.length === 0) return PRODUCTION_ROOTS;
  const own = simulated.map((root) => ({ vendor, name: "SIMULATED ARK-Milan", kind: "simulated" as const, spkiSha256: root.slice(2).toLowerCase() })); // prettier-ignore
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

/** A registration's quote with its certificates, and what it rested on, as a vendor's tools take them. */
export interface ShownEnclave {
  readonly evidence: Evidence;
  readonly endorsements: IntelCollateral;
}

/** Errors: QUOTE, UTF8_INVALID. */
export function shownEnclave(one: Pick<EnclavedTally, "quote" | "runtime" | "endorsement">): ShownEnclave {
  const { pck, ca, root } = one.endorsement;
  const quote = unpackQuote(fromHex(one.quote), { pck: fromHex(pck), ca: fromHex(ca), root: fromHex(root) });
  return { evidence: { ...quote, runtime: fromHex(one.runtime) }, endorsements: endorsementsOf(one) };
}

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

/** What the vendor says of an enclave at that time. Errors: those of `verifyEvidence`; BINDING. */
export function judgeEvidence(
  { evidence, endorsements, binding, at, simulated }: BoundEvidence,
  roots: TrustRoots,
): EvidenceWords {
  const verdict = verifyEvidence(evidence, endorsements, roots, BigInt(at));
  requireBinding(verdict, evidence, binding);
  const { platform, measurementId, tcb, root } = verdict;
  const when = new Date(at * 1000).toISOString().replace(".000", "");
  const mark = root === "simulated" ? "SIMULATED, proves nothing about hardware: " : "";
  const text = `${mark}${platform}, ${tcb.status} at ${when}, image ${measurementId}`;
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

/**
 * Judges the vendors' evidence in a receipt as of the time at which it was registered: offline, from the receipt's bytes. What the chain
 * alone knows is named as not looked at.
 */
export function judgeEnclaves(receipt: Receipt, roots: TrustRoots): EnclaveJudgement {
  const skipped: string[] = [];
  const checks = receipt.enclaves.map((one) => {
    let text = "";
    const check = runCheck(`enclave of tally ${one.tally}`, "", () => {
      const binding = enclaveBindingOf(receipt, one, enclavedSigner(receipt, one));
      const { registeredAt: at, simulated } = one;
      const { verdict, failure, ...words } = judgeEvidence({ ...shownEnclave(one), binding, at, simulated }, roots);
      if (failure !== undefined) return failure;
      ({ text } = words);
      const { measurementId, tcb } = verdict;
      if (!GENERAL_STATUSES.includes(tcb.status)) skipped.push(`grace: ${tcb.status} counts only if Intel's evaluation before called it up to date, which the chain knew then`); // prettier-ignore
      skipped.push(
        `image ${measurementId}: whether it was listed, and what its code is, the chain's registry and the image's makers say`,
      );
      return undefined;
    });
    return check.ok ? { ...check, detail: text } : check;
  });
  return { checks, skipped };
}
