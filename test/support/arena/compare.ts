// SPDX-License-Identifier: GPL-3.0-or-later
import { type Hex, encodeAbiParameters, keccak256, toHex } from "viem";
import { finalWord, recordHash } from "../../../offchain/core/job.ts";
import { STATE_FINAL } from "../../../offchain/core/types.ts";
import { type Arena, type Contract, DEAD } from "./arena.ts";
import { isLive, type Account, type Model, type ModelJob } from "./model.ts";

// Where contracts keep what is compared; `checkLayout` proves it by the views of the same things.
const SLOTS = { slots: 0n, free: 1n, accounts: 2n, totals: 3n, clock: 0n, workers: 5n, balances: 0n } as const;
const FLAGS_PLAIN = 4 | 8 | 16; // linear, public output, nobody to call back
const FLAG_PINNED = 32;

type Place = readonly [Contract, Hex];

const entry = (type: "uint32" | "address" | "bytes32", key: number | Hex, slot: bigint): Hex =>
  keccak256(encodeAbiParameters([{ type }, { type: "uint256" }], [key as never, slot]));
const next = (slot: Hex): Hex => toHex(BigInt(slot) + 1n, { size: 32 });
const plain = (slot: bigint): Hex => toHex(slot, { size: 32 });

/** Fields of a word, from the lowest bit on. */
function split(word: bigint, widths: readonly number[]): bigint[] {
  let rest = word;
  return widths.map((width) => {
    const field = rest & ((1n << BigInt(width)) - 1n);
    rest >>= BigInt(width);
    return field;
  });
}

/** Reads all of a deployment that the model predicts, word by word. */
export class Observer {
  readonly #arena: Arena;
  readonly #holders: readonly Hex[];
  readonly #free: Place[];
  readonly #accounts: Place[];
  readonly #workers: Place[];
  readonly #tokens: Place[];
  readonly #jobs = new Map<Hex, Place>();

  static readonly #known = new WeakMap<Arena, Observer>();

  /** Knows where everything is; made anew when workers joined. */
  static of(arena: Arena): Observer {
    const known = Observer.#known.get(arena);
    if (known !== undefined && known.#accounts.length === arena.workers.length) return known;
    const made = new Observer(arena);
    Observer.#known.set(arena, made);
    return made;
  }

  private constructor(arena: Arena) {
    this.#arena = arena;
    this.#holders = [...arena.requesters, ...arena.workers];
    this.#free = this.#holders.map((who) => ["hub", entry("address", who, SLOTS.free)]);
    this.#accounts = arena.workers.map((_, i) => ["hub", entry("uint32", i + 1, SLOTS.accounts)]);
    this.#workers = arena.workers.flatMap((_, i): Place[] => {
      const slot = entry("uint32", i + 1, SLOTS.workers);
      return [
        ["vault", slot],
        ["vault", next(slot)],
      ];
    });
    this.#tokens = [arena.deployment.hub, arena.deployment.vault, DEAD].map((who) => [
      "token",
      entry("address", who as Hex, SLOTS.balances),
    ]);
  }

  /** The free balances that a model starts from. */
  async free(): Promise<Map<Hex, bigint>> {
    const words = await this.#arena.words(this.#free);
    return new Map(this.#holders.map((who, i) => [who, words[i] ?? 0n]));
  }

  /** The accounts that a model starts from. */
  async accounts(): Promise<Account[]> {
    return (await this.#arena.words(this.#accounts)).map((word) => {
      const [earned = 0n, rho = 0n, ...counters] = split(word, [96, 32, 32, 32, 32, 32]);
      const [agreed = 0, absent = 0, wrong = 0, abstained = 0] = counters.map(Number);
      return { earned, rho: Number(BigInt.asIntN(32, rho)), agreed, absent, wrong, abstained };
    });
  }

  /** As after one agreed seat each: whoever measures gas wants no first writes. The hub gets the tokens that it then owes. */
  async wear(reward: bigint): Promise<void> {
    for (const [contract, slot] of this.#accounts)
      await this.#arena.setWord(contract, slot, (1n << 128n) | (9_950n << 96n) | reward);
    await this.#arena.must(this.#arena.requesters[0] ?? "0x", "token", "mint", [
      this.#arena.deployment.hub,
      reward * BigInt(this.#accounts.length),
    ]);
  }

  /** That words mean what is read from them here. Throws TypeError. */
  async checkLayout(jobId: Hex): Promise<void> {
    const worker = this.#arena.workers[0] ?? "0x";
    const [balance, account, totals, staked, epoch, slot] = (await this.#arena.read([
      { contract: "hub", name: "balanceOf", args: [worker] },
      { contract: "hub", name: "account", args: [1] },
      { contract: "hub", name: "totals" },
      { contract: "vault", name: "worker", args: [1] },
      { contract: "vault", name: "epoch" },
      { contract: "hub", name: "slot", args: [jobId] },
    ])) as [
      bigint,
      { earned: bigint; rho: number },
      { openRisk: bigint; fees: bigint },
      { stake: bigint; unbonding: bigint; tickets: number; jailedUntil: number },
      readonly [number, number, number, number, number],
      { state: number; escrow: bigint; deadline: number; seedRef: number },
    ];
    const places: Place[] = [
      ["hub", entry("address", worker, SLOTS.free)],
      ["hub", entry("uint32", 1, SLOTS.accounts)],
      ["hub", plain(SLOTS.totals)],
      ["vault", entry("uint32", 1, SLOTS.workers)],
      ["vault", plain(SLOTS.clock)],
      ["hub", entry("bytes32", jobId, SLOTS.slots)],
    ];
    const words = await this.#arena.words(places);
    const have = [
      words[0],
      split(words[1] ?? 0n, [96, 32]),
      split(words[2] ?? 0n, [96, 96]),
      split(words[3] ?? 0n, [96, 96, 48, 16]).filter((_, i) => i !== 2),
      split(words[4] ?? 0n, [16, 48]),
      split(words[5] ?? 0n, [8, 8, 8, 8, 48, 48, 16, 112]).filter((_, i) => [0, 4, 5, 7].includes(i)),
    ];
    const want = [
      balance,
      [account.earned, BigInt.asUintN(32, BigInt(account.rho))],
      [totals.openRisk, totals.fees],
      [staked.stake, staked.unbonding, BigInt(staked.tickets)],
      [BigInt(epoch[0]), BigInt(epoch[1])],
      [BigInt(slot.state), BigInt(slot.seedRef), BigInt(slot.deadline), slot.escrow],
    ];
    if (String(have) !== String(want))
      throw new TypeError(`the storage's layout is another: ${String(have)} is not ${String(want)}`);
    if (balance === 0n || staked.stake === 0n || slot.escrow === 0n) throw new TypeError("zeros prove no layout");
  }

  /** Every difference between the contracts and the model, in words; and every wei that is missing or too many. */
  async differences(model: Model): Promise<string[]> {
    const jobs = model.jobs.flatMap(({ jobId }): Place[] => {
      const known = this.#jobs.get(jobId) ?? (["hub", entry("bytes32", jobId, SLOTS.slots)] as const);
      this.#jobs.set(jobId, known);
      return [known, ["hub", next(known[1])]];
    });
    const single: Place[] = [
      ["hub", plain(SLOTS.totals)],
      ["vault", plain(SLOTS.clock)],
    ];
    const places = [this.#free, this.#accounts, this.#workers, this.#tokens, single, jobs];
    const words = await this.#arena.words(places.flat());
    const take = (count: number): bigint[] => words.splice(0, count);
    const [free, accounts, workers, tokens, [totals = 0n, clock = 0n], slots] = places.map(({ length }) =>
      take(length),
    ) as [bigint[], bigint[], bigint[], bigint[], bigint[], bigint[]];

    const found: string[] = [];
    const same = (what: string, have: readonly bigint[], want: readonly (bigint | number)[]): void => {
      if (have.join() !== want.join())
        found.push(`${what}: the contracts have ${have.join()}, the model ${want.join()}`);
    };
    for (const [i, who] of this.#holders.entries())
      same(`free balance of ${who}`, [free[i] ?? 0n], [model.balance(who)]);
    for (const [i, account] of model.accounts.entries()) {
      const { earned, rho, agreed, absent, wrong, abstained } = account;
      const want = [earned, BigInt.asUintN(32, BigInt(rho)), agreed, absent, wrong, abstained];
      same(`account of worker ${i + 1}`, split(accounts[i] ?? 0n, [96, 32, 32, 32, 32, 32]), want);
    }
    for (const [i, { stake, unbonding, unbondAt, tickets, jailedUntil }] of model.workers.entries()) {
      const [jailed = 0n] = split((workers[2 * i + 1] ?? 0n) >> 160n, [48]);
      const have = [...split(workers[2 * i] ?? 0n, [96, 96, 48, 16]), jailed];
      same(`stake of worker ${i + 1}`, have, [stake, unbonding, unbondAt, tickets, jailedUntil]);
    }
    same("open risk and fees", split(totals, [96, 96]), [model.openRisk, model.fees]);
    const [version = 0n, startedAt = 0n, , , , overdue = 0n] = split(clock, [16, 48, 32, 32, 16, 32]);
    same("epoch", [version, startedAt, overdue], [model.version, model.startedAt, model.overdue()]);
    for (const [i, job] of model.jobs.entries()) {
      const [have, want] = [slotOf(slots[2 * i] ?? 0n, slots[2 * i + 1] ?? 0n, job), expectedSlot(job)];
      same(`job ${i}`, have, want);
    }

    // Invariants 1, 2 and 4 on what the contracts themselves say: nothing owed to nobody, nothing made of nothing.
    const total = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, amount) => sum + amount, 0n);
    const escrows = total(model.jobs.map((job, i) => (isLive(job) ? (slots[2 * i] ?? 0n) >> 144n : 0n)));
    const owed = total(free) + total(accounts.map((word) => word & (2n ** 96n - 1n))) + escrows + model.bonds();
    const staked = total(workers.filter((_, i) => i % 2 === 0).flatMap((word) => split(word, [96, 96])));
    same("tokens of hub, vault and fire", tokens, [owed + (split(totals, [96, 96])[1] ?? 0n), staked, model.dead]);
    return found;
  }
}

/** State, stage or reason, round, flags, seedRef, deadline, version, escrow, word. */
function slotOf(first: bigint, second: bigint, job: ModelJob): bigint[] {
  if (isLive(job)) return [...split(first, [8, 8, 8, 8, 48, 48, 16, 112]), second];
  return [...split(first, [8, 8, 8, 8, 32, 192]), second];
}

function expectedSlot(job: ModelJob): (bigint | number)[] {
  const { state, stage, round, rounds, seedRef, deadline, tableVersion, escrow, pinned, record, reason } = job;
  const flags = rounds | FLAGS_PLAIN;
  const hash = recordHash(record);
  if (isLive(job)) {
    const rest = [seedRef, deadline, tableVersion, escrow];
    return [state, stage, round, flags | (pinned ? FLAG_PINNED : 0), ...rest, pinned ? BigInt(hash) : 0n];
  }
  const isCancelled = record.seats.length === 0 && record.tallies.length === 0 && reason === 1;
  const out = record.boundaries.at(-1) ?? "0x";
  const word = isCancelled ? 0n : BigInt(state === STATE_FINAL ? finalWord(out, hash) : hash);
  return [state, reason, 0, flags, deadline, word >> 64n, 0n];
}
