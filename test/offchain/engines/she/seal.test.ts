// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { decodeSheObject, encodeSheObject } from "../../../../offchain/core/she/object.ts";
import { sheProfile } from "../../../../offchain/core/she/profiles.ts";
import { profileSeed, PURPOSE, sampleTernary, secretStream } from "../../../../offchain/engines/she/client/sampler.ts";
import { SheClient } from "../../../../offchain/engines/she/client/she-client.ts";
import { coefficientsToRow } from "../../../../offchain/engines/she/encoding/residues.ts";
import { Evaluator, type SwitchingKey } from "../../../../offchain/engines/she/evaluator/evaluator.ts";
import {
  allocateScratch,
  rotateHoisted,
  squareRelinearise,
} from "../../../../offchain/engines/she/evaluator/operations.ts";
import { KernelMemory } from "../../../../offchain/engines/she/kernel/kernel.ts";
import { galoisElement } from "../../../../offchain/core/she/modular.ts";
import { nodeKernel } from "../../../../offchain/engines/she/kernel/node-kernel.ts";
import { Ring } from "../../../../offchain/engines/she/kernel/ring.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import { Prng } from "../../../support/prng.ts";
import { sealKeys, sealOf, sealResidues, withResidues, withScale, type Seal } from "../../../support/she/seal.ts";

const profile = sheProfile(1);
const { degree, primes } = profile;
const SCALE = 2 ** 30;
/** The issue asks for 100 ciphertexts at every level: 40 s, so under ASSAY_DEEP. */
const ROUNDS = process.env["ASSAY_DEEP"] === "1" ? 100 : 2;
const isSame = (a: Uint32Array, b: Uint32Array) =>
  Buffer.compare(
    Buffer.from(a.buffer, a.byteOffset, a.byteLength),
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  ) === 0;

describe("SEAL as an oracle, N = 8192, 5 + 1 primes", () => {
  let seal: Seal;
  const ring = new Ring(profile, nodeKernel(), KernelMemory.ofSize(2 ** 26));
  const evaluator = new Evaluator(ring);
  const scratch = allocateScratch(evaluator);
  const rng = new Prng(100);

  before(async () => {
    seal = await sealOf(profile);
    expect(seal.primes).to.deep.equal(primes);
  });

  const keyOf = (residues: readonly Uint32Array[]): SwitchingKey => {
    const key = evaluator.allocateKey(0, 5);
    const words = 6 * degree;
    for (const [digit, all] of residues.entries()) {
      ring.memory.words(key.b[digit] ?? 0, words).set(all.subarray(0, words));
      ring.memory.words(key.a[digit] ?? 0, words).set(all.subarray(words));
    }
    return key;
  };

  it("behavior: square with relinearisation, rescale and rotation give SEAL's residues at every level", () => {
    const { seal: library, context, none } = seal;
    const generator = library.KeyGenerator(context);
    const secret = generator.secretKey();
    const encryptor = library.Encryptor(context, generator.createPublicKey(), secret);
    const relinearise = generator.createRelinKeys();
    const galois = generator.createGaloisKeys(Int32Array.from([3]));
    const element = galoisElement(3, degree);
    const relinKey = keyOf([...sealKeys(relinearise.saveArray(none)).values()][0] ?? []);
    const rotationKey = keyOf(sealKeys(galois.saveArray(none)).get((element - 1) / 2) ?? []);
    const [plain, fresh, out] = [library.PlainText(), library.CipherText(), library.CipherText()];
    seal.encoder.encode(new Float64Array(degree / 2), 2 ** 10, plain);
    encryptor.encryptSymmetric(plain, fresh);
    const special = ring.levels;
    for (let level = 5; level >= 1; level--) {
      const template = fresh.saveArray(none);
      const [source, target] = [evaluator.allocateCipher(level), evaluator.allocateCipher(level)];
      const lower = evaluator.allocateCipher(level - 1);
      for (let round = 0; round < ROUNDS; round++) {
        // Random residues are as good as encryptions: nothing here looks inside.
        const residues = new Uint32Array(2 * level * degree);
        for (let i = 0; i < residues.length; i++)
          residues[i] = rng.int(0, (primes[Math.floor(i / degree) % level] ?? 1) - 1);
        const input = library.CipherText();
        // SEAL refuses a square whose scale exceeds the modulus.
        input.loadArray(context, withScale(withResidues(template, residues), Math.min(2 ** (14 * level), SCALE)));
        const header = {
          kind: "ciphertext",
          profile,
          level,
          seeded: false,
          compact: false,
          special: false,
          galois: 0,
        } as const;
        evaluator.loadCipher({ header, rows: residues }, source);
        const expectSame = (what: string, cipher = target) =>
          expect(
            isSame(evaluator.storeCipher(cipher).rows, sealResidues(out.saveArray(none))),
            `${what} ${level}`,
          ).to.equal(true);

        squareRelinearise(evaluator, source, relinKey, target, scratch, false);
        seal.evaluator.square(input, out);
        seal.evaluator.relinearize(out, relinearise, out);
        expectSame("square");

        if (level > 1) {
          evaluator.rescale(target, lower);
          seal.evaluator.rescaleToNext(out, out);
          expectSame("rescale", lower);
        }

        // SEAL permutes first and switches keys afterwards.
        const [p0, p1, q0, q1] = scratch.p;
        evaluator.permute(source.c0, p0, element, level);
        evaluator.permute(source.c1, p1, element, level);
        evaluator.decompose(p1, level, false);
        evaluator.applyKey(rotationKey, q0, q1);
        evaluator.divideBy(special, level, [
          { source: q0, target: target.c0, addend: p0 },
          { source: q1, target: target.c1, addend: 0 },
        ]);
        seal.evaluator.rotateVector(input, 3, galois, out);
        expectSame("rotation");
        input.delete();
      }
      if (level > 1) seal.evaluator.cipherModSwitchToNext(fresh, fresh);
    }
    for (const object of [plain, fresh, out]) object.delete();
  }).timeout(600_000);

  it("behavior: the own client's ciphertexts decrypt in SEAL, SEAL's in the own client, and its keys rotate and square", () => {
    const { seal: library, context, none } = seal;
    const root = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
    const options = {
      profile,
      kernel: nodeKernel(),
      hashes: nodeHashes,
      randomBytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)),
    };
    const client = new SheClient(options, root);
    const ternary = sampleTernary(degree, (length) =>
      secretStream(profileSeed(root, profile.id, nodeHashes), PURPOSE.secret, [0, 0], length, nodeHashes),
    );
    const rows = new Uint32Array(6 * degree);
    const work = ring.allocate(1);
    for (const index of primes.keys()) {
      coefficientsToRow(ring, ternary, index, work);
      rows.set(ring.row(work, 0), index * degree);
    }
    const secret = library.SecretKey();
    secret.loadArray(context, withResidues(library.KeyGenerator(context).secretKey().saveArray(none), rows));
    const decryptor = library.Decryptor(context, secret);
    const encryptor = library.Encryptor(context, library.KeyGenerator(context, secret).createPublicKey(), secret);
    const values = Float64Array.from({ length: degree / 2 }, () => rng.int(-1000, 1000) / 1000);
    const [plain, cipher] = [library.PlainText(), library.CipherText()];

    seal.encoder.encode(values, SCALE, plain);
    encryptor.encryptSymmetric(plain, cipher);
    const template = cipher.saveArray(none);
    const header = { kind: "ciphertext", profile, seeded: false, compact: false, special: false, galois: 0 } as const;
    const worst = (a: ArrayLike<number>, expected: (s: number) => number) =>
      Math.max(...Array.from(a, (x, s) => Math.abs(x - expected(s))));
    const bySeal = (residues: Uint32Array, level: number, scale: number) => {
      let bytes = template;
      const lowered = library.CipherText();
      lowered.loadArray(context, template);
      while (lowered.coeffModulusSize > level) seal.evaluator.cipherModSwitchToNext(lowered, lowered);
      bytes = withScale(withResidues(lowered.saveArray(none), residues), scale);
      lowered.loadArray(context, bytes);
      decryptor.decrypt(lowered, plain);
      lowered.delete();
      return seal.encoder.decode(plain);
    };
    const at = (s: number) => values[s % values.length] ?? 0;

    // A decoded slot's noise: sigma 3.24 per coefficient times sqrt(N), over the scale.
    const object = decodeSheObject(client.encrypt(values, SCALE, 5), nodeHashes);
    expect(worst(bySeal(object.rows, 5, SCALE), at)).to.be.lessThan(3e-6);
    const received = encodeSheObject({ header: { ...header, level: 5 }, rows: sealResidues(template) });
    expect(worst(client.decryptUnchecked(received, SCALE), at)).to.be.lessThan(3e-6);

    const [relin, three] = [0, galoisElement(3, degree)].map((galois) => {
      const key = evaluator.allocateKey(galois, 5);
      evaluator.loadKey(decodeSheObject(client.createKey({ galois, level: 5 }), nodeHashes), key);
      return key;
    }) as [SwitchingKey, SwitchingKey];
    for (const level of [5, 3, 2]) {
      const source = evaluator.allocateCipher(level);
      const target = evaluator.allocateCipher(level);
      evaluator.loadCipher(decodeSheObject(client.encrypt(values, SCALE, level), nodeHashes), source);
      evaluator.decompose(source.c1, level);
      rotateHoisted(evaluator, source, three, target, scratch);
      expect(worst(bySeal(evaluator.storeCipher(target).rows, level, SCALE), (s) => at(s + 3))).to.be.lessThan(2e-4);
      squareRelinearise(evaluator, source, relin, target, scratch);
      const lower = evaluator.allocateCipher(level - 1);
      if (level === 2) continue;
      evaluator.rescale(target, lower);
      const scale = SCALE ** 2 / (primes[level - 1] ?? 1);
      expect(worst(bySeal(evaluator.storeCipher(lower).rows, level - 1, scale), (s) => at(s) ** 2)).to.be.lessThan(
        2e-4,
      );
    }
  }).timeout(60_000);
});
