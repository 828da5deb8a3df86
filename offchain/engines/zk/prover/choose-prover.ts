// SPDX-License-Identifier: GPL-3.0-or-later
import { ProverError } from "./errors.ts";
import { findNativeAddon, type FoundAddon, type NativeAddon, type NativePath } from "./native-addon.ts";
import type { Prover } from "./prover.ts";

export const PROVER_CHOICES = ["auto", "native", "snarkjs"] as const;
/** `auto`: native where it is built; ASSAY_ZK_PROVER=snarkjs or =native says otherwise. */
export type ProverChoice = (typeof PROVER_CHOICES)[number];

/** The addon and the instruction set whose kernels work. */
export interface NativeEngine {
  readonly addon: NativeAddon;
  readonly path: NativePath;
}

export interface ChosenProver {
  readonly name: Prover["name"];
  readonly native: NativeEngine | null;
  /** Why this one, in words. */
  readonly reason: string;
  /** What to do to have the faster one; empty where there is nothing to do. */
  readonly fix: string;
  /** Loads what it needs only now. */
  make(): Promise<Prover>;
}

export interface ChooseOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly find?: () => FoundAddon;
}

const VARIABLE = "ASSAY_ZK_PROVER";

const snarkjs = (reason: string, fix: string): ChosenProver => ({
  name: "snarkjs",
  native: null,
  reason,
  fix,
  make: async () => new (await import("./snarkjs-prover.ts")).SnarkjsProver(),
});

/** The prover that does the work, without loading it. Error: NATIVE_MISSING where it was asked for by name. */
export function chooseProver(
  choice: ProverChoice = "auto",
  { env = process.env, find = findNativeAddon }: ChooseOptions = {},
): ChosenProver {
  const asked = env[VARIABLE];
  const isVariable = choice === "auto" && asked !== undefined && asked !== "" && asked !== "auto";
  const wanted = isVariable ? asked : choice;
  const by = isVariable ? VARIABLE : "the configuration";
  if (wanted === "snarkjs") return snarkjs(`${by} says so`, "");
  if (wanted !== "auto" && wanted !== "native") throw new ProverError("PROVER_UNKNOWN", { name: wanted });
  const found = find();
  if (found.addon === undefined) {
    const { reason, fix } = found;
    if (wanted === "native") throw new ProverError("NATIVE_MISSING", { reason, repair: fix });
    return snarkjs(`there is no native prover: ${reason}`, fix);
  }
  const { addon, paths } = found;
  const path = paths[0] ?? "portable";
  return {
    name: "native",
    native: { addon, path },
    reason: wanted === "auto" ? "it is built and works here" : `${by} says so`,
    fix: "",
    make: async () => new (await import("./native-prover.ts")).NativeProver(addon, path),
  };
}
