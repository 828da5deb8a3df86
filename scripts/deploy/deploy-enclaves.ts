// SPDX-License-Identifier: GPL-3.0-or-later
import { type Address, type Hex, isAddressEqual, type PublicClient, type WalletClient } from "viem";
import { enclaveEvidenceAbi } from "../../offchain/adapters/chain/abi/enclave-evidence.ts";
import { enclaveRegistryAbi } from "../../offchain/adapters/chain/abi/enclave-registry.ts";
import { measurementRegistryAbi } from "../../offchain/adapters/chain/abi/measurement-registry.ts";
import { deployContract } from "./deploy-contract.ts";
import { DeployError } from "./errors.ts";

export interface EnclaveDeployment {
  readonly chainId: number;
  readonly roots: Address;
  readonly collateral: Address;
  readonly verifier: Address;
  readonly images: Address;
  /** Where drawn attesters say what SNP, Nitro and GPU evidence states. */
  readonly board: Address;
  readonly enclaves: Address;
  /** What the router is to be told for ENCLAVE. */
  readonly evidence: Address;
}

export interface DeployEnclavesParameters {
  readonly publicClient: PublicClient;
  readonly walletClient: WalletClient;
  /** Registry of models of the deployment that the enclaves are to serve. */
  readonly models: Address;
  /** Its token and its vault, whose workers may be attesters. */
  readonly token: Address;
  readonly vault: Address;
  /** What an attester stakes, and again on each verdict, wei; a verdict earns a hundredth of it. */
  readonly attesterStake: bigint;
  /** Lists images and denies platforms; the deployer on a local chain if left out. */
  readonly timelock?: Address;
  /** Root keys of simulated platforms (SHA-256 of the SubjectPublicKeyInfo): chain 31337 only. */
  readonly simulatedRoots?: readonly Hex[];
}

const LOCAL_CHAIN = 31337;

/**
 * Deploys the contracts that take ENCLAVE evidence, beside an Assay that stands. The hub asks them once its router's timelock
 * has announced `evidence` and 48 hours have passed.
 * Errors: SIMULATED_REFUSED, ROLE_MISSING, ARTIFACT_MISSING, ACCOUNT_MISSING, DEPLOYMENT_FAILED, WIRING_WRONG.
 */
export async function deployEnclaves(options: DeployEnclavesParameters): Promise<EnclaveDeployment> {
  const { publicClient, walletClient, models, token, vault, attesterStake, simulatedRoots = [] } = options;
  const chainId = await publicClient.getChainId();
  // The contract refuses them too; nothing is to be paid for before it does.
  if (simulatedRoots.length > 0 && chainId !== LOCAL_CHAIN) throw new DeployError("SIMULATED_REFUSED", { chainId });
  const timelock = options.timelock ?? (chainId === LOCAL_CHAIN ? walletClient.account?.address : undefined);
  if (timelock === undefined) throw new DeployError("ROLE_MISSING", { role: "timelock", chainId });

  const roots = await deployContract(options, "TrustRoots", [simulatedRoots]);
  const collateral = await deployContract(options, "IntelCollateral", [roots]);
  const verifier = await deployContract(options, "DcapVerifier", [collateral]);
  const images = await deployContract(options, "MeasurementRegistry", [timelock]);
  const [vote, objection] = chainId === LOCAL_CHAIN ? [120, 10] : [3600, 3600];
  const money = [token, vault, attesterStake / 100n, attesterStake];
  const board = await deployContract(options, "VerdictBoard", [...money, vote, objection]);
  const enclaves = await deployContract(options, "EnclaveRegistry", [collateral, verifier, images, roots, board]);
  const evidence = await deployContract(options, "EnclaveEvidence", [enclaves, models]);

  const deployment = { chainId, roots, collateral, verifier, images, board, enclaves, evidence };
  await checkWiring(publicClient, deployment, timelock);
  return deployment;
}

async function checkWiring(client: PublicClient, made: EnclaveDeployment, timelock: Address): Promise<void> {
  const check = async (what: string, have: Promise<Address>, want: Address) => {
    const found = await have;
    if (!isAddressEqual(found, want)) throw new DeployError("WIRING_WRONG", { what, have: found, want });
  };
  const { enclaves: address } = made;
  const registry = { address, abi: enclaveRegistryAbi } as const;
  const images = { address: made.images, abi: measurementRegistryAbi, functionName: "TIMELOCK" } as const;
  const evidence = { address: made.evidence, abi: enclaveEvidenceAbi, functionName: "enclaves" } as const;
  await check("The registry's collateral", client.readContract({ ...registry, functionName: "COLLATERAL" }), made.collateral); // prettier-ignore
  await check("The registry's verifier", client.readContract({ ...registry, functionName: "VERIFIER" }), made.verifier);
  await check("The registry's images", client.readContract({ ...registry, functionName: "IMAGES" }), made.images);
  await check("The registry's roots", client.readContract({ ...registry, functionName: "ROOTS" }), made.roots);
  await check("The registry's board", client.readContract({ ...registry, functionName: "BOARD" }), made.board);
  await check("The images' timelock", client.readContract(images), timelock);
  await check("The judge's registry", client.readContract(evidence), made.enclaves);
}
