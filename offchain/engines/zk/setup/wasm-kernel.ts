// SPDX-License-Identifier: GPL-3.0-or-later
import { ProverError } from "../prover/errors.ts";

/**
 * What a kernel is made from: ffjavascript's BN254 module and the generators in its form. Threads get these bytes instead of importing
 * ffjavascript, which cannot be loaded inside a worker thread (its web-worker shim takes the thread over).
 */
export interface KernelSource {
  readonly code: Uint8Array;
  readonly g1: Uint8Array;
  readonly g2: Uint8Array;
}

type WasmFunction = (...args: readonly number[]) => number;

/** Pages of 64 KiB that the module's constants and the caller's first allocations live in. */
const FIRST_PAGES = 64;
const LAST_PAGES = 0xffff;
const PAGE_BYTES = 0x10000;

/**
 * ffjavascript's BN254 arithmetic on raw pointers: no copy and no allocation a call. Memory is a stack: `mark`, `alloc`, `release`.
 * The module's own functions allocate above the mark without growing the memory, so callers `reserve` what those need.
 */
export class WasmKernel {
  readonly #memory: WebAssembly.Memory;
  readonly #functions: Readonly<Record<string, WasmFunction>>;

  private constructor(memory: WebAssembly.Memory, functions: Readonly<Record<string, WasmFunction>>) {
    this.#memory = memory;
    this.#functions = functions;
  }

  static async open(code: Uint8Array): Promise<WasmKernel> {
    const memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: LAST_PAGES });
    const module = await WebAssembly.compile(code);
    const instance = await WebAssembly.instantiate(module, { env: { memory } });
    return new WasmKernel(memory, instance.exports as Record<string, WasmFunction>);
  }

  /** One of the module's functions; arguments are addresses and counts. */
  call(name: string): WasmFunction {
    const found = this.#functions[name];
    if (found === undefined) throw new ProverError("PROVER_CRASHED", { reason: `ffjavascript has no ${name}` });
    return found;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.#memory.buffer);
  }

  mark(): number {
    return new Uint32Array(this.#memory.buffer, 0, 1)[0] ?? 0;
  }

  /** Address of `length` fresh bytes, not cleared. Error: CIRCUIT_TOO_LARGE when WebAssembly's 4 GiB are exhausted. */
  alloc(length: number): number {
    const at = (this.mark() + 31) & ~31;
    this.#grow(at + length);
    new Uint32Array(this.#memory.buffer, 0, 1)[0] = at + length;
    return at;
  }

  /** Makes sure that the module finds `length` bytes above the last allocation. */
  reserve(length: number): void {
    this.#grow(this.mark() + length);
  }

  release(mark: number): void {
    new Uint32Array(this.#memory.buffer, 0, 1)[0] = mark;
  }

  write(at: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, at);
  }

  /** A copy. */
  read(at: number, length: number): Uint8Array {
    return this.bytes.slice(at, at + length);
  }

  #grow(end: number): void {
    const missing = Math.ceil(end / PAGE_BYTES) - this.#memory.buffer.byteLength / PAGE_BYTES;
    if (missing <= 0) return;
    try {
      this.#memory.grow(missing);
    } catch (cause) {
      throw new ProverError(
        "CIRCUIT_TOO_LARGE",
        { needed: end, what: "bytes of WebAssembly memory", limit: LAST_PAGES * PAGE_BYTES },
        { cause },
      );
    }
  }
}
