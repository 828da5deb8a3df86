// SPDX-License-Identifier: MIT
import { getAbiItem, parseEventLogs, type Address, type Log } from "viem";
import { getBlockNumber, getLogs } from "viem/actions";
import { cipherRefereeAbi } from "./abi/cipher-referee.ts";
import type { Chain } from "./chain.ts";
import { toChainError } from "./decode-revert.ts";

type Hex = `0x${string}`;

export interface GamesRange {
  readonly referee: Address;
  /** Nothing before it matters: the job's request. */
  readonly fromBlock: bigint;
  /** Most blocks of one query. */
  readonly maxRange: bigint;
}

/** Somebody stood for a digest of this job. */
export interface DefenceMade {
  readonly defence: bigint;
  readonly stage: number;
  readonly inDigest: Hex;
  readonly blockNumber: bigint;
}

/** What the defender showed last in a game, for its challenger to pick from. */
export type Posted = { readonly nodes: readonly Hex[] } | { readonly chunk: Hex };

const DEFENDED = getAbiItem({ abi: cipherRefereeAbi, name: "Defended" });
const OPENED = getAbiItem({ abi: cipherRefereeAbi, name: "GameOpened" });
const NODES = getAbiItem({ abi: cipherRefereeAbi, name: "NodesPosted" });
const CHUNK = getAbiItem({ abi: cipherRefereeAbi, name: "ChunkPosted" });

type Reader = Pick<Chain, "client" | "errors">;

async function inRanges<T extends Log>(
  chain: Reader,
  { fromBlock, maxRange }: GamesRange,
  read: (fromBlock: bigint, toBlock: bigint | "latest") => Promise<readonly T[]>,
): Promise<readonly T[]> {
  try {
    const head = await getBlockNumber(chain.client, { cacheTime: 0 });
    const logs: T[] = [];
    for (let from = fromBlock; from <= head; from += maxRange) {
      const to = from + maxRange - 1n;
      logs.push(...(await read(from, to < head ? to : "latest")));
    }
    return logs;
  } catch (error) {
    throw toChainError(error, "eth_getLogs", chain.errors);
  }
}

/** All defences of a job's stages, in chain order. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function listDefences(
  chain: Reader,
  { jobId, ...range }: GamesRange & { readonly jobId: Hex },
): Promise<readonly DefenceMade[]> {
  const logs = await inRanges(chain, range, (fromBlock, toBlock) =>
    getLogs(chain.client, { address: range.referee, event: DEFENDED, args: { jobId }, fromBlock, toBlock }),
  );
  return parseEventLogs({ abi: cipherRefereeAbi, eventName: "Defended", logs: [...logs] }).map(
    ({ args: { defence, stage, inDigest }, blockNumber }) => ({ defence, stage, inDigest, blockNumber }),
  );
}

/** Numbers of the games against these defences, in chain order. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function listGames(
  chain: Reader,
  { defences, ...range }: GamesRange & { readonly defences: readonly bigint[] },
): Promise<readonly bigint[]> {
  if (defences.length === 0) return [];
  const args = { defence: [...defences] };
  const logs = await inRanges(chain, range, (fromBlock, toBlock) =>
    getLogs(chain.client, { address: range.referee, event: OPENED, args, fromBlock, toBlock }),
  );
  return parseEventLogs({ abi: cipherRefereeAbi, eventName: "GameOpened", logs: [...logs] }).map(
    ({ args: { game } }) => game,
  );
}

/** What was posted last in a game; null before the first post. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function getPosted(
  chain: Reader,
  { game, ...range }: GamesRange & { readonly game: bigint },
): Promise<Posted | null> {
  const of = { address: range.referee, args: { game } } as const;
  const [nodes, chunks] = await Promise.all([
    inRanges(chain, range, (fromBlock, toBlock) => getLogs(chain.client, { ...of, event: NODES, fromBlock, toBlock })),
    inRanges(chain, range, (fromBlock, toBlock) => getLogs(chain.client, { ...of, event: CHUNK, fromBlock, toBlock })),
  ]);
  // A chunk is posted once, behind all nodes.
  const [chunk] = parseEventLogs({ abi: cipherRefereeAbi, eventName: "ChunkPosted", logs: [...chunks] });
  if (chunk !== undefined) return { chunk: chunk.args.chunk };
  const last = parseEventLogs({ abi: cipherRefereeAbi, eventName: "NodesPosted", logs: [...nodes] }).at(-1);
  return last === undefined ? null : { nodes: last.args.nodes };
}
