// SPDX-License-Identifier: MIT
import { defineErrors } from "../errors.ts";

/** Errors of encrypted evaluation. Module she's numbers: 1-19 formats, 20-39 kernel and evaluator, 40-59 client, 60-79 compiler. */
export const SheError = defineErrors("she", 4, {
  BYTES_REFUSED: {
    n: 1,
    text: "The {what} is refused: {reason}.",
    fix: "Take the bytes from their maker again; if they are the same, it does not follow the format.",
    retry: "never",
  },
  PROFILE_UNKNOWN: {
    n: 2,
    text: "There is no encryption profile {profile}.",
    fix: "Use one of the profiles of offchain/core/she/profiles.ts: others are not known to be secure.",
    retry: "never",
  },
  STEP_REFUSED: {
    n: 3,
    text: "A step of a dispute is refused: {reason}.",
    fix: "Show the step that the game asks for, from the trace that the commitment was made of.",
    retry: "never",
  },
  FILE_MISSING: {
    n: 4,
    text: "The model over ciphertexts has no file {file}.",
    fix: "Take the model's `cipher` or `refresh` folder whole from its author, or make it by `assay model cipher` or `assay model refresh`.",
    retry: "never",
  },
  KERNEL_MISSING: {
    n: 20,
    text: "The arithmetic kernel is not built.",
    fix: "Run `npm run bootstrap`; it needs the packages of devDependencies.",
    retry: "later",
  },
  MEMORY_EXHAUSTED: {
    n: 21,
    text: "The kernel's memory holds {limit} bytes, {wanted} are needed.",
    fix: "Give the evaluator more memory, or choose a smaller profile.",
    retry: "never",
  },
  LEVEL_MISMATCH: {
    n: 22,
    text: "{what} is at level {level}, needed is {wanted}.",
    fix: "Drop rows, or make keys for the level that the program names.",
    retry: "never",
  },
  PLAIN_OVERFLOW: {
    n: 23,
    text: "An encoded coefficient does not fit {limit} bits.",
    fix: "Scale the values down: encryption profiles expect tensors of about 1.",
    retry: "never",
  },
  KEY_MISSING: {
    n: 24,
    text: "The evaluation key of element {galois} for level {level} is missing.",
    fix: "Make the keys that the plan's stage lists.",
    retry: "never",
  },
  WEIGHTS_MISMATCH: {
    n: 25,
    text: "The stage has {have} weight plaintexts, {wanted} are needed.",
    fix: "Take the weights and the plan from the same compilation.",
    retry: "never",
  },
  WORKER_FAILED: {
    n: 26,
    text: "A thread of the encrypted evaluation ended.",
    fix: "Start the stage again; if it happens again, look for lack of memory.",
    retry: "later",
  },
  STAGE_DIFFERS: {
    n: 27,
    text: "The manifest's facts about encrypted stage {stage} are not what its plan and weights give.",
    fix: "Do not serve the model: whoever disputes your result would be judged by other operations than yours.",
    retry: "never",
  },
  CLIENT_ROOT: {
    n: 40,
    text: "A client's root is 32 random bytes; this one has {length}, or is zero.",
    fix: "Take the root that exportRoot gave, or give none to have a new one drawn.",
    retry: "never",
  },
  CLIENT_FORGOTTEN: {
    n: 41,
    text: "The client has forgotten its secret key.",
    fix: "Make a new client; what was encrypted for the old one cannot be read any more.",
    retry: "never",
  },
  NOT_FINAL: {
    n: 42,
    text: "The ciphertext is not what job {job} ended with.",
    fix: "Decrypt only after the job is FINAL, and only its last ciphertext: reactions to anything else give the key away.",
    retry: "later",
  },
  KEYS_RETIRED: {
    n: 43,
    text: "The key set is retired: {reason}.",
    fix: "Make a new client with a new root, and upload its keys.",
    retry: "never",
  },
  INPUT_OUT_OF_RANGE: {
    n: 44,
    text: "Input {index} of sample {sample} is larger than {limit} or no number: the program was proved for magnitudes up to that.",
    fix: "Prepare the input as the model says (`model.json`): a larger one could wrap, and decrypt to something else.",
    retry: "never",
  },
  NO_SAMPLE: {
    n: 45,
    text: "There is no sample {sample}; {samples} were expected.",
    fix: "Count from 0, up to what fits a ciphertext, with every input of the program.",
    retry: "never",
  },
  CHECK_FAILED: {
    n: 46,
    text: "Encrypted stage {stage} was evaluated wrongly; the key set is retired.",
    fix: "Make a new client and ask other workers; who evaluated the stage holds other weights than the model, or lies.",
    retry: "never",
  },
  PROGRAM_UNSUPPORTED: {
    n: 60,
    text: "{operator} cannot be evaluated encrypted: {reason}.",
    fix: "Train the model with squares as its only activation, without rounding inside.",
    retry: "never",
  },
  PROGRAM_TOO_DEEP: {
    n: 61,
    text: "{operator} and what follows need {missing} levels more than {profile} has.",
    fix: "Use a deeper profile, or cut the program where the key holder refreshes the ciphertext.",
    retry: "never",
  },
  PROGRAM_TOO_LARGE: {
    n: 62,
    text: "The program fits no encryption profile: {reason}.",
    fix: "Make layers narrower, batches smaller, or weights smaller.",
    retry: "never",
  },
  TOLERANCE_THIN: {
    n: 63,
    text: "A tolerance cannot rest on {evaluations} evaluations under {keySets} key sets.",
    fix: "Measure at least 1,000 finite errors under at least 4 key sets.",
    retry: "never",
  },
});
