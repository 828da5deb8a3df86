// SPDX-License-Identifier: GPL-3.0-or-later
import { availableParallelism } from "node:os";
import type { PairingEngine, PairingTerm } from "../../../core/ports/pairing.ts";
import { FIELD_Q } from "../../../core/zk/field.ts";
import type { G1Point, G2Point } from "../../../core/zk/points.ts";
import type { NativeAddon, NativePath, NativeSession } from "../prover/native-addon.ts";
import { typedNativeError } from "../prover/native-errors.ts";

const WORD_BYTES = 32;

/** Numbers of 256 bits, little-endian, one after the other. */
class WordWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(words: number) {
    this.bytes = new Uint8Array(WORD_BYTES * words);
    this.#view = new DataView(this.bytes.buffer);
  }

  word(value: bigint): void {
    for (let shift = 0n; shift < 256n; shift += 64n) {
      this.#view.setBigUint64(this.#at, BigInt.asUintN(64, value >> shift), true);
      this.#at += 8;
    }
  }
}

/** Coordinates as the addon reads them. What has no 256 bits becomes q, which is a coordinate of nothing. */
const coordinate = (value: bigint): bigint => (value < 0n || value >= FIELD_Q ? FIELD_Q : value);

function bytesOfG1(points: readonly G1Point[]): Uint8Array {
  const writer = new WordWriter(2 * points.length);
  for (const { x, y } of points) for (const value of [x, y]) writer.word(coordinate(value));
  return writer.bytes;
}

function bytesOfG2(points: readonly G2Point[]): Uint8Array {
  const writer = new WordWriter(4 * points.length);
  for (const { x, y } of points) for (const value of [...x, ...y]) writer.word(coordinate(value));
  return writer.bytes;
}

function bytesOfScalars(scalars: readonly bigint[]): Uint8Array {
  const writer = new WordWriter(scalars.length);
  for (const scalar of scalars) writer.word(scalar);
  return writer.bytes;
}

export interface NativePairingOptions {
  /** Default: the machine's. */
  readonly threads?: number;
  /** Default: the fastest. */
  readonly path?: NativePath | undefined;
}

/**
 * The addon's arithmetic, on threads of its own: nothing waits for it but its caller. Some 0.3 ms a proof in batches, 1 alone. Errors:
 * PROVER_MEMORY, PROVER_CRASHED; `close` ends what is under way.
 */
export class NativePairing implements PairingEngine {
  readonly name: string;
  readonly #addon: NativeAddon;
  readonly #session: NativeSession;

  constructor(addon: NativeAddon, options: NativePairingOptions = {}) {
    const path = options.path ?? addon.paths()[0] ?? "portable";
    this.name = `native ${path}`;
    this.#addon = addon;
    this.#session = addon.openSession(path, options.threads ?? availableParallelism());
  }

  async strangersToG1(points: readonly G1Point[]): Promise<readonly number[]> {
    return points.length === 0 ? [] : this.#typed(this.#addon.findStrangers(this.#session, "g1", bytesOfG1(points)));
  }

  async strangersToG2(points: readonly G2Point[]): Promise<readonly number[]> {
    return points.length === 0 ? [] : this.#typed(this.#addon.findStrangers(this.#session, "g2", bytesOfG2(points)));
  }

  async isOne(product: readonly PairingTerm[]): Promise<boolean> {
    const points = bytesOfG1(product.flatMap((term) => term.points));
    const scalars = bytesOfScalars(product.flatMap((term) => term.scalars));
    const counts = Uint32Array.from(product, (term) => term.points.length);
    const g2 = bytesOfG2(product.map((term) => term.g2));
    return this.#typed(this.#addon.productIsOne(this.#session, points, scalars, counts, g2));
  }

  async close(): Promise<void> {
    await this.#addon.closeSession(this.#session);
  }

  async #typed<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      throw typedNativeError(error, 0);
    }
  }
}
