// SPDX-License-Identifier: GPL-3.0-or-later
import { p256, p384 } from "@noble/curves/nist.js";
import { checkPrimeSync, constants, createCipheriv, createHash, createPrivateKey, createPublicKey, hkdfSync, privateEncrypt, type KeyObject } from "node:crypto"; // prettier-ignore
import { bigToBytes, bytesToBig, concatBytes, utf8 } from "../../../core/bytes.ts";
import { bits, integer, oid, sequence } from "./der-writer.ts";

/** A development key whose signatures depend on seed and message only. */
export interface SimulatedKey {
  readonly kind: "P-256" | "P-384" | "RSA";
  readonly spki: Uint8Array;
  /** AlgorithmIdentifier of its signatures. */
  readonly algorithm: Uint8Array;
  /** X.509 form: ECDSA in DER, RSA-PSS. */
  sign(message: Uint8Array): Uint8Array;
  /** r || s. */
  signRaw(message: Uint8Array): Uint8Array;
  /** x || y of an elliptic key. */
  readonly point: Uint8Array;
}

const derive = (seed: Uint8Array, label: string, length: number): Uint8Array =>
  new Uint8Array(hkdfSync("sha512", seed, new Uint8Array(), utf8(`assay.v1.simulated.${label}`), length));

const CURVES = {
  "P-256": { curve: p256, size: 32, name: "2a8648ce3d030107", algorithm: "2a8648ce3d040302" },
  "P-384": { curve: p384, size: 48, name: "2b81040022", algorithm: "2a8648ce3d040303" },
} as const;

/** Signatures depend on key and message only, so the same certificates need not be signed again. */
const signatures = new Map<string, Uint8Array>();
const MAX_SIGNATURES = 4096;
function remembered(key: Uint8Array, form: string, message: Uint8Array, make: () => Uint8Array): Uint8Array {
  const id = createHash("sha256").update(key).update(form).update(message).digest("hex");
  const signature = signatures.get(id) ?? make();
  if (signatures.size >= MAX_SIGNATURES) signatures.clear();
  signatures.set(id, signature);
  return signature;
}

/** Points take as long to find as signatures to make. */
const points = new Map<string, Uint8Array>();

export function simulatedKey(seed: Uint8Array, label: string, kind: "P-256" | "P-384"): SimulatedKey {
  const { curve, size, name, algorithm } = CURVES[kind];
  const order = curve.Point.Fn.ORDER;
  const secret = bigToBytes((bytesToBig(derive(seed, label, size + 16)) % (order - 1n)) + 1n, size);
  const id = `${kind} ${Buffer.from(secret).toString("hex")}`;
  const point = points.get(id) ?? curve.getPublicKey(secret, false);
  points.set(id, point);
  return {
    kind,
    spki: sequence(sequence(oid("2a8648ce3d0201"), oid(name)), bits(point)),
    algorithm: sequence(oid(algorithm)),
    sign: (message) =>
      remembered(secret, "der", message, () => curve.sign(message, secret, { lowS: false, format: "der" })),
    signRaw: (message) => remembered(secret, "raw", message, () => curve.sign(message, secret, { lowS: false })),
    point: point.subarray(1),
  };
}

function prime(stream: (length: number) => Uint8Array, exponent: bigint): bigint {
  for (;;) {
    const candidate = stream(256);
    candidate[0] = (candidate[0] ?? 0) | 0xc0;
    candidate[255] = (candidate[255] ?? 0) | 1;
    const value = bytesToBig(candidate);
    if ((value - 1n) % exponent !== 0n && checkPrimeSync(candidate)) return value;
  }
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (b !== 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  return ((x % modulus) + modulus) % modulus;
}

const PSS_HASH = sequence(oid("608648016503040202"), Uint8Array.of(5, 0));
/** RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt of 48: AMD's. */
const PSS = sequence(
  oid("2a864886f70d01010a"),
  sequence(
    Uint8Array.of(0xa0, PSS_HASH.length, ...PSS_HASH),
    Uint8Array.of(0xa1, 28, ...sequence(oid("2a864886f70d010108"), PSS_HASH)),
    Uint8Array.of(0xa2, 3, 2, 1, 48),
  ),
);
const sha384 = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(createHash("sha384").update(concatBytes(...parts)).digest()); // prettier-ignore

/** RFC 8017 §9.1.1 for 4,096 bits, with a salt derived from the message. */
function encodePss(message: Uint8Array): Uint8Array {
  const digest = sha384(message);
  const salt = sha384(utf8("assay.v1.simulated.salt"), message);
  const h = sha384(new Uint8Array(8), digest, salt);
  const data = concatBytes(new Uint8Array(512 - 48 - 1 - 48 - 1), Uint8Array.of(1), salt);
  for (let block = 0; block * 48 < data.length; block++) {
    const mask = sha384(h, Uint8Array.of(0, 0, 0, block));
    for (let i = 0; i < 48 && block * 48 + i < data.length; i++)
      data[block * 48 + i] = (data[block * 48 + i] ?? 0) ^ (mask[i] ?? 0);
  }
  data[0] = (data[0] ?? 0) & 0x7f;
  return concatBytes(data, h, Uint8Array.of(0xbc));
}

/** RSA of 4,096 bits; takes about a second. */
export function simulatedRsaKey(seed: Uint8Array, label: string): SimulatedKey {
  const cipher = createCipheriv("aes-256-ctr", derive(seed, label, 32), new Uint8Array(16));
  const stream = (length: number): Uint8Array => new Uint8Array(cipher.update(new Uint8Array(length)));
  const e = 65_537n;
  const [p, q] = [prime(stream, e), prime(stream, e)];
  const d = inverse(e, (p - 1n) * (q - 1n));
  const numbers = [p * q, e, d, p, q, d % (p - 1n), d % (q - 1n), inverse(q, p)];
  const fields = numbers.map((value) => integer(bigToBytes(value, 512)));
  const key: KeyObject = createPrivateKey({
    key: Buffer.from(sequence(integer(0), ...fields)),
    format: "der",
    type: "pkcs1",
  });
  const sign = (message: Uint8Array): Uint8Array =>
    new Uint8Array(privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encodePss(message)));
  const spki = new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }));
  return { kind: "RSA", spki, algorithm: PSS, sign, signRaw: sign, point: new Uint8Array() };
}
