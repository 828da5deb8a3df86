// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { expect } from "chai";
import { equalBytes } from "../../../../offchain/core/bytes.ts";
import { portableHashes } from "../../../../offchain/core/she/hashes.ts";
import { decodeSheObject } from "../../../../offchain/core/she/object.ts";
import { sheProfile } from "../../../../offchain/core/she/profiles.ts";
import {
  errorBytes,
  profileSeed,
  PURPOSE,
  sampleErrors,
  sampleTernary,
  secretStream,
} from "../../../../offchain/engines/she/client/sampler.ts";
import { SheClient } from "../../../../offchain/engines/she/client/she-client.ts";
import { Encoder } from "../../../../offchain/engines/she/encoding/encoder.ts";
import { composeCoefficients } from "../../../../offchain/engines/she/encoding/residues.ts";
import { rootsOfUnity } from "../../../../offchain/engines/she/encoding/roots.ts";
import { nodeKernel } from "../../../../offchain/engines/she/kernel/node-kernel.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";

const SCALE = 2 ** 30;
const profile = sheProfile(1);
const sha = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);
const osRandom = (length: number) => crypto.getRandomValues(new Uint8Array(length));
/** Not random: for known answers. */
const counting = () => {
  let byte = 0;
  return (length: number) => Uint8Array.from({ length }, () => byte++ & 255);
};
const ROOT = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
const open = (randomBytes = osRandom, root?: Uint8Array, hashes = nodeHashes) =>
  new SheClient({ profile, kernel: nodeKernel(), hashes, randomBytes }, root);
const worst = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] ?? 0))), 0);

describe("encoding", () => {
  it("default: roots are the doubles nearest to the exact ones", () => {
    const { re, im } = rootsOfUnity(16384);
    for (let k = 0; k < 32768; k += 7) {
      expect(Math.abs((re[k] ?? 0) - Math.cos((Math.PI * k) / 16384))).to.be.lessThan(1e-15);
      expect(Math.abs((im[k] ?? 0) - Math.sin((Math.PI * k) / 16384))).to.be.lessThan(1e-15);
    }
    expect([re[0], im[0], re[8192], im[8192], re[16384], im[24576]]).to.deep.equal([1, 0, 0, 1, -1, -1]);
    expect(re[4096]).to.equal(Math.SQRT1_2);
  });

  it("behavior: coefficients are those of the definition, decode back, and are one on every machine", () => {
    const small = new Encoder(16);
    const values = [1, -0.5, 0.25, 2, 0, 3, -1, 0.125];
    const coefficients = small.encode(values, 2 ** 40);
    for (const [s, value] of values.entries()) {
      const angle = (k: number) => (Math.PI * ((k * 3 ** s) % 32)) / 16;
      const real = coefficients.reduce((sum, c, k) => sum + c * Math.cos(angle(k)), 0) / 2 ** 40;
      const imaginary = coefficients.reduce((sum, c, k) => sum + c * Math.sin(angle(k)), 0) / 2 ** 40;
      expect(Math.abs(real - value)).to.be.lessThan(1e-10);
      expect(Math.abs(imaginary)).to.be.lessThan(1e-10);
    }
    const rng = new Prng(4);
    const encoder = new Encoder(8192);
    const slots = Float64Array.from({ length: 4096 }, () => rng.int(-(2 ** 20), 2 ** 20) / 2 ** 20);
    const encoded = encoder.encode(slots, SCALE);
    expect(worst(encoder.decode(encoded, SCALE), slots)).to.be.lessThan(3e-7);
    expect(sha(new Uint8Array(encoded.buffer))).to.equal("6d649c686faff8e2");
  });

  it("error: PLAIN_OVERFLOW for what no double holds exactly", async () => {
    const encoder = new Encoder(16);
    await expectCode("PLAIN_OVERFLOW", () =>
      encoder.encode(
        Array.from({ length: 8 }, () => 1),
        2 ** 53,
      ),
    );
    await expectCode("PLAIN_OVERFLOW", () => encoder.encode([Number.NaN], 1));
    await expectCode("PLAIN_OVERFLOW", () => encoder.encode([Infinity], 1));
  });

  it("property: residues compose to the integers they came from", () => {
    const rng = new Prng(5);
    for (const count of [1, 2, 3, 5]) {
      const primes = profile.primes.slice(0, count);
      const values = Array.from({ length: 200 }, (_, i) =>
        i < 3 ? ([0, 1, -1][i] ?? 0) : rng.int(0, 2 ** (count === 1 ? 28 : 50)) * (rng.chance(0.5) ? 1 : -1),
      );
      const rows = primes.map((p) => Uint32Array.from(values, (x) => ((x % p) + p) % p));
      expect([...composeCoefficients(rows, primes)].map((x) => x + 0)).to.deep.equal(values.map((x) => x + 0));
    }
  });
});

describe("samplers", () => {
  const samples = process.env["ASSAY_DEEP"] === "1" ? 10_000_000 : 1_000_000;

  it("property: errors follow the centred binomial with 21 coins: moments and chi-square", () => {
    const bytes = nodeHashes.shake256(Uint8Array.of(1), errorBytes(samples));
    const errors = sampleErrors(samples, bytes);
    const counts = new Map<number, number>();
    for (const error of errors) counts.set(error, (counts.get(error) ?? 0) + 1);
    let [mean, square] = [0, 0];
    for (const [value, count] of counts) {
      mean += (value * count) / samples;
      square += (value * value * count) / samples;
    }
    expect(Math.abs(mean)).to.be.lessThan((5 * 3.24) / Math.sqrt(samples));
    expect(Math.abs(square - 10.5)).to.be.lessThan((5 * 10.5 * 1.5) / Math.sqrt(samples));
    // P(k) = C(42, 21 + k) / 2^42.
    let probability = 1 / 2 ** 42;
    const expected: number[] = [];
    for (let i = 0; i <= 42; i++) {
      expected.push(probability * samples);
      probability = (probability * (42 - i)) / (i + 1);
    }
    let statistic = 0;
    let cells = 0;
    for (const [i, expectation] of expected.entries()) {
      if (expectation < 10) continue;
      statistic += ((counts.get(i - 21) ?? 0) - expectation) ** 2 / expectation;
      cells++;
    }
    // Mean cells - 1, deviation sqrt(2 (cells - 1)): five of them.
    expect(statistic).to.be.lessThan(cells + 5 * Math.sqrt(2 * cells));
    expect(Math.max(...counts.keys())).to.be.at.most(21);
  });

  it("property: secrets are uniform on -1, 0, 1, and repeat no stream", () => {
    const secret = sampleTernary(samples, (length) => nodeHashes.shake256(Uint8Array.of(2), length));
    const counts = [-1, 0, 1].map((value) => secret.reduce((n, x) => n + Number(x === value), 0));
    expect(counts.reduce((a, b) => a + b, 0)).to.equal(samples);
    const statistic = counts.reduce((sum, n) => sum + (n - samples / 3) ** 2 / (samples / 3), 0);
    expect(statistic).to.be.lessThan(25);
    const streams = new Set<string>();
    for (const purpose of Object.values(PURPOSE))
      for (const index of [0, 1, 256])
        for (const sub of [0, 1, 256]) streams.add(sha(secretStream(ROOT, purpose, [index, sub], 32, nodeHashes)));
    expect(streams.size).to.equal(45);
  });
});

describe("own client", () => {
  it("default: decrypts what it encrypted, at every level", () => {
    const client = open();
    const rng = new Prng(6);
    const slots = Float64Array.from({ length: client.slots }, () => rng.int(-1000, 1000) / 1000);
    for (const level of [5, 2, 1]) {
      const scale = level === 1 ? 2 ** 24 : SCALE;
      const bytes = client.encrypt(slots, scale, level);
      expect(worst(client.decryptUnchecked(bytes, scale), slots)).to.be.lessThan((3e-6 * SCALE) / scale);
    }
    expect(client.encrypt(slots, SCALE, 5).length).to.equal(163_904);
    expect(client.createKey({ galois: 3, level: 5 }).length).to.equal(983_104);
  });

  it("behavior: known answers for one root, with both hash implementations", () => {
    for (const hashes of [nodeHashes, portableHashes]) {
      const client = open(counting(), ROOT, hashes);
      expect(sha(client.createKey({ galois: 0, level: 2 }))).to.equal("e6862bb43b7e2124");
      expect(sha(client.createKey({ galois: 9, level: 1 }))).to.equal("6cc760f75a9c8088");
      expect(sha(client.encrypt([1, 2, 3], SCALE, 2))).to.equal("8204afae0a6f28c7");
    }
  });

  it("behavior: noise is as small as the errors say, and a wrong key sees noise only", () => {
    const client = open();
    const bytes = client.encrypt([], 1, 5);
    const noise = client.decryptUnchecked(bytes, 1);
    const deviation = Math.sqrt(noise.reduce((sum, x) => sum + x * x, 0) / noise.length);
    // sqrt(N * 21/2 / 2) = 207: a slot's real part sums N error terms, each times a cosine.
    expect(deviation).to.be.within(195, 220);
    const foreign = open().decryptUnchecked(bytes, 1);
    expect(foreign.every((x) => Math.abs(x) < 1e6)).to.equal(false);
  });

  it("behavior: no seed serves twice, across encryptions, restarts and clients restored from one root", () => {
    const seeds = new Set<string>();
    const bodies = new Set<string>();
    const root = open().exportRoot();
    for (let restart = 0; restart < 3; restart++) {
      const client = open(osRandom, root);
      for (let i = 0; i < 3; i++) {
        const bytes = client.encrypt([1, 2, 3], SCALE, 2);
        seeds.add(sha(bytes.subarray(32, 64)));
        bodies.add(sha(bytes.subarray(64)));
      }
    }
    expect([seeds.size, bodies.size]).to.deep.equal([9, 9]);
    // Keys are functions of the root: a restored client makes the same, so no error is drawn twice for one a.
    const [a, b] = [open(osRandom, root), open(osRandom, root)].map((client) =>
      client.createKey({ galois: 3, level: 1 }),
    );
    expect(equalBytes(a ?? ROOT, b ?? ROOT)).to.equal(true);
    const sent = open(osRandom, root).encrypt([1, 2, 3], SCALE, 2);
    expect(worst(open(osRandom, root).decryptUnchecked(sent, SCALE).subarray(0, 3), [1, 2, 3])).to.be.lessThan(3e-6);
    const publicSeeds = [0, 3, 9, 27].map((galois) =>
      sha(open(osRandom, root).createKey({ galois, level: 1 }).slice(32, 64)),
    );
    expect(new Set(publicSeeds).size).to.equal(4);
  });

  it("behavior: one root has unrelated secrets, uniform rows and errors in different profiles", () => {
    const seeds = [1, 2, 3, 4].map((id) => sha(profileSeed(ROOT, id, nodeHashes)));
    expect(new Set([...seeds, sha(ROOT)]).size).to.equal(5);
    const [a, b] = [1, 2].map((id) => {
      const other = { profile: sheProfile(id), kernel: nodeKernel(), hashes: nodeHashes, randomBytes: osRandom };
      return sha(new SheClient(other, ROOT).createKey({ galois: 3, level: 1 }).subarray(32, 64));
    });
    expect(a).to.not.equal(b);
  });

  it("behavior: a shorter key is the longer one's rows", () => {
    const client = open();
    const [long, short] = [2, 1].map(
      (level) => decodeSheObject(client.createKey({ galois: 3, level }), nodeHashes).rows,
    );
    const row = (rows: Uint32Array | undefined, i: number) => rows?.subarray(i * 8192, (i + 1) * 8192);
    for (const [from, to] of [
      [0, 0],
      [2, 1],
      [3, 2],
      [5, 3],
    ] as const)
      expect(row(long, from)).to.deep.equal(row(short, to));
  });

  it("error: refuses levels, foreign objects and use after forget", async () => {
    const client = open();
    await expectCode("LEVEL_MISMATCH", () => client.createKey({ galois: 3, level: 6 }));
    await expectCode("LEVEL_MISMATCH", () => client.encrypt([], SCALE, 0));
    await expectCode("LEVEL_MISMATCH", () => client.encrypt([], SCALE, 6));
    await expectCode("PLAIN_OVERFLOW", () => client.encrypt([2 ** 40], SCALE * 2 ** 20, 5));
    await expectCode("BYTES_REFUSED", () => client.decryptUnchecked(client.createKey({ galois: 3, level: 1 }), SCALE));
    await expectCode("CLIENT_ROOT", () => open(osRandom, new Uint8Array(32)));
    await expectCode("CLIENT_ROOT", () => open(osRandom, new Uint8Array(31).fill(1)));
    const bytes = client.encrypt([1], SCALE, 2);
    client.forget();
    client.forget();
    for (const act of [
      () => client.decryptUnchecked(bytes, SCALE),
      () => client.encrypt([1], SCALE, 2),
      () => client.createKey({ galois: 3, level: 1 }),
      () => client.exportRoot(),
    ])
      await expectCode("CLIENT_FORGOTTEN", act);
    expect(JSON.stringify(client)).to.equal(JSON.stringify({ profile }));
  });
});
