// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/canonical-*.json: what core's encodings and hashes give, as flat lists of hex that Solidity reads with
// vm.parseJsonBytes32Array and vm.parseJsonBytesArray. List i of one file belongs to list i of the others in it.
import { writeFileSync } from "node:fs";
import { encodeAbi } from "../../offchain/core/abi.ts";
import { bigToBytes, concatBytes, fromHex, toHex, utf8, type Hex } from "../../offchain/core/bytes.ts";
import {
  claimDigest,
  claimHash,
  commitDigest,
  commitment,
  commitSet,
  revealDigest,
} from "../../offchain/core/claim.ts";
import { blindedDigest, joinDigest, publicDigest, saltedDigest } from "../../offchain/core/digest.ts";
import { domainSeparator } from "../../offchain/core/eip712.ts";
import { jobId, recordHash, specHash } from "../../offchain/core/job.ts";
import { merkleProof, merkleRoot } from "../../offchain/core/merkle.ts";
import { modelId, stagesHash } from "../../offchain/core/model.ts";
import { jobTable, networkPart } from "../../offchain/core/network-part.ts";
import { poseidon } from "../../offchain/core/poseidon.ts";
import { encodeReceipt, receiptHash } from "../../offchain/core/receipt.ts";
import { sealBlob, sealContext } from "../../offchain/core/seal.ts";
import { packSignature, signDigest } from "../../offchain/core/signature.ts";
import { DTYPES, encodeTensor, type Dtype, type Tensor } from "../../offchain/core/tensor.ts";
import { JOB, MODEL_MANIFEST, RECORD, ZERO_BYTES32 } from "../../offchain/core/types.ts";
import { nodeCrypto } from "../../offchain/adapters/keys/node-crypto.ts";
import { bytesOf, repeatableCrypto } from "../../test/support/deterministic.ts";
import { partCases } from "../../test/support/network-parts.ts";
import { chainCases } from "../../test/support/split-receipt.ts";
import { judgedReceipt, provenReceipt } from "../../test/support/proven-receipt.ts";
import { refereedReceipt } from "../../test/support/refereed-receipt.ts";
import { BOARDED, sharedJob } from "../../test/support/shared-receipt.ts";
import {
  DEPLOYMENT,
  escalatedReceipt,
  fastReceipt,
  hashOf,
  keyOf,
  sampleJob,
  sampleManifest,
  signerOf,
} from "../../test/support/sample-receipt.ts";

function write(name: string, about: string, lists: Readonly<Record<string, readonly string[] | string>>): void {
  writeFileSync(`test/fixtures/vectors/canonical-${name}.json`, `${JSON.stringify({ about, ...lists }, null, 1)}\n`);
}

const indices = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const noise = (name: string, length: number): Uint8Array =>
  concatBytes(...indices(Math.ceil(length / 32)).map((i) => bytesOf(`${name} ${i}`))).slice(0, length);
const word = (value: bigint): Hex => toHex(bigToBytes(value, 32));

function tensors(): Tensor[] {
  const shapes = [[1], [7], [1, 30], [3, 4, 5], [1, 1, 28, 28], [1, 1, 1, 1, 1, 1, 1, 2]];
  return (Object.keys(DTYPES) as Dtype[]).flatMap((dtype) =>
    shapes.map((dims) => {
      const count = dims.reduce((product, dim) => product * dim, 1);
      const bytes = noise(`${dtype} ${dims.join()}`, count * DTYPES[dtype].bytes);
      // Any four bytes are an i32, but not a finite f32.
      if (dtype === "f32") {
        return { dtype, dims, data: Float32Array.from(new Int32Array(bytes.slice().buffer), (n) => n / 2 ** 20) };
      }
      return { dtype, dims, data: DTYPES[dtype].view(bytes.slice().buffer) };
    }),
  );
}

const bytesList = tensors().map((tensor) => encodeTensor(tensor));
const blindSalts = bytesList.map((_, i) => bytesOf(`blinded ${i}`));
const saltedSalts = bytesList.map((_, i) => bytesOf(`salted ${i}`).subarray(1));
write(
  "digest",
  "tensors[i] is a canonical tensor; its digests, and the joins of neighbours as (0xffff, PUBLIC), (i, BLINDED)",
  {
    shapes: tensors().map(({ dtype, dims }) => `${dtype}[${dims.join()}]`),
    tensors: bytesList.map(toHex),
    publicDigests: bytesList.map(publicDigest),
    blindedSalts: blindSalts.map(toHex),
    blindedDigests: bytesList.map((bytes, i) => blindedDigest(bytes, blindSalts[i] ?? bytes)),
    saltedSalts: saltedSalts.map(toHex),
    saltedDigests: bytesList.map((bytes, i) => saltedDigest(bytes, saltedSalts[i] ?? bytes)),
    joins: bytesList.map((bytes, i) =>
      joinDigest([
        { producer: 0xffff, kind: 0, digest: publicDigest(bytes) },
        { producer: i, kind: 2, digest: hashOf(`join ${i}`) },
      ]),
    ),
    joinSeconds: bytesList.map((_, i) => hashOf(`join ${i}`)),
  },
);

const poseidonInputs = indices(16).map((n) => indices(n + 1).map((i) => BigInt(hashOf(`${n} ${i}`)) >> 3n));
write("poseidon", "inputs[i] is i+1 words after another; outputs[i] their Poseidon (circomlib)", {
  inputs: poseidonInputs.map((list) => toHex(concatBytes(...list.map((value) => bigToBytes(value, 32))))),
  outputs: poseidonInputs.map((list) => word(poseidon(list))),
});

const trees = indices(9).map((n) => indices(n + 1).map((i) => noise(`leaf ${n} ${i}`, 5 * i)));
write("merkle", "tree i has i+1 leaves (ABI bytes[]); proof of its leaf indexes[i], siblings one after another", {
  leaves: trees.map((leaves) => toHex(encodeAbi([{ array: "bytes" }], [leaves.map(toHex)]))),
  roots: trees.map((leaves) => toHex(merkleRoot(leaves))),
  indexes: trees.map((_, i) => String(i >> 1)),
  siblings: trees.map((leaves, i) => toHex(concatBytes(...merkleProof(leaves, i >> 1).siblings))),
});

const jobs = indices(8).map((i) => {
  const manifest = { ...sampleManifest((i % 8) + 1), name: `model ${i}`, workUnits: BigInt(i) * 1000n };
  return { manifest, job: { ...sampleJob(manifest, i % 2 === 0 ? 3 : 5), nonce: 2n ** BigInt(i * 12) } };
});
write("job", "ABI bytes of Job and ModelManifest; ids for chain 31337 and this hub", {
  hub: DEPLOYMENT.hub,
  jobs: jobs.map(({ job }) => toHex(encodeAbi([JOB], [job]))),
  specHashes: jobs.map(({ job }) => specHash(job.spec)),
  jobIds: jobs.map(({ job }) => jobId(DEPLOYMENT, job)),
  manifests: jobs.map(({ manifest }) => toHex(encodeAbi([MODEL_MANIFEST], [manifest]))),
  stagesHashes: jobs.map(({ manifest }) => stagesHash(manifest.stages)),
  modelIds: jobs.map(({ manifest }) => modelId(manifest)),
});

const CLAIMS = 1000;
const domain = domainSeparator(DEPLOYMENT);
const claims = indices(CLAIMS).map((i) => {
  const worker = (i % 31) + 1;
  const claim = {
    jobId: hashOf(`job ${i}`),
    stage: i % 8,
    inDigest: hashOf(`in ${i}`),
    outDigest: hashOf(`out ${i}`),
    worker: signerOf(worker),
  };
  const round = i % 3;
  const payload = i % 2 === 0 ? ZERO_BYTES32 : hashOf(`payload ${i}`);
  const salt = hashOf(`salt ${i}`);
  const made = commitment(domain, { claim, round, payload, salt });
  return { claim, round, payload, salt, made, worker, set: commitSet([made, hashOf(`set ${i}`)]) };
});
write(
  "claim",
  "chain 31337; claim i is by stages[i], rounds[i]; commitSets[i] is of commitments[i] and setSeconds[i]",
  {
    hub: DEPLOYMENT.hub,
    domain,
    jobIds: claims.map(({ claim }) => claim.jobId),
    stages: claims.map(({ claim }) => String(claim.stage)),
    rounds: claims.map(({ round }) => String(round)),
    inDigests: claims.map(({ claim }) => claim.inDigest),
    outDigests: claims.map(({ claim }) => claim.outDigest),
    workers: claims.map(({ claim }) => claim.worker),
    payloads: claims.map(({ payload }) => payload),
    salts: claims.map(({ salt }) => salt),
    claimHashes: claims.map(({ claim }) => claimHash(claim)),
    claimDigests: claims.map(({ claim }) => toHex(claimDigest(domain, claim))),
    commitments: claims.map(({ made }) => made),
    setSeconds: claims.map((_, i) => hashOf(`set ${i}`)),
    commitSets: claims.map(({ set }) => set),
    commitDigests: claims.map(({ claim, round, made }) =>
      toHex(commitDigest(domain, { ...claim, round, commitment: made })),
    ),
    revealDigests: claims.map(({ claim, round, payload, set }) =>
      toHex(revealDigest(domain, { claim, round, payload, extra: ZERO_BYTES32, commitSet: set })),
    ),
    // Only of every tenth, over its reveal digest: r, then vs.
    signatures: claims
      .filter((_, i) => i % 10 === 0)
      .map(({ claim, round, payload, set, worker }) => {
        const digest = revealDigest(domain, { claim, round, payload, extra: ZERO_BYTES32, commitSet: set });
        return toHex(packSignature(signDigest(digest, keyOf(worker))));
      }),
  },
);

const recipients = ["seal key 0", "seal key 1"].map((name) => bytesOf(name));
const scope = { ...DEPLOYMENT, jobId: hashOf("sealed job"), boundary: 0xffff, lane: 0, sender: signerOf(1) };
const plains = [utf8(""), utf8("input"), noise("plain", 100)];
write("seal", "blobs[i] is plains[i] sealed to both keys with fixed randomness", {
  context: toHex(sealContext(scope)),
  privateKeys: recipients.map(toHex),
  plains: plains.map(toHex),
  blobs: plains.map((plain, i) =>
    toHex(
      sealBlob(repeatableCrypto(`seal ${i}`), {
        context: sealContext(scope),
        recipients: recipients.map((key) => nodeCrypto.x25519PublicKey(key)),
        plain,
      }),
    ),
  ),
});

const receipts = [fastReceipt(1, 5), fastReceipt(3, 3), escalatedReceipt(), provenReceipt(3), judgedReceipt()];
const shared = [
  sharedJob().receipt,
  sharedJob({ lost: 2, nonce: 8n }).receipt,
  sharedJob({ nonce: 9n, evidence: BOARDED }).receipt,
];
write(
  "receipt",
  "encoded receipts, true in every check: one stage of five seats, three stages of three, one escalation, three proven stages, a court's ruling; by its form only, one with a referee's games; true again, three stages that SIMULATED enclaves shared, by one plan, by three, and with evidence of AMD's and AWS's at a board",
  {
    receipts: receipts.map((receipt) => toHex(encodeReceipt(receipt))),
    receiptHashes: receipts.map(receiptHash),
    records: receipts.map(({ record }) => toHex(encodeAbi([RECORD], [record]))),
    recordHashes: receipts.map(({ record }) => recordHash(record)),
    outDigests: receipts.map(({ outDigest }) => outDigest),
    jobIds: receipts.map((receipt) => toHex(fromHex(receipt.jobId))),
    games: [toHex(encodeReceipt(refereedReceipt()))],
    gamesHashes: [receiptHash(refereedReceipt())],
    shared: shared.map((receipt) => toHex(encodeReceipt(receipt))),
    sharedHashes: shared.map(receiptHash),
  },
);

const parts = partCases(120);
write(
  "network",
  "ABI bytes of ModelManifest with client stages; what the registry keeps of each; fits: 1 if jobs can ask for it",
  {
    manifests: parts.map((manifest) => toHex(encodeAbi([MODEL_MANIFEST], [manifest]))),
    stagesHashes: parts.map((manifest) => stagesHash(jobTable(manifest))),
    stages: parts.map((manifest) => String(jobTable(manifest).length)),
    fits: parts.map(({ stages }) => (networkPart(stages) === null ? "0" : "1")),
  },
);

const chains = chainCases();
write(
  "chain",
  "receipts of a job between client stages, as they are and with boundaries swapped, omitted, repeated, reordered; the error code",
  {
    names: chains.map(({ name }) => name),
    receipts: chains.map(({ receipt }) => toHex(encodeReceipt(receipt))),
    codes: chains.map(({ code }) => code),
  },
);
