// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync } from "node:fs";
import { findNativeAddon, type NativeAddon, type NativePath } from "../../offchain/engines/zk/prover/native-addon.ts";

const found = findNativeAddon();

/** What this machine runs; empty where the addon is not built, of which suites say so by `nativeMissing`. */
export const nativePaths: readonly NativePath[] = found.addon === undefined ? [] : found.paths;

/** Why there is none: the reason of a skip. */
export const nativeMissing = found.addon === undefined ? found.reason : "";

/** Threads of the addon in this process, by the names it gives them. */
export const nativeThreads = (): number =>
  readdirSync("/proc/self/task").filter((id) => readFileSync(`/proc/self/task/${id}/comm`, "utf8").startsWith("assay-"))
    .length;

export function nativeAddon(): NativeAddon {
  if (found.addon === undefined) throw new Error(`needs the native prover: ${found.reason}`);
  return found.addon;
}
