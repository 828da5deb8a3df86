// SPDX-License-Identifier: GPL-3.0-or-later
// A vendor revokes a machine, and somebody who is nobody here tells the chain.
import { setTimeout as sleep } from "node:timers/promises";
import type { Hex } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { getContractEvents } from "viem/actions";
import { enclaveRegistryAbi } from "../../offchain/adapters/chain/abi/enclave-registry.ts";
import { getHead } from "../../offchain/adapters/chain/actions/get-head.ts";
import { isEnclaveLive } from "../../offchain/adapters/chain/actions/is-enclave-live.ts";
import { bringCollateral } from "../../offchain/adapters/chain/bring-collateral.ts";
import { createChain } from "../../offchain/adapters/chain/create-chain.ts";
import type { Chain } from "../../offchain/adapters/chain/chain.ts";
import { readEnclaveContracts, type EnclaveContracts } from "../../offchain/adapters/chain/enclave-contracts.ts";
import { silentLogger } from "../../offchain/adapters/observe/silent-logger.ts";
import { systemClock } from "../../offchain/adapters/observe/system-clock.ts";
import { MemoryJournal } from "../../offchain/adapters/store/memory-journal.ts";
import { toWord } from "../../offchain/core/tagged-hash.ts";
import { packQuote } from "../../offchain/engines/tee/dcap/pack.ts";
import { QuoteServerProvider } from "../../offchain/engines/tee/provider/quote-server.ts";
import { intelSet } from "../../offchain/node/enclave/intel-set.ts";
import { invalidateEnclave } from "../../offchain/node/enclave/invalidate-enclave.ts";
import { endorseSimulated } from "../../offchain/node/enclave/open-enclave.ts";
import { ownerSigner } from "../../offchain/node/stake/connect-stake.ts";
import { enclaveOf, type DevWorker } from "./devnet.ts";
import { DemoError } from "./errors.ts";
import type { FaultTools } from "./fault-checks.ts";

const GAS_MONEY = "0x8ac7230489e80000000"; // 2560 ether
const LOOK_MS = 50;

/** No worker, no requester: an account that nobody knows, and what it saw happen. */
export interface Bystander {
  /** The vendor's newer list revokes the worker's machine; it brings the list and ends the key. No block comes by itself from then on. */
  revoke(worker: DevWorker): Promise<RevokedKey>;
  /** Keys of registered enclaves, by worker id, and whether each is good for new work. */
  keys(): Promise<ReadonlyMap<number, { readonly key: Hex; readonly isLive: boolean }>>;
}

export interface RevokedKey {
  readonly key: Hex;
  /** Number of the block in which the key ended. */
  readonly block: bigint;
  /** As the registry says it: 1 is a revoked certificate. */
  readonly reason: number;
  /** Calls that brought what the chain did not know. */
  readonly brought: readonly string[];
}

/** Error: ENCLAVE_MISSING where the devnet has no enclaves; those of `createChain`. */
export async function createBystander(tools: FaultTools): Promise<Bystander> {
  const { devnet, options } = tools;
  const { enclaves, chain: devChain, deployment } = devnet;
  if (enclaves === null) throw new DemoError("ENCLAVE_MISSING", { worker: 0 });
  const privateKey = generatePrivateKey();
  await devChain.rpc("hardhat_setBalance", [privateKeyToAccount(privateKey).address, GAS_MONEY]);
  const chain = await createChain(
    { rpcUrl: devChain.url, chainId: deployment.chainId, hub: deployment.hub, pollMs: LOOK_MS },
    {
      clock: systemClock,
      random: Math.random,
      signal: options.signal,
      logger: silentLogger,
      signer: ownerSigner(privateKey),
      journal: new MemoryJournal({ clock: systemClock }),
    },
  );
  const contracts = await readEnclaveContracts(chain);
  const keyOf = async (worker: DevWorker): Promise<Hex> => {
    const key = await enclaveOf(worker);
    if (key === null) throw new DemoError("ENCLAVE_MISSING", { worker: worker.workerId });
    return key;
  };

  const keys: Bystander["keys"] = async () => {
    const found = devnet.workers.map(async (worker) => {
      const key = await enclaveOf(worker);
      return key === null ? [] : [[worker.workerId, { key, isLive: await isEnclaveLive(chain, { contracts, key }) }] as const]; // prettier-ignore
    });
    return new Map((await Promise.all(found)).flat());
  };

  async function bring(url: string): Promise<readonly string[]> {
    // What Intel's service gives anybody; the certificates are found in whatever quote of a machine that is not revoked.
    const { endorsements } = await endorseSimulated(url);
    const quote = await new QuoteServerProvider({ url, bundleDigest: toWord(0) }).quote(new Uint8Array(64));
    if (endorsements.kind !== "intel") throw new DemoError("ENCLAVE_MISSING", { worker: 0 });
    return bringCollateral(chain, { contracts, set: intelSet(packQuote(quote), endorsements) });
  }

  return {
    revoke: async (worker) => {
      const key = await keyOf(worker);
      // Of a machine that was revoked before nothing more is brought.
      const live = await keys();
      const other = devnet.workers.find((one) => one !== worker && live.get(one.workerId)?.isLive === true) ?? worker;
      return alone(tools, chain, async () => {
        const { timestamp } = await getHead(chain);
        enclaves.revoke(worker.index, timestamp);
        const brought = await bring(enclaves.quoteServerOf(other.index));
        await invalidateEnclave({ chain, contracts, key, fromBlock: BigInt(deployment.fromBlock) });
        return { key, brought, ...(await endOf(tools, contracts, key)) };
      });
    },
    keys,
  };
}

async function endOf({ wallet }: FaultTools, { enclaves }: EnclaveContracts, key: Hex) {
  const [ended] = await getContractEvents(wallet, {
    address: enclaves,
    abi: enclaveRegistryAbi,
    eventName: "EnclaveEnded",
    args: { key },
    fromBlock: 0n,
    strict: true,
  });
  return { block: ended?.blockNumber ?? 0n, reason: ended?.args.reason ?? 0 };
}

/** A block for each transaction of the bystander and none else, so that no job goes on between the list and the key's end. */
async function alone<T>({ devnet: { chain: devChain } }: FaultTools, chain: Chain, action: () => Promise<T>) {
  const address = chain.sender?.address ?? "0x";
  const sent = async (tag: string) => Number(await devChain.rpc("eth_getTransactionCount", [address, tag]));
  const over = new AbortController();
  const mining = (async () => {
    while (!over.signal.aborted) {
      if ((await sent("pending")) > (await sent("latest"))) await devChain.mine(1);
      await sleep(LOOK_MS);
    }
  })();
  try {
    await devChain.mineEvery(0);
    return await action();
  } finally {
    over.abort();
    await mining;
  }
}
