// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../core/errors.ts";

/** Mistakes in how the command line was used: exit code 2. */
export const CliError = defineErrors("cli", 40, {
  USAGE: { n: 1, text: "{why}.", fix: "Run the command with --help to see what it takes.", retry: "never" },
  OPTION_MISSING: {
    n: 2,
    text: "assay {command} needs {name}.",
    fix: "Give it, or run the command with --help.",
    retry: "never",
  },
  OPTION_INVALID: {
    n: 3,
    text: "assay {command}: {name} {why}.",
    fix: "Correct the value, or run the command with --help.",
    retry: "never",
  },
  FILE_UNREADABLE: {
    n: 4,
    text: "{path} cannot be read: {why}.",
    fix: "Check the path and its permissions.",
    retry: "never",
  },
  FILE_EXISTS: { n: 5, text: "{path} exists.", fix: "Name another file, or move this one away.", retry: "never" },
  CONNECTION_MISSING: {
    n: 6,
    text: "No chain is named.",
    fix: "Give --rpc and --hub, or --devnet <file> with the JSON file that `assay devnet` wrote.",
    retry: "never",
  },
  KEY_MISSING: {
    n: 7,
    text: "This command signs, and no key is named.",
    fix: "Give --key-file <file> holding a private key as 0x and 64 hexadecimal digits, with mode 0600.",
    retry: "never",
  },
  KEY_FILE_OPEN: {
    n: 8,
    text: "{path} can be read by others (mode {mode}).",
    fix: "Run: chmod 600 on that file.",
    retry: "never",
  },
  NOT_A_CHECKOUT: {
    n: 9,
    text: "assay devnet needs Assay's own repository; {path} is missing.",
    fix: "Clone the repository and run it there.",
    retry: "never",
  },
  INPUT_INVALID: {
    n: 10,
    text: "The input in {path} is not usable: {why}.",
    fix: "Give a JSON array of whole numbers in the model's input shape, or a canonical tensor file.",
    retry: "never",
  },
  MONITOR_SILENT: {
    n: 11,
    text: "No worker answers at {url}.",
    fix: "Start it, or name its address with --monitor.",
    retry: "later",
  },
  MODEL_WEIGHTS_PRIVATE: {
    n: 12,
    text: "Stage {stage} has private weights, which the model's folder does not hold.",
    fix: "Let the model's owner prove it.",
    retry: "never",
  },
  WEIGHTS_COMMITTED: {
    n: 14,
    text: "The weights of stage {stage} are committed to under the model's own boundaries only.",
    fix: "Use --ends model.",
    retry: "never",
  },
  TRAIN_MODEL_UNFIT: {
    n: 15,
    text: "This model cannot be trained split: {reason}.",
    fix: "Use a chain of dense layers, convolutions and ReLU, and leave at least one layer with weights to each side.",
    retry: "never",
  },
  FILE_UNWRITABLE: {
    n: 16,
    text: "{path} cannot be written: {why}.",
    fix: "Check that the folder exists and its permissions.",
    retry: "never",
  },
  TRAIN_OTHER_MODEL: {
    n: 17,
    text: "The invitation is to train {invited}, and this folder's model.onnx is {own}.",
    fix: "Both sides must begin with the same file: copy the server's.",
    retry: "never",
  },
  CHECKS_UNFIT: {
    n: 18,
    text: "The linear check in {path} does not fit: {why}.",
    fix: "Get one of this model, at this hub, by `assay cipher check`.",
    retry: "never",
  },
});
