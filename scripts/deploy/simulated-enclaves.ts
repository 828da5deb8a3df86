// SPDX-License-Identifier: GPL-3.0-or-later
import type { Abi, Address, Hex, PublicClient, WalletClient } from "viem";
import { evidenceRouterAbi } from "../../offchain/adapters/chain/abi/evidence-router.ts";
import { measurementRegistryAbi } from "../../offchain/adapters/chain/abi/measurement-registry.ts";
import { ENCLAVE } from "../../offchain/core/types.ts";
import { SimulatedPlatform } from "../../offchain/engines/tee/sim/platform.ts";
import {
  simulatedMeasurement,
  simulatedRoot,
  startSimulatedQuoteServer,
  type SimulatedFormat,
  type SimulatedQuoteServer,
} from "../../offchain/engines/tee/sim/quote-server.ts";
import type { Period } from "../../offchain/engines/tee/sim/report.ts";
import { SimulatedVendor } from "../../offchain/engines/tee/sim/vendor.ts";
import { verifyEvidence } from "../../offchain/engines/tee/verify.ts";
import { deployEnclaves, type EnclaveDeployment } from "./deploy-enclaves.ts";
import { DeployError } from "./errors.ts";

export interface SimulatedEnclavesParameters {
  readonly publicClient: PublicClient;
  /** Deployer and timelock of the deployment. */
  readonly walletClient: WalletClient;
  readonly deployment: Record<"registry" | "router" | "token" | "vault", Address>;
  /** Of the code that the enclaves run: `measureBundle`. */
  readonly bundleDigests: readonly Hex[];
  /** Lets this much chain time pass: `evm_increaseTime` and a block. */
  readonly advance: (seconds: number) => Promise<void>;
  /** 32 bytes each: a platform a seed. One of zeros if left out. */
  readonly seeds?: readonly Uint8Array[];
  /** What each platform's quotes are, in the order of the seeds; Intel's if left out. Attesters judge the others. */
  readonly formats?: readonly SimulatedFormat[];
  /** Machines of each platform's vendor, under its one root; 1 if left out. */
  readonly machines?: number;
}

export interface SimulatedEnclaves {
  readonly deployment: EnclaveDeployment;
  /** In the order of the seeds, and of each seed all its machines; its URL is a worker's `enclave.quoteServer`. */
  readonly servers: readonly SimulatedQuoteServer[];
  readonly period: Period;
  /** `assay receipt verify --simulated-root`. */
  readonly roots: readonly Hex[];
  /** In the order of the seeds. */
  readonly vendors: readonly SimulatedVendor[];
  close(): Promise<void>;
}

const TIMELOCK_SEC = 48 * 3_600;
/** No attester is needed for Intel's quotes; the board wants a number. */
const ATTESTER_STAKE = 10n ** 18n;
const MONTH_SEC = 30n * 86_400n;

/**
 * Makes a local chain take `fast-enclave` jobs of SIMULATED enclaves: deploys what judges them, lists the images and adds the adapter,
 * letting two days of chain time pass for both, and starts a quote server for each platform. A worker then needs `enclave.provider` =
 * "simulated", `enclave.quoteServer` and `enclave.model`. Errors: those of `deployEnclaves`; SIMULATED_REFUSED off chain 31337.
 */
export async function startSimulatedEnclaves(options: SimulatedEnclavesParameters): Promise<SimulatedEnclaves> {
  const {
    publicClient,
    walletClient,
    deployment,
    bundleDigests,
    advance,
    seeds = [new Uint8Array(32)],
    machines = 1,
  } = options;
  const { account } = walletClient;
  if (account === undefined) throw new DeployError("ACCOUNT_MISSING", {});
  const formatOf = (at: number): SimulatedFormat => options.formats?.[at] ?? "dcap-tdx-v4";
  const roots = seeds.map((seed, at) => simulatedRoot(seed, formatOf(at)));
  const made = await deployEnclaves({
    publicClient,
    walletClient,
    models: deployment.registry,
    token: deployment.token,
    vault: deployment.vault,
    attesterStake: ATTESTER_STAKE,
    simulatedRoots: roots,
  });
  const now = async (): Promise<bigint> => (await publicClient.getBlock()).timestamp;
  const write = async (address: Address, abi: Abi, functionName: string, args: readonly unknown[]): Promise<void> => {
    const hash = await walletClient.writeContract({ chain: null, account, address, abi, functionName, args });
    await publicClient.waitForTransactionReceipt({ hash });
  };
  const images = seeds.flatMap((seed, at) =>
    bundleDigests.map((bundle) => ({ bundle, measurementId: measurementOf(seed, bundle, formatOf(at)) })),
  );
  await write(deployment.router, evidenceRouterAbi, "announce", [ENCLAVE, made.evidence]);
  for (const { measurementId, bundle } of images)
    await write(made.images, measurementRegistryAbi, "announce", [measurementId, bundle]);
  await advance(TIMELOCK_SEC);
  await write(deployment.router, evidenceRouterAbi, "add", [ENCLAVE]);
  for (const { measurementId } of images) await write(made.images, measurementRegistryAbi, "list", [measurementId]);
  const from = await now();
  const period = { from, to: from + MONTH_SEC };
  const vendors = seeds.map((seed) => new SimulatedVendor(seed, period));
  const servers = await Promise.all(
    seeds.flatMap((seed, at) =>
      Array.from({ length: machines }, async (_, machine) => {
        const vendor = vendors[at];
        const own = vendor === undefined ? {} : { vendor };
        return startSimulatedQuoteServer({ seed, period, format: formatOf(at), machine, ...own });
      }),
    ),
  );
  const close = async (): Promise<void> => void (await Promise.all(servers.map(async (one) => one.close())));
  return { deployment: made, servers, period, roots, vendors, close };
}

/** Id of the image that stands for a bundle on a simulated platform: its module's identity is part of it. */
function measurementOf(seed: Uint8Array, bundleDigest: Hex, format: SimulatedFormat): Hex {
  const period = { from: 0n, to: MONTH_SEC };
  const platform = new SimulatedPlatform(seed, period);
  const report = { reportData: new Uint8Array(64), measurement: simulatedMeasurement(bundleDigest) };
  const { evidence, endorsements } = platform.attest(format, report);
  // A Nitro document is dated a minute after the period's beginning.
  return verifyEvidence(evidence, endorsements, platform.roots(["intel", "aws"]), 61n).measurementId;
}
