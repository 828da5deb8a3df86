// SPDX-License-Identifier: MIT
import { getContractEvents } from "viem/actions";
import { enclaveRegistryAbi } from "../adapters/chain/abi/enclave-registry.ts";
import { fromHex, type Hex } from "../core/bytes.ts";
import { jobTable } from "../core/network-part.ts";
import { INPUT_BOUNDARY } from "../core/salts.ts";
import { sealContext } from "../core/seal.ts";
import { encodeSealedInput } from "../core/sealed-input.ts";
import type { CommitteeRules } from "../core/threshold/draw-committee.ts";
import { MAX_RECEIVERS, sealToCommittee } from "../core/threshold/sealed-input.ts";
import { ENCLAVE } from "../core/types.ts";
import type { DeliverInputParameters } from "./actions/deliver-input.ts";
import { checked } from "./checked.ts";
import { getDeployment } from "./deployment.ts";
import { SdkError } from "./errors.ts";
import { findCommittee } from "./find-committee.ts";
import { findEnclaves, readEnclaveRegistry } from "./find-enclaves.ts";
import { isJoinedInput } from "./joined-input.ts";
import { stageSalts } from "./push-sealed.ts";
import { accountOf, type WalletLike } from "./send.ts";

export interface SealForCommitteeParameters extends DeliverInputParameters {
  /** `COMMITTEE_RULES` by default. */
  readonly rules?: CommitteeRules | undefined;
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
  if (isJoinedInput(input) || jobTable(manifest).length !== 1 || (policy.mask & ENCLAVE) === 0)
    throw new SdkError("NOT_SUPPORTED", { what: "inputs sealed to a committee, but for one stage in an enclave" });
  const account = accountOf(client, parameters.account, "sealForCommittee");
  const { chainId } = await getDeployment(client, hub);
  const registry = await readEnclaveRegistry(client, hub);
  const [key, events] = await Promise.all([
    findCommittee(client, { ...parameters, trust: enclaves }),
    checked(
      "EnclaveRegistered",
      async () =>
      getContractEvents(client, { address: registry, abi: enclaveRegistryAbi, eventName: "EnclaveRegistered", args: { modelId }, fromBlock, toBlock: "latest", strict: true }), // prettier-ignore
    ),
  ]);
  const workers = [...new Set(events.map(({ args }) => args.worker))].slice(-MAX_RECEIVERS);
  const { found, refused } = await findEnclaves(client, { hub, modelId, workers, until: expiry, trust: enclaves, fromBlock }); // prettier-ignore
  const [why] = refused.values();
  if (found.size === 0) throw new SdkError("ENCLAVE_REFUSED", { worker: 0, why: why ?? "none is registered for this model" }); // prettier-ignore
  const receivers = [...new Set([...found.values()].map(({ sealKey }) => sealKey))].map((one) => fromHex(one, 32));
  const sender: Hex = `0x${account.address.slice(2).toLowerCase()}`;
  const scope = { chainId: BigInt(chainId), hub, jobId, boundary: INPUT_BOUNDARY, lane: 0, sender };
  const tensors = [{ boundary: INPUT_BOUNDARY, tensor: input }];
  const plain = encodeSealedInput({ stage: 0, salts: stageSalts(manifest, secret, 0), tensors });
  const sealed = sealToCommittee(crypto, { context: sealContext(scope), key, receivers, plain });
  plain.fill(0);
  return sealed;
}
