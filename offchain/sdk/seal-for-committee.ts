// SPDX-License-Identifier: MIT
import type { Address, Client } from "viem";
import { getBlock } from "viem/actions";
import { fromHex, type Hex } from "../core/bytes.ts";
import { modelId as modelIdOf } from "../core/model.ts";
import { jobTable } from "../core/network-part.ts";
import { INPUT_BOUNDARY } from "../core/salts.ts";
import { sealContext } from "../core/seal.ts";
import { encodeSealedInput } from "../core/sealed-input.ts";
import type { CommitteeKey } from "../core/threshold/committee-key.ts";
import type { CommitteeRules } from "../core/threshold/draw-committee.ts";
import { MAX_RECEIVERS, sealToCommittee } from "../core/threshold/sealed-input.ts";
import { ENCLAVE, type ModelManifest } from "../core/types.ts";
import type { DeliverInputParameters } from "./actions/deliver-input.ts";
import { checked } from "./checked.ts";
import { getDeployment } from "./deployment.ts";
import { SdkError } from "./errors.ts";
import { findCommittee, type FindCommitteeParameters } from "./find-committee.ts";
import { findEnclaves, readEnclaveRegistry, type EnclaveTrust } from "./find-enclaves.ts";
import { isJoinedInput } from "./joined-input.ts";
import { stageSalts } from "./push-sealed.ts";
import { accountOf, type WalletLike } from "./send.ts";
import { registeredEnclaves } from "./registered-enclaves.ts";

export interface SealForCommitteeParameters extends DeliverInputParameters {
  /** `COMMITTEE_RULES` by default. */
  readonly rules?: CommitteeRules | undefined;
  /** As `requireCommittee` found it; found now if left out. */
  readonly key?: CommitteeKey | undefined;
}

export interface RequireCommitteeParameters extends FindCommitteeParameters {
  readonly manifest: ModelManifest;
}

const unsupported = () =>
  new SdkError("NOT_SUPPORTED", { what: "inputs sealed to a committee, but for one stage in an enclave" });

/**
 * The committee that a job's input would be sealed to, before the job is paid for: without one, or without an enclave that may get it, the
 * job could only end unanswered. Errors: those of `findCommittee`; ENCLAVE_REFUSED; NOT_SUPPORTED for models of several stages.
 */
export async function requireCommittee(client: Client, parameters: RequireCommitteeParameters): Promise<CommitteeKey> {
  const { hub, manifest, trust, fromBlock = 0n } = parameters;
  if (jobTable(manifest).length !== 1) throw unsupported();
  const key = await findCommittee(client, parameters);
  const { timestamp } = await checked("eth_getBlockByNumber", async () => getBlock(client));
  await receiversOf(client, { hub, modelId: modelIdOf(manifest), until: Number(timestamp), trust, fromBlock });
  return key;
}

/** Seal keys of whoever may open. Error: ENCLAVE_REFUSED if nobody. */
async function receiversOf(
  client: Client,
  { hub, modelId, until, trust, fromBlock }: { readonly hub: Address; readonly modelId: Hex; readonly until: number; readonly trust: EnclaveTrust | undefined; readonly fromBlock: bigint }, // prettier-ignore
): Promise<readonly Uint8Array[]> {
  const registry = await readEnclaveRegistry(client, hub);
  const events = await registeredEnclaves(client, { registry, args: { modelId }, fromBlock });
  const workers = [...new Set(events.map(({ args }) => args.worker))].slice(-MAX_RECEIVERS);
  const { found, refused } = await findEnclaves(client, { hub, modelId, workers, until, trust, fromBlock });
  const [why] = refused.values();
  if (found.size === 0) throw new SdkError("ENCLAVE_REFUSED", { worker: 0, why: why ?? "none is registered for this model" }); // prettier-ignore
  return [...new Set([...found.values()].map(({ sealKey }) => sealKey))].map((one) => fromHex(one, 32));
}

/**
 * Seals a job's input once, to the committee, before anybody is seated: whichever of the enclaves that `enclaves` admits and that are registered
 * for the model until the job's expiry then runs the job opens it with t shares. What is returned goes to `deliverInput` as `sealed`.
 * Errors: those of `findCommittee`; ENCLAVE_REFUSED when no enclave may get it; NOT_SUPPORTED for joined inputs, models of several stages
 * and jobs that ask for no enclave.
 */
export async function sealForCommittee(
  client: WalletLike,
  parameters: SealForCommitteeParameters,
): Promise<Uint8Array> {
  const { hub, crypto, jobId, job, manifest, input, secret, enclaves, fromBlock = 0n } = parameters;
  const { modelId, policy, expiry } = job.spec;
  if (isJoinedInput(input) || jobTable(manifest).length !== 1 || (policy.mask & ENCLAVE) === 0) throw unsupported();
  const account = accountOf(client, parameters.account, "sealForCommittee");
  const { chainId } = await getDeployment(client, hub);
  const [key, receivers] = await Promise.all([
    parameters.key ?? findCommittee(client, { ...parameters, trust: enclaves }),
    receiversOf(client, { hub, modelId, until: expiry, trust: enclaves, fromBlock }),
  ]);
  const sender: Hex = `0x${account.address.slice(2).toLowerCase()}`;
  const scope = { chainId: BigInt(chainId), hub, jobId, boundary: INPUT_BOUNDARY, lane: 0, sender };
  const tensors = [{ boundary: INPUT_BOUNDARY, tensor: input }];
  const plain = encodeSealedInput({ stage: 0, salts: stageSalts(manifest, secret, 0), tensors });
  const sealed = sealToCommittee(crypto, { context: sealContext(scope), key, receivers, plain });
  plain.fill(0);
  return sealed;
}
