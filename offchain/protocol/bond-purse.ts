// SPDX-License-Identifier: GPL-3.0-or-later
import type { RefereePort } from "./referee-ports.ts";

export type BondRefusal = "limit" | "tokens" | "gas";

/** Gas of a whole game on one side, its calldata with it (measured: 1.2 M of execution for both). */
export const GAME_GAS = 2_500_000n;

export interface BondAsk {
  readonly amount: bigint;
  /** Own bonds in the referee and those about to be given, without this one, wei. */
  readonly atStake: () => bigint;
  /** Games that must be paid for, with this one. */
  readonly games: () => number;
  /** Gives the bond; the caller journals first that it will. */
  readonly give: () => Promise<void>;
}

/** Gives bonds one after another, and none that the operator did not allow or that could not be played for. */
export class BondPurse {
  readonly #limit: bigint;
  readonly #referee: RefereePort;
  #queue: Promise<unknown> = Promise.resolve();

  /** `limit`: the most that may be in the referee at once, wei. */
  constructor(limit: bigint, referee: RefereePort) {
    [this.#limit, this.#referee] = [limit, referee];
  }

  /** Null: given. Errors: those of `give`, RPC_UNAVAILABLE, TRANSACTION_*. */
  ask(bond: BondAsk): Promise<BondRefusal | null> {
    const turn = this.#queue.then(() => this.#ask(bond));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #ask({ amount, atStake, games, give }: BondAsk): Promise<BondRefusal | null> {
    if (atStake() + amount > this.#limit) return "limit";
    let purse = await this.#referee.purse();
    if (purse.tokens < amount && purse.owed > 0n) {
      await this.#referee.withdraw();
      purse = await this.#referee.purse();
    }
    if (purse.tokens < amount) return "tokens";
    // A game that cannot be paid to its end is lost, whoever is right.
    if (purse.gasMoney < BigInt(games()) * GAME_GAS * purse.gasPrice) return "gas";
    if (purse.allowance < amount) await this.#referee.approve(amount);
    await give();
    return null;
  }
}
