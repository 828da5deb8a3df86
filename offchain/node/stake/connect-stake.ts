// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from "node:fs";
import { getHead } from "../../adapters/chain/actions/get-head.ts";
import { getOwnerOf } from "../../adapters/chain/actions/get-owner-of.ts";
import { getWorkerOf } from "../../adapters/chain/actions/get-worker-of.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { createChain } from "../../adapters/chain/create-chain.ts";
import { listWorkerIds } from "../../adapters/chain/list-worker-ids.ts";
import { openKeyRing, operatorKeyPath } from "../../adapters/keys/key-ring.ts";
import { nodeCrypto } from "../../adapters/keys/node-crypto.ts";
import { OperatorSigner } from "../../adapters/keys/operator-signer.ts";
import { readPassword } from "../../adapters/keys/private-file.ts";
import { silentLogger } from "../../adapters/observe/silent-logger.ts";
import { systemClock } from "../../adapters/observe/system-clock.ts";
import { MemoryJournal } from "../../adapters/store/memory-journal.ts";
import { ProcessLock } from "../../adapters/store/process-lock.ts";
import { fromHex } from "../../core/bytes.ts";
import type { KeyRing, Signer } from "../../core/ports/keys.ts";
import { Secret } from "../../core/secret.ts";
import type { Hex } from "../../protocol/ports.ts";
import { NodeError } from "../errors.ts";
import type { NodeConfig } from "../settings.ts";

/** The owner's key as a signer: it is used by one command and never kept. */
export const ownerSigner = (privateKey: Hex): Signer => new OperatorSigner(new Secret(fromHex(privateKey, 32)));

/**
 * The deployment that the configuration names, writing with `signer` if one is given. Its transactions are journalled in memory only:
 * every step of these commands reads the chain before it acts. Errors: those of `createChain`.
 */
export async function connectStake(config: NodeConfig, signal: AbortSignal, signer?: Signer): Promise<Chain> {
  const { rpcUrl, id, hub, pollMs, maxFeeGwei } = config.chain;
  const chain = await createChain(
    {
      rpcUrl,
      chainId: id,
      hub,
      pollMs: Math.min(pollMs, 1_000),
      maxFeePerGas: BigInt(maxFeeGwei) * 1_000_000_000n,
    },
    {
      clock: systemClock,
      random: Math.random,
      signal,
      logger: silentLogger,
      ...(signer === undefined ? {} : { signer, journal: new MemoryJournal({ clock: systemClock }) }),
    },
  );
  chain.clock.observe((await getHead(chain)).timestamp);
  return chain;
}

/** Opens the worker's keys for as long as `use` runs. Errors: those of `readPassword` and `openKeyRing`. */
export async function withKeys<T>(config: NodeConfig, use: (keys: KeyRing) => Promise<T>): Promise<T> {
  const { folder, passwordFile } = config.keys;
  const password = await readPassword(passwordFile);
  const keys = await openKeyRing({ folder, password, development: config.node.development }, { crypto: nodeCrypto });
  try {
    return await use(keys);
  } finally {
    keys.close();
  }
}

/**
 * Runs `use` with a chain that writes with the operator's key. A running worker counts that account's nonces itself: two senders would
 * replace each other's transactions, so its lock is taken. Errors: KEY_LOCKED; those of `createChain`.
 */
export async function asOperator<T>(
  config: NodeConfig,
  keys: KeyRing,
  signal: AbortSignal,
  use: (chain: Chain) => Promise<T>,
): Promise<T> {
  const { folder } = config.keys;
  const lock = new ProcessLock(operatorKeyPath({ folder, development: config.node.development }));
  try {
    return await use(await connectStake(config, signal, keys.operator));
  } finally {
    lock.release();
  }
}

/** Whether the worker's keys are on this machine: the owner may act from another. */
export const hasKeys = (config: NodeConfig): boolean =>
  existsSync(operatorKeyPath({ folder: config.keys.folder, development: config.node.development }));

/** The worker whose messages this operator key signs, or null. */
export async function findWorker(chain: Chain, signer: Hex, fromBlock: number): Promise<number | null> {
  const [workerId] = await listWorkerIds(chain, { signer, fromBlock: BigInt(fromBlock) });
  return workerId ?? null;
}

/**
 * The owner's worker. Where the worker's keys are at hand it must be theirs, so that no wrong key takes another worker down.
 * Errors: NOT_OWNER, OWNER_UNKNOWN, NOT_REGISTERED.
 */
export async function requireOwnWorker(chain: Chain, config: NodeConfig, owner: Hex): Promise<number> {
  const workerId = await getWorkerOf(chain, { owner });
  if (!hasKeys(config)) {
    if (workerId === 0) throw new NodeError("OWNER_UNKNOWN", { owner });
    return workerId;
  }
  const address = await withKeys(config, async (keys) => Promise.resolve(keys.operator.address));
  const configured = await findWorker(chain, address, config.chain.fromBlock);
  if (configured === null) throw new NodeError("NOT_REGISTERED", { chain: config.chain.id, address });
  if (configured !== workerId) {
    const want = await getOwnerOf(chain, { workerId: configured });
    throw new NodeError("NOT_OWNER", { worker: configured, want, have: owner });
  }
  return workerId;
}
