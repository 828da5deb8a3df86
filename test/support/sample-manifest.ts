// SPDX-License-Identifier: GPL-3.0-or-later
import {
  KIND_BLINDED,
  NO_PROBE,
  PLACE_NETWORK,
  PRODUCER_INPUT,
  VOTE,
  type ModelManifest,
} from "../../offchain/core/types.ts";

const word = (byte: string): `0x${string}` => `0x${byte.repeat(32)}`;

/** A one-stage model with private input and output; no program stands behind its hashes. */
export function sampleManifest(name = "sample"): ModelManifest {
  return {
    name,
    programRoot: word("a1"),
    stages: [
      {
        place: PLACE_NETWORK,
        inKind: KIND_BLINDED,
        outKind: KIND_BLINDED,
        probe: NO_PROBE,
        kernel: word("a2"),
        keyId: word("00"),
        weightsX: word("00"),
        weightsY: word("00"),
        producers: [PRODUCER_INPUT],
      },
    ],
    acceptedMasks: 1 << VOTE,
    workUnits: 1000n,
    weightsHash: word("a3"),
    reportHash: word("a4"),
    toolsHash: word("a5"),
  };
}
