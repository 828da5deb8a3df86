// SPDX-License-Identifier: GPL-3.0-or-later
import {
  createClient,
  hashTypedData,
  http,
  parseCompactSignature,
  parseEventLogs,
  publicActions,
  walletActions,
  type Address,
  type Hex,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { stakeVaultAbi } from "../../offchain/adapters/chain/abi/stake-vault.ts";
import { capabilityBits, COMMON_CAPABILITIES, type Capability } from "../../offchain/core/capabilities.ts";
import type { Deployment } from "../deploy/deploy-assay.ts";
import { DemoError } from "./errors.ts";

export interface EnlistOptions {
  readonly rpcUrl: string;
  readonly deployment: Deployment;
  /** Cold key of the operator. Needs gas money. */
  readonly ownerKey: Hex;
  readonly signer: Address;
  /** Signs 32 bytes with the worker's hot key: EIP-2098, 64 bytes. */
  readonly signDigest: (digest: Hex) => Hex | Promise<Hex>;
  readonly profile: { readonly transportId: Hex; readonly sealKey: Hex; readonly endpoints: string };
  /** Token base units; also what is minted (development token only). */
  readonly stake: bigint;
  /** Beside those that every worker of a devnet has. */
  readonly capabilities?: readonly Capability[];
  /** Ticket classes beside class 0: a ticket in each. */
  readonly classes?: readonly number[];
}

/** Every worker of a devnet proves and evaluates ciphertexts as well. */
const CAPABILITIES: readonly Capability[] = [...COMMON_CAPABILITIES, "proof", "cipher"];
const YEAR_SEC = 365 * 86_400;

// Sixteen workers enlist at once: an estimate may be too low by the time its transaction is mined.
const COMMON = { chain: null, gas: 3_000_000n } as const;

const ownerOf = ({ ownerKey, rpcUrl }: EnlistOptions) =>
  createClient({
    account: privateKeyToAccount(ownerKey),
    transport: http(rpcUrl),
    pollingInterval: 50,
    cacheTime: 0,
  })
    .extend(publicActions)
    .extend(walletActions);

async function profileOf({ profile, capabilities = [] }: EnlistOptions, client: ReturnType<typeof ownerOf>) {
  const { timestamp } = await client.getBlock();
  const bits = capabilityBits([...CAPABILITIES, ...capabilities]);
  return { ...profile, capabilities: bits, expiry: Number(timestamp) + YEAR_SEC };
}

/** Where an enlisted worker can be reached, once it runs. */
export async function publishEndpoints(options: EnlistOptions, workerId: number, endpoints: string): Promise<void> {
  const client = ownerOf(options);
  const profile = { ...(await profileOf(options, client)), endpoints };
  const { vault } = options.deployment;
  const call = { ...COMMON, address: vault, abi: stakeVaultAbi, functionName: "updateProfile" } as const;
  const hash = await client.writeContract({ ...call, args: [workerId, profile] });
  await client.waitForTransactionReceipt({ hash });
}

/** Registers a worker, stakes for it and gives it all the tickets that the stake backs, but for `classes` in class 0. The table must be at version 0. */
export async function enlistWorker(options: EnlistOptions): Promise<number> {
  const { deployment, stake, signer, classes = [] } = options;
  const { vault, token, chainId } = deployment;
  const client = ownerOf(options);
  const { account } = client;
  const done = async (hash: Hex) => client.waitForTransactionReceipt({ hash });

  const digest = hashTypedData({
    domain: { name: "Assay Vault", version: "1", chainId, verifyingContract: vault },
    types: { Register: [{ name: "owner", type: "address" }] },
    primaryType: "Register",
    message: { owner: account.address },
  });
  const { r, yParityAndS } = parseCompactSignature(await options.signDigest(digest));
  const registered = await done(
    await client.writeContract({
      ...COMMON,
      address: vault,
      abi: stakeVaultAbi,
      functionName: "register",
      args: [signer, await profileOf(options, client), r, yParityAndS],
    }),
  );
  const [event] = parseEventLogs({ abi: stakeVaultAbi, eventName: "WorkerRegistered", logs: registered.logs });
  if (event === undefined) throw new DemoError("RPC_FAILED", { method: "register", why: "no WorkerRegistered event" });
  const { workerId } = event.args;
  await done(
    await client.writeContract({
      ...COMMON,
      address: token,
      abi: devTokenAbi,
      functionName: "mint",
      args: [account.address, stake],
    }),
  );
  await done(
    await client.writeContract({
      ...COMMON,
      address: token,
      abi: devTokenAbi,
      functionName: "approve",
      args: [vault, stake],
    }),
  );
  await done(
    await client.writeContract({
      ...COMMON,
      address: vault,
      abi: stakeVaultAbi,
      functionName: "stake",
      args: [workerId, stake],
    }),
  );
  const tickets = await client.readContract({
    address: vault,
    abi: stakeVaultAbi,
    functionName: "ticketsFor",
    args: [stake],
  });
  const others = classes.map((ticketClass) => ({ workerId, ticketClass, add: 1, remove: [] }));
  await done(
    await client.writeContract({
      ...COMMON,
      address: vault,
      abi: stakeVaultAbi,
      functionName: "applyChanges",
      args: [[{ workerId, ticketClass: 0, add: tickets - classes.length, remove: [] }, ...others]],
    }),
  );
  return workerId;
}
