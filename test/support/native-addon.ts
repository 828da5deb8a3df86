// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import {
  findNativeAddon,
  type FoundAddon,
  type NativeAddon,
  type NativePath,
} from "../../offchain/engines/zk/prover/native-addon.ts";

/** ASSAY_TEST_ADDON names another build, such as the one with sanitizers. */
const other = process.env["ASSAY_TEST_ADDON"] ?? "";

function loadOther(): FoundAddon {
  const addon = createRequire(import.meta.url)(other) as NativeAddon;
  return { addon, paths: addon.paths() };
}

export const foundAddon: FoundAddon = other === "" ? findNativeAddon() : loadOther();

/** What this machine runs; empty where the addon is not built, of which suites say so by `nativeMissing`. */
export const nativePaths: readonly NativePath[] = foundAddon.addon === undefined ? [] : foundAddon.paths;

/** Why there is none: the reason of a skip. */
export const nativeMissing = foundAddon.addon === undefined ? foundAddon.reason : "";

/** Threads of the addon in this process, by the names it gives them. */
export const nativeThreads = (): number =>
  readdirSync("/proc/self/task").filter((id) => readFileSync(`/proc/self/task/${id}/comm`, "utf8").startsWith("assay-"))
    .length;

export function nativeAddon(): NativeAddon {
  if (foundAddon.addon === undefined) throw new Error(`needs the native prover: ${foundAddon.reason}`);
  return foundAddon.addon;
}
