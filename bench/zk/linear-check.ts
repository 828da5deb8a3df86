// SPDX-License-Identifier: GPL-3.0-or-later
// Linear checks of private weights, from a client's sealed request to its verified answer, through the desk that a worker serves them with.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeCrypto } from "../../offchain/adapters/keys/node-crypto.ts";
import { silentLogger } from "../../offchain/adapters/observe/silent-logger.ts";
import { SqliteCheckLedger } from "../../offchain/adapters/store/sqlite-check-ledger.ts";
import { sealKeyId } from "../../offchain/core/seal.ts";
import { addressOfKey, signDigest } from "../../offchain/core/signature.ts";
import { mostLinearChecks } from "../../offchain/core/zk/check-allowance.ts";
import { linearFactors } from "../../offchain/core/zk/linear-check.ts";
import {
  encodeLinearCall,
  linearRequestDigest,
  openLinearAnswer,
  sealLinearRequest,
} from "../../offchain/core/zk/linear-check-wire.ts";
import { encodeKeyRecord } from "../../offchain/core/zk/key-record.ts";
import { openKey } from "../../offchain/core/zk/verifying-key.ts";
import { LinearCheck } from "../../offchain/engines/she/client/linear-check.ts";
import { compileCircuit } from "../../offchain/engines/zk/circuit/compile-circuit.ts";
import { chooseProver } from "../../offchain/engines/zk/prover/choose-prover.ts";
import { ProverService } from "../../offchain/engines/zk/service/prover-service.ts";
import { developmentSetup } from "../../offchain/engines/zk/setup/development-setup.ts";
import { choosePairing } from "../../offchain/engines/zk/verify/choose-pairing.ts";
import { registerWeights } from "../../offchain/engines/zk/weights/register-weights.ts";
import { LinearCheckDesk } from "../../offchain/node/linear-check-desk.ts";
import type { BenchRow } from "../../scripts/bench.ts";
import { stageSample } from "../../test/support/model-stage.ts";
import { median } from "./provers.ts";

const DOMAIN = `0x${"d0".repeat(32)}` as const;
const MODEL = `0x${"0e".repeat(32)}` as const;
const RUNS = 5;
const LIFE = 300;

/** Rows `<model>/linear-check`: constraints with and without the mode, request to answer, answer's bytes, its verification, one check. */
export async function benchLinearCheck(
  model: string,
  report: (row: BenchRow) => void,
  progress: (text: string) => void,
): Promise<void> {
  const name = `${model}/linear-check`;
  const folder = mkdtempSync(join(tmpdir(), "assay-bench-"));
  const made = chooseProver();
  const service = new ProverService(await made.make(), { memoryMiB: 4_096, pairing: choosePairing() });
  const ledger = new SqliteCheckLedger({ path: join(folder, "checks.sqlite") });
  try {
    progress(`${name}: compile and development setup`);
    const { stage } = await stageSample(model);
    const ends = { weights: "private", inKinds: ["SALTED"], outKind: "SALTED" } as const;
    const plain = await compileCircuit(stage.program, ends);
    const circuit = await compileCircuit(stage.program, { ...ends, linearCheck: true });
    const [with_, without] = [circuit.report.constraints, plain.report.constraints];
    const baseline = `without the mode ${without}`;
    report({ case: name, metric: "constraints", value: with_, unit: "constraints", baseline, ratio: with_ / without });
    const keys = await developmentSetup(circuit, folder);
    const proving = await (await made.make()).open(keys, { memoryMiB: 4_096, threads: 2 });
    const weights = await registerWeights(circuit, proving);
    const key = openKey(encodeKeyRecord(proving.record));
    await proving.close();

    const owner = nodeCrypto.generateX25519();
    const desks = Array.from({ length: RUNS + 1 }, (_, run) => {
      const secret = new Uint8Array(32).fill(run + 1);
      const client = addressOfKey(secret);
      const seal = { keyId: sealKeyId(owner.publicKey), publicKey: owner.publicKey };
      const desk = new LinearCheckDesk(
        { domain: DOMAIN, clients: [client] },
        {
          prover: {
            load: 0,
            maxLoad: 1,
            offersChecks: () => true,
            proveCheck: async (request, signal) =>
              service.proveCheck({
                circuit,
                keys,
                weights,
                domain: DOMAIN,
                ledger,
                allowance: mostLinearChecks,
                request,
                signal,
              }),
          },
          keys: { sealKeys: [{ ...seal, use: (action) => action(owner.privateKey) }] },
          crypto: nodeCrypto,
          clock: { nowMs: Date.now },
          logger: silentLogger,
          signal: new AbortController().signal,
        },
      );
      return { desk, secret, scope: { modelId: MODEL, stage: 0, client } };
    });
    const ops = circuit.checks.filter((operator) => mostLinearChecks(operator) > 0).map(({ op }) => op);
    const [op = 0] = ops;
    const columns = circuit.checks.find((operator) => operator.op === op)?.columns ?? 0;
    const rows = circuit.checks.find((operator) => operator.op === op)?.rows ?? 0;
    const [answerMs, verifyMs, checkMs]: [number[], number[], number[]] = [[], [], []];
    let bytes = 0;
    for (const [run, { desk, secret, scope }] of desks.entries()) {
      progress(`${name}: check ${run} of ${RUNS}`);
      const start = performance.now();
      const [reply, seed] = [nodeCrypto.generateX25519(), nodeCrypto.randomBytes(32)];
      const deadline = BigInt(Math.floor(Date.now() / 1_000) + LIFE);
      const request = { scope, seed, ops, replyKey: reply.publicKey, deadline };
      const signature = signDigest(linearRequestDigest(DOMAIN, request), secret);
      const sealed = sealLinearRequest(nodeCrypto, request, { domain: DOMAIN, ownerKey: owner.publicKey, signature });
      const answer = await desk.answer(encodeLinearCall(scope, sealed));
      const got = performance.now();
      const where = { domain: DOMAIN, request, operators: circuit.checks, privateKey: reply.privateKey };
      const { statement, u, proof } = openLinearAnswer(nodeCrypto, answer, where);
      const check = LinearCheck.proven(
        {
          key,
          circuitHash: circuit.circuitHash,
          operators: circuit.checks,
          domain: DOMAIN,
          statement,
          words: { r: linearFactors(seed, scope, circuit.checks, ops), u },
          weights: weights.commitment,
          proof,
        },
        op,
      );
      const verified = performance.now();
      // Zeros have the biases for accumulators, which no client knows: what is timed is a check that fails.
      if (check.holds(new Int8Array(columns), new Int32Array(rows).fill(1)))
        throw new TypeError("a false stage passed");
      const checked = performance.now();
      bytes = answer.length;
      // The first one opens the key and compiles what is used.
      if (run === 0) continue;
      answerMs.push(got - start);
      verifyMs.push(verified - got);
      checkMs.push(checked - verified);
    }
    const by = made.native?.path ?? made.name;
    report({ case: name, metric: "request_to_answer_ms", value: median(answerMs), unit: `ms on ${by}` });
    report({ case: name, metric: "answer_bytes", value: bytes, unit: "bytes" });
    report({ case: name, metric: "verify_ms", value: median(verifyMs), unit: "ms" });
    report({ case: name, metric: "check_ms", value: median(checkMs), unit: "ms" });
  } finally {
    ledger.close();
    await service.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
