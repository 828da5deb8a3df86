// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/drand.json: rounds of drand's quicknet, and rounds of the same form under a key of our own, as
// EIP-2537 takes them; list i belongs to list i of the others. @noble/curves makes the answers and checks the facts.
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { writeFileSync } from "node:fs";
import { bigToBytes, concatBytes, fromHex, toHex, utf8, type Hex } from "../../offchain/core/bytes.ts";
import { hashOf } from "../../test/support/sample-receipt.ts";

/**
 * Facts, as the League of Entropy published them (chain 52db9ba7...e971, scheme bls-unchained-g1-rfc9380, genesis
 * 1692803367, a round every 3 s). Sources: round 1000, drand's own documentation and examples; round 657413, README of
 * mcdcam/python-drand-verify; round 10024141, tests of ideal-lab5. All three verify below.
 */
const QUICKNET_KEY =
  "0x83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";
const QUICKNET: readonly (readonly [number, Hex])[] = [
  [1000, "0xb44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"],
  [657_413, "0xb713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b"],
  [10_024_141, "0x8c87caf26bb4f5e9fdfad5ddf739ff8683344f8cf04a8c381225ff067557b5d9d51937eed765fcef21971bf5ddef44bb"],
];
const DST = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

const { G1, G2, fields } = bls12_381;
type G1Point = typeof G1.Point.BASE;
type G2Point = typeof G2.Point.BASE;

const fp = (value: bigint): Uint8Array => bigToBytes(value, 64);
const g1Bytes = (point: G1Point): Hex => {
  if (point.is0()) return toHex(new Uint8Array(128));
  const { x, y } = point.toAffine();
  return toHex(concatBytes(fp(x), fp(y)));
};
const g2Bytes = (point: G2Point): Hex => {
  const { x, y } = point.toAffine();
  return toHex(concatBytes(fp(x.c0), fp(x.c1), fp(y.c0), fp(y.c1)));
};
const messageOf = (round: number): Uint8Array => sha256(bigToBytes(BigInt(round), 8));
const hashToG1 = (message: Uint8Array): G1Point => G1.Point.fromAffine(G1.hashToCurve(message, { DST }).toAffine());
const randomness = (signature: G1Point): Hex => toHex(sha256(signature.toBytes(true)));

function assertSigned(key: G2Point, round: number, signature: G1Point): void {
  const [left, right] = [
    bls12_381.pairing(signature, G2.Point.BASE),
    bls12_381.pairing(hashToG1(messageOf(round)), key),
  ];
  if (!fields.Fp12.eql(left, right)) throw new RangeError(`round ${round} does not verify`);
}

const quicknetKey = G2.Point.fromBytes(fromHex(QUICKNET_KEY));
const published = QUICKNET.map(([round, hex]) => {
  const signature = G1.Point.fromBytes(fromHex(hex));
  assertSigned(quicknetKey, round, signature);
  return { round, signature };
});

const secret = BigInt(hashOf("drand of our own")) % fields.Fr.ORDER;
const ownKey = G2.Point.BASE.multiply(secret);
const own = [1, 2, 3, 255, 256, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 7, 2 ** 48 - 1].map((round) => {
  const signature = hashToG1(messageOf(round)).multiply(secret);
  assertSigned(ownKey, round, signature);
  return { round, signature };
});

/** A point of the curve whose order is not the group's. */
function strayPoint(): G1Point {
  for (let x = 1n; ; x++) {
    const square = fields.Fp.add(fields.Fp.pow(x, 3n), 4n);
    if (!fields.Fp.eql(fields.Fp.pow(square, (fields.Fp.ORDER - 1n) / 2n), 1n)) continue;
    const point = G1.Point.fromAffine({ x, y: fields.Fp.sqrt(square) });
    if (!point.isTorsionFree()) return point;
  }
}

const first = own[0]?.signature ?? G1.Point.BASE;
const { x, y } = first.toAffine();
const stray = strayPoint();
const bad: readonly (readonly [string, Hex])[] = [
  ["infinity", toHex(new Uint8Array(128))],
  ["the signature, negated", g1Bytes(first.negate())],
  ["another round's", g1Bytes(own[1]?.signature ?? first)],
  ["twice the signature", g1Bytes(first.double())],
  ["the generator", g1Bytes(G1.Point.BASE)],
  ["not on the curve", toHex(concatBytes(fp(x), fp(y ^ 1n)))],
  ["on the curve, in no subgroup of ours", g1Bytes(stray)],
  [
    "the signature plus a point of small order",
    g1Bytes(first.add(stray.multiplyUnsafe(fields.Fr.ORDER - 1n).add(stray))),
  ],
  ["x written as x + p", toHex(concatBytes(fp(x + fields.Fp.ORDER), fp(y)))],
  ["y written as y + p", toHex(concatBytes(fp(x), fp(y + fields.Fp.ORDER)))],
  ["a byte too much in x", toHex(concatBytes(fp(x | (1n << 400n)), fp(y)))],
  ["coordinates swapped", toHex(concatBytes(fp(y), fp(x)))],
  ["compressed", toHex(first.toBytes(true))],
  ["127 bytes", toHex(fromHex(g1Bytes(first)).subarray(1))],
  ["129 bytes", toHex(concatBytes(fromHex(g1Bytes(first)), new Uint8Array(1)))],
  ["nothing", "0x"],
];

const hashed = Array.from({ length: 20 }, (_, i) => hashOf(`message ${i}`));
const g2Torsion = (() => {
  for (let n = 1n; ; n++) {
    const fp2 = fields.Fp2.create({ c0: n, c1: 0n });
    const square = fields.Fp2.add(fields.Fp2.pow(fp2, 3n), fields.Fp2.create({ c0: 4n, c1: 4n }));
    try {
      const point = G2.Point.fromAffine({ x: fp2, y: fields.Fp2.sqrt(square) });
      if (!point.isTorsionFree()) return point;
    } catch {
      continue; // no root
    }
  }
})();
const keyAffine = ownKey.toAffine();

writeFileSync(
  "test/fixtures/vectors/drand.json",
  `${JSON.stringify(
    {
      about:
        "seeds[i] is the randomness of rounds[i], whose signature is signatures[i]; the first `published` belong to quicknet's key, the rest to ownKey; badSignatures are none of round 1 under ownKey, for the reasons in bad",
      published: String(published.length),
      quicknetKey: g2Bytes(quicknetKey),
      ownKey: g2Bytes(ownKey),
      rounds: [...published, ...own].map(({ round }) => String(round)),
      signatures: [...published, ...own].map(({ signature }) => g1Bytes(signature)),
      seeds: [...published, ...own].map(({ signature }) => randomness(signature)),
      bad: bad.map(([why]) => why),
      badSignatures: bad.map(([, bytes]) => bytes),
      badKeys: [
        toHex(new Uint8Array(256)),
        g2Bytes(g2Torsion),
        toHex(concatBytes(fp(keyAffine.x.c1), fp(keyAffine.x.c0), fp(keyAffine.y.c1), fp(keyAffine.y.c0))),
        toHex(concatBytes(fp(keyAffine.x.c0 + fields.Fp.ORDER), fromHex(g2Bytes(ownKey)).subarray(64))),
        QUICKNET_KEY,
        "0x",
      ],
      domain: toHex(utf8(DST)),
      messages: hashed,
      points: hashed.map((message) => g1Bytes(hashToG1(fromHex(message)))),
    },
    null,
    1,
  )}\n`,
);
