// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex, fromUtf8, type Hex } from "../core/bytes.ts";
import { runCheck, type Check } from "../core/check.ts";
import type { EnclavedTally, Receipt } from "../core/receipt.ts";
import { enclaveBindingOf, enclavedSigner } from "../core/verify-enclaves.ts";
import { GENERAL_STATUSES } from "../engines/tee/admit.ts";
import { requireBinding } from "../engines/tee/bind.ts";
import { pemOf } from "../engines/tee/bytes/pem.ts";
import { unpackQuote } from "../engines/tee/dcap/pack.ts";
import { PRODUCTION_ROOTS, type TrustRoots } from "../engines/tee/roots.ts";
import type { Evidence, IntelCollateral, Verdict } from "../engines/tee/verdict.ts";
import { verifyEvidence } from "../engines/tee/verify.ts";

export interface EnclaveJudgement {
  readonly checks: readonly Check[];
  readonly skipped: readonly string[];
}

/** The vendors' roots, and simulated ones that a development auditor names. */
export function rootsOf(simulated: readonly Hex[]): TrustRoots {
  if (simulated.length === 0) return PRODUCTION_ROOTS;
  const own = simulated.map((root) => ({ vendor: "intel" as const, name: "SIMULATED SGX Root CA", kind: "simulated" as const, spkiSha256: root.slice(2).toLowerCase() })); // prettier-ignore
  return { simulatedAllowed: true, roots: [...PRODUCTION_ROOTS.roots, ...own] };
}

function endorsementsOf({ endorsement: all }: EnclavedTally): IntelCollateral {
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
export function shownEnclave(one: EnclavedTally): ShownEnclave {
  const { pck, ca, root } = one.endorsement;
  const quote = unpackQuote(fromHex(one.quote), { pck: fromHex(pck), ca: fromHex(ca), root: fromHex(root) });
  return { evidence: { ...quote, runtime: fromHex(one.runtime) }, endorsements: endorsementsOf(one) };
}

/** What the vendor says of an enclave at the time of its registration. Errors: those of `verifyEvidence`; BINDING. */
function verdictOn(receipt: Receipt, one: EnclavedTally, roots: TrustRoots): Verdict {
  const { evidence, endorsements } = shownEnclave(one);
  const verdict = verifyEvidence(evidence, endorsements, roots, BigInt(one.registeredAt));
  requireBinding(verdict, evidence, enclaveBindingOf(receipt, one, enclavedSigner(receipt, one)));
  return verdict;
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
      const verdict = verdictOn(receipt, one, roots);
      const { platform, measurementId, tcb, root } = verdict;
      if ((root === "simulated") !== one.simulated)
        return one.simulated
          ? "it calls itself SIMULATED and ends at a vendor's root"
          : "it hides that it is SIMULATED";
      const mark = root === "simulated" ? "SIMULATED, proves nothing about hardware: " : "";
      const at = new Date(one.registeredAt * 1000).toISOString().replace(".000", "");
      text = `${mark}${platform}, ${tcb.status} at ${at}, image ${measurementId}`;
      if (tcb.status === "Revoked") return `${platform} was revoked at ${at}`;
      if (!GENERAL_STATUSES.includes(tcb.status)) skipped.push(`grace: ${tcb.status} counts only if Intel's evaluation before called it up to date, which the chain knew at ${at}`); // prettier-ignore
      skipped.push(
        `image ${measurementId}: whether it was listed, and what its code is, the chain's registry and the image's makers say`,
      );
      return undefined;
    });
    return check.ok ? { ...check, detail: text } : check;
  });
  return { checks, skipped };
}
