// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../../core/errors.ts";

const REFUSE = "Do not use this key; run the ceremony again from its last good step.";

/** Every error of ceremonies and of `verify-setup`: each names what a setup lacks. */
export const CeremonyError = defineErrors("zk", 3, {
  PTAU_UNPINNED: {
    n: 60,
    text: "{file} has blake2b {hash}, which is no published phase 1 file.",
    fix: "Use a powersOfTau28_hez_final file; --unpinned takes any file, but its keys stay DEVELOPMENT.",
    retry: "never",
  },
  PTAU_INVALID: {
    n: 61,
    text: "The phase 1 file is not usable: {reason}.",
    fix: "Fetch it again, large enough for the circuit and prepared for phase 2.",
    retry: "never",
  },
  FILE_MALFORMED: {
    n: 62,
    text: "{file} is not canonical: {reason}.",
    fix: "Fetch the file again from whoever sent it.",
    retry: "never",
  },
  CIRCUIT_MISMATCH: {
    n: 63,
    text: "{file} belongs to another circuit or ceremony: {reason}.",
    fix: "Use the files of one ceremony for the circuit that the compiler yields.",
    retry: "never",
  },
  COMMITTED_WIRE_EXPOSED: {
    n: 64,
    text: "{file} holds a point for committed wire {wire} that delta2 divides: commitments could be opened after the challenge.",
    fix: "Refuse the key and every key made from it: the strip must come before the first contribution.",
    retry: "never",
  },
  STRIPPED_LATE: {
    n: 65,
    text: "{file} was stripped after its contributions: the removed points are known to whoever made it.",
    fix: "Start again from `ceremony init`, which strips before anyone contributes.",
    retry: "never",
  },
  DELTA_DEGENERATE: {
    n: 66,
    text: "{delta} is degenerate: {reason}.",
    fix: REFUSE,
    retry: "never",
  },
  CONTRIBUTORS_TOO_FEW: {
    n: 67,
    text: "{delta} has {actual} contributors, at least {least} are needed.",
    fix: "Let more people contribute, then apply the beacon.",
    retry: "never",
  },
  CONTRIBUTORS_DIFFER: {
    n: 68,
    text: "Step {step} is not the same for every delta: {reason}.",
    fix: "Each contributor must contribute to every delta. Run the ceremony again from its last good step.",
    retry: "never",
  },
  BEACON_MISSING: {
    n: 69,
    text: "{delta} does not end with a beacon.",
    fix: "Run `assay zk ceremony beacon` with the value of the announced beacon.",
    retry: "never",
  },
  TRANSCRIPT_BROKEN: {
    n: 70,
    text: "The transcript breaks at step {step}: {reason}.",
    fix: "A step was edited, replayed, reordered or left out. Fetch the files again, or run again from the last good step.",
    retry: "never",
  },
  CONTRIBUTION_INVALID: {
    n: 71,
    text: "Step {step} proves nothing about {delta}: {reason}.",
    fix: "Refuse the contribution and ask its maker to repeat it.",
    retry: "never",
  },
  POINTS_WRONG: {
    n: 72,
    text: "The points of {delta} are wrong: {reason}.",
    fix: REFUSE,
    retry: "never",
  },
  KEY_DIFFERS: {
    n: 73,
    text: "{file} differs from what circuit and phase 1 yield: {part}.",
    fix: REFUSE,
    retry: "never",
  },
  STOCK_REFUSED: {
    n: 74,
    text: "snarkjs refuses the key: {reason}.",
    fix: REFUSE,
    retry: "never",
  },
  RECORD_WRONG: {
    n: 75,
    text: "The key record does not fit the ceremony: {reason}.",
    fix: "Make the record with `assay zk ceremony finish`.",
    retry: "never",
  },
  MANIFEST_WRONG: {
    n: 76,
    text: "{file} is not what the key's manifest names.",
    fix: "Fetch the key's files again.",
    retry: "never",
  },
  CEREMONY_STATE: {
    n: 77,
    text: "The ceremony in {folder} cannot do this: {reason}.",
    fix: "Look at what the folder holds; steps come in the order init, contribute, beacon, finish.",
    retry: "never",
  },
  CEREMONY_INPUT: {
    n: 78,
    text: "{what} is not usable: {reason}.",
    fix: "Correct the value.",
    retry: "never",
  },
  STOCK_FAILED: {
    n: 79,
    text: "snarkjs failed in {call}: {reason}.",
    fix: "Check the files and the memory of this machine, then try again.",
    retry: "now",
  },
});
