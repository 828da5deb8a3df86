// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createJsonRpc, type JsonRpc } from "../../adapters/chain/json-rpc.ts";
import type { Genesis } from "../bundle/recorded-blocks.ts";
import { AuditError } from "../errors.ts";

/** A Hardhat chain in this process: fresh, offline, and mining only when told. */
export interface LocalChain {
  readonly url: string;
  readonly rpc: JsonRpc;
  close(): Promise<void>;
}

/**
 * Starts a chain with this beginning, listening on loopback only. Hardhat is a development dependency and loaded only here.
 * `timestamp` and `gasLimit` are the first block's. Error: REPLAY_CHAIN.
 */
export async function startLocalChain(genesis: Genesis, timestamp: number, gasLimit: number): Promise<LocalChain> {
  // A project without sources: in a checkout the node would first read every build that lies there.
  const project = mkdtempSync(join(tmpdir(), "assay-replay-"));
  writeFileSync(join(project, "package.json"), '{"type":"module"}\n');
  const remove = (): void => rmSync(project, { recursive: true, force: true });
  try {
    const { createHardhatRuntimeEnvironment } = await import("hardhat/hre");
    const environment = await createHardhatRuntimeEnvironment(
      {
        networks: {
          replay: {
            type: "edr-simulated",
            chainType: "l1",
            hardfork: genesis.hardfork,
            chainId: genesis.chainId,
            initialDate: new Date(timestamp * 1000),
            blockGasLimit: gasLimit,
            allowBlocksWithSameTimestamp: true,
            accounts: { count: genesis.accounts, accountsBalance: BigInt(genesis.balance).toString() },
            // The recorded order of a block is the order in which it is sent.
            mining: { auto: false, mempool: { order: "fifo" } },
          },
        },
      },
      {},
      project,
    );
    const server = await environment.network.createServer("replay", "127.0.0.1");
    const { address, port } = await server.listen();
    const url = `http://${address}:${port}`;
    const close = async (): Promise<void> => {
      await server.close();
      remove();
    };
    return { url, rpc: createJsonRpc(url), close };
  } catch (cause) {
    remove();
    const why = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    throw new AuditError("REPLAY_CHAIN", { why }, { cause });
  }
}
