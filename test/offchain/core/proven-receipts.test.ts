// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { NO_COMMITTEE } from "../../../offchain/core/build-receipt.ts";
import { fromHex, toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { domainSeparator } from "../../../offchain/core/eip712.ts";
import { recordHash } from "../../../offchain/core/job.ts";
import { guaranteeOf } from "../../../offchain/core/receipt-json.ts";
import { decodeReceipt, encodeReceipt, type ProvenTally, type Receipt } from "../../../offchain/core/receipt.ts";
import { taggedHash } from "../../../offchain/core/tagged-hash.ts";
import {
  PROOF,
  REASON_EXPIRED,
  REASON_INPUT_UNAVAILABLE,
  REASON_UNRESOLVED,
  VOTE,
  ZERO_BYTES32,
  type Record as JobRecord,
} from "../../../offchain/core/types.ts";
import { verifyReceipt } from "../../../offchain/core/verify-receipt.ts";
import { KEY_CEREMONY } from "../../../offchain/core/zk/key-record.ts";
import { historyReceipt, type Sitting } from "../../support/forged-history.ts";
import {
  provenJob,
  provenModel,
  provenReceipt,
  provenTally,
  honestDigest,
  ruled,
} from "../../support/proven-receipt.ts";
import { DEPLOYMENT, fastReceipt, hashOf, settled, signerOf } from "../../support/sample-receipt.ts";

const failing = (receipt: Receipt, options = {}): string[] =>
  verifyReceipt(receipt, {}, options)
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name);
const withRecord = (receipt: Receipt, by: Partial<JobRecord>): Receipt => {
  const record = { ...receipt.record, ...by };
  return { ...receipt, record, recordHash: recordHash(record) };
};
const withProof = (receipt: Receipt, at: number, change: Partial<ProvenTally>): Receipt => ({
  ...receipt,
  proofs: receipt.proofs.map((proof, i) => (i === at ? { ...proof, ...change } : proof)),
});
const flip = (hex: Hex, at: number): Hex => {
  const bytes = fromHex(hex);
  return toHex(bytes.with(at, (bytes[at] ?? 0) ^ 1));
};
const out = (stages: number, stage: number): Hex => honestDigest(stage + 1, stages);
/** A digest below r that nothing hashes to. */
const OTHER = `0x00${hashOf("other").slice(4)}` as Hex;

describe("receipts of proofs", function () {
  this.timeout(120_000);
  const one = provenReceipt(1);
  const three = provenReceipt(3);

  it("default: R31 R33 R68 a job of proofs is true by its bytes alone, stage after stage", () => {
    for (const receipt of [one, three]) {
      const again = decodeReceipt(encodeReceipt(receipt));
      const report = verifyReceipt(again);
      expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
      expect(report.coverage.map(({ kind }) => kind)).to.deep.equal(receipt.manifest.stages.map(() => "EVIDENCED"));
      expect(guaranteeOf(receipt, report)).to.include({ endToEnd: true });
    }
  });

  it("behavior: R35 a development key is named, and refused where one asks or the chain is not local", () => {
    const report = verifyReceipt(three);
    const keys = report.checks.find(({ name }) => name === "keys");
    expect(keys?.ok).to.equal(true);
    expect(keys?.detail).to.include("DEVELOPMENT KEYS, stages 0, 1, 2");
    expect(report.coverage[0]?.evidence).to.deep.equal(["PROOF (DEVELOPMENT KEY)"]);
    expect(failing(three, { refuseDevelopmentKeys: true })).to.deep.equal(["keys"]);
    const ceremony = provenReceipt(2, { cls: KEY_CEREMONY });
    expect(failing(ceremony, { refuseDevelopmentKeys: true })).to.deep.equal([]);
    expect(verifyReceipt(ceremony).coverage[1]?.evidence).to.deep.equal(["PROOF"]);
    // The same story told of a public chain, with everything proven for that chain.
    const model = provenModel(1);
    const job = provenJob(model.manifest, PROOF, 1);
    const elsewhere = { chainId: 1n, hub: DEPLOYMENT.hub };
    const moved = provenTally({
      model,
      job,
      stage: 0,
      tally: 0,
      worker: signerOf(3),
      domain: domainSeparator(elsewhere),
    });
    const foreign = { ...withProof(one, 0, moved), chainId: 1n };
    expect(failing(foreign)).to.include("keys");
  });

  it("R32 R68: a proof of another job, stage, worker, chain, hub or input carries nothing", () => {
    const model = provenModel(3);
    const { job } = three;
    const prove = (by: object): ProvenTally =>
      provenTally({ model, job, stage: 1, tally: 1, worker: signerOf(5), ...by });
    expect(failing(withProof(three, 1, prove({})))).to.deep.equal([]);
    const wrong: readonly ProvenTally[] = [
      prove({ job: { ...job, nonce: 99n } }),
      { ...prove({ worker: signerOf(6) }), worker: signerOf(5) },
      prove({ domain: domainSeparator({ chainId: 1n, hub: DEPLOYMENT.hub }) }),
      prove({ domain: domainSeparator({ chainId: 31337n, hub: signerOf(1) }) }),
      prove({ inDigest: out(3, 1) }),
      { ...prove({ outDigest: OTHER }), outDigest: out(3, 1) },
      { ...prove({}), evidence: three.proofs[0]?.evidence ?? prove({}).evidence },
      { ...prove({}), evidence: three.proofs[2]?.evidence ?? prove({}).evidence },
    ];
    for (const [i, proof] of wrong.entries())
      expect(failing(withProof(three, 1, proof)), `proof ${i}`).to.deep.equal(["proofs"]);
  });

  it("R31 R68: proofs and keys that are altered, swapped or of another stage are named", () => {
    const [first, second] = three.proofs;
    if (first === undefined || second === undefined) throw new TypeError("fixture");
    expect(failing(withProof(three, 0, { key: second.key }))).to.deep.equal(["proofs"]);
    expect(failing(withProof(three, 0, { key: flip(first.key, 1) }))).to.deep.equal(["proofs"]);
    expect(failing(withProof(three, 0, { key: "0x" }))).to.deep.equal(["proofs"]);
    for (let i = 0; i < 10; i++) {
      const proof = first.evidence.proof.with(i, (first.evidence.proof[i] ?? 0n) ^ 1n);
      expect(failing(withProof(three, 0, { evidence: { ...first.evidence, proof } }))).to.deep.equal(["proofs"]);
    }
    for (const tensors of [[], [flip(first.evidence.tensors[0] ?? "0x00", 9)], ["0x" as Hex]])
      expect(failing(withProof(three, 0, { evidence: { ...first.evidence, tensors } }))).to.deep.equal(["proofs"]);
    // Under other weights than the model's.
    const [, , third] = three.manifest.stages;
    expect(third?.weightsX).to.not.equal(ZERO_BYTES32);
    const stages = three.manifest.stages.map((info) => ({ ...info, weightsX: ZERO_BYTES32, weightsY: ZERO_BYTES32 }));
    expect(failing({ ...three, manifest: { ...three.manifest, stages } }))
      .to.include("model")
      .and.include("proofs");
    const keyless = three.manifest.stages.map((info) => ({ ...info, keyId: ZERO_BYTES32 }));
    expect(failing({ ...three, manifest: { ...three.manifest, stages: keyless } })).to.include("proofs");
    const kinds = three.manifest.stages.map((info) => ({ ...info, outKind: 1 }));
    expect(failing({ ...three, manifest: { ...three.manifest, stages: kinds } })).to.include("proofs");
  });

  it("R33 R68: stages that are swapped, left out, repeated or proven out of turn are refused", () => {
    const { tallies, boundaries } = three.record;
    const [a, b, c] = tallies;
    const [p, q, r] = three.proofs;
    if (!a || !b || !c || !p || !q || !r) throw new TypeError("fixture");
    const told = (order: readonly (readonly [typeof a, ProvenTally])[], digests = boundaries): Receipt => ({
      ...withRecord(three, { tallies: order.map(([tally]) => tally), boundaries: digests }),
      committees: order.map(() => NO_COMMITTEE),
      proofs: order.map(([, proof], tally) => ({ ...proof, tally })),
      settlement: [],
    });
    expect(
      failing(
        told([
          [a, p],
          [b, q],
          [c, r],
        ]),
      ),
    ).to.deep.equal([]);
    expect(
      failing(
        told([
          [b, q],
          [a, p],
          [c, r],
        ]),
      ),
    ).to.not.deep.equal([]);
    expect(
      failing(
        told([
          [a, p],
          [c, r],
        ]),
      ),
    ).to.not.deep.equal([]);
    expect(
      failing(
        told([
          [a, p],
          [a, p],
          [b, q],
          [c, r],
        ]),
      ),
    ).to.include("tallies");
    expect(
      failing(
        told([
          [a, p],
          [b, q],
          [c, r],
          [c, r],
        ]),
      ),
    ).to.include("tallies");
    const short = [boundaries[0] ?? "0x", boundaries[1] ?? "0x"] as const;
    expect(
      failing(
        told(
          [
            [a, p],
            [b, q],
          ],
          short,
        ),
      ),
    ).to.include("result");
    expect(
      failing({
        ...told(
          [
            [a, p],
            [b, q],
          ],
          short,
        ),
        reason: REASON_EXPIRED,
        outDigest: ZERO_BYTES32,
        output: "0x",
      }),
    ).to.deep.equal([]);
    expect(
      failing({
        ...told(
          [
            [a, p],
            [b, q],
          ],
          short,
        ),
        reason: REASON_UNRESOLVED,
        outDigest: ZERO_BYTES32,
        output: "0x",
      }),
    ).to.deep.equal([]);
    expect(
      failing({
        ...told(
          [
            [a, p],
            [b, q],
          ],
          short,
        ),
        reason: REASON_INPUT_UNAVAILABLE,
        outDigest: ZERO_BYTES32,
        output: "0x",
      }),
    ).to.include("result");
  });

  it("R31 R68: without its proof a tally says nothing", () => {
    expect(failing({ ...one, proofs: [] })).to.include("tallies");
    const [tally] = one.record.tallies;
    if (tally === undefined) throw new TypeError("fixture");
    for (const by of [
      { said: [OTHER] },
      { said: [] },
      { seats: [4, 3] },
      { seats: [] },
      { seats: [13] },
      { bond: 1n },
      { challenger: signerOf(1) },
      { round: 1 },
      { round: 255 },
    ]) {
      const changed = withRecord(one, { tallies: [{ ...tally, ...by }] });
      expect(
        failing({ ...changed, settlement: [] }),
        JSON.stringify(by, (_, v: unknown) => String(v)),
      ).to.include("tallies");
    }
  });

  it("R18 R68: provers are candidates, each with one key", () => {
    expect(failing(withRecord(one, { seats: [1, 2, 3] }))).to.include("seats");
    expect(failing(withRecord(one, { seats: Array.from({ length: 12 }, () => 3) }))).to.include("seats");
    const told = (ids: readonly number[]): Receipt => ({
      ...withRecord(three, { tallies: three.record.tallies.map((tally, i) => ({ ...tally, seats: [ids[i] ?? 0] })) }),
      settlement: [],
    });
    expect(failing(told([3, 5, 7]))).to.deep.equal([]);
    // Three keys of one worker.
    expect(failing(told([3, 3, 7]))).to.deep.equal(["seats"]);
    const signers = new Map([[3, signerOf(4)]]);
    expect(verifyReceipt(one, { signers }).ok).to.equal(false);
    expect(verifyReceipt(one, { signers: new Map([[3, signerOf(3)]]) }).ok).to.equal(true);
  });

  it("R31: votes do not pass for proofs, nor proofs for votes", () => {
    const voted = fastReceipt(1, 3);
    const [proof] = one.proofs;
    if (proof === undefined) throw new TypeError("fixture");
    expect(failing({ ...voted, committees: [NO_COMMITTEE], proofs: [proof] })).to.include("tallies");
    const mask = {
      ...one,
      job: { ...one.job, spec: { ...one.job.spec, policy: { ...one.job.spec.policy, mask: VOTE } } },
    };
    expect(failing(mask)).to.include("tallies").and.include("policy");
    const both = { ...voted, proofs: [proof] };
    expect(failing(both)).to.deep.equal(["form"]);
  });

  it("R69: a flood of proofs is refused before any is checked", () => {
    const [proof] = one.proofs;
    const [tally] = one.record.tallies;
    if (proof === undefined || tally === undefined) throw new TypeError("fixture");
    const n = 2_000;
    const flood = {
      ...withRecord(one, { tallies: Array.from({ length: n }, () => ({ ...tally, stage: 0 })) }),
      committees: Array.from({ length: n }, () => NO_COMMITTEE),
      proofs: Array.from({ length: n }, (_, at) => ({ ...proof, tally: at })),
      settlement: [],
    };
    const started = performance.now();
    expect(failing(flood)).to.include("tallies");
    expect(performance.now() - started).to.be.lessThan(10_000);
  });
});

describe("receipts of courts", function () {
  this.timeout(120_000);
  const stages = 2;
  const k = 5;
  const model = provenModel(stages);
  const { manifest } = model;
  const job = provenJob(manifest, VOTE, k);
  const truth = [out(stages, 0), out(stages, 1)] as const;
  const tell = (sittings: readonly Sitting[], boundaries: readonly Hex[], reason: number): Receipt =>
    historyReceipt({ stages, k, sittings, boundaries, reason, manifest, job });
  const inDigest = honestDigest(0, stages);
  const honest: readonly Sitting[] = [
    { stage: 0, round: 0, inDigest, out: truth[0] },
    { stage: 1, round: 0, inDigest: truth[0], out: truth[1] },
  ];
  const lie: readonly Sitting[] = [honest[0] as Sitting, { stage: 1, round: 0, inDigest: truth[0], out: OTHER }];
  const court = { model, stage: 1, outDigest: truth[1] };

  it("default: R24 R31 R68 a proof overturns a committee that agreed on a lie", () => {
    const voted = tell(lie, [truth[0], OTHER], 0);
    expect(failing(voted)).to.deep.equal([]);
    const corrected = settled(ruled({ ...court, voted }));
    expect(corrected.outDigest).to.equal(truth[1]);
    expect(failing(corrected)).to.deep.equal([]);
    const report = verifyReceipt(corrected);
    expect(report.coverage.map(({ evidence }) => evidence)).to.deep.equal([["VOTE"], ["PROOF (DEVELOPMENT KEY)"]]);
    // Everyone who voted for the lie lost the stake.
    expect(corrected.settlement[0]?.taken.slice(k)).to.deep.equal(Array.from({ length: k }, () => 44_000_000n));
  });

  it("behavior: R24 a court confirms, decides what hangs, interrupts an escalation, or voids what followed", () => {
    const voted = tell(honest, truth, 0);
    expect(failing(ruled({ ...court, voted }))).to.deep.equal([]);
    const split: Sitting = { stage: 1, round: 0, inDigest: truth[0], out: truth[1], other: OTHER, dissenters: 2 };
    const hung = tell([honest[0] as Sitting, split], [truth[0]], REASON_UNRESOLVED);
    expect(failing(hung)).to.deep.equal([]);
    expect(failing(ruled({ ...court, voted: hung }))).to.deep.equal([]);
    const interrupted = tell([...lie, { stage: 1, round: 1, out: OTHER, empty: true }], [truth[0], OTHER], 0);
    expect(failing(interrupted)).to.deep.equal(["result"]);
    expect(failing(ruled({ ...court, voted: interrupted }))).to.deep.equal([]);
    const first: readonly Sitting[] = [
      { stage: 0, round: 0, inDigest, out: OTHER },
      { stage: 1, round: 0, inDigest: OTHER, out: truth[1] },
    ];
    const voided = ruled({ model, voted: tell(first, [OTHER, truth[1]], 0), stage: 0, outDigest: truth[0] });
    expect(voided.reason).to.equal(REASON_UNRESOLVED);
    expect(failing(voided)).to.deep.equal([]);
    // No hub lets a proof judge a SALTED output: its prover chose the salt.
    const salted = { ...manifest, stages: manifest.stages.map((info, s) => ({ ...info, outKind: s === 1 ? 1 : 0 })) };
    const unsound = { ...ruled({ ...court, voted }), manifest: salted };
    const [tallies] = verifyReceipt(unsound).checks.filter(({ name }) => name === "tallies");
    expect(tallies?.detail).to.include("PUBLIC output only");
    // Two stages, two courts.
    expect(failing(ruled({ model, voted: ruled({ ...court, voted }), stage: 0, outDigest: truth[0] }))).to.deep.equal(
      [],
    );
  });

  it("R24 R68: a ruling that no hub would have entered", () => {
    const voted = tell(lie, [truth[0], OTHER], 0);
    const good = ruled({ ...court, voted });
    const last = good.record.tallies.length - 1;
    const change = (by: object): Receipt =>
      withRecord(good, { tallies: good.record.tallies.map((tally, t) => (t === last ? { ...tally, ...by } : tally)) });
    for (const by of [
      { said: [] },
      { said: [OTHER] },
      { said: [truth[1], OTHER] },
      { challenger: signerOf(3) },
      { bond: 1n },
      { seats: [9], said: [truth[1]] },
    ])
      expect(failing(change(by)), Object.keys(by).join()).to.include("tallies");
    expect(failing(withRecord(good, { decided: 0 }))).to.deep.equal(["tallies"]);
    expect(failing(withRecord(good, { decided: 3 }))).to.deep.equal(["tallies"]);
    expect(failing(withRecord(good, { boundaries: [truth[0], OTHER] }))).to.include("result");
    expect(failing({ ...good, proofs: [] })).to.include("tallies");
    // Twice in one stage; before anyone voted there; on a stage that is not reached.
    expect(failing(ruled({ ...court, voted: good }))).to.include("tallies");
    const early = tell([honest[0] as Sitting], [truth[0]], REASON_UNRESOLVED);
    expect(failing(ruled({ ...court, voted: early }))).to.include("tallies");
    expect(failing(ruled({ model, voted: early, stage: 0, outDigest: truth[0] }))).to.include("tallies");
    // Votes after a ruling, in the ruled stage.
    const committee: Sitting = { stage: 1, round: 1, inDigest: truth[0], out: OTHER };
    const after = tell([...lie, committee], [truth[0], OTHER], 0);
    const [, , third] = after.record.tallies;
    const reversed: Receipt = {
      ...withRecord(good, {
        tallies: [...good.record.tallies, third as (typeof good.record.tallies)[0]],
        boundaries: [truth[0], OTHER],
      }),
      committees: [...good.committees, after.committees[2] ?? NO_COMMITTEE],
      outDigest: OTHER,
    };
    expect(failing(reversed)).to.include("tallies");
  });

  it("R32 R68: a ruling's proof is for its prover, its hub and its job", () => {
    const good = ruled({ ...court, voted: tell(lie, [truth[0], OTHER], 0) });
    const at = good.proofs.length - 1;
    const prove = (by: object): ProvenTally =>
      provenTally({ model, job, stage: 1, tally: 2, worker: signerOf(77), ...by });
    expect(failing(withProof(good, at, prove({})))).to.deep.equal([]);
    for (const proof of [
      { ...prove({ worker: signerOf(1) }), worker: signerOf(77) },
      prove({ domain: OTHER }),
      prove({ job: { ...job, nonce: 8_888n } }),
    ])
      expect(failing(withProof(good, at, proof))).to.deep.equal(["proofs"]);
    expect(failing(withProof(good, at, { worker: signerOf(1) }))).to.include("tallies");
  });

  it("R24: with a probe, the words that stand for the digest are those that seats opened with it", () => {
    const probed = { ...manifest, stages: manifest.stages.map((info) => ({ ...info, probe: 0 })) };
    const probedModel = { ...model, manifest: probed };
    const probedJob = provenJob(probed, VOTE, k);
    const payload = hashOf("payload");
    const tellProbed = (dissenters: number): Receipt => {
      const [first, second] = lie.map((sitting) => ({ ...sitting, payload })) as [Sitting, Sitting];
      const sittings = [first, { ...second, other: truth[1], dissenters }];
      const story = { stages, k, sittings, boundaries: [truth[0], OTHER], reason: 0 };
      return historyReceipt({ ...story, manifest: probed, job: probedJob });
    };
    const word = taggedHash("assay.v1.said", [truth[1], payload]);
    const ruling = { model: probedModel, stage: 1, outDigest: truth[1] };
    // Nobody said it: no word stands for the proven digest, and everybody was wrong.
    const alone = { ...ruling, voted: tellProbed(0) };
    expect(failing(alone.voted)).to.deep.equal([]);
    expect(failing(ruled({ ...alone, said: [] }))).to.deep.equal([]);
    for (const said of [[truth[1]], [word]]) expect(failing(ruled({ ...alone, said }))).to.include("tallies");
    // One did: leaving its word out would have an honest seat slashed.
    const joined = { ...ruling, voted: tellProbed(1) };
    const good = settled(ruled({ ...joined, said: [word] }));
    expect(failing(good)).to.deep.equal([]);
    expect(good.settlement[0]?.taken.slice(k).filter((taken) => taken === 0n).length).to.equal(1);
    for (const said of [[], [truth[1]], [word, word]])
      expect(failing(ruled({ ...joined, said }))).to.include("tallies");
  });

  it("behavior: a job of votes and proofs is one of votes that a court may judge", () => {
    const both = provenJob(manifest, VOTE | PROOF, k);
    const voted = historyReceipt({
      stages,
      k,
      sittings: lie,
      boundaries: [truth[0], OTHER],
      reason: 0,
      manifest,
      job: both,
    });
    expect(failing(voted)).to.deep.equal([]);
    expect(failing(ruled({ model, voted, stage: 1, outDigest: truth[1] }))).to.deep.equal([]);
  });
});
