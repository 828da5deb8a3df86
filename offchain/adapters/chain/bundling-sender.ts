// SPDX-License-Identifier: MIT
import { decodeEventLog, encodeFunctionData, type Address, type Hex, type TransactionReceipt } from "viem";
import type { Clock } from "../../core/ports/clock.ts";
import { assayHubAbi } from "./abi/assay-hub.ts";
import { toChainError } from "./decode-revert.ts";
import type { TransactionRequest, TransactionSender } from "./transaction-sender.ts";

type Sender = Pick<TransactionSender, "address" | "send" | "simulate" | "reset">;

export interface BundlingOptions {
  readonly hub: Address;
  /** A worker that called less than this ago waits `waitMs` for more calls; one that did not, sends at once. */
  readonly busyMs: number;
  readonly waitMs: number;
}

/** Below what a transaction may take (EIP-7825), with its base. A call beyond it goes alone. */
const MAX_GAS = 15_000_000n;
/** Nodes refuse transactions of 128 KiB and more. */
const MAX_HEX_DIGITS = 2 * 100_000;

interface Waiting {
  readonly request: TransactionRequest;
  readonly gas: bigint;
  readonly resolve: (receipt: TransactionReceipt) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Sends calls to the hub that are ready at about the same time as one `submitMany`: each is dry-run by itself first, and one that fails on
 * chain is undone and refused alone (REVERTED). Calls that run a stranger's code must not come here: it could burn what the others need.
 */
export class BundlingSender implements Sender {
  readonly #sender: Sender;
  readonly #options: BundlingOptions;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #waiting: Waiting[] = [];
  #scheduled = false;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(sender: Sender, options: BundlingOptions, clock: Clock, signal: AbortSignal) {
    this.#sender = sender;
    this.#options = options;
    this.#clock = clock;
    this.#signal = signal;
  }

  get address(): Address {
    return this.#sender.address;
  }

  reset(): void {
    this.#sender.reset();
  }

  async simulate(request: TransactionRequest): Promise<bigint> {
    return this.#sender.simulate(request);
  }

  /** Errors: those of `TransactionSender.send`; REVERTED also after a bundle was mined, where this call was undone. */
  async send(request: TransactionRequest): Promise<TransactionReceipt> {
    if (request.to !== this.#options.hub) return this.#sender.send(request);
    const gas = await this.#sender.simulate(request);
    const mined = new Promise<TransactionReceipt>((resolve, reject) => {
      this.#waiting.push({ request, gas, resolve, reject });
    });
    if (!this.#scheduled) void this.#collect();
    return mined;
  }

  async #collect(): Promise<void> {
    this.#scheduled = true;
    const isBusy = this.#clock.monotonicMs() - this.#lastMs < this.#options.busyMs;
    // Aborted: what is here goes out or fails by itself.
    if (isBusy) await this.#clock.sleep(this.#options.waitMs, this.#signal).catch(() => undefined);
    this.#scheduled = false;
    this.#lastMs = this.#clock.monotonicMs();
    const all = this.#waiting;
    this.#waiting = [];
    for (const bundle of bundlesOf(all)) void this.#sendBundle(bundle);
  }

  async #sendBundle(bundle: readonly Waiting[]): Promise<void> {
    const [first] = bundle;
    if (first === undefined) return;
    try {
      if (bundle.length === 1) return first.resolve(await this.#sender.send(first.request, first.gas));
      const receipt = await this.#sender.send(this.#toRequest(bundle), gasOf(bundle));
      const failed = failuresIn(receipt, this.#options.hub);
      for (const [i, { request, resolve, reject }] of bundle.entries()) {
        const data = failed.get(i);
        if (data === undefined) resolve(receipt);
        else reject(toChainError({ data }, request.purpose, request.abi));
      }
    } catch (error) {
      for (const { reject } of bundle) reject(error);
    }
  }

  #toRequest(bundle: readonly Waiting[]): TransactionRequest {
    const calls = bundle.map(({ request }) => request.data);
    const data = encodeFunctionData({ abi: assayHubAbi, functionName: "submitMany", args: [calls] });
    const abi = bundle[0]?.request.abi ?? [];
    return { to: this.#options.hub, data, purpose: "submitMany", jobId: null, abi };
  }
}

const gasOf = (bundle: readonly Waiting[]): bigint => bundle.reduce((sum, { gas }) => sum + gas, 0n);

/** In order, each within what a transaction may hold. Two calls of one job never share one: readers of its evidence want one call. */
function bundlesOf(all: readonly Waiting[]): readonly (readonly Waiting[])[] {
  const bundles: Waiting[][] = [];
  for (const one of all) {
    const last = bundles.at(-1);
    const digits = last?.reduce((sum, { request }) => sum + request.data.length, one.request.data.length) ?? 0;
    const fits = last !== undefined && gasOf(last) + one.gas <= MAX_GAS && digits <= MAX_HEX_DIGITS;
    const { jobId } = one.request;
    if (fits && (jobId === null || !last.some(({ request }) => request.jobId === jobId))) last.push(one);
    else bundles.push([one]);
  }
  return bundles;
}

/** Revert data of the calls that were undone, by their place in the bundle. */
function failuresIn(receipt: TransactionReceipt, hub: Address): ReadonlyMap<number, Hex> {
  const failures = new Map<number, Hex>();
  for (const { address, data, topics } of receipt.logs) {
    if (address.toLowerCase() !== hub.toLowerCase()) continue;
    const event = decodeEventLog({ abi: assayHubAbi, data, topics, strict: false });
    if (event.eventName !== "CallFailed") continue;
    const { index, reason } = event.args;
    if (index !== undefined) failures.set(Number(index), reason ?? "0x");
  }
  return failures;
}
