// SPDX-License-Identifier: GPL-3.0-or-later
import { constants, createPublicKey, verify, type KeyObject } from "node:crypto";
import type { Certificate, SignatureAlgorithm } from "./certificate.ts";

const curveOf = (key: KeyObject): string | undefined =>
  key.asymmetricKeyType === "ec" ? key.asymmetricKeyDetails?.namedCurve : undefined;

/** Checks an X.509-style signature (ECDSA in DER). False for a key of another kind, and for RSA under 3,072 bits. */
export function checkSigned(
  key: KeyObject,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (algorithm === "rsa-pss-sha384") {
    if (key.asymmetricKeyType !== "rsa" || (key.asymmetricKeyDetails?.modulusLength ?? 0) < 3072) return false;
    return quiet(() =>
      verify("sha384", message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 }, signature),
    );
  }
  if (curveOf(key) === undefined) return false;
  const hash = algorithm === "ecdsa-sha256" ? "sha256" : "sha384";
  return quiet(() => verify(hash, message, { key, dsaEncoding: "der" }, signature));
}

/** Checks r || s, big-endian. High s is accepted: Intel does not normalise, and a signature is never an identity. */
export function checkRaw(
  curve: "P-256" | "P-384",
  key: KeyObject,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const [name, size, hash] = curve === "P-256" ? ["prime256v1", 64, "sha256"] : ["secp384r1", 96, "sha384"];
  if (curveOf(key) !== name || signature.length !== size) return false;
  return quiet(() => verify(hash, message, { key, dsaEncoding: "ieee-p1363" }, signature));
}

/** P-256 key of x || y; undefined for a point that is not on the curve. */
export function p256Key(point: Uint8Array): KeyObject | undefined {
  const [x, y] = [point.subarray(0, 32), point.subarray(32)].map((half) => Buffer.from(half).toString("base64url"));
  try {
    return createPublicKey({ key: { kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "" }, format: "jwk" });
  } catch {
    return undefined;
  }
}

export const isSignedBy = (child: Certificate, parent: Certificate): boolean =>
  checkSigned(parent.key, child.algorithm, child.tbs, child.signature);

/** OpenSSL throws on encodings it cannot read: the same as a wrong signature. */
function quiet(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}
