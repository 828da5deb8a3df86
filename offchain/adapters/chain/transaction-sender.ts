// SPDX-License-Identifier: MIT
import { keccak256, type Abi, type Address, type Client, type Hex, type TransactionReceipt } from "viem";
import {
  call,
  estimateGas,
  getBlock,
  getTransactionCount,
  getTransactionReceipt,
  sendRawTransaction,
} from "viem/actions";
import type { Clock } from "../../core/ports/clock.ts";
import type { Journal } from "../../core/ports/journal.ts";
import type { Signer } from "../../core/ports/keys.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { Metrics } from "../../core/ports/metrics.ts";
import { toChainError } from "./decode-revert.ts";
import { signTransaction } from "./digest-account.ts";
import { ChainError } from "./errors.ts";

export interface TransactionRequest {
  readonly to: Address;
  readonly data: Hex;
  readonly purpose: string;
  readonly jobId: Hex | null;
  /** All custom errors that the call can revert with. */
  readonly abi: Abi;
}

export interface TransactionSenderOptions {
  readonly chainId: number;
  /** Not mined after this long: the same nonce is sent again with a higher fee. */
  readonly replaceAfterMs: number;
  /** Not mined after this long: TRANSACTION_TIMEOUT. */
  readonly timeoutMs: number;
  readonly pollMs: number;
  /** Highest fee per gas this account pays, wei. */
  readonly maxFeePerGas: bigint;
}

export interface TransactionSenderModules {
  readonly client: Client;
  readonly signer: Signer;
  readonly journal: Pick<Journal, "record" | "lastNonce" | "transactions">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly signal: AbortSignal;
}

const TIP = 1_000_000_000n;
/** Nodes accept a replacement only if both fees rise by at least 10 %. */
const bump = (fee: bigint) => (fee * 5n) / 4n + 1n;

interface Attempt {
  readonly hash: Hex;
  readonly fees: { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint };
}

/**
 * Sends transactions of one account. Each is dry-run first (a revert is decoded and nothing is sent), gets the next nonce under a
 * lock, stands in the journal before it leaves, and is replaced with a higher fee when it is not mined.
 */
export class TransactionSender {
  readonly #options: TransactionSenderOptions;
  readonly #modules: TransactionSenderModules;
  #next: number | null = null;
  #open = 0;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: TransactionSenderOptions, modules: TransactionSenderModules) {
    this.#options = options;
    this.#modules = modules;
  }

  get address(): Address {
    return this.#modules.signer.address;
  }

  /** After a reorganisation: nonces are read from the chain again. */
  reset(): void {
    this.#next = null;
  }

  /** Dry run only. Errors: REVERTED, RPC_UNAVAILABLE, RPC_REJECTED. Returns the gas limit to send with. */
  async simulate(request: TransactionRequest): Promise<bigint> {
    const { client } = this.#modules;
    const target = { account: this.address, to: request.to, data: request.data };
    try {
      const gas = await estimateGas(client, target);
      return (gas * 13n) / 10n + 20_000n; // state may move between dry run and block; unused gas is returned
    } catch (error) {
      const mapped = toChainError(error, request.purpose, request.abi);
      if (mapped.code !== "RPC_REJECTED") throw mapped;
      // Some nodes hide revert data in estimates only.
      await call(client, target).catch((again: unknown) => {
        throw toChainError(again, request.purpose, request.abi);
      });
      throw mapped;
    }
  }

  /**
   * Simulates, sends, waits until mined. `limit`: the gas to send with, of a call that was simulated already. Errors: those of `simulate`,
   * TRANSACTION_REVERTED, _DROPPED, _TIMEOUT.
   */
  async send(request: TransactionRequest, limit?: bigint): Promise<TransactionReceipt> {
    const gas = limit ?? (await this.simulate(request));
    const { nonce, attempt } = await this.#locked(() => this.#broadcast(request, gas));
    this.#open += 1;
    try {
      return await this.#wait(request, gas, nonce, attempt);
    } finally {
      this.#open -= 1;
      // With nothing under way the chain knows best: a nonce lost with a reorganisation must not leave a gap.
      if (this.#open === 0) this.#next = null;
    }
  }

  async #broadcast(request: TransactionRequest, gas: bigint): Promise<{ nonce: number; attempt: Attempt }> {
    const { client } = this.#modules;
    const [pending, block] = await Promise.all([
      getTransactionCount(client, { address: this.address, blockTag: "pending" }),
      getBlock(client),
    ]);
    const nonce = Math.max(pending, this.#next ?? 0);
    const base = block.baseFeePerGas ?? 0n;
    const fees = { maxPriorityFeePerGas: TIP, maxFeePerGas: this.#cap(base * 2n + TIP) };
    const attempt = await this.#submit(request, gas, nonce, fees);
    this.#next = nonce + 1;
    return { nonce, attempt };
  }

  #cap(fee: bigint): bigint {
    return fee < this.#options.maxFeePerGas ? fee : this.#options.maxFeePerGas;
  }

  async #submit(request: TransactionRequest, gas: bigint, nonce: number, fees: Attempt["fees"]): Promise<Attempt> {
    const { client, signer, journal, metrics } = this.#modules;
    const raw = signTransaction(signer, {
      type: "eip1559",
      chainId: this.#options.chainId,
      to: request.to,
      data: request.data,
      gas,
      nonce,
      ...fees,
    });
    const hash = keccak256(raw);
    const { purpose, jobId } = request;
    journal.record({ transactions: [{ account: this.address, nonce, hash, purpose, jobId, status: "sent" }] });
    metrics?.count("assay_jobs_signatures_total", { kind: "transaction" });
    try {
      await sendRawTransaction(client, { serializedTransaction: raw });
    } catch (error) {
      const mapped = toChainError(error, purpose, request.abi);
      // The endpoint may have taken it before the connection broke: the wait below finds out.
      const known = mapped.code === "RPC_UNAVAILABLE" || /already known|already imported/i.test(mapped.message);
      if (!known) {
        journal.record({ transactions: [{ account: this.address, nonce, hash, purpose, jobId, status: "dropped" }] });
        throw mapped;
      }
    }
    return { hash, fees };
  }

  async #wait(request: TransactionRequest, gas: bigint, nonce: number, first: Attempt): Promise<TransactionReceipt> {
    const { client, clock, signal, logger } = this.#modules;
    const { purpose, jobId } = request;
    const attempts = [first];
    const started = clock.monotonicMs();
    let lastSent = started;
    for (;;) {
      for (const attempt of attempts) {
        // oxlint-disable-next-line no-await-in-loop -- one of few attempts, in order
        const receipt = await getTransactionReceipt(client, { hash: attempt.hash }).catch(() => null);
        if (receipt !== null) return this.#mined(request, nonce, attempts, receipt);
      }
      const now = clock.monotonicMs();
      const latest = attempts.at(-1) ?? first;
      if (now - started > this.#options.timeoutMs)
        throw new ChainError("TRANSACTION_TIMEOUT", { hash: latest.hash, purpose, ms: this.#options.timeoutMs });
      if (now - lastSent > this.#options.replaceAfterMs) {
        lastSent = now;
        const mined = await getTransactionCount(client, { address: this.address, blockTag: "latest" }).catch(() => 0);
        if (mined > nonce) {
          const late = await getTransactionReceipt(client, { hash: latest.hash }).catch(() => null);
          if (late !== null) continue;
          this.#next = null;
          this.#status(request, nonce, latest.hash, "dropped");
          throw new ChainError("TRANSACTION_DROPPED", { hash: latest.hash, purpose, nonce });
        }
        const fees = {
          maxFeePerGas: this.#cap(bump(latest.fees.maxFeePerGas)),
          maxPriorityFeePerGas: this.#cap(bump(latest.fees.maxPriorityFeePerGas)),
        };
        if (fees.maxFeePerGas > latest.fees.maxFeePerGas) {
          logger.warn("transaction.replaced", { nonce, tx: latest.hash, ...(jobId === null ? {} : { job: jobId }) });
          const next = await this.#submit(request, gas, nonce, fees).catch(() => null);
          if (next !== null) attempts.push(next);
        }
      }
      await clock.sleep(this.#options.pollMs, signal);
    }
  }

  #mined(
    request: TransactionRequest,
    nonce: number,
    attempts: readonly Attempt[],
    receipt: TransactionReceipt,
  ): TransactionReceipt {
    const { metrics } = this.#modules;
    for (const attempt of attempts)
      this.#status(request, nonce, attempt.hash, attempt.hash === receipt.transactionHash ? "mined" : "replaced");
    if (receipt.status === "success") {
      metrics?.count("assay_chain_transactions_total", { outcome: "mined" });
      return receipt;
    }
    metrics?.count("assay_chain_transactions_total", { outcome: "reverted" });
    throw new ChainError("TRANSACTION_REVERTED", { hash: receipt.transactionHash, purpose: request.purpose });
  }

  #status(request: TransactionRequest, nonce: number, hash: Hex, status: "mined" | "replaced" | "dropped"): void {
    const { purpose, jobId } = request;
    this.#modules.journal.record({
      transactions: [{ account: this.address, nonce, hash, purpose, jobId, status }],
    });
  }

  /** Nonces are given out one after another; waiting for blocks happens outside the lock. */
  #locked<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
