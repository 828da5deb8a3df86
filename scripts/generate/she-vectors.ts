// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/she-{judge,game}.json: what offchain/core/she/judge-step.ts says of steps of a trace in profile 1, as
// calldata of StepJudge.check; and what two parties of a game show, one of whose traces has a changed residue.
import { writeFileSync } from "node:fs";
import { encodeAbi } from "../../offchain/core/abi.ts";
import { toHex, utf8, type Hex } from "../../offchain/core/bytes.ts";
import { keccak256 } from "../../offchain/core/keccak.ts";
import { judgeStep, type DisputedStep, type StepProof } from "../../offchain/core/she/judge-step.ts";
import { ROW_OP, type RowOp } from "../../offchain/core/she/row-operation.ts";
import { nodeHashes } from "../../offchain/engines/she/node-hashes.ts";
import { lowerStage } from "../../offchain/engines/she/trace/lower-stage.ts";
import { LEVELS_A_MOVE, type StageTrace } from "../../offchain/engines/she/trace/trace.ts";
import { Prng } from "../../test/support/prng.ts";
import { findFault, questionAt } from "../../test/support/she/find-fault.ts";
import { polyPerceptron } from "../../test/support/she/toy-programs.ts";
import { traceOf, tracedStages } from "../../test/support/she/traced-run.ts";

const STAGE = {
  struct: {
    profile: "uint16",
    levelIn: "uint8",
    levelOut: "uint8",
    depth: "uint8",
    opRoot: "bytes32",
    weightRoot: "bytes32",
  },
} as const;
const FACTS = { struct: { stage: STAGE, inDigest: "bytes32", keySetRoot: "bytes32" } } as const;
const QUESTION = {
  struct: { traceRoot: "bytes32", node: "bytes32", row: "uint256", coordinate: "uint256", isRow: "bool" },
} as const;
const PROOF = {
  struct: {
    record: "bytes32",
    recordPath: { array: "bytes32" },
    chunk: "bytes",
    operands: { array: { struct: { chunk: "bytes", path: { array: "bytes32" } } } },
  },
} as const;
const COMMITMENT = {
  struct: { outDigest: "bytes32", traceRoot: "bytes32", outBody: "bytes32", edge: { array: "bytes32" } },
} as const;

const ERRORS = {
  StepFalse: "StepFalse(uint256,uint256)",
  OpeningFalse: "OpeningFalse(uint256)",
  RecordFalse: "RecordFalse(bytes32)",
  OperandsWrong: "OperandsWrong(uint256,uint256)",
  ResidueTooLarge: "ResidueTooLarge(uint256,uint256)",
} as const;
const selector = (name: keyof typeof ERRORS): Hex => toHex(keccak256(utf8(ERRORS[name])).slice(0, 4));
const ZERO: Hex = `0x${"00".repeat(32)}`;

const [stage] = tracedStages(polyPerceptron([2, 1], new Prng(5)));
if (stage === undefined) throw new TypeError("no stage");
const { facts, inDigest, keySetRoot, compiled } = stage;
const { operations } = lowerStage(compiled.plan, 0);
const stageFields = {
  profile: facts.profile.id,
  levelIn: facts.levelIn,
  levelOut: facts.levelOut,
  depth: facts.depth,
  opRoot: facts.opRoot,
  weightRoot: facts.weightRoot,
};
const proofFields = ({ record, recordPath, chunk, operands }: StepProof) => ({
  record: toHex(record),
  recordPath,
  chunk: toHex(chunk),
  operands: operands.map(({ chunk: part, path }) => ({ chunk: toHex(part), path })),
});
const argumentsOf = (step: DisputedStep, proof: StepProof): Hex =>
  toHex(
    encodeAbi(
      [FACTS, QUESTION, PROOF],
      [
        {
          stage: { ...stageFields, opRoot: step.stage.opRoot, weightRoot: step.stage.weightRoot },
          inDigest: step.inDigest,
          keySetRoot: step.keySetRoot,
        },
        {
          traceRoot: step.traceRoot,
          node: step.node,
          row: BigInt(step.row),
          coordinate: BigInt(step.coordinate),
          isRow: step.isRow,
        },
        proofFields(proof),
      ],
    ),
  );

const rng = new Prng(12);
const honest = traceOf(stage);
/** A row that this operation makes. */
const rowOf = (op: RowOp): number => {
  const rows = operations.flatMap((operation, row) => (operation.op === op ? [row] : []));
  return rows[rng.int(0, rows.length - 1)] ?? 0;
};
const lieAbout = (row: number, coordinate: number): StageTrace => {
  const prime = facts.profile.primes[operations[row]?.prime ?? 0] ?? 0;
  return traceOf(stage, (at, values) => {
    if (at === row) values[coordinate] = ((values[coordinate] ?? 0) + 1) % prime;
  });
};

// --- One step --------------------------------------------------------------------------------------------------------

const cases: { args: Hex; error: Hex; name: string }[] = [];
function add(name: string, step: DisputedStep, proof: StepProof, error?: keyof typeof ERRORS): void {
  let refused = false;
  try {
    judgeStep(step, proof, nodeHashes);
  } catch {
    refused = true;
  }
  if (refused !== (error !== undefined)) throw new TypeError(`${name}: TypeScript says otherwise`);
  cases.push({ name, args: argumentsOf(step, proof), error: error === undefined ? "0x" : selector(error) });
}

for (const op of Object.keys(ROW_OP) as RowOp[]) {
  if (op === "none") continue;
  const [row, coordinate] = [rowOf(op), rng.int(0, 8191)];
  add(`${op}, honest`, questionAt(stage, honest, row, coordinate), honest.proofOf(row, coordinate));
  const lie = lieAbout(row, coordinate);
  add(`${op}, one residue changed`, questionAt(stage, lie, row, coordinate), lie.proofOf(row, coordinate), "StepFalse");
}
// Behind the last row, at the beginning of eight places without one.
const none = operations.findIndex(
  (_, at) => at % 8 === 0 && operations.slice(at, at + 8).every(({ op }) => op === "none"),
);
const nothing = { ...questionAt(stage, honest, none, 0), node: ZERO, isRow: true };
add("no row, honest", nothing, honest.proofOf(none, 0));
add("a row where there is none", { ...nothing, node: inDigest }, honest.proofOf(none, 0), "StepFalse");
const row = operations.findIndex(({ op, c }) => op === "divide" && c === undefined);
const [question, proof] = [questionAt(stage, honest, row, 300), honest.proofOf(row, 300)];
const [first = { chunk: new Uint8Array(0), path: [] }, ...rest] = proof.operands;
const other = honest.proofOf(row + 1, 300);
add("a row denied", { ...question, isRow: true }, proof, "RecordFalse");
add("another record", question, { ...proof, record: other.record, recordPath: other.recordPath }, "RecordFalse");
add("a short record path", question, { ...proof, recordPath: proof.recordPath.slice(1) }, "RecordFalse");
add("another chunk", question, { ...proof, chunk: first.chunk }, "OpeningFalse");
add("a chunk cut short", question, { ...proof, chunk: proof.chunk.slice(4) }, "OpeningFalse");
add("an operand too few", question, { ...proof, operands: rest }, "OperandsWrong");
add("an operand too many", question, { ...proof, operands: [...proof.operands, first] }, "OperandsWrong");
add("operands swapped", question, { ...proof, operands: [...rest, first] }, "OpeningFalse");
add(
  "an operand cut short",
  question,
  { ...proof, operands: [{ ...first, chunk: first.chunk.slice(4) }, ...rest] },
  "OpeningFalse",
);
add(
  "an operand's path too long",
  question,
  { ...proof, operands: [{ ...first, path: [...first.path, ZERO] }, ...rest] },
  "OpeningFalse",
);
for (const [source, change] of [
  ["input", { inDigest: ZERO }],
  ["keys", { keySetRoot: ZERO }],
  ["weights", { stage: { ...facts, weightRoot: ZERO } }],
] as const) {
  const at = operations.findIndex(({ a, b }) => a?.source === source || b?.source === source);
  const asked = { ...questionAt(stage, honest, at, 4000), ...change };
  add(`other ${source} than committed`, asked, honest.proofOf(at, 4000), "OpeningFalse");
}
{
  // A residue that is its prime: the same value, another spelling.
  const copy = operations.findIndex(({ op, prime }) => op === "copy" && prime === 0);
  const lie = traceOf(stage, (at, values) => {
    if (at === copy) values[77] = facts.profile.primes[0] ?? 0;
  });
  add("a residue not below its prime", questionAt(stage, lie, copy, 77), lie.proofOf(copy, 77), "ResidueTooLarge");
}
writeFileSync(
  "test/fixtures/vectors/she-judge.json",
  `${JSON.stringify({ about: "abi.encode of StepJudge.check's arguments; error: its selector, empty where accepted", names: cases.map(({ name }) => name), args: cases.map(({ args }) => args), errors: cases.map(({ error }) => error) }, null, 1)}\n`,
);

// --- Whole games ------------------------------------------------------------------------------------------------------

const commitmentOf = (trace: StageTrace): Hex => toHex(encodeAbi([COMMITMENT], [trace.commitment(facts)]));
/** What a party posts on the way to a row and a chunk of it, and the picks that lead there. */
function postsTo(trace: StageTrace, target: number, coordinate: number) {
  const posts: Hex[][] = [];
  const picks: number[] = [];
  for (let levels = facts.depth, index = 0; levels > 0;) {
    const step = Math.min(LEVELS_A_MOVE, levels);
    posts.push(trace.nodesBelow(levels, index));
    levels -= step;
    const next = Math.floor(target / 2 ** levels);
    picks.push(next - index * 2 ** step);
    index = next;
  }
  posts.push(trace.chunkHashes(target));
  picks.push(Math.floor(coordinate / 256));
  return { posts: posts.flat(), picks, chunk: toHex(trace.chunk(target, Math.floor(coordinate / 256))) };
}
const games = (["mac", "forward"] as const).map((op) => {
  const [target, coordinate] = [rowOf(op), rng.int(0, 8191)];
  const lie = lieAbout(target, coordinate);
  const found = findFault(honest, lie);
  if (found.row !== target || found.coordinate !== coordinate) throw new TypeError("the fault is elsewhere");
  const sides = [lie, honest].map((trace) => ({
    commitment: commitmentOf(trace),
    proof: toHex(encodeAbi([PROOF], [proofFields(trace.proofOf(target, coordinate))])),
    ...postsTo(trace, target, coordinate),
  }));
  return { row: target, coordinate, sides };
});
const flat = (side: 0 | 1, game: number) => games[game]?.sides[side];
writeFileSync(
  "test/fixtures/vectors/she-game.json",
  `${JSON.stringify(
    {
      about: "a stage, and two games about it: what the liar and the honest party show, and where they differ",
      facts: toHex(encodeAbi([FACTS], [{ stage: stageFields, inDigest, keySetRoot }])),
      none,
      nothing: toHex(encodeAbi([PROOF], [proofFields(honest.proofOf(none, 0))])),
      ...Object.fromEntries(
        [0, 1].flatMap((game) =>
          ([0, 1] as const).flatMap((side) =>
            Object.entries(flat(side, game) ?? {}).map(([key, value]) => [
              `${side === 0 ? "lie" : "true"}${game}_${key}`,
              value,
            ]),
          ),
        ),
      ),
      rows: games.map((game) => game.row),
      coordinates: games.map(({ coordinate }) => coordinate),
    },
    null,
    1,
  )}\n`,
);
