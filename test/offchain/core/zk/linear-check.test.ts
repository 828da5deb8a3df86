// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { decodeAbi } from "../../../../offchain/core/abi.ts";
import { bytesToBig, fromHex, toHex, type Hex } from "../../../../offchain/core/bytes.ts";
import { claimHash } from "../../../../offchain/core/claim.ts";
import { hasCode, isAssayError } from "../../../../offchain/core/errors.ts";
import { challenge } from "../../../../offchain/core/zk/challenge.ts";
import { FIELD_R } from "../../../../offchain/core/zk/field.ts";
import { fingerprint } from "../../../../offchain/core/zk/fingerprint.ts";
import {
  linearCheckHash,
  linearFactors,
  linearFunctional,
  linearInputs,
  linearWordsHash,
  verifyLinearCheck,
  type LinearCheckProof,
} from "../../../../offchain/core/zk/linear-check.ts";
import { readG1 } from "../../../../offchain/core/zk/points.ts";
import { decodeProof, proofOfWords, wordsOfProof } from "../../../../offchain/core/zk/proof.ts";
import { verifyStageProof } from "../../../../offchain/core/zk/verify-proof.ts";
import { openKey } from "../../../../offchain/core/zk/verifying-key.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { proofCase } from "../../../support/proof-cases.ts";
import { hashOf, signerOf } from "../../../support/sample-receipt.ts";
import { OPERATORS, simulateLinearCheck, SIMULATED_SEED } from "../../../support/simulated-linear-check.ts";
import { simulateProof } from "../../../support/simulated-proof.ts";

const VERDICTS = ["PROOF_MALFORMED", "STATEMENT_MISMATCH", "LINEAR_CHECK_REJECTED"];

/** Refused, with a code that says why: anything else, acceptance included, fails the test. */
function refused(check: LinearCheckProof, what: string): string {
  try {
    verifyLinearCheck(check);
  } catch (error) {
    if (isAssayError(error) && VERDICTS.includes(error.code)) return error.code;
    throw error;
  }
  throw new TypeError(`${what} was accepted`);
}
const flipHex = (hex: Hex, at: number): Hex => {
  const bytes = fromHex(hex);
  return toHex(bytes.with(at, (bytes[at] ?? 0) ^ 1));
};

describe("verifyLinearCheck", function () {
  this.timeout(120_000);
  const check = simulateLinearCheck();
  const { statement, words, proof } = check;

  it("default: accepts a true proof for the r that it was made for", () => {
    verifyLinearCheck(check);
    expect(words.r).to.deep.equal(linearFactors(SIMULATED_SEED, statement, OPERATORS));
  });

  it("attack: any element of r or u one off, two of them swapped, or moved across the border of r and u", () => {
    const list = (name: "r" | "u", changed: readonly bigint[]) => ({ ...check, words: { ...words, [name]: changed } });
    for (const name of ["r", "u"] as const) {
      const own = words[name];
      for (const i of own.keys()) {
        const changed = own.with(i, ((own[i] ?? 0n) + 1n) % FIELD_R);
        expect(refused(list(name, changed), `${name} ${i}`)).to.equal("LINEAR_CHECK_REJECTED");
      }
      const swapped = own.with(0, own[1] ?? 0n).with(1, own[0] ?? 0n);
      expect(refused(list(name, swapped), `${name} swapped`)).to.equal("LINEAR_CHECK_REJECTED");
      expect(refused(list(name, own.slice(1)), `${name} short`)).to.equal("STATEMENT_MISMATCH");
      expect(refused(list(name, [...own, 0n]), `${name} long`)).to.equal("STATEMENT_MISMATCH");
      // Another spelling of the same element, and none of the field.
      for (const by of [FIELD_R, -FIELD_R])
        expect(refused(list(name, own.with(0, (own[0] ?? 0n) + by)), "unreduced")).to.equal("STATEMENT_MISMATCH");
    }
    const moved = { r: words.r.slice(0, -1), u: [words.r.at(-1) ?? 0n, ...words.u] };
    refused({ ...check, words: moved }, "moved");
  });

  it("attack: u fitted to v after the challenge: refused, because u is in the challenge; without it the lie would pass", () => {
    const { c1 } = proofOfWords(proof);
    const context = { domain: check.domain, statement, words, weights: check.weights };
    const [v = 0n, , rho = 0n] = linearInputs(check.key.keyId, context, c1);
    // One element up by one, the next one down by rho: the same sum at rho.
    const fitted = words.u.with(3, ((words.u[3] ?? 0n) + 1n) % FIELD_R);
    fitted[4] = ((fitted[4] ?? 0n) + FIELD_R - rho) % FIELD_R;
    const ends = [statement.inDigest, statement.outDigest].map((digest) => bytesToBig(fromHex(digest)));
    expect(fingerprint([...words.r, ...fitted, ...ends], rho)).to.equal(v);
    expect(refused({ ...check, words: { ...words, u: fitted } }, "fitted")).to.equal("LINEAR_CHECK_REJECTED");
  });

  it("attack: every byte of the statement flipped, another domain, key, circuit or commitment", () => {
    for (const [name, size] of [
      ["modelId", 32],
      ["client", 20],
      ["inDigest", 32],
      ["outDigest", 32],
    ] as const)
      for (let at = 0; at < size; at += 5) {
        const changed = { ...statement, [name]: flipHex(statement[name], at) };
        refused({ ...check, statement: changed }, `${name} byte ${at}`);
      }
    for (const stage of [0, 1, 3]) refused({ ...check, statement: { ...statement, stage } }, `stage ${stage}`);
    refused({ ...check, domain: flipHex(check.domain, 0) }, "domain");
    expect(refused({ ...check, circuitHash: flipHex(check.circuitHash, 31) }, "circuit")).to.equal(
      "STATEMENT_MISMATCH",
    );
    for (const shape of ["public", "joined"]) {
      const { key } = proofCase(3, shape).made;
      expect(refused({ ...check, key, circuitHash: key.record.circuitHash }, shape)).to.equal("STATEMENT_MISMATCH");
    }
    const { key } = proofCase(2, "salted").made;
    expect(refused({ ...check, key, circuitHash: key.record.circuitHash }, "backend")).to.equal("STATEMENT_MISMATCH");
    const { c1 } = proofOfWords(proof);
    expect(refused({ ...check, weights: c1 }, "C_w")).to.equal("LINEAR_CHECK_REJECTED");
    for (const weights of [
      { x: 0n, y: 0n },
      { x: 1n, y: 1n },
    ])
      expect(refused({ ...check, weights }, "no point")).to.equal("STATEMENT_MISMATCH");
  });

  it("attack: digests that are no field elements, a proof that is none", () => {
    const large = `0x${FIELD_R.toString(16)}` as const;
    for (const name of ["inDigest", "outDigest"])
      expect(refused({ ...check, statement: { ...statement, [name]: large } }, name)).to.equal("STATEMENT_MISMATCH");
    for (let at = 0; at < 320; at += 7) {
      const word = Math.floor(at / 32);
      const flipped = proof.map((value, i) => (i === word ? value ^ (1n << BigInt(8 * (31 - (at % 32)))) : value));
      refused({ ...check, proof: flipped }, `byte ${at}`);
    }
    expect(refused({ ...check, proof: proof.slice(1) }, "short")).to.equal("PROOF_MALFORMED");
    const c1 = { x: 0n, y: 0n };
    const infinite = wordsOfProof({ ...proofOfWords(proof), c1 });
    expect(refused({ ...check, proof: infinite }, "C1")).to.equal("PROOF_MALFORMED");
  });

  describe("neither kind of proof passes for the other", () => {
    it("attack: a linear check's proof as a job's, for no claim that names the same things, r and u being zeros", () => {
      const zeros = { r: words.r.map(() => 0n), u: words.u.map(() => 0n) };
      const empty = simulateLinearCheck("empty", { words: zeros });
      verifyLinearCheck(empty);
      const { modelId: jobId, stage, inDigest, outDigest, client: worker } = empty.statement;
      const evidence = { proof: [...empty.proof], tensors: [], joined: [] };
      const job = { key: empty.key, domain: empty.domain, evidence, weights: empty.weights };
      for (const id of [jobId, linearWordsHash(zeros)]) {
        const claim = { jobId: id, stage, inDigest, outDigest, worker };
        // The statement's words are the same; the challenge is what tells them apart.
        expect(claimHash(claim)).to.not.equal(linearCheckHash(empty.statement, zeros));
        expect(() => verifyStageProof({ ...job, claim }))
          .to.throw()
          .and.satisfy((error: unknown) => hasCode(error, "PROOF_REJECTED"));
      }
    });

    it("attack: a job's proof as a linear check of r = u = 0, and zeros check nothing anyway", async () => {
      const { made, statement: of } = proofCase(3, "salted");
      const stage = simulateProof(made, of);
      verifyStageProof(stage);
      const { jobId: modelId, stage: at, inDigest, outDigest, worker: client } = of.claim;
      const zeros = { r: words.r.map(() => 0n), u: words.u.map(() => 0n) };
      const asCheck = {
        ...check,
        domain: of.domain,
        statement: { modelId, stage: at, client, inDigest, outDigest },
        words: zeros,
        proof: stage.evidence.proof,
      };
      expect(refused(asCheck, "a job's proof")).to.equal("LINEAR_CHECK_REJECTED");
      await expectCode("STATEMENT_MISMATCH", () => linearFunctional(zeros, OPERATORS, 0));
    });
  });

  it("behavior: r follows the seed and all that it is for; operators that are not wanted have zeros", async () => {
    const of = (over: Partial<typeof statement>, seed = SIMULATED_SEED) =>
      linearFactors(seed, { ...statement, ...over }, OPERATORS);
    const all = [
      of({}),
      of({}, SIMULATED_SEED.with(0, 7)),
      of({ modelId: hashOf("other") }),
      of({ stage: 3 }),
      of({ client: signerOf(4) }),
    ].flat();
    expect(new Set(all).size).to.equal(all.length);
    expect(all.every((factor) => factor > 0n && factor < FIELD_R)).to.equal(true);
    expect(linearFactors(SIMULATED_SEED, statement, OPERATORS, [2])).to.deep.equal([
      0n,
      0n,
      0n,
      0n,
      ...words.r.slice(4),
    ]);
    await expectCode("LENGTH_WRONG", () => linearFactors(new Uint8Array(31), statement, OPERATORS));
  });

  it("behavior: each operator's functional is cut out of the words; one without r, or unknown, is refused", async () => {
    expect(linearFunctional(words, OPERATORS, 0)).to.deep.equal({
      r: words.r.slice(0, 4),
      u: words.u.slice(0, 3),
      constant: words.u[3],
    });
    expect(linearFunctional(words, OPERATORS, 2)).to.deep.equal({
      r: words.r.slice(4),
      u: words.u.slice(4, 8),
      constant: words.u[8],
    });
    await expectCode("STATEMENT_MISMATCH", () => linearFunctional(words, OPERATORS, 1));
    const half = { ...words, r: words.r.map((factor, i) => (i < 4 ? 0n : factor)) };
    await expectCode("STATEMENT_MISMATCH", () => linearFunctional(half, OPERATORS, 0));
  });

  it("default: R68 golden vectors: factors, hashes, challenges, and proofs that verify", () => {
    const lists = JSON.parse(
      readFileSync(new URL("../../../fixtures/vectors/zk-linear-check.json", import.meta.url), "utf8"),
    ) as Readonly<Record<string, readonly Hex[]>> & { readonly domain: Hex };
    const at = (name: string, i: number): Hex => lists[name]?.[i] ?? "0x";
    const wordsOf = (hex: Hex): bigint[] =>
      Array.from({ length: (hex.length - 2) / 64 }, (_, i) => BigInt(`0x${hex.slice(2 + 64 * i, 66 + 64 * i)}`));
    expect(lists["statements"]?.length).to.equal(3);
    for (const i of lists["statements"]?.keys() ?? []) {
      const types = ["bytes32", "uint16", "address", "bytes32", "bytes32"] as const;
      const [modelId, stage, client, inDigest, outDigest] = decodeAbi(types, fromHex(at("statements", i)));
      const own = { modelId, stage, client, inDigest, outDigest };
      const numbers = wordsOf(at("operators", i)).map(Number);
      const operators = Array.from({ length: numbers.length / 4 }, (_, k) => {
        const [op = 0, rows = 0, columns = 0, weights = 0] = numbers.slice(4 * k);
        return { op, rows, columns, weights };
      });
      const list = { r: wordsOf(at("rs", i)), u: wordsOf(at("us", i)) };
      expect(linearFactors(fromHex(at("seeds", i)), own, operators)).to.deep.equal(list.r);
      expect(linearWordsHash(list)).to.equal(at("wordsHashes", i));
      expect(linearCheckHash(own, list)).to.equal(at("hashes", i));
      const key = openKey(at("records", i));
      const [domain, weights] = [lists.domain, readG1(fromHex(at("weights", i)))];
      const made = decodeProof(fromHex(at("proofs", i)));
      const inputs = linearInputs(key.keyId, { domain, statement: own, words: list, weights }, made.c1);
      expect(inputs).to.deep.equal(wordsOf(at("inputs", i)));
      const { c, rho } = challenge({ domain, claimHash: at("hashes", i), keyId: key.keyId, weights, c1: made.c1 });
      expect(inputs.slice(1)).to.deep.equal([c, rho]);
      const circuitHash = key.record.circuitHash;
      verifyLinearCheck({
        key,
        circuitHash,
        operators,
        domain,
        statement: own,
        words: list,
        weights,
        proof: wordsOfProof(made),
      });
    }
  });
});
