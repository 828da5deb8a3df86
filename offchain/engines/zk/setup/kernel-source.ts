// SPDX-License-Identifier: GPL-3.0-or-later
import { buildBn128 } from "ffjavascript";
import { WasmKernel, type KernelSource } from "./wasm-kernel.ts";

let made: Promise<KernelSource> | undefined;

/** Builds ffjavascript's module once a process; no thread of ffjavascript's is started. Main thread only. */
export function kernelSource(): Promise<KernelSource> {
  made ??= buildBn128(true).then(({ tm, G1, G2 }) => ({
    code: tm.code ?? new Uint8Array(),
    g1: G1.gAffine,
    g2: G2.gAffine,
  }));
  return made;
}

export const openKernel = async (): Promise<WasmKernel> => WasmKernel.open((await kernelSource()).code);
