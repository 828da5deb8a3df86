// SPDX-License-Identifier: GPL-3.0-or-later
import { resolve } from "node:path";
import type { Hex, PublicClient, WalletClient } from "viem";
import { stakeVaultAbi } from "../../offchain/adapters/chain/abi/stake-vault.ts";
import { verdictBoardAbi } from "../../offchain/adapters/chain/abi/verdict-board.ts";
import { createChain } from "../../offchain/adapters/chain/create-chain.ts";
import { CASE_DECIDED, CASE_OPEN } from "../../offchain/adapters/chain/verdict-board.ts";
import { silentLogger } from "../../offchain/adapters/observe/silent-logger.ts";
import { systemClock } from "../../offchain/adapters/observe/system-clock.ts";
import { readPairEnclaves } from "../../offchain/audit/read-pair-enclaves.ts";
import { capabilityBits, type Capability } from "../../offchain/core/capabilities.ts";
import type { Receipt } from "../../offchain/core/receipt.ts";
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
  /** Intel's platforms: worker i stands on platform i modulo their number. Each has a root and collateral of its own. */
  readonly platforms: number;
  /** Machines of each platform's vendor; workers of one platform stand on them in turn. 1 if left out. */
  readonly machines?: number;
  /** Whether the enclaves take part in critical jobs. */
  readonly critical?: boolean;
  /**
   * So many workers, the last ones, stand on machines of AWS instead, whose evidence the board's attesters judge. Twelve others are needed
   * beside them. None if left out.
   */
  readonly nitro?: number;
}

export interface DevnetEnclaves {
  readonly simulation: SimulatedEnclaves;
  /** Root keys of the enclaves that answer alone. */
  readonly roots: readonly Hex[];
  /**
   * Ticket class of those. A receipt of one enclave's answer carries the vendor's evidence as the chain verified it, which is Intel's
   * only: where there are others, Intel's have a class of their own that demands it.
   */
  readonly loneClass: number;
  /** When a worker starts, the first wave first: attesters, those that they judge, and the others. */
  waveOf(index: number): 0 | 1 | 2;
  isAttester(index: number): boolean;
  capabilitiesOf(index: number): readonly Capability[];
  /** Beside class 0. */
  classesOf(index: number): readonly number[];
  /** What a worker's configuration says of its enclave. */
  settings(index: number): Readonly<Record<string, string | number | boolean>>;
  /** Of the machine that worker `index` stands on. */
  quoteServerOf(index: number): string;
  /** Its vendor revokes that machine, by a list of this time (Unix seconds). */
  revoke(index: number, at: bigint): void;
  /** What the registry knows of the keys that signed for a pair. Errors: those of `createChain` and `readPairEnclaves`. */
  signersOf(receipt: Receipt): ReturnType<typeof readPairEnclaves>;
  /** Where nothing but time is missing for a verdict: a block, or the time for objections. */
  passTime(): Promise<void>;
}

/** Seconds between a worker's looks at its registration: a revoked one is seen soon. */
const WATCH_SEC = 2;
/** Five are drawn, of whom four must agree. */
const ATTESTERS = 6;
/** Stakes of so many verdicts lie at the board for each attester: one for each of AWS's enclaves in `npm start`, and as many again. */
export const ATTESTER_VERDICTS = 8;
const LONE: readonly Capability[] = ["enclave", "tdx"];
const SECOND: readonly Capability[] = ["enclave", "nitro"];
const ANY_SIZE = 2n ** 64n - 1n;

/** Deploys what judges enclaves, waits two days of chain time, and starts the quote servers. No worker may run yet. */
export async function startDevnetEnclaves(
  { model, platforms, machines = 1, critical = false, nitro = 0 }: EnclaveOptions,
  workers: number,
  chain: DevChain,
  deployment: Deployment,
  clients: { readonly publicClient: PublicClient; readonly walletClient: WalletClient; readonly advance: Advance },
): Promise<DevnetEnclaves> {
  const { publicClient } = clients;
  const isMixed = nitro > 0;
  const isNitro = (index: number): boolean => index >= workers - nitro;
  const vendors = platforms + (isMixed ? 1 : 0);
  const simulation = await startSimulatedEnclaves({
    ...clients,
    deployment,
    bundleDigests: [await measureBundle(bundleRoot())],
    seeds: Array.from({ length: vendors }, (_, i) => new Uint8Array(32).fill(i + 1)),
    formats: Array.from({ length: vendors }, (_, i) => (i < platforms ? "dcap-tdx-v4" : "nitro-cose")),
    machines,
  });
  // They end with the chain that they stand beside.
  void chain.child.exited.then(async () => simulation.close());
  const loneClass = isMixed ? await createLoneClass(deployment, clients) : 0;
  const { servers, roots } = simulation;
  const isAttester = (index: number): boolean => isMixed && index < ATTESTERS;
  const platformOf = (index: number): number => (isNitro(index) ? platforms : index % platforms);
  const machineOf = (index: number): number => Math.floor(index / platforms) % machines;
  const quoteServerOf = (index: number): string => servers[platformOf(index) * machines + machineOf(index)]?.url ?? "";
  return {
    simulation,
    roots: roots.slice(0, platforms),
    loneClass,
    waveOf: (index) => (isAttester(index) ? 0 : isNitro(index) ? 1 : 2),
    isAttester,
    capabilitiesOf: (index) => (isNitro(index) ? SECOND : LONE),
    classesOf: (index) => (isMixed && !isNitro(index) ? [loneClass] : []),
    settings: (index) => ({
      "enclave.provider": "simulated",
      "enclave.model": resolve(model),
      "enclave.quoteServer": quoteServerOf(index),
      "enclave.watchSeconds": WATCH_SEC,
      "enclave.committee": "development",
      "enclave.critical": critical,
      ...(isAttester(index)
        ? {
            "attester.duty": "on",
            "attester.verdicts": ATTESTER_VERDICTS,
            "attester.simulatedRoot": roots[platforms] ?? "",
          }
        : {}),
    }),
    quoteServerOf,
    revoke: (index, at) => simulation.vendors[platformOf(index)]?.revoke(machineOf(index), at),
    signersOf: async (receipt) => {
      const { signal } = new AbortController();
      const { chainId, hub } = deployment;
      const reader = await createChain(
        { rpcUrl: chain.url, chainId, hub },
        { clock: systemClock, random: Math.random, signal, logger: silentLogger },
      );
      return readPairEnclaves(reader, receipt);
    },
    passTime: async () => {
      const board = { address: simulation.deployment.board, abi: verdictBoardAbi } as const;
      const count = await publicClient.readContract({ ...board, functionName: "cases" });
      const cases = await Promise.all(
        Array.from({ length: Number(count) }, async (_, i) =>
          publicClient.readContract({ ...board, functionName: "caseOf", args: [BigInt(i + 1)] }),
        ),
      );
      const { number, timestamp } = await publicClient.getBlock();
      const drawn = cases.filter(({ state }) => state === CASE_OPEN).map(({ seedBlock }) => BigInt(seedBlock));
      const stands = cases.filter(({ state }) => state === CASE_DECIDED).map(({ standsFrom }) => standsFrom);
      const missing = Math.max(0, ...stands) - Number(timestamp);
      if (missing >= 0 && stands.length > 0) await chain.rpc("evm_increaseTime", [missing + 1]);
      else if (drawn.every((block) => number > block)) return;
      await chain.rpc("evm_mine", []);
    },
  };
}

/** A class of workers whose enclaves the chain itself can judge. */
async function createLoneClass(
  { vault: address }: Deployment,
  { publicClient, walletClient }: { readonly publicClient: PublicClient; readonly walletClient: WalletClient },
): Promise<number> {
  const at = { address, abi: stakeVaultAbi } as const;
  const created = await publicClient.readContract({ ...at, functionName: "ticketClasses" });
  const terms = { minPrice: 0n, maxUnits: ANY_SIZE, capabilities: capabilityBits(LONE) };
  const { account = null } = walletClient;
  const hash = await walletClient.writeContract({ ...at, chain: null, account, functionName: "createTicketClass", args: [terms] }); // prettier-ignore
  await publicClient.waitForTransactionReceipt({ hash });
  return created;
}
