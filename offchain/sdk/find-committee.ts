// SPDX-License-Identifier: MIT
import { zeroAddress, type Address, type Client, type Hex } from "viem";
import { getBlock, readContract } from "viem/actions";
import { enclaveRegistryAbi } from "../adapters/chain/abi/enclave-registry.ts";
import { stakeVaultAbi } from "../adapters/chain/abi/stake-vault.ts";
import { deploymentErrors } from "../adapters/chain/create-chain.ts";
import { readCommittee } from "../adapters/chain/read-committee.ts";
import type { CryptoPort } from "../core/crypto-port.ts";
import { hasCode, isAssayError } from "../core/errors.ts";
import { MAX_KEY_BYTES, readCommitteeKey, type CommitteeKey } from "../core/threshold/committee-key.ts";
import { COMMITTEE_RULES, holdersOf, type CommitteeRules, type DrawnCommittee } from "../core/threshold/draw-committee.ts"; // prettier-ignore
import { ThresholdError } from "../core/threshold/errors.ts";
import { COMMITTEE_PROTOCOL, decodeReply, encodeOpenAsk } from "../core/threshold/host-wire.ts";
import { LOCAL_CHAIN_ID } from "../core/zk/verifying-key.ts";
import { getWorkerProfiles, type WorkerProfile } from "./actions/get-worker-profiles.ts";
import { checked } from "./checked.ts";
import { getDeployment } from "./deployment.ts";
import { criticalFacts, readEnclaveRegistry, type EnclaveTrust, type FoundEnclave } from "./find-enclaves.ts";
import { callSeat } from "./seat-call.ts";
import { registeredEnclaves } from "./registered-enclaves.ts";

export interface FindCommitteeParameters {
  readonly hub: Address;
  readonly crypto: CryptoPort;
  /** What the committee must be like; `COMMITTEE_RULES` by default. */
  readonly rules?: CommitteeRules | undefined;
  /** Which enclaves may hold shares. */
  readonly trust?: EnclaveTrust | undefined;
  readonly fromBlock?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

const CALL_MS = 5_000;

/**
 * The newest committee's key, or the one's before while the newest has none: drawn here from the chain, signed by each of its members, whose
 * enclaves are trusted and of which at least t are registered still and answer. Whoever brought the bytes is believed nothing.
 * Errors: COMMITTEE_SMALL, COMMITTEE_KEY, SHARES_MISSING where too few members answer; NOT_SUPPORTED where the hub judges no enclaves;
 * RPC_UNAVAILABLE.
 */
export async function findCommittee(client: Client, parameters: FindCommitteeParameters): Promise<CommitteeKey> {
  const { hub, rules = COMMITTEE_RULES, fromBlock = 0n } = parameters;
  const registry = await readEnclaveRegistry(client, hub);
  const { chainId } = await getDeployment(client, hub);
  const { number, timestamp } = await checked("eth_getBlockByNumber", async () => getBlock(client));
  const newest = Number(number / BigInt(rules.epochBlocks));
  const read = { chainId: BigInt(chainId), hub, registry, rules, fromBlock };
  let failure: unknown = new ThresholdError("COMMITTEE_SMALL", { have: 0, need: rules.n });
  for (const epoch of [newest, newest - 1].filter((one) => one > 0)) {
    try {
      const drawn = await readCommittee({ client, errors: deploymentErrors }, { ...read, epoch });
      const key = await askForKey(client, parameters, drawn);
      await assertTrusted(client, parameters, { registry, key, now: timestamp });
      return key;
    } catch (error) {
      if (!isAssayError(error) || !/^(COMMITTEE_|SHARES_)/.test(error.code)) throw error;
      // Why the newest cannot be used says more than that there is none before it.
      if (epoch === newest) failure = error;
    }
  }
  throw failure;
}

/** From all members at once, so that it is known how many are there. */
async function askForKey(
  client: Client,
  { hub, crypto, fromBlock, signal }: FindCommitteeParameters,
  drawn: DrawnCommittee,
): Promise<CommitteeKey> {
  const { vault } = await getDeployment(client, hub);
  const workers = [...new Set(drawn.members.map(({ worker }) => worker))];
  const ids = await Promise.all(
    workers.map(
      async (signer) =>
      checked("workerOfSigner", async () => readContract(client, { address: vault, abi: stakeVaultAbi, functionName: "workerOfSigner", args: [signer] })), // prettier-ignore
    ),
  );
  const profiles = await getWorkerProfiles(client, { hub, workerIds: ids, fromBlock });
  const request = encodeOpenAsk({ kind: "key", epoch: drawn.epoch });
  const ask = async (profile: WorkerProfile): Promise<CommitteeKey> => {
    const call = { profile, protocol: COMMITTEE_PROTOCOL, request, maxReplyBytes: MAX_KEY_BYTES + 64, timeoutMs: CALL_MS, signal }; // prettier-ignore
    const reply = decodeReply(await callSeat(crypto, call));
    if (typeof reply === "string") throw new ThresholdError("COMMITTEE_KEY", { why: `a member says ${reply}` });
    return readCommitteeKey(drawn, reply);
  };
  const keys = new Map<Hex, CommitteeKey>();
  await Promise.all(
    workers.map(async (worker, i) => {
      const profile = profiles.get(ids[i] ?? 0);
      if (profile === undefined) return;
      const key = await ask(profile).catch((error: unknown) => {
        if (!isAssayError(error)) throw error;
      });
      if (key !== undefined) keys.set(worker, key);
    }),
  );
  const [key] = keys.values();
  if (key === undefined) throw new ThresholdError("COMMITTEE_KEY", { why: "no member of it has one" });
  const have = holdersOf(key.committee).filter((index) => keys.has(drawn.members[index - 1]?.worker ?? zeroAddress)).length; // prettier-ignore
  if (have < drawn.rules.t) throw new ThresholdError("SHARES_MISSING", { have, need: drawn.rules.t, wrong: "none" });
  return key;
}

/** Every member that takes part is what `trust` wants; at least t are registered still. */
async function assertTrusted(
  client: Client,
  { hub, trust = {}, fromBlock = 0n }: FindCommitteeParameters,
  { registry, key, now }: { readonly registry: Address; readonly key: CommitteeKey; readonly now: bigint },
): Promise<void> {
  const { committee } = key;
  const { chainId } = await getDeployment(client, hub);
  const isLocal = BigInt(chainId) === LOCAL_CHAIN_ID;
  const holders = holdersOf(committee);
  const keys = holders.flatMap((index) => committee.members[index - 1]?.key ?? []);
  const at = { address: registry, abi: enclaveRegistryAbi } as const;
  const events = await registeredEnclaves(client, { registry, args: { key: keys }, fromBlock });
  const refuse = (index: number, why: string) => new ThresholdError("COMMITTEE_KEY", { why: `member ${index}: ${why}` }); // prettier-ignore
  const live = await Promise.all(
    keys.map(async (one) => checked("isLive", async () => readContract(client, { ...at, functionName: "isLive", args: [one, now] }))), // prettier-ignore
  );
  for (const [i, index] of holders.entries()) {
    const event = events.findLast(({ args }) => args.key.toLowerCase() === keys[i]);
    if (event === undefined) throw refuse(index, "it is not registered");
    const { args, transactionHash } = event;
    const { worker, measurementId, platformId, simulated, binding, enclave } = args;
    const { sealKey, channelKey, epoch } = binding;
    const { expiry, vendor, status } = enclave;
    const one: FoundEnclave = { worker, key: args.key, sealKey, channelKey, epoch, expiry, vendor, status, ...criticalFacts(enclave), measurementId, platformId, simulated, transactionHash }; // prettier-ignore
    if (simulated && !(isLocal && trust.allowSimulated === true))
      throw refuse(index, "it is SIMULATED: pass `enclaves: { allowSimulated: true }` on a development chain");
    if (trust.images !== undefined && !trust.images.includes(measurementId))
      throw refuse(index, `it runs image ${measurementId}, which you do not trust`);
    try {
      await trust.verify?.(one);
    } catch (error) {
      if (!isAssayError(error) || hasCode(error, "RPC_UNAVAILABLE")) throw error;
      throw refuse(index, error.message);
    }
  }
  const have = live.filter(Boolean).length;
  if (have < committee.rules.t)
    throw new ThresholdError("SHARES_MISSING", { have, need: committee.rules.t, wrong: "none" });
}
