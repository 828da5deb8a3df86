// SPDX-License-Identifier: GPL-3.0-or-later
import { BlockWatcher } from "../../adapters/chain/block-watcher.ts";
import { getHead } from "../../adapters/chain/actions/get-head.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { boardEvents } from "../../adapters/chain/verdict-board.ts";
import { MemoryJournal } from "../../adapters/store/memory-journal.ts";
import { hasCode } from "../../core/errors.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { AttesterDesk, type Attested, type AttesterDeskModules, type AttesterDeskOptions } from "./attester-desk.ts";
import { findBoard, type FindBoardOptions } from "./board-port.ts";

export interface AttesterOptions extends AttesterDeskOptions, FindBoardOptions {
  readonly maxRange: number;
  readonly pollMs: number;
}

export interface AttesterModules extends Omit<AttesterDeskModules, "board" | "skewSec"> {
  /** Writes as the attester: its worker's signer. */
  readonly chain: Chain;
  readonly clock: Clock;
}

/** An attester's duty on one board, and the board's blocks that it follows. */
export class Attester {
  readonly #desk: AttesterDesk;
  readonly #watcher: BlockWatcher;

  private constructor(desk: AttesterDesk, watcher: BlockWatcher) {
    this.#desk = desk;
    this.#watcher = watcher;
  }

  /** Errors: NO_CONTRACT while the hub knows no registry of enclaves; BOARD_FOREIGN, READ_ONLY, RPC_UNAVAILABLE. */
  static async open(options: AttesterOptions, modules: AttesterModules): Promise<Attester> {
    const { chain, clock, logger, random } = modules;
    const board = await findBoard(chain, options);
    const desk = new AttesterDesk(options, { ...modules, board, skewSec: () => chain.clock.skewSec() });
    const fromBlock = (await desk.restore(await getHead(chain))) ?? options.fromBlock;
    const { confirmations, maxRange, pollMs } = options;
    const watcher = new BlockWatcher(
      { chainId: board.chainId, addresses: [board.board], fromBlock, confirmations, maxRange, pollMs },
      // Blocks are followed from the same place after each start: nothing is to be remembered about them.
      { client: chain.client, cursors: new MemoryJournal({ clock }), clock, random, logger },
      {
        onHead: (head) => chain.clock.observe(head.timestamp),
        onBatch: async ({ logs }) => Promise.resolve(desk.onEvents(boardEvents(logs))),
        onRewind: async (number) => Promise.resolve(desk.onRewind(number)),
      },
    );
    return new Attester(desk, watcher);
  }

  /** Reads on to the newest block and does what is due there. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
  async pass(): Promise<readonly Attested[]> {
    while (await this.#watcher.poll());
    const { head } = this.#watcher;
    return head === null ? [] : this.#desk.step(head);
  }
}

/** The duty until the signal. A board that cannot be found yet is looked for again. */
export async function serveAttester(
  options: AttesterOptions,
  modules: AttesterModules & { readonly signal: AbortSignal },
): Promise<void> {
  const { clock, logger, signal } = modules;
  let attester: Attester | null = null;
  let last = "";
  while (!signal.aborted) {
    try {
      attester ??= await Attester.open(options, modules);
      await attester.pass();
      last = "";
    } catch (error) {
      if (signal.aborted) return;
      const message = error instanceof Error ? error.message : "";
      if (message !== last) logger.warn("attester.down", { error });
      last = message;
      if (hasCode(error, "BOARD_FOREIGN")) return;
    }
    await clock.sleep(4 * options.pollMs, signal).catch(() => undefined);
  }
}
