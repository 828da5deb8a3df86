// SPDX-License-Identifier: MIT
import { assertLength, fromHex, toHex, utf8, type Hex } from "./bytes.ts";
import { ByteWriter } from "./byte-writer.ts";
import { CoreError } from "./core-errors.ts";
import { domainHash, keccak256 } from "./keccak.ts";
import { poseidonFold, WORD_BYTES } from "./poseidon.ts";
import {
  KIND_BLINDED,
  KIND_NAMES,
  KIND_PUBLIC,
  KIND_SALTED,
  PRODUCER_INPUT,
  type DigestKind,
  type StageInfo,
} from "./types.ts";

/** keccak256(keccak256("assay.v1.public") ‖ tensor bytes). */
export function publicDigest(bytes: Uint8Array): Hex {
  return toHex(keccak256(domainHash("assay.v1.public"), bytes));
}

/** keccak256(keccak256("assay.v1.blinded") ‖ salt ‖ tensor bytes); the salt has 32 secret bytes. Error: SALT_INVALID. */
export function blindedDigest(bytes: Uint8Array, salt: Uint8Array): Hex {
  if (salt.length !== 32)
    throw new CoreError("SALT_INVALID", { why: `a BLINDED digest takes 32 bytes, not ${salt.length}` });
  return toHex(keccak256(domainHash("assay.v1.blinded"), salt, bytes));
}

/** Poseidon fold, 31 secret bytes of salt: the digest that a proof can speak about. Error: SALT_INVALID. */
export function saltedDigest(bytes: Uint8Array, salt: Uint8Array): Hex {
  return toHex(poseidonFold(bytes, salt));
}

/** Length of a kind's salt in bytes; 0 if it has none. */
export const saltBytes = (kind: DigestKind): number =>
  kind === KIND_SALTED ? WORD_BYTES : kind === KIND_BLINDED ? 32 : 0;

/**
 * The digest of canonical tensor bytes under a kind. A salt must be given exactly where the kind has one: an unsalted digest of
 * private data can be guessed. Errors: SALT_INVALID, DIGEST_KIND (CIPHER digests are of ciphertexts: engines/she).
 */
export function digestOf(kind: DigestKind, bytes: Uint8Array, salt?: Uint8Array): Hex {
  if (kind === KIND_PUBLIC) {
    if (salt !== undefined) throw new CoreError("SALT_INVALID", { why: "a PUBLIC digest takes none" });
    return publicDigest(bytes);
  }
  if (kind !== KIND_SALTED && kind !== KIND_BLINDED)
    throw new CoreError("DIGEST_KIND", { kind: KIND_NAMES[kind] ?? kind, why: "it is not a digest of tensor bytes" });
  if (salt === undefined) throw new CoreError("SALT_INVALID", { why: `a ${KIND_NAMES[kind]} digest takes one` });
  return kind === KIND_SALTED ? saltedDigest(bytes, salt) : blindedDigest(bytes, salt);
}

export interface JoinInput {
  /** Producing stage, or PRODUCER_INPUT. */
  readonly producer: number;
  readonly kind: DigestKind;
  readonly digest: Hex;
}

/** keccak256("assay.v1.join" ‖ u8 n ‖ (u16be producer ‖ u8 kind ‖ bytes32 digest)*), in manifest order. */
export function joinDigest(inputs: readonly JoinInput[]): Hex {
  const writer = new ByteWriter().raw(utf8("assay.v1.join")).u8(inputs.length);
  for (const { producer, kind, digest } of inputs)
    writer
      .u16be(producer)
      .u8(kind)
      .raw(assertLength(fromHex(digest), 32, "A digest"));
  return toHex(keccak256(writer.finish()));
}

/**
 * Chain rule: what stage `stage` consumes. Its only producer's digest, or the join of all. `boundaries[i]` is stage i's accepted
 * outDigest. Error: DIGEST_KIND if a producer is not an earlier stage with a boundary.
 */
export function stageInDigest(
  stages: readonly StageInfo[],
  stage: number,
  jobInput: Hex,
  boundaries: readonly (Hex | undefined)[],
): Hex {
  const info = stages[stage];
  const inputs = (info?.producers ?? []).map((producer): JoinInput => {
    const digest = producer === PRODUCER_INPUT ? jobInput : producer < stage ? boundaries[producer] : undefined;
    const kind = producer === PRODUCER_INPUT ? info?.inKind : stages[producer]?.outKind;
    if (digest === undefined || kind === undefined)
      throw new CoreError("DIGEST_KIND", { kind: "join", why: `stage ${stage} has no boundary from ${producer}` });
    return { producer, kind: kind as DigestKind, digest };
  });
  const [only] = inputs;
  if (only === undefined) throw new CoreError("DIGEST_KIND", { kind: "join", why: `stage ${stage} has no inputs` });
  return inputs.length === 1 ? only.digest : joinDigest(inputs);
}
