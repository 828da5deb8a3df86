// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from "node:fs";
import { SheError } from "../../../core/she/errors.ts";
import { kernelFile } from "./sources.mjs";

const modules = new Map<string, WebAssembly.Module>();

/** The built kernel, compiled once a process: `plain`, or `shared` for a memory of several threads. Error: KERNEL_MISSING. */
export function nodeKernel(variant: "plain" | "shared" = "plain"): WebAssembly.Module {
  const known = modules.get(variant);
  if (known !== undefined) return known;
  const file = kernelFile(variant);
  if (!existsSync(file)) throw new SheError("KERNEL_MISSING");
  const module = new WebAssembly.Module(readFileSync(file));
  modules.set(variant, module);
  return module;
}
