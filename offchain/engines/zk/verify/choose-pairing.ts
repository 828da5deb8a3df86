// SPDX-License-Identifier: GPL-3.0-or-later
import type { PairingEngine } from "../../../core/ports/pairing.ts";
import { noblePairing } from "../../../core/zk/noble-pairing.ts";
import { chooseProver, type ChooseOptions, type ProverChoice } from "../prover/choose-prover.ts";
import { NativePairing } from "./native-pairing.ts";

/**
 * What verifies: native arithmetic where the native prover is the one that would prove, JavaScript elsewhere. Errors: NATIVE_MISSING,
 * PROVER_UNKNOWN, as for `chooseProver`.
 */
export function choosePairing(choice: ProverChoice = "auto", options: ChooseOptions = {}): PairingEngine {
  const { native } = chooseProver(choice, options);
  return native === null ? noblePairing : new NativePairing(native.addon, { path: native.path });
}
