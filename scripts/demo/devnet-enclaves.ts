// SPDX-License-Identifier: GPL-3.0-or-later
import { resolve } from "node:path";
import type { PublicClient, WalletClient } from "viem";
import type { Capability } from "../../offchain/core/capabilities.ts";
import { measureBundle } from "../../offchain/engines/tee/provider/bundle.ts";
import { bundleRoot } from "../../offchain/node/enclave/inner-main.ts";
import type { Deployment } from "../deploy/deploy-assay.ts";
import { startSimulatedEnclaves, type SimulatedEnclaves } from "../deploy/simulated-enclaves.ts";
import type { Advance } from "../deploy/wait-once.ts";
import type { DevChain } from "./chain.ts";

/** SIMULATED enclaves of a devnet: every worker runs one beside itself. */
export interface EnclaveOptions {
  /** Folder of the one model that they serve; it must accept a policy with ENCLAVE. */
  readonly model: string;
  /** Machines: worker i stands on platform i modulo their number. Each has a root and collateral of its own. */
  readonly platforms: number;
  /** Machines of each platform's vendor; workers of one platform stand on them in turn. 1 if left out. */
  readonly machines?: number;
  /** Whether the enclaves take part in critical jobs. */
  readonly critical?: boolean;
}

export interface DevnetEnclaves {
  readonly simulation: SimulatedEnclaves;
  readonly capabilities: readonly Capability[];
  /** What a worker's configuration says of its enclave. */
  settings(index: number): Readonly<Record<string, string | number | boolean>>;
  /** Of the machine that worker `index` stands on. */
  quoteServerOf(index: number): string;
  /** Its vendor revokes that machine, by a list of this time (Unix seconds). */
  revoke(index: number, at: bigint): void;
}

/** Seconds between a worker's looks at its registration: a revoked one is seen soon. */
const WATCH_SEC = 2;

/** Deploys what judges enclaves, waits two days of chain time, and starts the quote servers. No worker may run yet. */
export async function startDevnetEnclaves(
  { model, platforms, machines = 1, critical = false }: EnclaveOptions,
  chain: DevChain,
  deployment: Deployment,
  clients: { readonly publicClient: PublicClient; readonly walletClient: WalletClient; readonly advance: Advance },
): Promise<DevnetEnclaves> {
  const simulation = await startSimulatedEnclaves({
    ...clients,
    deployment,
    bundleDigests: [await measureBundle(bundleRoot())],
    seeds: Array.from({ length: platforms }, (_, i) => new Uint8Array(32).fill(i + 1)),
    machines,
  });
  // They end with the chain that they stand beside.
  void chain.child.exited.then(async () => simulation.close());
  const machineOf = (index: number): number => Math.floor(index / platforms) % machines;
  const quoteServerOf = (index: number): string =>
    simulation.servers[(index % platforms) * machines + machineOf(index)]?.url ?? "";
  return {
    simulation,
    capabilities: ["enclave", "tdx"],
    settings: (index) => ({
      "enclave.provider": "simulated",
      "enclave.model": resolve(model),
      "enclave.quoteServer": quoteServerOf(index),
      "enclave.watchSeconds": WATCH_SEC,
      "enclave.committee": "development",
      "enclave.critical": critical,
    }),
    quoteServerOf,
    revoke: (index, at) => simulation.vendors[index % platforms]?.revoke(machineOf(index), at),
  };
}
