// SPDX-License-Identifier: MIT
import { SheError } from "../../../core/she/errors.ts";

/** Exports of kernel.as: pointers are byte offsets into the memory, multiples of 16; see there for ranges. */
export interface KernelExports {
  forward(src: number, dst: number, table: number, n: number, p: number): void;
  inverse(src: number, dst: number, table: number, n: number, p: number, w: number, ws: number): void;
  dot(
    listA: number,
    listB: number,
    count: number,
    out: number,
    n: number,
    p: number,
    r: number,
    rs: number,
    mu: number,
  ): void;
  dotPair(
    listA: number,
    listB: number,
    listC: number,
    count: number,
    outB: number,
    outC: number,
    n: number,
    p: number,
    r: number,
    rs: number,
    mu: number,
  ): void;
  square(
    c0: number,
    c1: number,
    out0: number,
    out1: number,
    out2: number,
    n: number,
    p: number,
    r: number,
    rs: number,
    mu: number,
  ): void;
  add(a: number, b: number, out: number, n: number, p: number): void;
  subtract(a: number, b: number, out: number, n: number, p: number): void;
  scale(a: number, w: number, ws: number, out: number, n: number, p: number): void;
  shift(a: number, h: number, out: number, n: number, p: number): void;
  lift(a: number, c: number, out: number, n: number): void;
  divide(a: number, u: number, w: number, ws: number, addend: number, out: number, n: number, p: number): void;
  permute(src: number, dst: number, table: number, n: number): void;
}

const PAGE = 65536;
/** Below it nothing is allocated, so that 0 is no row. */
const BASE = 1024;

/** A memory of fixed size, handed out from its beginning: nothing is freed, views stay valid. */
export class KernelMemory {
  readonly memory: WebAssembly.Memory;
  #top = BASE;

  /** `memory`: another thread's, to be shared; every thread must then allocate in the same order. */
  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
  }

  /** Untouched pages cost address space only. */
  static ofSize(sizeBytes: number, shared = false): KernelMemory {
    const pages = Math.ceil(sizeBytes / PAGE);
    return new KernelMemory(new WebAssembly.Memory({ initial: pages, maximum: pages, shared }));
  }

  get usedBytes(): number {
    return this.#top;
  }

  /** Pointer to `bytes` zero bytes, a multiple of 64. Error: MEMORY_EXHAUSTED. */
  allocate(bytes: number): number {
    const pointer = this.#top;
    const end = pointer + Math.ceil(bytes / 64) * 64;
    const limit = this.memory.buffer.byteLength;
    if (end > limit) throw new SheError("MEMORY_EXHAUSTED", { limit, wanted: end });
    this.#top = end;
    return pointer;
  }

  words(pointer: number, length: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, pointer, length);
  }
}

/** Binds a compiled kernel (`build/she/*.wasm`) to a memory; the variant must match the memory's kind. */
export function bindKernel(module: WebAssembly.Module, memory: KernelMemory): KernelExports {
  const env = { memory: memory.memory };
  return new WebAssembly.Instance(module, { env }).exports as unknown as KernelExports;
}
