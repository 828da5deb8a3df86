// SPDX-License-Identifier: GPL-3.0-or-later
import type { Address, Hex } from "viem";
import { getHead } from "../../offchain/adapters/chain/actions/get-head.ts";
import { createChain } from "../../offchain/adapters/chain/create-chain.ts";
import { joinAttesters, readTerms } from "../../offchain/adapters/chain/verdict-board.ts";
import { OperatorSigner } from "../../offchain/adapters/keys/operator-signer.ts";
import { silentLogger } from "../../offchain/adapters/observe/silent-logger.ts";
import { systemClock } from "../../offchain/adapters/observe/system-clock.ts";
import { MemoryJournal } from "../../offchain/adapters/store/memory-journal.ts";
import { fromHex } from "../../offchain/core/bytes.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { fundBoard } from "../../offchain/node/attester/register-by-board.ts";
import type { Deployment } from "../deploy/deploy-assay.ts";

export interface JoinBoardOptions {
  readonly rpcUrl: string;
  readonly deployment: Deployment;
  readonly board: Address;
  /** Of a registered worker that does not run: a running one counts its account's nonces itself. */
  readonly operatorKey: Hex;
  /** Whose stakes it puts there, beside its reserve. */
  readonly verdicts: number;
  readonly signal: AbortSignal;
}

/** Makes a worker an attester, as `assay tee attest --join` does. Errors: those of `createChain` and of the board. */
export async function joinBoard(options: JoinBoardOptions): Promise<void> {
  const { rpcUrl, deployment, board, operatorKey, verdicts, signal } = options;
  const { chainId, hub } = deployment;
  const clock = systemClock;
  const signer = new OperatorSigner(new Secret(fromHex(operatorKey, 32)));
  const chain = await createChain(
    { rpcUrl, chainId, hub, pollMs: 50 },
    { clock, random: Math.random, signal, logger: silentLogger, signer, journal: new MemoryJournal({ clock }) },
  );
  chain.clock.observe((await getHead(chain)).timestamp);
  const { stake } = await readTerms(chain, board, signer.address);
  await fundBoard(chain, board, signer.address, BigInt(1 + verdicts) * stake);
  await joinAttesters(chain, board);
}
