// SPDX-License-Identifier: GPL-3.0-or-later
import {
  type Address,
  type Hex,
  type PublicClient,
  type WalletClient,
  BaseError,
  encodeDeployData,
  getContractAddress,
  isAddressEqual,
  parseAbi,
} from "viem";
import { policyTableHash as tableHash } from "../../offchain/core/policy-rules.ts";
import { PROOF } from "../../offchain/core/types.ts";
import { DeployError } from "./errors.ts";
import { type DeploymentParameters, devnetParameters, productionParameters } from "./parameters.ts";
import { readArtifact } from "./read-artifact.ts";

export interface Deployment {
  readonly chainId: number;
  /** First block with a part of the deployment: where reading events begins. */
  readonly fromBlock: number;
  readonly token: Address;
  readonly registry: Address;
  readonly params: Address;
  readonly randomness: Address;
  readonly keys: Address;
  readonly proofAdapter: Address;
  readonly router: Address;
  readonly vault: Address;
  readonly hub: Address;
  readonly lens: Address;
}

export interface DeployAssayParameters {
  readonly publicClient: PublicClient;
  readonly walletClient: WalletClient;
  readonly parameterOverrides?: Partial<DeploymentParameters>;
}

type Part =
  | "token"
  | "registry"
  | "params"
  | "randomness"
  | "keys"
  | "proofAdapter"
  | "router"
  | "vault"
  | "disputes"
  | "votes"
  | "sketches"
  | "proofs"
  | "enclaves"
  | "audits"
  | "hub"
  | "lens";

const LOCAL_CHAIN = 31337;

/** Constructor gas, with room: code costs 200 a byte, calldata up to 40, and no constructor here does much else. */
const gasFor = (data: Hex): bigint => {
  const bytes = BigInt(data.length / 2);
  const gas = 1_500_000n + 260n * bytes;
  return gas < 16_777_216n ? gas : 16_777_216n;
};

const reasonOf = (cause: unknown): string => (cause instanceof BaseError ? cause.shortMessage : String(cause));

const views = parseAbi([
  "function HUB() view returns (address)",
  "function vault() view returns (address)",
  "function token() view returns (address)",
  "function registry() view returns (address)",
  "function params() view returns (address)",
  "function randomness() view returns (address)",
  "function router() view returns (address)",
  "function keys() view returns (address)",
  "function adapterOf(uint8 kind) view returns (address)",
]);

/**
 * Deploys one Assay: hub, vault, registries of models and keys, parameters, seeds, evidence router with the adapter of
 * proofs, lens, and a token on local chains.
 *
 * Vault and hub name each other for good, and neither has a setter that somebody could call first. So every address is
 * computed from the deployer's next nonces, and the wiring is read back before this returns.
 * Errors: ARTIFACT_MISSING, ACCOUNT_MISSING, TOKEN_MISSING, ROLE_MISSING, DEPLOYMENT_FAILED, WIRING_WRONG.
 */
export async function deployAssay(options: DeployAssayParameters): Promise<Deployment> {
  const { publicClient, walletClient } = options;
  const account = walletClient.account;
  if (account === undefined) throw new DeployError("ACCOUNT_MISSING", {});
  const chainId = await publicClient.getChainId();
  const parameters: DeploymentParameters = {
    policyTableHash: tableHash(),
    ...(chainId === LOCAL_CHAIN ? devnetParameters : productionParameters),
    ...options.parameterOverrides,
  };
  if (parameters.token === undefined && chainId !== LOCAL_CHAIN) throw new DeployError("TOKEN_MISSING", { chainId });
  // A forgotten role would silently be the deployer's, for good.
  for (const role of ["guardian", "treasury", "timelock"] as const)
    if (parameters[role] === undefined && chainId !== LOCAL_CHAIN)
      throw new DeployError("ROLE_MISSING", { role, chainId });

  const first = await publicClient.getTransactionCount({ address: account.address, blockTag: "pending" });
  const order: readonly Part[] = [
    ...(parameters.token === undefined ? (["token"] as const) : []),
    "registry",
    "params",
    "keys",
    "proofAdapter",
    "router",
    "vault",
    "randomness", // after the vault, whose hub and least stake the worker beacon reads
    "disputes",
    "votes",
    "sketches",
    "proofs",
    "enclaves",
    "audits",
    "hub",
    "lens",
  ];
  const at = (part: Part): Address =>
    part === "token" && parameters.token !== undefined
      ? parameters.token
      : getContractAddress({ from: account.address, nonce: BigInt(first + order.indexOf(part)) });

  const { minimumStake, unbondingSeconds, epochSeconds, sets, policyTableHash } = parameters;
  const config = {
    token: at("token"),
    vault: at("vault"),
    registry: at("registry"),
    params: at("params"),
    randomness: at("randomness"),
    router: at("router"),
    guardian: parameters.guardian ?? account.address,
    treasury: parameters.treasury ?? account.address,
  };
  const steps: Record<Part, { contract: string; args: readonly unknown[] }> = {
    token: { contract: "DevToken", args: [] },
    registry: { contract: "ModelRegistry", args: [] },
    params: {
      contract: "ProtocolParams",
      args: [parameters.timelock ?? account.address, unbondingSeconds, policyTableHash, sets],
    },
    randomness:
      parameters.randomness === "workers"
        ? { contract: "WorkerBeacon", args: [at("vault")] }
        : { contract: "BlockSeed", args: [minimumStake] },
    keys: { contract: "KeyRegistry", args: [] },
    proofAdapter: { contract: "ProofAdapter", args: [at("keys")] },
    router: {
      contract: "EvidenceRouter",
      args: [parameters.timelock ?? account.address, [PROOF], [at("proofAdapter")]],
    },
    vault: { contract: "StakeVault", args: [at("hub"), at("token"), minimumStake, unbondingSeconds, epochSeconds] },
    // The hub is seven contracts behind one address; the other six are code that it delegates to.
    disputes: { contract: "HubDisputes", args: [config] },
    votes: { contract: "HubVotes", args: [config, at("disputes")] },
    proofs: { contract: "HubProofs", args: [config, at("disputes")] },
    enclaves: { contract: "HubEnclaves", args: [config, at("disputes")] },
    audits: { contract: "HubAudits", args: [config, at("disputes")] },
    sketches: { contract: "HubSketches", args: [config, at("disputes")] },
    hub: {
      contract: "AssayHub",
      args: [
        config,
        {
          votes: at("votes"),
          sketches: at("sketches"),
          proofs: at("proofs"),
          enclaves: at("enclaves"),
          audits: at("audits"),
          disputes: at("disputes"),
        },
      ],
    },
    lens: { contract: "HubLens", args: [at("hub")] },
  };

  // Sent one behind the other without waiting: on a chain with a block a second that saves as many seconds.
  const sent: { part: Part; hash: Hex }[] = [];
  for (const [index, part] of order.entries()) {
    const { contract, args } = steps[part];
    const artifact = readArtifact(contract);
    if (artifact === undefined) throw new DeployError("ARTIFACT_MISSING", { contract });
    const data = encodeDeployData({ abi: artifact.abi, bytecode: artifact.bytecode, args });
    const request = { account, chain: walletClient.chain ?? null, data, nonce: first + index, gas: gasFor(data) };
    // A local chain refuses at once what others mine as a failure.
    const hash = await walletClient.sendTransaction(request).catch((cause: unknown) => {
      throw new DeployError("DEPLOYMENT_FAILED", { contract, address: at(part), reason: reasonOf(cause) }, { cause });
    });
    sent.push({ part, hash });
  }
  let fromBlock = Number.MAX_SAFE_INTEGER;
  for (const { part, hash } of sent) {
    const receipt = await publicClient.waitForTransactionReceipt({ hash, pollingInterval: 100 });
    const address = at(part);
    const stands =
      receipt.status === "success" &&
      receipt.contractAddress !== null &&
      receipt.contractAddress !== undefined &&
      isAddressEqual(receipt.contractAddress, address);
    const reason = `transaction ${hash}`;
    if (!stands) throw new DeployError("DEPLOYMENT_FAILED", { contract: steps[part].contract, address, reason });
    fromBlock = Math.min(fromBlock, Number(receipt.blockNumber));
  }

  const deployment: Deployment = {
    chainId,
    fromBlock,
    token: at("token"),
    registry: at("registry"),
    params: at("params"),
    randomness: at("randomness"),
    keys: at("keys"),
    proofAdapter: at("proofAdapter"),
    router: at("router"),
    vault: at("vault"),
    hub: at("hub"),
    lens: at("lens"),
  };
  await checkWiring(publicClient, deployment);
  return deployment;
}

async function checkWiring(client: PublicClient, deployment: Deployment): Promise<void> {
  const { hub, vault, lens, router, proofAdapter, keys } = deployment;
  const check = async (what: string, address: Address, functionName: "HUB" | keyof Deployment, want: Address) => {
    const have = await client.readContract({ address, abi: views, functionName: functionName as "HUB" });
    if (!isAddressEqual(have, want)) throw new DeployError("WIRING_WRONG", { what, have, want });
  };
  await check("The vault's hub", vault, "HUB", hub);
  await check("The lens' hub", lens, "HUB", hub);
  for (const part of ["token", "vault", "registry", "params", "randomness", "router"] as const) {
    await check(`The hub's ${part}`, hub, part, deployment[part]);
  }
  await check("The adapter's key registry", proofAdapter, "keys", keys);
  const judge = await client.readContract({ address: router, abi: views, functionName: "adapterOf", args: [PROOF] });
  if (!isAddressEqual(judge, proofAdapter))
    throw new DeployError("WIRING_WRONG", { what: "The router's judge of proofs", have: judge, want: proofAdapter });
}
