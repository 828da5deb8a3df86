// SPDX-License-Identifier: GPL-3.0-or-later
import { encodeKeyRecord, KEY_DEVELOPMENT } from "../../../core/zk/key-record.ts";
import { ZERO_BYTES32 } from "../../../core/types.ts";
import type { KeyHead } from "../keys/check-key.ts";
import { GROUP_ROUND1, GROUP_WEIGHTS, type KeyGroup } from "../keys/groups-file.ts";
import { g1OfLem, g2OfLem } from "../keys/lem-points.ts";
import { G1_BYTES } from "../keys/zkey-file.ts";
import { backendOf, keyBoundaries, type SetupCircuit } from "./setup-circuit.ts";

/** What verifiers know of the key, encoded. */
export function developmentRecord(circuit: SetupCircuit, { zkey, groups }: Omit<KeyHead, "record">): Uint8Array {
  const deltaOf = (tag: KeyGroup["tag"], name: "delta1" | "deltaWeights") => {
    const found = groups.find((group) => group.tag === tag);
    return found === undefined ? {} : { [name]: g2OfLem(found.delta2) };
  };
  return encodeKeyRecord({
    cls: KEY_DEVELOPMENT,
    backend: backendOf(circuit),
    boundaries: keyBoundaries(circuit),
    circuitHash: circuit.circuitHash,
    transcriptHash: ZERO_BYTES32,
    alpha: g1OfLem(zkey.alpha1),
    beta: g2OfLem(zkey.beta2),
    ...deltaOf(GROUP_ROUND1, "delta1"),
    delta2: g2OfLem(zkey.delta2),
    ...deltaOf(GROUP_WEIGHTS, "deltaWeights"),
    ic: Array.from({ length: zkey.publics + 1 }, (_, i) => g1OfLem(zkey.ic.subarray(i * G1_BYTES, (i + 1) * G1_BYTES))),
  });
}
