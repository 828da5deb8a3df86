// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { SqliteCheckLedger } from "../../../../offchain/adapters/store/sqlite-check-ledger.ts";
import type { Hex } from "../../../../offchain/core/bytes.ts";
import { cipherDigest } from "../../../../offchain/core/she/digest.ts";
import { decodeSheObject, encodeSheObject } from "../../../../offchain/core/she/object.ts";
import { addressOfKey, signDigest } from "../../../../offchain/core/signature.ts";
import { mostLinearChecks } from "../../../../offchain/core/zk/check-allowance.ts";
import { encodeKeyRecord } from "../../../../offchain/core/zk/key-record.ts";
import { linearFactors, type LinearCheckProof } from "../../../../offchain/core/zk/linear-check.ts";
import {
  linearRequestDigest,
  openLinearAnswer,
  openLinearRequest,
  sealLinearAnswer,
  sealLinearRequest,
} from "../../../../offchain/core/zk/linear-check-wire.ts";
import { openKey } from "../../../../offchain/core/zk/verifying-key.ts";
import { MemoryKeyLedger } from "../../../../offchain/engines/she/client/key-ledger.ts";
import { LinearCheck } from "../../../../offchain/engines/she/client/linear-check.ts";
import { RefreshSession } from "../../../../offchain/engines/she/client/refresh-session.ts";
import {
  compileRefresh,
  type RefreshStage,
  type RefreshStep,
} from "../../../../offchain/engines/she/compile/refresh-plan.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import { chooseProver } from "../../../../offchain/engines/zk/prover/choose-prover.ts";
import { developmentSetup } from "../../../../offchain/engines/zk/setup/development-setup.ts";
import { proveLinearCheck } from "../../../../offchain/engines/zk/weights/prove-linear-check.ts";
import { registerWeights } from "../../../../offchain/engines/zk/weights/register-weights.ts";
import { runValues } from "../../../../offchain/engines/zk/witness/run-values.ts";
import { compileChecked } from "../../../support/circuit-run.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { clientFor, keysFor, runnersFor } from "../../../support/she/encrypted-run.ts";
import { dense, relu, retrained, signedOut, stage } from "../../../support/small-architectures.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const JOB: Hex = `0x${"cd".repeat(32)}`;
const DOMAIN: Hex = `0x${"d3".repeat(32)}`;
const CLIENT_KEY = new Uint8Array(32).fill(0xc1);
const SCOPE = { modelId: `0x${"0e".repeat(32)}`, stage: 0, client: addressOfKey(CLIENT_KEY) } as const;

/** Model owner, evaluating nodes and client of a model whose weights the client never sees. */
describe("verified refresh with private weights", function () {
  this.timeout(240_000);
  const program = retrained(stage([6], [dense(0, 6, 9, relu(9)), dense(1, 9, 8, signedOut(8))]), new Prng(3));
  const stages: RefreshStage[] = compileRefresh(program);
  const x = Int8Array.from({ length: 6 }, (_, i) => 40 * i - 100);
  let proof: LinearCheckProof;
  let final: Hex | undefined;

  before(async () => {
    const circuit = await compileChecked(program);
    const proving = await (
      await chooseProver().make()
    ).open(await developmentSetup(circuit, temporaryFolder()), {
      memoryMiB: 1024,
      threads: 2,
    });
    try {
      const weights = await registerWeights(circuit, proving);
      const seed = crypto.getRandomValues(new Uint8Array(32));
      const ledger = new SqliteCheckLedger({ path: `${temporaryFolder()}/checks.db` });
      const owner = { circuit, proving, weights, domain: DOMAIN, ledger, allowance: mostLinearChecks };
      // All that passes between client and owner: two sealed messages.
      const [ownerSide, clientSide] = [nodeCrypto.generateX25519(), nodeCrypto.generateX25519()];
      const wish = { scope: SCOPE, seed, ops: [0, 1], replyKey: clientSide.publicKey, deadline: 2_000_000_000n };
      const signature = signDigest(linearRequestDigest(DOMAIN, wish), CLIENT_KEY);
      const asked = sealLinearRequest(nodeCrypto, wish, { domain: DOMAIN, ownerKey: ownerSide.publicKey, signature });
      const request = openLinearRequest(nodeCrypto, asked, {
        domain: DOMAIN,
        modelId: SCOPE.modelId,
        stage: SCOPE.stage,
        privateKey: ownerSide.privateKey,
      });
      const answer = sealLinearAnswer(nodeCrypto, await proveLinearCheck(owner, request), { domain: DOMAIN, request });
      ledger.close();
      const {
        statement,
        u,
        proof: words,
      } = openLinearAnswer(nodeCrypto, answer, {
        domain: DOMAIN,
        request: { scope: SCOPE, seed },
        operators: circuit.checks,
        privateKey: clientSide.privateKey,
      });
      proof = {
        key: openKey(encodeKeyRecord(proving.record)),
        circuitHash: circuit.circuitHash,
        operators: circuit.checks,
        domain: DOMAIN,
        statement,
        words: { r: linearFactors(seed, SCOPE, circuit.checks), u },
        weights: weights.commitment,
        proof: words,
      };
    } finally {
      await proving.close();
    }
  });

  const [first] = stages;
  const client = clientFor(first?.compiled ?? expect.fail("no stage"));
  const runners = stages.flatMap(({ compiled }) => runnersFor(compiled, keysFor(compiled, client)));
  const evaluate = (index: number, input: Uint8Array): Uint8Array => {
    const output = runners[index]?.run(decodeSheObject(input, nodeHashes)) ?? expect.fail("nothing ran");
    final = cipherDigest(output, nodeHashes);
    return encodeSheObject(output);
  };
  const sessionOf = (ledger: MemoryKeyLedger) => {
    // All that the client has of the stages.
    const steps = stages.map(({ compiled: { plan }, finish, channels, inner, largest }): RefreshStep => ({
      compiled: { plan },
      finish,
      channels,
      inner,
      largest,
    }));
    const checks = stages.map(({ op }) => LinearCheck.proven(proof, op ?? -1));
    const finality = { finalDigestOf: async () => final };
    return new RefreshSession({ client, stages: steps, finality, ledger, hashes: nodeHashes, checks });
  };

  it("R43: every stage passes its owner's proven check, and the end is the integer program's result", async () => {
    const session = sessionOf(new MemoryKeyLedger());
    let values: ArrayLike<number> = x;
    for (const index of stages.keys())
      values = await session.finish(index, values, JOB, evaluate(index, await session.encrypt(index, values)));
    const { output } = runValues(program, [{ dtype: "i8", dims: [1, 6], data: x }]);
    expect(Array.from(values)).to.deep.equal(Array.from(output.data, Number));
  });

  it("error: CHECK_FAILED: a stage evaluated on another input is found without an honest majority, and the keys are retired first", async () => {
    const ledger = new MemoryKeyLedger();
    const session = sessionOf(ledger);
    const lie = evaluate(0, await session.encrypt(0, x.with(2, 7)));
    await expectCode("CHECK_FAILED", () => session.finish(0, x, JOB, lie));
    expect(await ledger.load()).to.deep.equal({ released: 0, retired: "check failed" });
    await expectCode("KEYS_RETIRED", () => session.encrypt(0, x));
  });

  it("attack: 200 accumulators one off, and biases that are another training's", () => {
    const map = stages[0]?.map;
    const check = LinearCheck.proven(proof, 0);
    const y = (bias: (o: number) => number): number[] =>
      (map?.rows ?? []).map(({ columns, weights }, o) =>
        columns.reduce((sum, column, k) => sum + (weights[k] ?? 0) * (x[column] ?? 0), bias(o)),
      );
    const honest = y((o) => Number(map?.bias[o] ?? 0n));
    expect(check.holds(x, honest)).to.equal(true);
    expect(
      check.holds(
        x,
        y(() => 0),
      ),
    ).to.equal(false);
    for (let i = 0; i < 200; i++) {
      const o = i % honest.length;
      expect(
        check.holds(x, honest.with(o, (honest[o] ?? 0) + (i % 2 === 0 ? 1 : -1) * (1 + Math.floor(i / 18)))),
      ).to.equal(false);
    }
    expect(check.holds(x.slice(1), honest)).to.equal(false);
  });

  it("error: LINEAR_CHECK_REJECTED, STATEMENT_MISMATCH: nothing is checked by a proof that does not hold, or an operator it has no r for", async () => {
    const { words } = proof;
    const u = words.u.with(0, 1n);
    await expectCode("LINEAR_CHECK_REJECTED", () => LinearCheck.proven({ ...proof, words: { ...words, u } }, 0));
    await expectCode("STATEMENT_MISMATCH", () => LinearCheck.proven(proof, 5));
    expect(stages.map(({ op }) => op)).to.deep.equal([0, 1]);
  });
});
