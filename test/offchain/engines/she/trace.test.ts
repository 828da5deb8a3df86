// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex, type Hex } from "../../../../offchain/core/bytes.ts";
import { checkCommitment, cipherStageHash, type CipherStage } from "../../../../offchain/core/she/cipher-stage.ts";
import { chunkBytes, cipherDigest, cipherLeaf, wordPath, wordTree } from "../../../../offchain/core/she/digest.ts";
import { judgeStep, type StepProof } from "../../../../offchain/core/she/judge-step.ts";
import { sheProfile } from "../../../../offchain/core/she/profiles.ts";
import { encodeRowOperation, NO_OPERATION, ROW_OP, type RowOp } from "../../../../offchain/core/she/row-operation.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import { keyList } from "../../../../offchain/engines/she/trace/key-list.ts";
import { lowerStage } from "../../../../offchain/engines/she/trace/lower-stage.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { findFault, questionAt } from "../../../support/she/find-fault.ts";
import { smallProfile } from "../../../support/she/small-profile.ts";
import { polyPerceptron } from "../../../support/she/toy-programs.ts";
import { tracedStages, traceOf, type TracedStage } from "../../../support/she/traced-run.ts";

const isDeep = process.env["ASSAY_DEEP"] === "1";
const toy = (): TracedStage => {
  const [stage] = tracedStages(polyPerceptron([40, 6, 2], new Prng(5)), { profile: smallProfile(512, 6) });
  return stage ?? expect.fail("no stage");
};
const operationsOf = ({ compiled, index }: TracedStage) => lowerStage(compiled.plan, index).operations;

describe("traces of encrypted stages", () => {
  let stage: TracedStage;
  before(() => {
    stage = toy();
  });

  it("R41: rows computed one by one give the kernel's ciphertext, bit for bit, over packings, cuts and rings", () => {
    const runs: [readonly number[], Parameters<typeof tracedStages>[1]][] = [
      [[40, 6, 2], { profile: smallProfile(512, 6) }], // gathered, then few outputs
      [[300, 24, 3], { profile: smallProfile(1024, 6), cuts: [0] }], // two stages, with keys of their own
      [[24, 16, 16, 4], { profile: smallProfile(512, 8) }], // diagonals
      [[5, 3, 2], {}], // a real profile
      [[6, 3], { profile: sheProfile(4) }], // two primes a map
      ...(isDeep ? [[[784, 128, 10], {}] as [readonly number[], object]] : []),
    ];
    for (const [widths, options] of runs)
      for (const traced of tracedStages(polyPerceptron([...widths], new Prng(5)), options)) {
        const trace = traceOf(traced);
        const digest = cipherDigest(traced.output, nodeHashes);
        expect(trace.commitment(traced.facts).outDigest, widths.join("-")).to.equal(digest);
        expect(cipherDigest(trace.output(), nodeHashes)).to.equal(digest);
      }
  }).timeout(300_000);

  it("R44: one changed coefficient of any kind of operation is found, and refused in one step; the honest step is not", async () => {
    const honest = traceOf(stage);
    const operations = operationsOf(stage);
    const rng = new Prng(9);
    for (const op of Object.keys(ROW_OP) as RowOp[]) {
      if (op === "none") continue;
      const rows = operations.flatMap((operation, row) => (operation.op === op ? [row] : []));
      const row = rows[rng.int(0, rows.length - 1)] ?? expect.fail(`no ${op} in the stage`);
      const coordinate = rng.int(0, 511);
      const prime = stage.facts.profile.primes[operations[row]?.prime ?? 0] ?? 0;
      const lie = traceOf(stage, (at, values) => {
        if (at === row) values[coordinate] = ((values[coordinate] ?? 0) + 1) % prime;
      });
      expect(lie.commitment(stage.facts).traceRoot).to.not.equal(honest.commitment(stage.facts).traceRoot);
      const found = findFault(honest, lie);
      expect(found, op).to.deep.equal({ row, coordinate, moves: 8 });
      const [bad, good] = [lie, honest].map((trace) => questionAt(stage, trace, row, coordinate));
      await expectCode("STEP_REFUSED", () => judgeStep(bad ?? expect.fail(), lie.proofOf(row, coordinate), nodeHashes));
      // The liar may show what is true, but it is not what it committed to.
      await expectCode("STEP_REFUSED", () =>
        judgeStep(bad ?? expect.fail(), honest.proofOf(row, coordinate), nodeHashes),
      );
      judgeStep(good ?? expect.fail(), honest.proofOf(row, coordinate), nodeHashes);
    }
  });

  it("R44: an honest trace survives every question, wherever it is asked", () => {
    const honest = traceOf(stage);
    const operations = operationsOf(stage);
    const rows = operations.flatMap(({ op }, row) => (op === "none" ? [] : [row]));
    const rng = new Prng(31);
    for (let i = 0; i < 1000; i++) {
      const row = rows[rng.int(0, rows.length - 1)] ?? 0;
      const coordinate = rng.int(0, 511);
      judgeStep(questionAt(stage, honest, row, coordinate), honest.proofOf(row, coordinate), nodeHashes);
    }
    const none = operations.findIndex(({ op }) => op === "none");
    const question = questionAt(stage, honest, none, 0);
    const zero: Hex = `0x${"00".repeat(32)}`;
    judgeStep({ ...question, node: zero, isRow: true }, honest.proofOf(none, 0), nodeHashes);
  }).timeout(60_000);

  it("error: STEP_REFUSED for every way to show something else than what was asked", async () => {
    const honest = traceOf(stage);
    const operations = operationsOf(stage);
    const row = operations.findIndex(({ op, a, c }) => op === "mac" && a?.source === "trace" && c !== undefined);
    const question = questionAt(stage, honest, row, 300);
    const proof = honest.proofOf(row, 300);
    judgeStep(question, proof, nodeHashes);
    const none = operations.findIndex(({ op }) => op === "none");
    const other = honest.proofOf(row - 1, 300);
    const [first, ...rest] = proof.operands;
    if (first === undefined) return expect.fail("no operand");
    const large = first.chunk.slice();
    large.fill(255, 4 * 44, 4 * 45);
    const swapped = (path: readonly Hex[]) => [...path.slice(1), ...path.slice(0, 1)];
    const lies: Record<string, StepProof> = {
      "another row's record": { ...proof, record: other.record },
      "another row's record, with its path": { ...proof, record: other.record, recordPath: other.recordPath },
      "a record that says less": { ...proof, record: encodeRowOperation(NO_OPERATION) },
      "a record cut short": { ...proof, record: proof.record.slice(0, 31) },
      "a short path": { ...proof, recordPath: proof.recordPath.slice(1) },
      "a long path": { ...proof, recordPath: [...proof.recordPath, ...proof.recordPath] },
      "another chunk": { ...proof, chunk: other.chunk },
      "a chunk cut short": { ...proof, chunk: proof.chunk.slice(0, 1020) },
      "no chunk": { ...proof, chunk: new Uint8Array(0) },
      "an operand too few": { ...proof, operands: rest },
      "an operand too many": { ...proof, operands: [...proof.operands, first] },
      "operands in another order": { ...proof, operands: [...rest, first] },
      "an operand that was not committed": { ...proof, operands: [{ ...first, chunk: large }, ...rest] },
      "an operand's chunk cut short": { ...proof, operands: [{ ...first, chunk: first.chunk.slice(4) }, ...rest] },
      "an operand's path turned": { ...proof, operands: [{ ...first, path: swapped(first.path) }, ...rest] },
      "an operand's path cut short": { ...proof, operands: [{ ...first, path: first.path.slice(1) }, ...rest] },
      "no operands": { ...proof, operands: [] },
    };
    for (const [what, lie] of Object.entries(lies))
      await expectCode("STEP_REFUSED", () => judgeStep(question, lie, nodeHashes)).catch((error: unknown) =>
        expect.fail(`${what}: ${String(error)}`),
      );
    const zero: Hex = `0x${"00".repeat(32)}`;
    // A row cannot be denied, and there is none to be claimed.
    await expectCode("STEP_REFUSED", () => judgeStep({ ...question, isRow: true }, proof, nodeHashes));
    const nothing = { ...question, row: none, isRow: true };
    await expectCode("STEP_REFUSED", () => judgeStep(nothing, honest.proofOf(none, 0), nodeHashes));
    await expectCode("STEP_REFUSED", () =>
      judgeStep({ ...nothing, node: zero, isRow: false }, honest.proofOf(none, 0), nodeHashes),
    );
    for (const change of [
      { traceRoot: zero },
      { row: row + 1 },
      { coordinate: 10 },
      { stage: { ...stage.facts, opRoot: zero } },
    ])
      await expectCode("STEP_REFUSED", () => judgeStep({ ...question, ...change }, proof, nodeHashes));
    return undefined;
  });

  it("error: STEP_REFUSED, input, keys and weights are those of the job and the model, not the defender's", async () => {
    const honest = traceOf(stage);
    const operations = operationsOf(stage);
    const zero: Hex = `0x${"00".repeat(32)}`;
    for (const [source, change] of [
      ["input", { inDigest: zero }],
      ["keys", { keySetRoot: zero }],
      ["weights", { stage: { ...stage.facts, weightRoot: zero } }],
    ] as const) {
      const row = operations.findIndex(({ a, b }) => a?.source === source || b?.source === source);
      expect(row, source).to.be.at.least(0);
      const question = questionAt(stage, honest, row, 7);
      judgeStep(question, honest.proofOf(row, 7), nodeHashes);
      await expectCode("STEP_REFUSED", () => judgeStep({ ...question, ...change }, honest.proofOf(row, 7), nodeHashes));
    }
  });

  it("error: STEP_REFUSED, an operation reads earlier rows only, and residues below their prime", async () => {
    const { profile } = stage.facts;
    const copy = (position: number) =>
      encodeRowOperation({ ...NO_OPERATION, op: "copy", prime: 0, a: { source: "trace", depth: 1, position } });
    const rows = [0, 1].map((seed) => Uint32Array.from({ length: profile.degree }, (_, k) => k + seed));
    const leaves = rows.map((values) =>
      wordTree(
        [0, 1].map((i) => cipherLeaf(chunkBytes(values, i), nodeHashes)),
        nodeHashes,
      ),
    );
    const trace = wordTree(
      leaves.map((tree) => tree.at(-1)?.[0] ?? new Uint8Array(32)),
      nodeHashes,
    );
    const ask = (records: readonly Uint8Array[], row: number, from: number, residue?: number) => {
      const ops = wordTree(
        records.map((record) => cipherLeaf(record, nodeHashes)),
        nodeHashes,
      );
      const facts: CipherStage = { ...stage.facts, depth: 1, opRoot: toHex(ops.at(-1)?.[0] ?? new Uint8Array(32)) };
      const chunk = chunkBytes(rows[row] ?? new Uint32Array(0), 0);
      if (residue !== undefined) new DataView(chunk.buffer).setUint32(0, residue, true);
      const operand = rows[from] ?? new Uint32Array(0);
      const path = [...wordPath(leaves[from] ?? [], 0), ...wordPath(trace, from)].map(toHex);
      const proof: StepProof = {
        record: records[row] ?? new Uint8Array(32),
        recordPath: wordPath(ops, row).map(toHex),
        chunk,
        operands: [{ chunk: chunkBytes(operand, 0), path }],
      };
      const question = {
        stage: facts,
        inDigest: stage.inDigest,
        keySetRoot: stage.keySetRoot,
        traceRoot: toHex(trace.at(-1)?.[0] ?? new Uint8Array(32)),
        row,
        node: toHex(cipherLeaf(chunk, nodeHashes)),
        coordinate: 0,
        isRow: false,
      };
      return () => judgeStep(question, proof, nodeHashes);
    };
    // Row 1 says to copy row 0 and holds something else; row 0 says to copy itself, or a later row.
    await expectCode("STEP_REFUSED", ask([copy(0), copy(0)], 1, 0));
    await expectCode("STEP_REFUSED", ask([copy(0), copy(0)], 0, 0));
    await expectCode("STEP_REFUSED", ask([copy(1), copy(0)], 0, 1));
    await expectCode("STEP_REFUSED", ask([copy(0), copy(0)], 1, 0, profile.primes[0]));
    ask([copy(0), copy(0)], 1, 0, 0)();
  });

  it("error: STEP_REFUSED for a commitment whose trace does not end in its digest", async () => {
    const honest = traceOf(stage).commitment(stage.facts);
    checkCommitment(stage.facts, honest, nodeHashes);
    const zero: Hex = `0x${"00".repeat(32)}`;
    for (const change of [
      { outDigest: zero },
      { traceRoot: zero },
      { outBody: zero },
      { edge: honest.edge.slice(1) },
      { edge: [...honest.edge, zero] },
      { edge: honest.edge.toReversed() },
    ])
      await expectCode("STEP_REFUSED", () => checkCommitment(stage.facts, { ...honest, ...change }, nodeHashes));
  });

  it("behavior: a stage's facts are one word, and every one of them is in it", () => {
    const { facts } = stage;
    const changes: Partial<CipherStage>[] = [
      { profile: sheProfile(2) },
      { levelIn: facts.levelIn - 1 },
      { levelOut: facts.levelOut + 1 },
      { depth: facts.depth + 1 },
      { opRoot: facts.weightRoot },
      { weightRoot: facts.opRoot },
    ];
    const hashes = [{}, ...changes].map((change) => cipherStageHash({ ...facts, ...change }));
    expect(new Set(hashes).size).to.equal(hashes.length);
  });

  it("behavior: keys of a job are listed once per element and level, in order", () => {
    const { plan } = tracedStages(polyPerceptron([24, 16, 16, 4], new Prng(5)), {
      profile: smallProfile(512, 8),
      cuts: [0, 1],
    })[0]?.compiled ?? { plan: expect.fail("no plan") };
    const list = keyList(plan);
    expect(list).to.deep.equal(list.toSorted((a, b) => a.galois - b.galois || a.level - b.level));
    expect(new Set(list.map(({ galois, level }) => `${galois}/${level}`)).size).to.equal(list.length);
    for (const { keys } of plan.stages) for (const key of keys) expect(list).to.deep.include(key);
  });
});
