// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import {
  concat,
  encodeAbiParameters,
  hashTypedData,
  keccak256,
  parseSignature,
  recoverAddress,
  serializeCompactSignature,
  signatureToCompactSignature,
  toBytes,
  toHex as viemHex,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { bigToBytes, toHex } from "../../../offchain/core/bytes.ts";
import {
  claimDigest,
  claimHash,
  commitDigest,
  commitment,
  commitSet,
  revealDigest,
} from "../../../offchain/core/claim.ts";
import { jobId, specHash } from "../../../offchain/core/job.ts";
import {
  addressOfKey,
  packSignature,
  recoverSigner,
  signDigest,
  unpackSignature,
} from "../../../offchain/core/signature.ts";
import { ZERO_BYTES32 } from "../../../offchain/core/types.ts";
import { bytesOf } from "../../support/deterministic.ts";
import { expectCode } from "../../support/expect-code.ts";
import { DEPLOYMENT, DOMAIN, hashOf, sampleJob, sampleManifest } from "../../support/sample-receipt.ts";

const domain = { name: "Assay", version: "1", chainId: DEPLOYMENT.chainId, verifyingContract: DEPLOYMENT.hub };
const Claim = [
  { name: "jobId", type: "bytes32" },
  { name: "stage", type: "uint16" },
  { name: "inDigest", type: "bytes32" },
  { name: "outDigest", type: "bytes32" },
  { name: "worker", type: "address" },
] as const;
const Commit = [
  { name: "jobId", type: "bytes32" },
  { name: "stage", type: "uint16" },
  { name: "round", type: "uint8" },
  { name: "commitment", type: "bytes32" },
] as const;
const Reveal = [
  { name: "claim", type: "Claim" },
  { name: "round", type: "uint8" },
  { name: "payload", type: "bytes32" },
  { name: "extra", type: "bytes32" },
  { name: "commitSet", type: "bytes32" },
] as const;

describe("claim", () => {
  const key = bytesOf("key");
  const claim = {
    jobId: hashOf("job"),
    stage: 2,
    inDigest: hashOf("in"),
    outDigest: hashOf("out"),
    worker: addressOfKey(key),
  };
  const commit = { jobId: claim.jobId, stage: 2, round: 1, commitment: hashOf("commitment") };
  const reveal = { claim, round: 1, payload: hashOf("payload"), extra: ZERO_BYTES32, commitSet: hashOf("set") };

  it("default: R22 the three digests are EIP-712's", () => {
    expect(toHex(claimDigest(DOMAIN, claim))).to.equal(
      hashTypedData({ domain, types: { Claim }, primaryType: "Claim", message: claim }),
    );
    expect(toHex(commitDigest(DOMAIN, commit))).to.equal(
      hashTypedData({ domain, types: { Commit }, primaryType: "Commit", message: commit }),
    );
    expect(toHex(revealDigest(DOMAIN, reveal))).to.equal(
      hashTypedData({ domain, types: { Claim, Reveal }, primaryType: "Reveal", message: reveal }),
    );
  });

  it("behavior: R22 commitment and commit set are the protocol's formulas", () => {
    const types = ["bytes32", "bytes32", "bytes32", "uint8", "bytes32", "bytes32"].map((type) => ({ type }));
    const made = commitment(DOMAIN, { claim, round: 1, payload: hashOf("p"), salt: hashOf("s") });
    expect(made).to.equal(
      keccak256(
        encodeAbiParameters(types, [
          keccak256(toBytes("assay.v1.commit")),
          DOMAIN,
          claimHash(claim),
          1,
          hashOf("p"),
          hashOf("s"),
        ]),
      ),
    );
    expect(commitSet([made, hashOf("x")])).to.equal(
      keccak256(concat([keccak256(toBytes("assay.v1.commit-set")), made, hashOf("x")])),
    );
  });

  it("behavior: R22 no field of a commitment can change", () => {
    const base = { claim, round: 1, payload: hashOf("p"), salt: hashOf("s") };
    const variants = [
      base,
      { ...base, round: 2 },
      { ...base, payload: hashOf("q") },
      { ...base, salt: hashOf("t") },
      ...(["jobId", "inDigest", "outDigest"] as const).map((field) => ({
        ...base,
        claim: { ...claim, [field]: hashOf("z") },
      })),
      { ...base, claim: { ...claim, stage: 3 } },
      { ...base, claim: { ...claim, worker: DEPLOYMENT.hub } },
    ];
    const made = [...variants.map((vote) => commitment(DOMAIN, vote)), commitment(hashOf("chain"), base)];
    expect(new Set(made).size).to.equal(made.length);
  });

  it("behavior: signatures are deterministic, compact, and recover as in viem", async () => {
    for (let i = 0; i < 20; i++) {
      const [secret, digest] = [bytesOf(`key ${i}`), bytesOf(`digest ${i}`)];
      const signature = signDigest(digest, secret);
      const account = privateKeyToAccount(toHex(secret));
      const theirs = signatureToCompactSignature(parseSignature(await account.sign({ hash: toHex(digest) })));
      expect(toHex(packSignature(signature))).to.equal(serializeCompactSignature(theirs));
      expect(recoverSigner(digest, unpackSignature(packSignature(signature)))).to.equal(account.address.toLowerCase());
      expect(addressOfKey(secret)).to.equal(account.address.toLowerCase());
    }
  });

  it("error: SIGNATURE_INVALID for the malleated twin and everything ecrecover refuses", async () => {
    const digest = bytesOf("digest");
    const { r, vs } = signDigest(digest, key);
    const n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const s = BigInt(vs) & (2n ** 255n - 1n);
    // The twin (r, n-s, other parity) recovers the same address under plain ecrecover; its s does not fit beside the parity bit, or is high.
    const twin = n - s;
    const v = BigInt(vs) >> 255n === 0n ? 28n : 27n;
    expect(await recoverAddress({ hash: toHex(digest), signature: { r, s: viemHex(twin, { size: 32 }), v } })).to.match(
      new RegExp(addressOfKey(key), "i"),
    );
    const high = toHex(bigToBytes((n >> 1n) + 1n, 32));
    for (const wrong of [
      { r, vs: high },
      { r, vs: ZERO_BYTES32 },
      { r: ZERO_BYTES32, vs },
      { r: toHex(bigToBytes(n, 32)), vs },
    ])
      await expectCode("SIGNATURE_INVALID", () => recoverSigner(digest, wrong));
    await expectCode("LENGTH_WRONG", () => unpackSignature(new Uint8Array(65)));
    await expectCode("LENGTH_WRONG", () => signDigest(new Uint8Array(31), key));
    await expectCode("PRIVATE_KEY_INVALID", () => signDigest(digest, new Uint8Array(32)));
    await expectCode("PRIVATE_KEY_INVALID", () => addressOfKey(bigToBytes(n, 32)));
  });

  it("behavior: R1 every field of a job changes its id; chain and hub too", () => {
    const job = sampleJob(sampleManifest(1), 5);
    const { spec } = job;
    const ids = new Set([
      jobId(DEPLOYMENT, job),
      jobId({ ...DEPLOYMENT, chainId: 1n }, job),
      jobId({ ...DEPLOYMENT, hub: job.requester }, job),
      jobId(DEPLOYMENT, { ...job, nonce: 8n }),
      jobId(DEPLOYMENT, { ...job, requester: DEPLOYMENT.hub }),
    ]);
    expect(ids.size).to.equal(5);
    const bump = (value: unknown): unknown =>
      typeof value === "number"
        ? value + 1
        : typeof value === "bigint"
          ? value + 1n
          : String(value).replace(/.$/, (c) => (c === "0" ? "1" : "0"));
    const specs = Object.entries(spec).flatMap(([name, value]) =>
      name === "policy"
        ? Object.entries(spec.policy).map(([field, inner]) => ({
            ...spec,
            policy: { ...spec.policy, [field]: bump(inner) },
          }))
        : [{ ...spec, [name]: bump(value) }],
    );
    expect(new Set([spec, ...specs].map(specHash)).size).to.equal(24);
  });
});
