// SPDX-License-Identifier: GPL-3.0-or-later
import { refusalOfProof } from "../../adapters/chain/read-past.ts";
import { fromHex } from "../../core/bytes.ts";
import { stageInDigest } from "../../core/digest.ts";
import { jobTable } from "../../core/network-part.ts";
import { PROOF } from "../../core/types.ts";
import { KEY_DEVELOPMENT, keyIdOf } from "../../core/zk/key-record.ts";
import { openKey } from "../../core/zk/verifying-key.ts";
import { bad, good, type Finding } from "../replay/claims.ts";
import type { EvidenceClass, JobContext } from "./evidence-class.ts";

const PROOF_CHECKS: ReadonlySet<string> = new Set(["proofs", "keys"]);
const OTHER_JOB = `0x${"11".repeat(32)}` as const;

/** By the library, as `verifyReceipt` judged them. */
function byLibrary({ report, receipt, path }: JobContext): Finding {
  const failed = report.checks.find(({ name, ok }) => !ok && PROOF_CHECKS.has(name));
  if (failed !== undefined) return bad(`${path}, ${failed.name}`, failed.detail);
  const named = report.checks.find(({ name }) => name === "keys")?.detail ?? "";
  return good(`${receipt.proofs.length} proofs hold; ${named}`);
}

/** By the bytecode that the deployment runs; it must also refuse each proof for another job. */
async function byContract({ chain, receipt, jobId, path }: JobContext): Promise<Finding> {
  const table = jobTable(receipt.manifest);
  for (const { tally, worker, outDigest, evidence } of receipt.proofs) {
    const stage = receipt.record.tallies[tally]?.stage ?? -1;
    const info = table[stage];
    const where = `${path}, proof of stage ${stage}`;
    if (info === undefined) return bad(where, "there is no such stage");
    const inDigest = stageInDigest(table, stage, receipt.job.spec.inDigest, receipt.record.boundaries);
    const claim = { jobId, stage, inDigest, outDigest, worker };
    const refusal = await refusalOfProof(chain, claim, info, evidence);
    if (refusal !== undefined) return bad(where, `the deployed contract refuses it: ${refusal}`);
    if ((await refusalOfProof(chain, { ...claim, jobId: OTHER_JOB }, info, evidence)) === undefined)
      return bad("contracts.json", "the deployed judge of proofs takes a proof for a job that it was not made for");
  }
  return good(`${receipt.proofs.length} proofs are taken by the deployed bytecode, and refused for another job`);
}

/** Keys that proofs rest on: the bundle's record, and whether anyone can forge under it. */
function keysUsed({ bundle, receipt }: JobContext): Finding {
  const seen = new Map<string, string>();
  for (const { key } of receipt.proofs) {
    const keyId = keyIdOf(fromHex(key));
    const path = `keys/${keyId}.record`;
    if (!bundle.has(path)) return bad(path, "the bundle lacks the key of a proof");
    const { record } = openKey(key);
    seen.set(keyId, record.cls === KEY_DEVELOPMENT ? "DEVELOPMENT: anyone can forge proofs under it" : "of a ceremony");
  }
  return good([...seen].map(([id, what]) => `${id.slice(0, 10)}… ${what}`).join("; "));
}

/** Proofs of single stages: of PROOF jobs, and of courts. */
export const proofEvidence: EvidenceClass = {
  name: "PROOF",
  applies: ({ proofs, job }) => proofs.length > 0 || (job.spec.policy.mask & PROOF) !== 0,
  claims: [
    { name: "proofs by the library", says: "every proof holds for its stage's key, claim and job", check: byLibrary },
    { name: "proofs by the contract", says: "the deployed verifier takes the same proofs", check: byContract },
    { name: "proof keys", says: "the keys are in the bundle", check: keysUsed },
  ],
};
