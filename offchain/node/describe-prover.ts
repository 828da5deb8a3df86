// SPDX-License-Identifier: GPL-3.0-or-later
import type { ChosenProver } from "../engines/zk/prover/choose-prover.ts";

/** "native on ifma", or "snarkjs, for …" with what to do about it. */
export function describeProver({ name, native, reason, fix }: ChosenProver): string {
  if (native !== null) return `${name} on ${native.path}`;
  return fix === "" ? `${name}, for ${reason}` : `${name}, for ${reason} (to have it: ${fix})`;
}
