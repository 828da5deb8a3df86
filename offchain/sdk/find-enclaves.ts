// SPDX-License-Identifier: MIT
import { zeroAddress, type Address, type Client, type Hex } from "viem";
import { readContract } from "viem/actions";
import { enclaveEvidenceAbi } from "../adapters/chain/abi/enclave-evidence.ts";
import { enclaveRegistryAbi } from "../adapters/chain/abi/enclave-registry.ts";
import { evidenceRouterAbi } from "../adapters/chain/abi/evidence-router.ts";
import { fromHex } from "../core/bytes.ts";
import { decodeRuntime, enclaveConfigDigest } from "../core/enclave-binding.ts";
import { CRITICAL_AGE_SEC, CRITICAL_STATUSES } from "../core/enclave-bundle.ts";
import { isAssayError } from "../core/errors.ts";
import { ENCLAVE } from "../core/types.ts";
import { LOCAL_CHAIN_ID } from "../core/zk/verifying-key.ts";
import { checked } from "./checked.ts";
import { getDeployment } from "./deployment.ts";
import { SdkError } from "./errors.ts";
import { registeredEnclaves } from "./registered-enclaves.ts";
import { plainVendor } from "../core/enclave-status.ts";

export type EnclaveFamily = "intel" | "amd" | "aws" | "other";
/** By the registry's vendor numbers. */
const FAMILIES: Readonly<Record<number, EnclaveFamily>> = { 1: "intel", 2: "intel", 3: "amd", 4: "aws" };

/** A registered enclave, as the chain judged its quote. */
export interface FoundEnclave {
  readonly worker: Address;
  /** Signs results. */
  readonly key: Address;
  /** X25519, both; their private halves never left the enclave. */
  readonly sealKey: Hex;
  readonly channelKey: Hex;
  readonly epoch: number;
  /** Unix seconds. */
  readonly expiry: number;
  readonly measurementId: Hex;
  readonly platformId: Hex;
  /** Who could forge its evidence: SGX and TDX are one vendor's. */
  readonly family: EnclaveFamily;
  /** Unix seconds until which its registration makes critical results; 0 if its status makes none. */
  readonly criticalUntil: number;
  /** Numbers of `EnclaveLib`: the vendor with bit 7 if SIMULATED, the status of its firmware. */
  readonly vendor: number;
  readonly status: number;
  readonly simulated: boolean;
  /** Of the registration: its calldata holds the quote. */
  readonly transactionHash: Hex;
}

/** What a registration says of critical jobs: by the registry's record. */
export function criticalFacts(enclave: {
  readonly expiry: number;
  readonly life: number;
  readonly status: number;
  readonly vendor: number;
}): Pick<FoundEnclave, "family" | "criticalUntil"> {
  const { expiry, life, status, vendor } = enclave;
  const youngUntil = Math.min(expiry, expiry - 3_600 * life + CRITICAL_AGE_SEC);
  return {
    family: FAMILIES[plainVendor(vendor)] ?? "other",
    criticalUntil: CRITICAL_STATUSES.includes(status) ? youngUntil : 0,
  };
}

/** Which enclaves a requester trusts with its input. */
export interface EnclaveTrust {
  /** Take SIMULATED enclaves, which prove nothing about hardware. Only chain 31337 registers any; refused by default. */
  readonly allowSimulated?: boolean | undefined;
  /** Measurement ids of the images that you have made or checked yourself; any that the registry lists if left out. */
  readonly images?: readonly Hex[] | undefined;
  /** A look at the vendor's evidence of your own, beside the chain's verdict; rejects to refuse. */
  readonly verify?: ((enclave: FoundEnclave) => Promise<void>) | undefined;
}

export interface FindEnclavesParameters {
  readonly hub: Address;
  readonly modelId: Hex;
  readonly workers: readonly Address[];
  /** Unix seconds until which the registration must last: the job's expiry. */
  readonly until: number;
  readonly trust?: EnclaveTrust | undefined;
  readonly fromBlock?: bigint | undefined;
  /** As the chain stood after this block; the newest by default. An older one needs a node that keeps its state. */
  readonly blockNumber?: bigint | undefined;
}

export interface FindEnclavesReturnType {
  /** By lower-case signing address. */
  readonly found: ReadonlyMap<string, FoundEnclave>;
  /** Why a worker has none, in words. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Newest registrations of a worker that are looked at: a worker could register any number. */
const MOST = 4;

/**
 * The enclave of each worker to which an input for the model may be sealed: registered for this model and worker, live until the job is
 * over at the latest, believing in this hub and registry, and as `trust` wants it. Whoever is not found must not get the input.
 * Errors: NOT_SUPPORTED where the hub judges no enclaves; RPC_UNAVAILABLE.
 */
export async function findEnclaves(
  client: Client,
  parameters: FindEnclavesParameters,
): Promise<FindEnclavesReturnType> {
  const { hub, modelId, workers, fromBlock = 0n, blockNumber } = parameters;
  const registry = await readEnclaveRegistry(client, hub);
  const events = await registeredEnclaves(client, {
    registry,
    args: { worker: [...workers], modelId },
    fromBlock,
    toBlock: blockNumber,
  });
  const found = new Map<string, FoundEnclave>();
  const refused = new Map<string, string>();
  await Promise.all(
    workers.map(async (worker) => {
      const own = events.filter(({ args }) => args.worker.toLowerCase() === worker.toLowerCase()).toReversed();
      let why = "it has registered no enclave for this model";
      for (const { args, transactionHash } of own.slice(0, MOST)) {
        const { key, binding, enclave, measurementId, platformId, runtime, simulated } = args;
        const { sealKey, channelKey, epoch } = binding;
        const { expiry, vendor, status } = enclave;
        const one = { worker, key, sealKey, channelKey, epoch, expiry, vendor, status, ...criticalFacts(enclave), measurementId, platformId, simulated, transactionHash }; // prettier-ignore
        const against = await refusal(client, parameters, { registry, runtime, one });
        if (against === undefined) {
          found.set(worker.toLowerCase(), one);
          return;
        }
        why = against;
      }
      refused.set(worker.toLowerCase(), why);
    }),
  );
  return { found, refused };
}

/** The registry that the hub's judge of ENCLAVE evidence asks. Errors: NOT_SUPPORTED, RPC_UNAVAILABLE. */
export async function readEnclaveRegistry(client: Client, hub: Address): Promise<Address> {
  const { router } = await getDeployment(client, hub);
  const judge = await checked("adapterOf", async () =>
    readContract(client, { address: router, abi: evidenceRouterAbi, functionName: "adapterOf", args: [ENCLAVE] }),
  );
  if (judge === zeroAddress)
    throw new SdkError("NOT_SUPPORTED", { what: "jobs in enclaves, which this hub judges not" });
  return checked("enclaves", async () =>
    readContract(client, { address: judge, abi: enclaveEvidenceAbi, functionName: "enclaves" }),
  );
}

interface Candidate {
  readonly registry: Address;
  readonly runtime: Hex;
  readonly one: FoundEnclave;
}

/** Why not this one; undefined if nothing speaks against it. */
async function refusal(
  client: Client,
  { hub, modelId, until, trust = {}, blockNumber }: FindEnclavesParameters,
  { registry, runtime, one }: Candidate,
): Promise<string | undefined> {
  const { chainId } = await getDeployment(client, hub);
  const isLocal = BigInt(chainId) === LOCAL_CHAIN_ID;
  if (one.simulated && !(isLocal && trust.allowSimulated === true))
    return "it is SIMULATED: pass `enclaves: { allowSimulated: true }` on a development chain";
  if (trust.images !== undefined && !trust.images.includes(one.measurementId))
    return `it runs image ${one.measurementId}, which you do not trust`;
  const declared = decodeRuntime(fromHex(runtime));
  if (declared.modelId !== modelId) return "it serves another model";
  // A host that told its enclave of another hub could feed it jobs that nobody requested here.
  if (declared.configDigest !== enclaveConfigDigest({ chainId: BigInt(chainId), hub, registry }))
    return "it was started for another hub or registry";
  const block = blockNumber === undefined ? {} : { blockNumber };
  const at = { address: registry, abi: enclaveRegistryAbi, ...block } as const;
  const [isLive, record] = await Promise.all([
    checked("isLive", async () => readContract(client, { ...at, functionName: "isLive", args: [one.key, BigInt(until)] })), // prettier-ignore
    checked("enclave", async () => readContract(client, { ...at, functionName: "enclave", args: [one.key] })),
  ]);
  if (!isLive) return "its registration ended, or ends before the job may";
  if (record.epoch !== one.epoch) return "it was registered again meanwhile: ask once more";
  try {
    await trust.verify?.(one);
    return undefined;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return error.message;
  }
}
