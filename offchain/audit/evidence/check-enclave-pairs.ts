// SPDX-License-Identifier: GPL-3.0-or-later
import type { EnclaveParts } from "../../adapters/chain/enclave-contracts.ts";
import { listRegistrations } from "../../adapters/chain/list-registrations.ts";
import { enclaveAt, familyOf, INTEL, rootClass, ROOT_SIMULATED } from "../../adapters/chain/read-enclaves.ts";
import { equalBytes, fromHex } from "../../core/bytes.ts";
import { errorText } from "../../core/check.ts";
import { addressWord, decodeRuntime, enclaveConfigDigest } from "../../core/enclave-binding.ts";
import { isAssayError } from "../../core/errors.ts";
import { judgeEvidence, rootsOf } from "../judge-enclaves.ts";
import { bad, good, type Finding } from "../replay/claims.ts";
import { findShownRegistration, pairSigners, rootIdOf } from "./enclave-pairs.ts";
import type { CollectedFile, JobContext } from "./evidence-class.ts";

/** Seconds for which a registration is young enough for a critical job; mirror: EnclaveEvidence. */
const CRITICAL_AGE_SEC = 86_400;
const NO_ENCLAVE = "no answer of this job stands on an enclave's word: votes decided it, or nothing did";

/** The first of these files that the bundle has otherwise, or not at all. */
export function compareFiles({ bundle, jobId }: JobContext, files: readonly CollectedFile[]): Finding | undefined {
  for (const { file, content } of files) {
    const place = `jobs/${jobId}/${file}`;
    if (!bundle.has(place)) return bad(place, "it is missing");
    if (!equalBytes(bundle.read(place), content)) return bad(place, "it is not what the registration showed the chain");
  }
  return undefined;
}

/** In the hub's words of critical jobs: no drain, no grace, a day at most, two families where two are asked for, one of them Intel's. */
export async function checkPairs(context: JobContext, parts: EnclaveParts): Promise<Finding> {
  const { chain, receipt, recorded, events, jobId, path } = context;
  const signers = pairSigners(receipt);
  if (signers.length === 0) return good(NO_ENCLAVE);
  const families = new Map<number, number[]>();
  for (const { stage, key, epoch, worker } of signers) {
    const where = `${path}, enclave ${key} of stage ${stage}`;
    const all = await listRegistrations(chain, { contracts: parts, key, fromBlock: 0n });
    const found = all.find(({ binding }) => binding.epoch === epoch);
    if (found === undefined) return bad(where, `the registry never took this key for epoch ${epoch}`);
    if (found.binding.worker.toLowerCase() !== worker.toLowerCase())
      return bad(where, `it is the enclave of ${found.binding.worker}`);
    if (found.modelId !== receipt.job.spec.modelId) return bad(where, `its key serves model ${found.modelId}`);
    const { configDigest } = decodeRuntime(fromHex(found.runtime));
    if (configDigest !== enclaveConfigDigest({ chainId: receipt.chainId, hub: receipt.hub, registry: parts.enclaves }))
      return bad(where, "it was started for another chain, hub or registry");
    const taken = events.findLast(
      (event) => event.eventName === "Proven" && event.args.jobId === jobId && event.args.stage === stage,
    );
    const block = Number(taken?.blockNumber ?? -1);
    const timeOf = (n: number) => Number(recorded.blocks[n]?.header.header.timestamp ?? 0);
    const { expiry, vendor } = await enclaveAt(chain, parts.enclaves, key, block);
    const age = timeOf(block) - timeOf(Number(found.blockNumber));
    if (timeOf(block) >= expiry || age > CRITICAL_AGE_SEC)
      return bad(where, `its registration was over, or older than a day, in block ${block}`);
    families.set(stage, [...(families.get(stage) ?? []), familyOf(vendor)]);
  }
  for (const [stage, own] of families)
    if (!own.includes(INTEL) || new Set(own).size !== receipt.job.spec.policy.k)
      return bad(path, `stage ${stage}: enclaves of families ${own.join(", ")}; one must be Intel's, no two the same`);
  return good(
    `${signers.length} keys signed ${families.size} stages: each of its worker and model, registered within the day, of ${receipt.job.spec.policy.k} families`,
  );
}

/** What both vendors say of the enclaves at the times at which the chain was shown them. */
export async function attestPairs(context: JobContext, parts: EnclaveParts): Promise<Finding> {
  const { chain, receipt, recorded, path } = context;
  const signers = pairSigners(receipt);
  if (signers.length === 0) return good(NO_ENCLAVE);
  const texts: string[] = [];
  for (const signer of signers) {
    const where = `${path}, enclave ${signer.key} of stage ${signer.stage}`;
    const shown = await findShownRegistration(chain, parts, signer);
    if (shown === null) return bad(where, "what it showed the chain is not in its transactions");
    const misfit = compareFiles(context, shown.files);
    if (misfit !== undefined) return misfit;
    const { registration, evidence, endorsements, openedAt } = shown;
    const { binding: own, challenge, simulated, vendor, blockNumber } = registration;
    const binding = { ...own, ...signer, chainId: receipt.chainId, registry: parts.enclaves, worker: addressWord(own.worker), challenge }; // prettier-ignore
    const at = openedAt ?? Number(recorded.blocks[Number(blockNumber)]?.header.header.timestamp ?? 0);
    try {
      const root = rootIdOf(shown);
      const kind = await rootClass(chain, parts.roots, { vendor, root });
      if (kind === null) return bad(where, `the chain pins no root ${root}`);
      const roots = kind === ROOT_SIMULATED ? rootsOf([root]) : rootsOf([]);
      const { text, failure } = judgeEvidence({ evidence, endorsements, binding, at, simulated }, roots);
      if (failure !== undefined) return bad(where, failure);
      texts.push(`stage ${signer.stage}: ${text}`);
    } catch (error) {
      if (!isAssayError(error) || error.module !== "tee") throw error;
      return bad(where, errorText(error));
    }
  }
  return good(texts.join("; "));
}
