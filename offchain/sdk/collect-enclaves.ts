// SPDX-License-Identifier: MIT
import { decodeFunctionData, parseEventLogs, type Address, type Client, type Hex } from "viem";
import { getBlock, getContractEvents, getLogs, getTransaction, readContract } from "viem/actions";
import { enclaveRegistryAbi } from "../adapters/chain/abi/enclave-registry.ts";
import { intelCollateralAbi } from "../adapters/chain/abi/intel-collateral.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { domainSeparator } from "../core/eip712.ts";
import { enclaveResultDigest } from "../core/enclave-result.ts";
import { isLone } from "../core/replay-record.ts";
import type { EnclavedTally, Receipt } from "../core/receipt.ts";
import { recoverSigner } from "../core/signature.ts";
import { ENCLAVE, type Job, type Record as JobRecord } from "../core/types.ts";
import { checked } from "./checked.ts";
import { SdkError } from "./errors.ts";
import { readEnclaveRegistry } from "./find-enclaves.ts";
import { decodeCall, type JobTrail } from "./job-trail.ts";

export interface CollectEnclavesParameters {
  readonly hub: Address;
  readonly chainId: bigint;
  readonly jobId: Hex;
  readonly job: Job;
  readonly record: JobRecord;
  readonly committees: Receipt["committees"];
  readonly trail: JobTrail;
  readonly fromBlock: bigint;
}

/** channelHash 32, epoch 2, r 32, vs 32. */
const SIGNED_BYTES = 98;
/** Of `CollateralUpdated`. */
const KINDS = { sgx: { tcb: 0, identity: 2 }, tdx: { tcb: 1, identity: 3 } } as const;
/** Its fifth byte tells a TDX quote. */
const isTdx = (quote: Hex): boolean => quote.slice(10, 12) === "81";

/**
 * The enclaves behind answers that stand without an audit: their signatures from the job's calls, the registrations from the registry's
 * event and call, and what those rested on from the calls that brought it. All of it is on the chain, so anyone can do it.
 * Errors: RECEIPT_UNAVAILABLE where a call went through another contract, or the endpoint lacks it; RPC_UNAVAILABLE.
 */
export async function collectEnclaves(
  client: Client,
  parameters: CollectEnclavesParameters,
): Promise<Receipt["enclaves"]> {
  const { job, record, trail, committees, jobId, hub, chainId } = parameters;
  if ((job.spec.policy.mask & ENCLAVE) === 0) return [];
  const opened = trail.events.find(({ eventName }) => eventName === "Revealed");
  const call = opened === undefined ? null : decodeCall(trail, opened.transactionHash, "open");
  const at = record.tallies.findIndex((tally) => isLone({ job }, tally));
  const seat = committees[at]?.seats[0];
  if (at < 0 || call === null || seat?.opened !== true) return [];
  const missing = (what: string) =>
    new SdkError("RECEIPT_UNAVAILABLE", { jobId, why: `${what} is not in its transactions` });
  const evidence = fromHex(call[6]);
  if (evidence.length < SIGNED_BYTES) throw missing("the enclave's signature");
  const part = (from: number, to: number): Hex => toHex(evidence.subarray(from, to));
  const signed = { channelHash: part(0, 32), epoch: Number(part(32, 34)), r: part(34, 66), vs: part(66, 98) };
  const claim = { jobId, stage: 0, inDigest: job.spec.inDigest, outDigest: seat.outDigest, worker: seat.signer };
  const domain = domainSeparator({ chainId, hub: toHex(fromHex(hub, 20)) });
  const key = recoverSigner(enclaveResultDigest(domain, { claim, ...signed }), signed);
  const registration = await readRegistration(client, parameters, { key, epoch: signed.epoch });
  if (registration === null) throw missing("the enclave's registration");
  const endorsement = await readEndorsement(client, parameters, registration);
  if (endorsement === null) throw missing("what the enclave's evidence rests on");
  const { binding, challenge, runtime, simulated, quote, registeredAt, registry } = registration;
  const { channelKey, sealKey } = binding;
  return [{ tally: at, ...signed, registry, key, channelKey, sealKey, challenge, runtime, registeredAt, simulated, quote, endorsement }]; // prettier-ignore
}

type Registration = NonNullable<Awaited<ReturnType<typeof readRegistration>>>;

async function readRegistration(
  client: Client,
  { hub, fromBlock }: CollectEnclavesParameters,
  { key, epoch }: { readonly key: Hex; readonly epoch: number },
) {
  const registry = await readEnclaveRegistry(client, hub);
  const events = await checked("EnclaveRegistered", async () =>
    getContractEvents(client, {
      address: registry,
      abi: enclaveRegistryAbi,
      eventName: "EnclaveRegistered",
      args: { key },
      fromBlock,
      toBlock: "latest",
      strict: true,
    }),
  );
  const event = events.find(({ args }) => args.binding.epoch === epoch);
  if (event === undefined) return null;
  const { blockNumber, transactionHash, args } = event;
  const [input, { timestamp }, collateral] = await Promise.all([
    readInput(client, transactionHash),
    checked("getBlock", async () => getBlock(client, { blockNumber })),
    checked("COLLATERAL", async () => readContract(client, { address: registry, abi: enclaveRegistryAbi, functionName: "COLLATERAL" })), // prettier-ignore
  ]);
  const call = decode(enclaveRegistryAbi, input);
  if (call?.functionName !== "register") return null;
  const [quote] = call.args;
  return {
    ...args,
    quote,
    registry,
    collateral,
    blockNumber,
    registeredAt: Number(timestamp),
    pckId: args.enclave.origin,
  };
}

/** The newest of everything that the registration's platform needed, up to its block. */
async function readEndorsement(
  client: Client,
  { fromBlock }: CollectEnclavesParameters,
  { collateral, blockNumber, pckId, quote }: Registration,
): Promise<EnclavedTally["endorsement"] | null> {
  const logs = await checked("getLogs", async () =>
    getLogs(client, { address: collateral, fromBlock, toBlock: blockNumber }),
  );
  const events = parseEventLogs({ abi: intelCollateralAbi, logs, strict: true }).toReversed();
  const pck = events.find((one) => one.eventName === "PckRegistered" && one.args.pckId === pckId);
  if (pck?.eventName !== "PckRegistered") return null;
  const { issuer: caKey, fmspc } = pck.args;
  const authority = (key: Hex) => events.find((one) => one.eventName === "AuthorityRegistered" && one.args.key === key);
  const ca = authority(caKey);
  if (ca?.eventName !== "AuthorityRegistered") return null;
  const rootKey = ca.args.issuer;
  const list = (issuer: Hex) => events.find((one) => one.eventName === "ListUpdated" && one.args.issuer === issuer);
  const kinds = KINDS[isTdx(quote) ? "tdx" : "sgx"];
  const text = (kind: number, fits: (of: Hex) => boolean) =>
    events.find((one) => one.eventName === "CollateralUpdated" && one.args.kind === kind && fits(one.args.fmspc));
  const [tcbInfo, identity] = [text(kinds.tcb, (of) => of === fmspc), text(kinds.identity, () => true)];
  const argsOf = async (
    event: { readonly transactionHash: Hex } | undefined,
    name: string,
  ): Promise<readonly Hex[] | null> => {
    // prettier-ignore
    if (event === undefined) return null;
    const call = decode(intelCollateralAbi, await readInput(client, event.transactionHash));
    return call?.functionName === name ? (call.args as readonly Hex[]) : null;
  };
  const root = events.find((one) => one.eventName === "RootRegistered" && one.args.key === rootKey);
  const [pckCall, caCall, rootCall, rootList, caList, tcbCall, identityCall] = await Promise.all([
    argsOf(pck, "registerPck"),
    argsOf(ca, "registerAuthority"),
    argsOf(root, "registerRoot"),
    argsOf(list(rootKey), "submitCrl"),
    argsOf(list(caKey), "submitCrl"),
    argsOf(tcbInfo, "submitTcbInfo"),
    argsOf(identity, "submitIdentity"),
  ]);
  const [tcbSigner, identitySigner] = await Promise.all([
    argsOf(authority(tcbCall?.[3] ?? "0x"), "registerAuthority"),
    argsOf(authority(identityCall?.[3] ?? "0x"), "registerAuthority"),
  ]);
  const all = [pckCall, caCall, rootCall, rootList, caList, tcbSigner, tcbCall, identitySigner, identityCall];
  if (all.includes(null)) return null;
  const first = (call: readonly Hex[] | null): Hex => call?.[0] ?? "0x";
  const signature = (call: readonly Hex[] | null): Hex =>
    `0x${(call?.[1] ?? "").slice(2)}${(call?.[2] ?? "").slice(2)}`;
  return {
    pck: first(pckCall),
    ca: first(caCall),
    root: first(rootCall),
    rootCrl: first(rootList),
    caCrl: first(caList),
    tcbSigner: first(tcbSigner),
    tcbInfo: first(tcbCall),
    tcbInfoSignature: signature(tcbCall),
    identitySigner: first(identitySigner),
    identity: first(identityCall),
    identitySignature: signature(identityCall),
  };
}

const readInput = async (client: Client, hash: Hex): Promise<Hex> =>
  (await checked("getTransaction", async () => getTransaction(client, { hash }))).input;

/** A direct call, or null: through another contract its arguments are not in the transaction. */
function decode<A extends typeof enclaveRegistryAbi | typeof intelCollateralAbi>(abi: A, data: Hex) {
  try {
    return decodeFunctionData({ abi, data });
  } catch {
    return null;
  }
}
