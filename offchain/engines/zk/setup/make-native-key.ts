// SPDX-License-Identifier: GPL-3.0-or-later
import { joinBytes, type Hex } from "../../../core/bytes.ts";
import { readGroups } from "../keys/groups-file.ts";
import type { KeyBytes, KeyFiles } from "../keys/key-files.ts";
import { readZkeyHead } from "../keys/zkey-file.ts";
import type { NativeEngine } from "../prover/choose-prover.ts";
import { typedNativeError } from "../prover/native-errors.ts";
import { openNativeKey } from "../prover/open-native-key.ts";
import { MAX_FILE_BYTES } from "../r1cs/format.ts";
import { writeR1cs } from "../r1cs/write-r1cs.ts";
import type { SetupOptions } from "./development-setup.ts";
import { developmentRecord } from "./development-record.ts";
import { elementBytes } from "./field-arithmetic.ts";
import { committedWires, type SetupCircuit } from "./setup-circuit.ts";
import { developmentTrapdoor } from "./trapdoor.ts";

export interface MakeNativeOptions {
  readonly threads: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: SetupOptions["onProgress"] | undefined;
}

/** Whatever a key may be: who makes one has the memory for it. */
const MEMORY_MIB = (4 * MAX_FILE_BYTES) / (1 << 20);

/** `makeDevelopmentKey` by the addon: the same files, byte by byte. Errors: CIRCUIT_UNFIT, CIRCUIT_TOO_LARGE, the signal's reason. */
export async function makeNativeKey(
  { addon, path }: NativeEngine,
  circuit: SetupCircuit,
  { threads, signal, onProgress }: MakeNativeOptions,
): Promise<KeyBytes> {
  signal?.throwIfAborted();
  const { weights, round1 } = committedWires(circuit);
  const { tau, alpha, beta, delta1, delta2, deltaWeights } = developmentTrapdoor(circuit.circuitHash);
  const session = addon.openSession(path, threads);
  const stop = (): void => addon.cancelSession(session);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const made = await addon.developmentKey(
      session,
      writeR1cs(circuit.r1cs),
      weights.from,
      weights.count,
      round1.from,
      round1.count,
      joinBytes([tau, alpha, beta, delta1, delta2, deltaWeights].map(elementBytes)),
      (step, done) => onProgress?.(step === "evaluate" ? "evaluate" : "multiply", done),
    );
    signal?.throwIfAborted();
    const record = developmentRecord(circuit, { zkey: readZkeyHead(made.zkey), groups: readGroups(made.groups) });
    return { ...made, record };
  } catch (error) {
    signal?.throwIfAborted();
    throw typedNativeError(error, MEMORY_MIB);
  } finally {
    signal?.removeEventListener("abort", stop);
    await addon.closeSession(session);
  }
}

/** As `openKeyFiles`, without keeping the key. Errors: those of `openNativeKey`. */
export async function checkNativeKey(
  { addon, path }: NativeEngine,
  files: KeyFiles,
  { threads, circuitHash }: { readonly threads: number; readonly circuitHash: Hex },
): Promise<void> {
  const { session } = await openNativeKey(addon, path, files, { threads, memoryMiB: MEMORY_MIB }, circuitHash);
  await addon.closeSession(session);
}
