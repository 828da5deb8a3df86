// SPDX-License-Identifier: MIT
import { createClient, getAddress, isAddress, zeroAddress, type Abi, type Address, type Client } from "viem";
import { getChainId, getCode } from "viem/actions";
import type { Clock } from "../../core/ports/clock.ts";
import type { Journal } from "../../core/ports/journal.ts";
import type { Signer } from "../../core/ports/keys.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { Metrics } from "../../core/ports/metrics.ts";
import { PROOF } from "../../core/types.ts";
import { assayHubAbi } from "./abi/assay-hub.ts";
import { blockSeedAbi } from "./abi/block-seed.ts";
import { cipherRefereeAbi } from "./abi/cipher-referee.ts";
import { devTokenAbi } from "./abi/dev-token.ts";
import { dcapVerifierAbi } from "./abi/dcap-verifier.ts";
import { enclaveEvidenceAbi } from "./abi/enclave-evidence.ts";
import { enclaveRegistryAbi } from "./abi/enclave-registry.ts";
import { evidenceRouterAbi } from "./abi/evidence-router.ts";
import { intelCollateralAbi } from "./abi/intel-collateral.ts";
import { keyRegistryAbi } from "./abi/key-registry.ts";
import { measurementRegistryAbi } from "./abi/measurement-registry.ts";
import { modelRegistryAbi } from "./abi/model-registry.ts";
import { proofAdapterAbi } from "./abi/proof-adapter.ts";
import { protocolParamsAbi } from "./abi/protocol-params.ts";
import { stakeVaultAbi } from "./abi/stake-vault.ts";
import { verdictBoardAbi } from "./abi/verdict-board.ts";
import { workerBeaconAbi } from "./abi/worker-beacon.ts";
import type { Chain, Deployment } from "./chain.ts";
import { ChainClock } from "./chain-clock.ts";
import { toChainError } from "./decode-revert.ts";
import { ChainError } from "./errors.ts";
import { readContract } from "./read-contract.ts";
import { rpcTransport } from "./rpc-transport.ts";
import { TransactionSender } from "./transaction-sender.ts";

export interface ChainOptions {
  readonly rpcUrl: string;
  /** Refused (WRONG_CHAIN) when the endpoint serves another. */
  readonly chainId: number;
  readonly hub: string;
  /** How often receipts are asked for; a fraction of the block time. */
  readonly pollMs?: number;
  readonly requestTimeoutMs?: number;
  readonly replaceAfterMs?: number;
  readonly transactionTimeoutMs?: number;
  /** Highest fee per gas that transactions pay, wei. */
  readonly maxFeePerGas?: bigint;
}

export interface ChainModules {
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** Together they make the client able to write. */
  readonly signer?: Signer;
  readonly journal?: Journal;
}

/** Every custom error of the deployment; names are unique enough that a selector decides. */
export const deploymentErrors: Abi = [
  ...assayHubAbi,
  ...stakeVaultAbi,
  ...modelRegistryAbi,
  ...protocolParamsAbi,
  ...blockSeedAbi,
  ...workerBeaconAbi,
  ...devTokenAbi,
  ...evidenceRouterAbi,
  ...keyRegistryAbi,
  ...proofAdapterAbi,
  ...enclaveEvidenceAbi,
  ...enclaveRegistryAbi,
  ...verdictBoardAbi,
  ...measurementRegistryAbi,
  ...dcapVerifierAbi,
  ...intelCollateralAbi,
  ...cipherRefereeAbi,
].filter((entry) => entry.type === "error");

/**
 * Connects to one deployment and checks it: chain id, code at the hub, and the hub's own parts, which are read from it.
 * Errors: RPC_UNAVAILABLE, WRONG_CHAIN, NO_CONTRACT.
 */
export async function createChain(options: ChainOptions, modules: ChainModules): Promise<Chain> {
  const { chainId, rpcUrl } = options;
  const { clock, random, signal, metrics, signer, journal, logger } = modules;
  const transport = rpcTransport(
    {
      rpcUrl,
      signal,
      ...(options.requestTimeoutMs === undefined ? {} : { timeoutMs: options.requestTimeoutMs }),
    },
    { clock, random, ...(metrics === undefined ? {} : { metrics }) },
  );
  const client: Client = createClient({ transport, cacheTime: 0 });
  const actual = await getChainId(client).catch((error: unknown) => {
    throw toChainError(error, "eth_chainId", []);
  });
  if (actual !== chainId) throw new ChainError("WRONG_CHAIN", { have: actual, want: chainId });
  if (!isAddress(options.hub, { strict: false }))
    throw new ChainError("NO_CONTRACT", { name: "AssayHub", address: options.hub, chain: chainId });
  const hub = getAddress(options.hub);
  await requireCode(client, chainId, "AssayHub", hub);
  const contracts = await readDeployment(client, hub);
  for (const [name, address] of Object.entries(contracts) as [string, Address | null][])
    if (address !== null) await requireCode(client, chainId, name, address);
  const sender =
    signer === undefined || journal === undefined
      ? null
      : new TransactionSender(
          {
            chainId,
            pollMs: options.pollMs ?? 250,
            replaceAfterMs: options.replaceAfterMs ?? 30_000,
            timeoutMs: options.transactionTimeoutMs ?? 180_000,
            maxFeePerGas: options.maxFeePerGas ?? 500_000_000_000n,
          },
          { client, signer, journal, clock, logger, signal, ...(metrics === undefined ? {} : { metrics }) },
        );
  return { chainId, contracts, client, clock: new ChainClock(clock), errors: deploymentErrors, sender };
}

async function requireCode(client: Client, chain: number, name: string, address: Address): Promise<void> {
  const code = await getCode(client, { address }).catch((error: unknown) => {
    throw toChainError(error, "eth_getCode", []);
  });
  if (code === undefined || code === "0x") throw new ChainError("NO_CONTRACT", { name, address, chain });
}

async function readDeployment(client: Client, hub: Address): Promise<Deployment> {
  const from = { client, errors: deploymentErrors };
  const read = (functionName: "vault" | "registry" | "params" | "randomness" | "token" | "router") =>
    readContract(from, { address: hub, abi: assayHubAbi, functionName });
  const [vault, registry, params, randomness, token, router] = await Promise.all([
    read("vault"),
    read("registry"),
    read("params"),
    read("randomness"),
    read("token"),
    read("router"),
  ]);
  const judge = await readContract(from, {
    address: router,
    abi: evidenceRouterAbi,
    functionName: "adapterOf",
    args: [PROOF],
  });
  const parts = { hub, vault, registry, params, randomness, token, router };
  if (judge === zeroAddress) return { ...parts, proofAdapter: null, keys: null };
  const keys = await readContract(from, { address: judge, abi: proofAdapterAbi, functionName: "keys" });
  return { ...parts, proofAdapter: judge, keys };
}
