// SPDX-License-Identifier: GPL-3.0-or-later
// Asks the SMT solver inside the npm package `solc` whether an assertion of Accounting.sol holds for every input.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

export interface Property {
  readonly contract: string;
  readonly sentence: string;
  /** A fault in the library that must break the proof; it shows that the assertions can fail. */
  readonly fault: { readonly find: string; readonly replace: string };
}

export interface Verdict {
  readonly proved: number;
  readonly refuted: number;
  readonly unknown: number;
}

export const PROPERTIES: readonly Property[] = [
  {
    contract: "SlashSplit",
    sentence: "Of a slash half is burned, rounded up, and never more than was taken.",
    fault: { find: "return taken - taken / 2;", replace: "return taken / 2;" },
  },
  {
    contract: "Unanimous",
    sentence: "On the hot path seats + fee + poke + rest = escrow.",
    fault: { find: "requester = escrow - paid - fees;", replace: "requester = escrow - paid;" },
  },
  {
    contract: "PokeDue",
    sentence: "A poke before settlement leaves the escrow enough for every seat and the fee.",
    fault: { find: "_min(spec.pokeFee, escrow - reserved)", replace: "_min(spec.pokeFee, escrow - rewards)" },
  },
  {
    contract: "LateFee",
    sentence: "Prover's fee and burned half of a late slash are no more than the slash.",
    fault: { find: "_min(taken - burned(taken), proverFee(spec))", replace: "proverFee(spec)" },
  },
  {
    contract: "Reputation",
    sentence: "Reputation stays within ±ln 10 and moves the way of its change.",
    fault: { find: "return sum < -RHO_LIMIT ? -RHO_LIMIT : sum;", replace: "return sum;" },
  },
];

interface Compiler {
  compile(input: string, callbacks: { import: (path: string) => { contents: string } }): string;
}

interface Output {
  readonly errors?: readonly { readonly errorCode?: string; readonly severity: string; readonly message: string }[];
}

const ROOT = join(import.meta.dirname, "../..");
const SPEC = "formal/Accounting.sol";
const SETTLE = "contracts/libraries/SettleLib.sol";
const PARTS = ["unanimous", "lateFee", "burned", "proverFee", "pokeDue", "addRho", "_min"];
const SAFE = "2961";
const VIOLATED = "4661";
const UNPROVED = "7812";

function source(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The text of these functions in a library: the solver does not end on all of SettleLib, whose loops it encodes too. */
function cut(text: string, names: readonly string[]): string {
  return names
    .map((name) => {
      const start = text.indexOf(`    function ${name}(`);
      const end = text.indexOf("\n    }\n", start);
      if (start < 0 || end < 0) throw new RangeError(`no function ${name} to prove`);
      return text.slice(start, end + 7);
    })
    .join("\n");
}

function library(fault: Property["fault"] | undefined): string {
  let settle = source(SETTLE);
  const limit = /^ {4}int32 internal constant RHO_LIMIT.*$/mu.exec(settle)?.[0];
  if (limit === undefined) throw new RangeError("no RHO_LIMIT to prove with");
  if (fault !== undefined) {
    const found = settle.split(fault.find).length - 1;
    if (found !== 1) throw new RangeError(`the fault's text occurs ${found} times: ${fault.find}`);
    settle = settle.replace(fault.find, () => fault.replace);
  }
  return [
    "// SPDX-License-Identifier: MIT",
    "pragma solidity 0.8.37;",
    'import {Spec} from "contracts/types/Types.sol";',
    `library VoteRules {\n${cut(source("contracts/libraries/VoteRules.sol"), ["committeeSize"])}}`,
    `library SettleLib {\n${limit}\n${cut(settle, PARTS)}}`,
  ].join("\n");
}

/** Loop-free code, so that the bounded checker's answer is a proof, over all words of 256 bits and with reverts. */
export function prove({ contract, fault }: Property, planted: boolean): Verdict {
  // Loaded here: 30 MB that importers of the list alone do not need.
  const compiler = createRequire(import.meta.url)("solc") as Compiler;
  const output = compiler.compile(
    JSON.stringify({
      language: "Solidity",
      sources: {
        [SPEC]: { content: source("scripts/formal/Accounting.sol") },
        "formal/SettleLib.sol": { content: library(planted ? fault : undefined) },
      },
      settings: {
        evmVersion: "osaka",
        modelChecker: {
          contracts: { [SPEC]: [contract] },
          engine: "bmc",
          showProvedSafe: true,
          showUnproved: true,
          solvers: ["z3"],
          targets: ["assert"],
        },
        outputSelection: {},
      },
    }),
    { import: (path) => ({ contents: source(path) }) },
  );
  const messages = (JSON.parse(output) as Output).errors ?? [];
  const error = messages.find(({ severity }) => severity === "error");
  if (error !== undefined) throw new Error(`solc: ${error.message}`);
  const count = (code: string): number => messages.filter(({ errorCode }) => errorCode === code).length;
  return { proved: count(SAFE), refuted: count(VIOLATED), unknown: count(UNPROVED) };
}

/** How many assertions a property makes: all of them must be proved. */
export function assertions(contract: string): number {
  const text = source("scripts/formal/Accounting.sol");
  const start = text.indexOf(`contract ${contract} {`);
  const end = text.indexOf("\n}\n", start);
  return text.slice(start, end).split("assert(").length - 1;
}
