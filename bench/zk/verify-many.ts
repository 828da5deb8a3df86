// SPDX-License-Identifier: GPL-3.0-or-later
import { availableParallelism } from "node:os";
import { verifyReceiptFiles } from "../../offchain/audit/verify-receipt-file.ts";
import { receiptOfProofs } from "../../offchain/core/build-receipt.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import { publicDigest } from "../../offchain/core/digest.ts";
import { jobId } from "../../offchain/core/job.ts";
import { modelId } from "../../offchain/core/model.ts";
import type { PairingEngine } from "../../offchain/core/ports/pairing.ts";
import { encodeReceipt } from "../../offchain/core/receipt.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { KIND_PUBLIC, PRODUCER_INPUT, PROOF, ZERO_BYTES32 } from "../../offchain/core/types.ts";
import { judgeProofs } from "../../offchain/core/zk/judge-proofs.ts";
import { BACKEND_TWO_ROUND } from "../../offchain/core/zk/key-record.ts";
import { noblePairing } from "../../offchain/core/zk/noble-pairing.ts";
import { decodeProofFile, encodeProofFile } from "../../offchain/core/zk/proof-file.ts";
import { verifyProofFiles } from "../../offchain/core/zk/verify-proof-files.ts";
import { findNativeAddon } from "../../offchain/engines/zk/prover/native-addon.ts";
import { NativePairing } from "../../offchain/engines/zk/verify/native-pairing.ts";
import type { BenchRow } from "../../scripts/bench.ts";
import { nativePoints } from "../../test/support/native-points.ts";
import { DEPLOYMENT, DOMAIN, sampleJob, sampleManifest, settled, signerOf } from "../../test/support/sample-receipt.ts";
import { boundaryOf, simulatedKey, simulateProofs } from "../../test/support/simulated-proof.ts";
import { median } from "./provers.ts";

const PROOFS = 1_000;
const LIMIT_MS = 5_000;
/** JavaScript takes this many, and its time is scaled: all would take half a minute. */
const SCALED_FROM = 40;
const RUNS = 3;

/** PUBLIC ends of digits' size: what the statement costs is in. */
const inputOf = (i: number): Tensor => ({
  dtype: "u8",
  dims: [1, 784],
  data: Uint8Array.from({ length: 784 }, (_, at) => i * 31 + at * 7),
});
const OUTPUT: Tensor = { dtype: "i8", dims: [1, 10], data: Int8Array.from({ length: 10 }, (_, at) => at) };

/** Jobs of one model, each proven on its own input, as the three things that auditors are given. */
function makeJobs(count: number, points: Parameters<typeof simulateProofs>[1]) {
  const made = simulatedKey("verify-many", BACKEND_TWO_ROUND, [boundaryOf(0, 0, inputOf(0)), boundaryOf(1, 0, OUTPUT)]);
  const base = sampleManifest(1);
  const stages = base.stages.map((info) => ({
    ...info,
    inKind: KIND_PUBLIC,
    outKind: KIND_PUBLIC,
    keyId: made.key.keyId,
  }));
  const manifest = { ...base, stages, acceptedMasks: 1 << PROOF };
  const [worker, out] = [signerOf(3), encodeTensor(OUTPUT)];
  const outDigest = publicDigest(out);
  const jobs = Array.from({ length: count }, (_, i) => {
    const input = encodeTensor(inputOf(i));
    const sample = sampleJob(manifest, 1);
    const policy = { ...sample.spec.policy, mask: PROOF };
    const inDigest = publicDigest(input);
    const job = { ...sample, nonce: BigInt(i), spec: { ...sample.spec, modelId: modelId(manifest), inDigest, policy } };
    return { job, input, id: jobId(DEPLOYMENT, job) };
  });
  const proofs = simulateProofs(
    jobs.map(({ job, input, id }) => ({
      made,
      seed: id,
      statement: {
        claim: { jobId: id, stage: 0, inDigest: job.spec.inDigest, outDigest, worker },
        domain: DOMAIN,
        tensors: [input, out],
        joined: [],
        producers: [PRODUCER_INPUT],
      },
    })),
    points,
  );
  const key = toHex(made.bytes);
  const given = jobs.map(({ job, id }, i) => ({
    job,
    id,
    evidence: proofs[i]?.evidence ?? { proof: [], tensors: [], joined: [] },
  }));
  const files = given.map(({ job, id, evidence }) => {
    const constant = { producers: [PRODUCER_INPUT], weightsX: ZERO_BYTES32, weightsY: ZERO_BYTES32 } as const;
    const stage = { worker, outDigest, ...constant, key, evidence };
    return encodeProofFile({ ...DEPLOYMENT, jobId: id, inDigest: job.spec.inDigest, stages: [stage] });
  });
  const receipts = given.map(({ job, evidence }) => {
    const seats = Array.from({ length: 12 }, (_, seat) => seat + 1);
    const proven = [{ workerId: 3, worker, outDigest, key, evidence, enclaves: [] }];
    const receipt = receiptOfProofs({ deployment: DEPLOYMENT, job, manifest, seats, stages: proven });
    return encodeReceipt(settled({ ...receipt, output: toHex(out), outputSalt: "0x" }));
  });
  return { proofs, files, receipts };
}
type Jobs = ReturnType<typeof makeJobs>;

/** What auditors do: each from what they are given, and how many of it were found to be true. */
const WAYS = {
  proofs_ms: async ({ proofs }: Jobs, pairing: PairingEngine): Promise<number> =>
    (await judgeProofs(proofs, pairing)).filter((verdict) => verdict === undefined).length,
  files_ms: async ({ files }: Jobs, pairing: PairingEngine): Promise<number> => {
    const cases = files.map((bytes) => ({ file: decodeProofFile(bytes) }));
    return (await verifyProofFiles(cases, {}, pairing)).filter(({ ok }) => ok).length;
  },
  receipts_ms: async ({ receipts }: Jobs, pairing: PairingEngine): Promise<number> =>
    (await verifyReceiptFiles(receipts, { pairing })).filter(({ ok }) => ok).length,
};

async function timed(runs: number, want: number, work: () => Promise<number>): Promise<number> {
  const samples: number[] = [];
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    const found = await work();
    samples.push(performance.now() - start);
    if (found !== want) throw new RangeError(`${found} of ${want} true proofs were found true`);
  }
  return median(samples);
}

/**
 * A thousand proofs as auditors get them: bare, in files of `assay prove`, in receipts of jobs; on every path, beside JavaScript. Decoding,
 * statements and checks of every point are in the time.
 */
export async function benchVerify(report: (row: BenchRow) => void, progress: (text: string) => void): Promise<void> {
  const { addon, reason } = findNativeAddon();
  if (addon === undefined) return progress(`verify: left out, there is no native prover: ${reason}`);
  progress(`verify: ${PROOFS} proofs`);
  const jobs = makeJobs(PROOFS, nativePoints(addon));
  const few: Jobs = {
    proofs: jobs.proofs.slice(0, SCALED_FROM),
    files: jobs.files.slice(0, SCALED_FROM),
    receipts: jobs.receipts.slice(0, SCALED_FROM),
  };
  const noble: Record<string, number> = {};
  for (const [metric, way] of Object.entries(WAYS)) {
    progress(`verify: ${metric} in JavaScript`);
    const ms = await timed(1, SCALED_FROM, () => way(few, noblePairing));
    noble[metric] = (ms * PROOFS) / SCALED_FROM;
  }
  for (const path of addon.paths()) {
    const pairing = new NativePairing(addon, { path, threads: availableParallelism() });
    for (const [metric, way] of Object.entries(WAYS)) {
      const value = await timed(RUNS, PROOFS, () => way(jobs, pairing));
      const stock = noble[metric] ?? 0;
      const baseline = `JavaScript ${Math.round(stock)}, scaled from ${SCALED_FROM}`;
      report({ case: `verify-${PROOFS}/${path}`, metric, value, unit: "ms", baseline, ratio: value / stock });
      report({
        case: `verify-${PROOFS}/${path}`,
        metric,
        value,
        unit: "ms",
        baseline: `limit ${LIMIT_MS}`,
        ratio: value / LIMIT_MS,
      });
    }
    await pairing.close();
  }
}
