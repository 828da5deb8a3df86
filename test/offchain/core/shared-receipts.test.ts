// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { fromHex, toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { admittedEnclaves } from "../../../offchain/core/planning/enclave-plan.ts";
import { guaranteeOf } from "../../../offchain/core/receipt-json.ts";
import { decodeReceipt, encodeReceipt, type EnclavedTally, type EnclaveSchedule, type Receipt } from "../../../offchain/core/receipt.ts"; // prettier-ignore
import { ENCLAVE, OPTIMISTIC, ZERO_BYTES32 } from "../../../offchain/core/types.ts";
import { verifyReceipt } from "../../../offchain/core/verify-receipt.ts";
import { plannedEnclave } from "../../../offchain/core/verify-schedule.ts";
import { expectError } from "../../support/expect-error.ts";
import { sharedJob } from "../../support/shared-receipt.ts";

type Change = Partial<EnclavedTally>;

const failing = (receipt: Receipt): string[] =>
  verifyReceipt(receipt)
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name);
const flip = (hex: Hex, at = 0): Hex => {
  const bytes = fromHex(hex);
  return toHex(bytes.with(at, (bytes[at] ?? 0) ^ 1));
};
const withTally = (receipt: Receipt, tally: number, change: Change): Receipt => ({
  ...receipt,
  enclaves: receipt.enclaves.map((one) => (one.tally === tally ? { ...one, ...change } : one)),
});
const withSchedule = (receipt: Receipt, change: (told: EnclaveSchedule) => Partial<EnclaveSchedule>): Receipt => ({
  ...receipt,
  schedule: receipt.schedule.map((told) => ({ ...told, ...change(told) })),
});

describe("R58, R61, R68: receipts of jobs whose stages enclaves shared", () => {
  const once = sharedJob();
  const again = sharedJob({ lost: 2, nonce: 8n });
  const [{ receipt }, { receipt: replanned, plans }] = [once, again];
  const [first, second, third] = receipt.enclaves as [EnclavedTally, EnclavedTally, EnclavedTally];

  it("default: signatures, channels and plans hold from bytes, also where enclaves were lost, and it says SIMULATED", () => {
    for (const one of [receipt, replanned, sharedJob({ stages: 2 }).receipt]) {
      const read = decodeReceipt(encodeReceipt(one));
      const report = verifyReceipt(read);
      expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
      expect(report.coverage.map(({ evidence }) => evidence)).to.deep.equal(one.enclaves.map(() => ["ENCLAVE (SIMULATED)"])); // prettier-ignore
      const told = one.schedule[0]?.plans.length ?? 0;
      expect(report.checks.find(({ name }) => name === "plans")?.detail).to.equal(`${told} plans follow from enclaves of 7 of 12 candidates`); // prettier-ignore
      expect(guaranteeOf(read, report)).to.deep.include({ seats: 0, evidence: ["ENCLAVE (SIMULATED)"] });
    }
    expect(replanned.enclaves.map(({ plan }) => plan)).to.deep.equal([0, 0, 2]);
    expect(replanned.schedule[0]?.plans.length).to.equal(3);
  });

  it("R75: error: a stage's signature of another job, stage, epoch, key or channel", () => {
    const { r, vs, channelHash, handshake } = second;
    const cases: readonly (readonly [number, Change])[] = [
      [1, { r: first.r, vs: first.vs }],
      [1, { r: third.r, vs: third.vs, channelHash: third.channelHash, handshake: third.handshake }],
      [1, replanned.enclaves[1] ?? {}],
      [2, { r, vs, channelHash, handshake }],
      [1, { r: flip(r) }],
      [0, { epoch: 2 }],
      [0, { key: second.key }],
      [1, { channelHash: flip(channelHash) }],
      [1, { channelHash: ZERO_BYTES32, handshake: "0x" }],
    ];
    for (const [i, [tally, change]] of cases.entries())
      expect(failing(withTally(receipt, tally, change)), `case ${i}`).to.include("enclaves");
  });

  it("R75: error: a handshake that was changed, cut, left out or is another channel's", () => {
    const other = replanned.enclaves[1]?.handshake ?? "0x";
    for (const at of [0, 31, 60, 95, 110, 143])
      expect(failing(withTally(receipt, 1, { handshake: flip(second.handshake, at) })), `byte ${at}`).to.deep.equal(["enclaves"]); // prettier-ignore
    const wrong = [other, third.handshake, toHex(fromHex(second.handshake).subarray(0, 143)), "0x"] as const;
    for (const handshake of wrong) expect(failing(withTally(receipt, 1, { handshake }))).to.deep.equal(["enclaves"]);
    // The first stage's input is sealed by the client: it came over none.
    expect(failing(withTally(receipt, 0, { handshake: second.handshake }))).to.deep.equal(["enclaves"]);
  });

  it("R75: error: a registration that is another stage's, worker's, time's or kind's", () => {
    const { key, channelKey, sealKey, challenge, runtime, quote, registry, epoch } = third;
    const all: readonly Change[] = [
      { key, channelKey, sealKey, challenge, runtime, quote, registry, epoch },
      { channelKey },
      { sealKey },
      { challenge },
      { quote },
      { runtime: flip(runtime, 80) },
      { registry: receipt.hub },
      { simulated: false },
    ];
    for (const [i, change] of all.entries())
      expect(failing(withTally(receipt, 1, change)), `case ${i}`).to.not.equal([]);
    const failures = all.map((change) => failing(withTally(receipt, 1, change)).join());
    expect(failures).to.deep.equal(["enclaves,plans", ...Array.from({ length: 6 }, () => "enclaves"), "plans"]);
  });

  it("R75: error: a plan left out, added, repeated, reordered, bent or another job's", () => {
    const [{ plans: told }] = replanned.schedule as [EnclaveSchedule];
    const [a, b, c] = told as [Hex, Hex, Hex];
    const theirs = receipt.schedule[0]?.plans ?? [];
    const cases: readonly (readonly [readonly Hex[], readonly string[]])[] = [
      [[], ["enclaves", "plans"]],
      [[a], ["enclaves"]],
      [[a, b], ["enclaves"]],
      [
        [a, c],
        ["enclaves", "plans"],
      ],
      [
        [b, c],
        ["enclaves", "plans"],
      ],
      [
        [c, b, a],
        ["enclaves", "plans"],
      ],
      [
        [b, a, c],
        ["enclaves", "plans"],
      ],
      [
        [a, a, b, c],
        ["enclaves", "plans"],
      ],
      [[a, b, c, c], ["plans"]],
      [[a, b, c, a], ["plans"]],
      [[a, b, c, ...theirs], ["plans"]],
      [
        [...theirs, b, c],
        ["enclaves", "plans"],
      ],
      [
        [a, b, flip(c, 70)],
        ["enclaves", "plans"],
      ],
      [
        [flip(a), b, c],
        ["enclaves", "plans"],
      ],
      [
        [a, b, "0x"],
        ["enclaves", "plans"],
      ],
      [Array.from({ length: 200 }, () => a), ["enclaves", "plans"]],
    ];
    for (const [i, [list, names]] of cases.entries())
      expect(failing(withSchedule(replanned, () => ({ plans: list }))), `case ${i}`).to.deep.equal(names);
    // A stage that names another of the plans, or none.
    for (const plan of [1, 2, 3, 255]) expect(failing(withTally(replanned, 1, { plan })), `${plan}`).to.include("enclaves"); // prettier-ignore
  });

  it("R75: error: candidates left out, added, reordered, or with another enclave, firmware, end or kind", () => {
    const change = (edit: (list: EnclaveSchedule["candidates"]) => EnclaveSchedule["candidates"]) =>
      failing(withSchedule(receipt, ({ candidates }) => ({ candidates: edit(candidates) })));
    const at = (i: number, part: Partial<EnclaveSchedule["candidates"][number]>) => (list: EnclaveSchedule["candidates"]) => list.map((one, j) => (i === j ? { ...one, ...part } : one)); // prettier-ignore
    const signer = receipt.schedule[0]?.candidates.findIndex(({ key }) => key === first.key) ?? -1;
    const edits: readonly ((list: EnclaveSchedule["candidates"]) => EnclaveSchedule["candidates"])[] = [
      () => [],
      (list) => list.slice(1),
      (list) => list.slice(0, -1),
      (list) => list.toReversed(),
      (list) => [...list, ...list.slice(-1)],
      (list) => [...list, { ...(list[0] as EnclaveSchedule["candidates"][number]), workerId: 12 }],
      at(2, { workerId: 4 }),
      at(2, { workerId: 99 }),
      at(2, { key: receipt.hub }),
      at(2, { status: 0 }),
      at(2, { vendor: 3 }),
      at(2, { vendor: 9 }),
      at(2, { expiry: receipt.job.spec.expiry + 1 }),
      at(2, { expiry: 0 }),
      at(signer, { vendor: 2 }),
    ];
    for (const [i, edit] of edits.entries()) expect(change(edit), `case ${i}`).to.deep.equal(["plans"]);
  });

  it("R75: error: receipts mixed from two jobs, with a stage or the plans missing, and every cut", () => {
    expect(failing({ ...receipt, schedule: replanned.schedule })).to.deep.equal(["enclaves", "plans"]);
    expect(failing({ ...receipt, enclaves: replanned.enclaves })).to.include("enclaves");
    expect(failing({ ...receipt, enclaves: replanned.enclaves, schedule: replanned.schedule })).to.deep.equal(["enclaves", "plans"]); // prettier-ignore
    expect(failing({ ...replanned, jobId: receipt.jobId, job: receipt.job })).to.include.members(["enclaves", "plans"]);
    expect(failing({ ...receipt, enclaves: [first, third] })).to.deep.equal(["enclaves"]);
    expect(failing({ ...receipt, enclaves: [first, { ...second, tally: 2 }, third] })).to.deep.equal(["form"]);
    for (const schedule of [[], [...receipt.schedule, ...receipt.schedule]]) {
      expectError(() => encodeReceipt({ ...receipt, schedule }), "RECEIPT_INVALID");
      expect(failing({ ...receipt, schedule })).to.deep.equal(["form"]);
    }
    const { policy } = receipt.job.spec;
    const sampled = {
      ...receipt.job,
      spec: { ...receipt.job.spec, policy: { ...policy, mask: ENCLAVE | OPTIMISTIC } },
    };
    expectError(() => encodeReceipt({ ...receipt, job: sampled }), "RECEIPT_INVALID");
    const bytes = encodeReceipt(receipt);
    for (let cut = 1; cut < bytes.length; cut += 97)
      expect(() => decodeReceipt(bytes.subarray(0, bytes.length - cut)), `${cut} bytes`).to.throw();
  });

  it("behavior: who collects a receipt finds the enclaves that the client admitted by its plan's hash", () => {
    const { jobId, job, manifest, schedule } = receipt;
    const [told] = schedule as [EnclaveSchedule];
    const one = { jobId, table: manifest.stages, expiry: job.spec.expiry };
    const admitted = told.candidates.map(plannedEnclave);
    const [base] = admitted as [(typeof admitted)[number]];
    const plan = fromHex(told.plans[0] ?? "0x");
    const refused = [1, 4, 9, 10].map((workerId) => ({ ...base, workerId, key: toHex(new Uint8Array(20).fill(workerId)) })); // prettier-ignore
    const all = [...admitted, ...refused].toSorted((a, b) => a.workerId - b.workerId);
    expect(admittedEnclaves(one, all, plan)).to.deep.equal(admitted);
    expect(admittedEnclaves(one, admitted, plan)).to.deep.equal(admitted);
    // Nobody's plan: all are shown, and the receipt's check fails.
    for (const strange of [plans[0]?.bytes ?? new Uint8Array(), new Uint8Array(67), new Uint8Array()])
      expect(admittedEnclaves(one, refused, strange)).to.deep.equal(refused);
    expect(admittedEnclaves(one, [...all, ...all], plan)).to.have.lengthOf(2 * all.length);
  });
});
