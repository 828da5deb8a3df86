// SPDX-License-Identifier: MIT
import type { Abi, Address, Client, ContractFunctionArgs, ContractFunctionName, Hex, TransactionReceipt } from "viem";
import { encodeFunctionData } from "viem";
import type { ChainClock } from "./chain-clock.ts";
import { ChainError } from "./errors.ts";
import type { TransactionRequest, TransactionSender } from "./transaction-sender.ts";

/** Addresses of one deployment; all follow from the hub. */
export interface Deployment {
  readonly hub: Address;
  readonly vault: Address;
  readonly registry: Address;
  readonly params: Address;
  readonly randomness: Address;
  readonly token: Address;
  readonly router: Address;
  /** Judge of proofs, and the registry of its verifying keys; null where the router has none. */
  readonly proofAdapter: Address | null;
  readonly keys: Address | null;
}

/** A checked connection to one deployment: what every action takes first. */
export interface Chain {
  readonly chainId: number;
  readonly contracts: Deployment;
  readonly client: Client;
  readonly clock: ChainClock;
  /** Every custom error of the deployment, for decoding reverts. */
  readonly errors: Abi;
  /** Null: reads only. */
  readonly sender: Pick<TransactionSender, "address" | "send" | "simulate" | "reset"> | null;
}

type WriteName<A extends Abi> = ContractFunctionName<A, "nonpayable">;

export interface ContractCall<A extends Abi, N extends WriteName<A>> {
  readonly address: Address;
  readonly abi: A;
  readonly functionName: N;
  readonly args: ContractFunctionArgs<A, "nonpayable", N>;
  readonly jobId?: Hex;
}

function toRequest<const A extends Abi, N extends WriteName<A>>(
  chain: Chain,
  call: ContractCall<A, N>,
): TransactionRequest {
  const encode: (parameters: { abi: Abi; functionName: string; args: readonly unknown[] }) => Hex = encodeFunctionData;
  const args: readonly unknown[] = Array.isArray(call.args) ? call.args : [];
  const data = encode({ abi: call.abi, functionName: call.functionName, args });
  return { to: call.address, data, purpose: call.functionName, jobId: call.jobId ?? null, abi: chain.errors };
}

/** Dry-runs, sends and waits. Errors: READ_ONLY and those of `TransactionSender.send`. */
export async function writeContract<const A extends Abi, N extends WriteName<A>>(
  chain: Chain,
  call: ContractCall<A, N>,
): Promise<TransactionReceipt> {
  if (chain.sender === null) throw new ChainError("READ_ONLY", { purpose: call.functionName });
  return chain.sender.send(toRequest(chain, call));
}

/** Dry run only: the gas limit the call would be sent with. Errors: REVERTED with the Solidity error, RPC_UNAVAILABLE. */
export async function simulateContract<const A extends Abi, N extends WriteName<A>>(
  chain: Chain,
  call: ContractCall<A, N>,
): Promise<bigint> {
  if (chain.sender === null) throw new ChainError("READ_ONLY", { purpose: call.functionName });
  return chain.sender.simulate(toRequest(chain, call));
}
