// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { expect } from "chai";
import { toHex } from "../../../../offchain/core/bytes.ts";
import { cipherDigest, objectsRoot, wordTreeRoot } from "../../../../offchain/core/she/digest.ts";
import { portableHashes } from "../../../../offchain/core/she/hashes.ts";
import {
  canonicalRows,
  encodeSheHeader,
  sheObjectBytes,
  type SheHeader,
} from "../../../../offchain/core/she/header.ts";
import {
  decodeCompactPlaintext,
  decodeSheObject,
  encodeCompactPlaintext,
  encodeSheObject,
  rowPrimes,
  type SheObject,
} from "../../../../offchain/core/she/object.ts";
import { SHE_PROFILES, sheProfile } from "../../../../offchain/core/she/profiles.ts";
import { mulMod, powMod } from "../../../../offchain/core/she/modular.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";

const PLAIN = { seeded: false, compact: false } as const;
const header = (kind: SheHeader["kind"], level: number, more: Partial<SheHeader> = {}): SheHeader => ({
  kind,
  profile: sheProfile(1),
  level,
  ...PLAIN,
  special: kind === "key",
  galois: 0,
  ...more,
});

function random(head: SheHeader, seed: number): SheObject {
  const rng = new Prng(seed);
  const { degree, primes } = head.profile;
  const indices = rowPrimes(head);
  const rows = new Uint32Array(indices.length * degree);
  for (const [row, index] of indices.entries())
    for (let i = 0; i < degree; i++) rows[row * degree + i] = rng.int(0, (primes[index] ?? 0) - 1);
  return { header: head, rows };
}

const refusal = (action: () => unknown): unknown => {
  try {
    action();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return undefined;
};

const isPrime = (n: number) => {
  for (let d = 3; d * d <= n; d += 2) if (n % d === 0) return false;
  return n % 2 === 1;
};

describe("encryption profiles", () => {
  it("behavior: primes are the largest that fit, roots the smallest primitive ones, sizes within the standard", () => {
    for (const { degree, primes, roots, name } of SHE_PROFILES) {
      const largest: number[] = [];
      for (let p = 2 ** 30 - 2 * degree + 1; largest.length < primes.length; p -= 2 * degree)
        if (isPrime(p)) largest.unshift(p);
      expect(primes, name).to.deep.equal(largest);
      const bits = primes.reduce((sum, p) => sum + Math.log2(p), 0);
      expect(bits).to.be.at.most(degree === 8192 ? 218 : 438);
      for (const [i, p] of primes.entries()) {
        const root = roots[i] ?? 0;
        expect(powMod(root, degree, p)).to.equal(p - 1);
        const square = mulMod(root, root, p);
        let smallest = root;
        for (let k = 0, power = root; k < degree; k++, power = mulMod(power, square, p))
          smallest = Math.min(smallest, power);
        expect(smallest).to.equal(root);
      }
    }
  });

  it("error: PROFILE_UNKNOWN", async () => {
    await expectCode("PROFILE_UNKNOWN", () => sheProfile(9));
  });
});

describe("encrypted objects", () => {
  const kinds = [
    header("ciphertext", 2),
    header("key", 1, { galois: 27 }),
    header("key", 2),
    header("plaintext", 3),
    header("plaintext", 2, { special: true }),
  ];

  it("default: canonical bytes round trip, and have the sizes of the design", () => {
    for (const [i, head] of kinds.entries()) {
      const object = random(head, i + 1);
      const bytes = encodeSheObject(object);
      expect(bytes.length).to.equal(32 + canonicalRows(head) * 32768);
      expect(decodeSheObject(bytes, nodeHashes)).to.deep.equal(object);
    }
    expect(sheObjectBytes(header("ciphertext", 5, { seeded: true }))).to.equal(163_904);
    expect(sheObjectBytes(header("ciphertext", 2))).to.equal(131_104);
    expect(sheObjectBytes(header("key", 5, { seeded: true }))).to.equal(983_104);
  });

  it("behavior: seeded forms expand to rows named by digit and prime, the same with portable hashes", () => {
    const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
    for (const head of [header("ciphertext", 2), header("key", 2, { galois: 3 })]) {
      const bytes = encodeSheObject(random(head, 4), seed);
      expect(bytes.length).to.equal(sheObjectBytes({ ...head, seeded: true }));
      const object = decodeSheObject(bytes, nodeHashes);
      expect(object.header.seeded).to.equal(false);
      expect(decodeSheObject(bytes, portableHashes)).to.deep.equal(object);
      expect(encodeSheObject(object, seed)).to.deep.equal(bytes);
    }
    // A shorter key is the longer one's rows: c1 of a ciphertext is a_0 of a key.
    const one = decodeSheObject(encodeSheObject(random(header("key", 1, { galois: 3 }), 1), seed), nodeHashes);
    const two = decodeSheObject(encodeSheObject(random(header("key", 2, { galois: 3 }), 1), seed), nodeHashes);
    const row = (object: SheObject, i: number) => object.rows.subarray(i * 8192, (i + 1) * 8192);
    expect(row(one, 2)).to.deep.equal(row(two, 3));
    expect(row(one, 3)).to.deep.equal(row(two, 5));
    // Independently of `expandRow`: the first words that fit.
    const message = new Uint8Array([
      16,
      ...new TextEncoder().encode("assay.v1.she.xof"),
      ...seed,
      0,
      0,
      0,
      0,
      5,
      0,
      0,
      0,
    ]);
    const stream = new Uint32Array(
      new Uint8Array(createHash("shake128", { outputLength: 4000 }).update(message).digest()).buffer,
    );
    const words = [...stream].map((word) => word & 0x3fffffff).filter((word) => word < 1073692673);
    expect([...row(one, 3).subarray(0, 900)]).to.deep.equal(words.slice(0, 900));
  });

  it("behavior: compact plaintexts round trip in 32 and 64 bits", async () => {
    for (const [id, values] of [
      [1, [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]],
      [4, [0, -1, 2 ** 53 - 1, -(2 ** 53)]],
    ] as const) {
      const head = header("plaintext", 2, { profile: sheProfile(id), compact: true });
      const coefficients = new Float64Array(8192);
      coefficients.set(values);
      const bytes = encodeCompactPlaintext({ header: head, coefficients });
      expect(bytes.length).to.equal(32 + 8192 * (id === 1 ? 4 : 8));
      expect(decodeCompactPlaintext(bytes)).to.deep.equal({ header: head, coefficients });
      for (const bad of [0.5, Number.NaN, id === 1 ? 2 ** 31 : 2 ** 53]) {
        coefficients[7] = bad;
        await expectCode("BYTES_REFUSED", () => encodeCompactPlaintext({ header: head, coefficients }));
      }
      if (id === 4) {
        new DataView(bytes.buffer).setBigInt64(32, 2n ** 53n, true);
        await expectCode("BYTES_REFUSED", () => decodeCompactPlaintext(bytes));
      }
      await expectCode("BYTES_REFUSED", () => decodeSheObject(bytes, nodeHashes));
    }
  });

  it("error: BYTES_REFUSED for every second encoding", async () => {
    const bytes = encodeSheObject(random(header("ciphertext", 1), 1));
    const key = encodeSheObject(random(header("key", 1, { galois: 3 }), 1));
    const changed = (whole: Uint8Array, at: number, value: number) => {
      const copy = whole.slice();
      copy[at] = value;
      return copy;
    };
    const cases: [string, Uint8Array][] = [
      ["magic", changed(bytes, 0, 0x42)],
      ["version", changed(bytes, 4, 2)],
      ["kind 0", changed(bytes, 5, 0)],
      ["kind 4", changed(bytes, 5, 4)],
      ["another kind", changed(bytes, 5, 3)],
      ["level 0", changed(bytes, 8, 0)],
      ["level beyond the profile", changed(bytes, 8, 6)],
      ["another level", changed(bytes, 8, 2)],
      ["unknown flag", changed(bytes, 9, 8)],
      ["compact ciphertext", changed(bytes, 9, 2)],
      ["ciphertext with a special row", changed(bytes, 9, 4)],
      ["seeded, wrong length", changed(bytes, 9, 1)],
      ["reserved word", changed(bytes, 10, 1)],
      ["rotation of a ciphertext", changed(bytes, 12, 3)],
      ["row count", changed(bytes, 16, 3)],
      ["reserved byte", changed(bytes, 31, 1)],
      ["key without a special row", changed(key, 9, 0)],
      ["even element", changed(key, 12, 4)],
      ["conjugation", changed(key, 12, 7)],
      ["identity", changed(key, 12, 1)],
      ["element beyond 2N", changed(changed(key, 12, 3), 14, 1)],
      ["empty", new Uint8Array(0)],
      ["header only", bytes.slice(0, 32)],
      ["one byte less", bytes.slice(0, -1)],
      ["one byte more", new Uint8Array([...bytes, 0])],
    ];
    for (const [what, bad] of cases)
      expect(
        refusal(() => decodeSheObject(bad, nodeHashes)),
        what,
      ).to.equal("BYTES_REFUSED");
    await expectCode("PROFILE_UNKNOWN", () => decodeSheObject(changed(bytes, 6, 9), nodeHashes));
    // A residue equal to its prime, in the first and in the last place.
    for (const whole of [bytes, key])
      for (const place of [0, whole.length / 4 - 9]) {
        const copy = whole.slice();
        const row = Math.floor(place / 8192);
        const index = whole === key && row % 2 === 1 ? 5 : 0;
        new DataView(copy.buffer).setUint32(32 + 4 * place, sheProfile(1).primes[index] ?? 0, true);
        await expectCode("BYTES_REFUSED", () => decodeSheObject(copy, nodeHashes));
      }
  });

  it("property: mutated headers and bodies are refused or canonical", () => {
    // 10^5 headers under ASSAY_DEEP: most of their time is what an Error costs.
    const headers = process.env["ASSAY_DEEP"] === "1" ? 100_000 : 10_000;
    const rng = new Prng(75);
    const originals = [header("ciphertext", 1), header("key", 1, { galois: 3 }), header("plaintext", 1)].map((head) =>
      encodeSheObject(random(head, 2)),
    );
    let accepted = 0;
    const attempt = (bytes: Uint8Array) => {
      let object: SheObject;
      try {
        object = decodeSheObject(bytes, nodeHashes);
      } catch (error) {
        expect((error as { code?: string }).code).to.be.oneOf(["BYTES_REFUSED", "PROFILE_UNKNOWN"]);
        return;
      }
      accepted++;
      expect(Buffer.compare(encodeSheObject(object), bytes)).to.equal(0);
    };
    for (let i = 0; i < headers; i++) {
      const bytes = originals[i % 3] as Uint8Array;
      const head = bytes.slice(0, 32);
      for (let n = rng.int(1, 3); n > 0; n--) bytes[rng.int(0, 31)] = rng.chance(0.5) ? rng.int(0, 8) : rng.int(0, 255);
      // A mutation of nothing, or to another canonical object of that length, costs a whole decoding: few do.
      attempt(rng.chance(0.1) ? bytes.subarray(0, rng.int(0, 64)) : bytes);
      bytes.set(head);
    }
    for (let i = 0; i < 150; i++) {
      const bytes = (originals[i % 3] as Uint8Array).slice();
      bytes[rng.int(32, bytes.length - 1)] = rng.int(0, 255);
      attempt(bytes);
    }
    expect(accepted).to.be.greaterThan(50);
  });
});

describe("cipher digests", () => {
  const sha = (...parts: Uint8Array[]) => new Uint8Array(createHash("sha256").update(Buffer.concat(parts)).digest());

  it("default: the tree of the design, computed independently, over the canonical header", () => {
    const object = random(header("ciphertext", 3), 6);
    const bytes = encodeSheObject(object).subarray(32);
    const tree = (words: Uint8Array[]): Uint8Array =>
      words.length === 1
        ? (words[0] as Uint8Array)
        : sha(Uint8Array.of(1), tree(words.slice(0, words.length / 2)), tree(words.slice(words.length / 2)));
    const rows = Array.from({ length: 6 }, (_, row) =>
      tree(
        Array.from({ length: 32 }, (_chunk, c) =>
          sha(Uint8Array.of(0), bytes.subarray(row * 32768 + c * 1024, row * 32768 + (c + 1) * 1024)),
        ),
      ),
    );
    const body = tree([...rows, new Uint8Array(32), new Uint8Array(32)]);
    const expected = toHex(
      sha(Uint8Array.of(15), new TextEncoder().encode("assay.v1.cipher"), encodeSheHeader(object.header), body),
    );
    expect(cipherDigest(object, nodeHashes)).to.equal(expected);
    expect(cipherDigest({ ...object, header: { ...object.header, seeded: true } }, portableHashes)).to.equal(expected);
    expect(objectsRoot([object], nodeHashes)).to.equal(toHex(body));
    expect(objectsRoot([object, object, object], nodeHashes)).to.equal(
      toHex(tree([body, body, body, new Uint8Array(32)])),
    );
  });

  it("behavior: every residue and every header field changes it; padding is a word of zeros", () => {
    const object = random(header("ciphertext", 1), 8);
    const digests = new Set([cipherDigest(object, nodeHashes)]);
    for (const place of [0, 255, 256, 8191, 8192, 16383]) {
      const rows = object.rows.slice();
      rows[place] = (rows[place] ?? 0) ^ 1;
      digests.add(cipherDigest({ ...object, rows }, nodeHashes));
    }
    digests.add(cipherDigest({ ...object, header: { ...object.header, profile: sheProfile(2) } }, nodeHashes));
    expect(digests.size).to.equal(8);
    expect(wordTreeRoot([], nodeHashes)).to.deep.equal(new Uint8Array(32));
  });
});
