// SPDX-License-Identifier: MIT
import { sha256 } from "@noble/hashes/sha2.js";
import { encodeAbi } from "../abi.ts";
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { assertLength, bigToBytes, bytesToBig, equalBytes, toHex, utf8, type Hex } from "../bytes.ts";
import type { CryptoPort } from "../crypto-port.ts";
import { typedDigest, typeHash } from "../eip712.ts";
import { keccak256 } from "../keccak.ts";
import type { LinearOperator } from "../program/linear-operators.ts";
import { openSealedBlob, sealBlob } from "../seal.ts";
import { packSignature, recoverSigner, unpackSignature, type CompactSignature } from "../signature.ts";
import { ZkError } from "./errors.ts";
import { FIELD_R } from "./field.ts";
import { SEED_BYTES, type LinearCheckScope, type LinearCheckStatement } from "./linear-check.ts";
import { PROOF_WORDS } from "./proof.ts";

/**
 * Asks a model's owner for a linear check: the request is `encodeLinearCall`, the reply a sealed answer. The owner refuses with
 * LINEAR_CHECK_MALFORMED, LINEAR_CHECK_UNKNOWN, LINEAR_CHECK_STRANGER, LINEAR_CHECK_STALE, LINEAR_CHECK_BUSY, CHECKS_SPENT.
 */
export const LINEAR_CHECK_PROTOCOL = "/assay/linear-check/1";
/** How far ahead a request's deadline may be, seconds: until then its owner remembers what it answered. */
export const MAX_REQUEST_LIFE = 600;

/** What a client asks a model's owner for. */
export interface LinearCheckRequest {
  readonly scope: LinearCheckScope;
  /** 32 uniform bytes, the client's secret. Whoever evaluates the stage must learn neither it nor u. */
  readonly seed: Uint8Array;
  /** Numbers of the operators to be checked, ascending. */
  readonly ops: readonly number[];
}

/** What the client gets: r is its own. */
export interface LinearCheckAnswer {
  readonly statement: LinearCheckStatement;
  readonly u: readonly bigint[];
  /** A, B, C1, C2. */
  readonly proof: readonly bigint[];
}

/** A request as it travels. */
export interface SentLinearRequest extends LinearCheckRequest {
  /** X25519: the answer is sealed to it. */
  readonly replyKey: Uint8Array;
  /** Unix seconds. Nobody answers it later: who kept a copy cannot make its owner prove again. */
  readonly deadline: bigint;
}

const REQUEST = utf8("ALCQ");
const ANSWER = utf8("ALCA");
const VERSION = 1;
/** Operators of the largest program that has a circuit. */
const MAX_OPS = 64;
const WORD = 32;
const SIGNATURE_BYTES = 64;
const REQUEST_TYPEHASH = typeHash(
  "LinearCheckRequest(bytes32 modelId,uint16 stage,address client,bytes32 seedHash,bytes32 opsHash,bytes32 replyKey,uint64 deadline)",
);

const malformed = (reason: string) => new ZkError("LINEAR_CHECK_MALFORMED", { reason });

const opsBytes = (ops: readonly number[]): Uint8Array => {
  const writer = new ByteWriter();
  for (const op of ops) writer.u16be(op);
  return writer.finish();
};

/** The EIP-712 message `LinearCheckRequest`, for who signs with a wallet. */
export const linearRequestMessage = ({ scope, seed, ops, replyKey, deadline }: SentLinearRequest) => ({
  ...scope,
  seedHash: toHex(keccak256(seed)),
  opsHash: toHex(keccak256(opsBytes(ops))),
  replyKey: toHex(replyKey),
  deadline,
});

/** What the client signs, so that nobody else uses up what it may ask for. `domain`: `domainSeparator` of chain and hub. */
export function linearRequestDigest(domain: Hex, request: SentLinearRequest): Uint8Array {
  const types = ["bytes32", "bytes32", "uint16", "address", "bytes32", "bytes32", "bytes32", "uint64"] as const;
  const { modelId, stage, client, seedHash, opsHash, replyKey, deadline } = linearRequestMessage(request);
  const values = [REQUEST_TYPEHASH, modelId, stage, client, seedHash, opsHash, replyKey, deadline] as const;
  return typedDigest(domain, toHex(keccak256(encodeAbi(types, values))));
}

/** HPKE's info. An answer names the seed that it is for: an earlier answer does not open as this one. */
function sealContext(domain: Hex, { modelId, stage }: Omit<LinearCheckScope, "client">, seed?: Uint8Array): Uint8Array {
  const writer = new ByteWriter()
    .raw(utf8("assay.v1.linear-check"))
    .fixed(domain, WORD)
    .fixed(modelId, WORD)
    .u16be(stage);
  return sha256(writer.raw(seed === undefined ? new Uint8Array(WORD) : keccak256(seed)).finish());
}

function checkOps(ops: readonly number[]): void {
  if (ops.length === 0 || ops.length > MAX_OPS) throw malformed(`${ops.length} operators`);
  if (ops.some((op, i) => i > 0 && op <= (ops[i - 1] ?? 0))) throw malformed("its operators do not ascend");
}

/** Seals a request to the owner's X25519 key. `signature`: the client's. Errors: LINEAR_CHECK_MALFORMED, LENGTH_WRONG, KEY_EXCHANGE. */
export function sealLinearRequest(
  port: CryptoPort,
  request: SentLinearRequest,
  {
    domain,
    ownerKey,
    signature,
  }: { readonly domain: Hex; readonly ownerKey: Uint8Array; readonly signature: CompactSignature },
): Uint8Array {
  const { scope, seed, ops, replyKey, deadline } = request;
  checkOps(ops);
  const writer = new ByteWriter().raw(REQUEST).u8(VERSION).fixed(scope.modelId, WORD).u16be(scope.stage);
  writer.fixed(scope.client, 20).u16be(ops.length).raw(opsBytes(ops));
  writer.fixed(seed, SEED_BYTES, "The seed").fixed(replyKey, WORD, "The reply key");
  writer.u64be(deadline).raw(packSignature(signature));
  const plain = writer.finish();
  try {
    return sealBlob(port, { context: sealContext(domain, scope), recipients: [ownerKey], plain });
  } finally {
    plain.fill(0);
  }
}

function readHead(reader: ByteReader, magic: Uint8Array): void {
  if (!equalBytes(reader.raw(magic.length), magic)) throw malformed("it begins otherwise");
  const version = reader.u8();
  if (version !== VERSION) throw malformed(`version ${version} is unknown`);
}

const MAX_REQUEST = REQUEST.length + 1 + WORD + 2 + 20 + 2 + 2 * MAX_OPS + SEED_BYTES + WORD + 8 + SIGNATURE_BYTES;
/** A sealed request to one recipient, with the call's head. */
export const MAX_LINEAR_CALL = MAX_REQUEST + 512;

/** Names the stage outside the seal, for who owns several: u8 version ‖ model id ‖ u16 stage ‖ sealed request. The seal's context has both. */
export function encodeLinearCall(
  { modelId, stage }: Pick<LinearCheckScope, "modelId" | "stage">,
  sealed: Uint8Array,
): Uint8Array {
  return new ByteWriter().u8(VERSION).fixed(modelId, WORD, "The model id").u16be(stage).raw(sealed).finish();
}

/** Errors: LINEAR_CHECK_MALFORMED, BYTES_TRUNCATED. */
export function decodeLinearCall(
  bytes: Uint8Array,
): Pick<LinearCheckScope, "modelId" | "stage"> & { readonly sealed: Uint8Array } {
  if (bytes.length > MAX_LINEAR_CALL) throw malformed(`it has ${bytes.length} bytes`);
  const reader = new ByteReader(bytes, "The call for a linear check");
  if (reader.u8() !== VERSION) throw malformed("its version is unknown");
  const [modelId, stage] = [reader.hex(WORD), reader.u16be()];
  return { modelId, stage, sealed: reader.raw(reader.remaining).slice() };
}

/**
 * Opens a request from anyone, about this owner's stage: whoever signed it is `scope.client`. Errors: those of `openSealedBlob`,
 * LINEAR_CHECK_MALFORMED, BYTES_TRUNCATED, NOT_CANONICAL, SIGNATURE_INVALID.
 */
export function openLinearRequest(
  port: CryptoPort,
  bytes: Uint8Array,
  owner: {
    readonly domain: Hex;
    readonly modelId: Hex;
    readonly stage: number;
    /** X25519. */
    readonly privateKey: Uint8Array;
  },
): SentLinearRequest {
  const { domain, modelId, stage, privateKey } = owner;
  const context = sealContext(domain, owner);
  const plain = openSealedBlob(port, bytes, { context, privateKey, maxBytes: MAX_REQUEST });
  try {
    const reader = new ByteReader(plain, "The request of a linear check");
    readHead(reader, REQUEST);
    if (reader.hex(WORD) !== modelId.toLowerCase() || reader.u16be() !== stage)
      throw malformed("it is about another stage");
    const client = reader.hex(20);
    const ops = Array.from({ length: reader.count(reader.u16be(), MAX_OPS, 2) }, () => reader.u16be());
    checkOps(ops);
    const [seed, replyKey] = [reader.raw(SEED_BYTES).slice(), reader.raw(WORD).slice()];
    const deadline = reader.u64be();
    const signature = unpackSignature(reader.raw(SIGNATURE_BYTES));
    reader.end();
    const request = { scope: { modelId, stage, client }, seed, ops, replyKey, deadline };
    const signer = recoverSigner(linearRequestDigest(domain, request), signature);
    if (signer !== client) throw malformed(`it is signed by ${signer}, not by ${client}`);
    return request;
  } finally {
    plain.fill(0);
  }
}

const answerBytes = (operators: readonly LinearOperator[]): number =>
  ANSWER.length + 1 + 2 * WORD + 4 + (lengthOf(operators) + PROOF_WORDS) * WORD;
const lengthOf = (operators: readonly LinearOperator[]): number =>
  operators.reduce((sum, { columns }) => sum + columns + 1, 0);

/** Longest sealed answer about these operators: a recipient's entry, and a tag every 64 KiB. */
export const linearAnswerBytes = (operators: readonly LinearOperator[]): number =>
  512 + answerBytes(operators) + Math.ceil(answerBytes(operators) / 4_096);

/** Seals the answer to whoever asked. Errors: LENGTH_WRONG, KEY_EXCHANGE, those of numbers out of range. */
export function sealLinearAnswer(
  port: CryptoPort,
  { statement, u, proof }: LinearCheckAnswer,
  { domain, request }: { readonly domain: Hex; readonly request: SentLinearRequest },
): Uint8Array {
  const writer = new ByteWriter().raw(ANSWER).u8(VERSION);
  writer.fixed(statement.inDigest, WORD).fixed(statement.outDigest, WORD).u32be(u.length);
  for (const word of [...u, ...proof]) writer.raw(bigToBytes(word, WORD));
  const context = sealContext(domain, request.scope, request.seed);
  return sealBlob(port, { context, recipients: [request.replyKey], plain: writer.finish() });
}

/**
 * Opens the owner's answer to this request, by its form: what it says holds only if `verifyLinearCheck` says so. Errors: those of
 * `openSealedBlob`, LINEAR_CHECK_MALFORMED, BYTES_TRUNCATED, NOT_CANONICAL.
 */
export function openLinearAnswer(
  port: CryptoPort,
  bytes: Uint8Array,
  {
    domain,
    request,
    operators,
    privateKey,
  }: {
    readonly domain: Hex;
    readonly request: Pick<LinearCheckRequest, "scope" | "seed">;
    /** Of the stage's circuit: they fix the answer's length. */
    readonly operators: readonly LinearOperator[];
    /** Of the request's reply key. */
    readonly privateKey: Uint8Array;
  },
): LinearCheckAnswer {
  const { scope, seed } = request;
  assertLength(seed, SEED_BYTES, "The seed");
  const length = lengthOf(operators);
  const context = sealContext(domain, scope, seed);
  const plain = openSealedBlob(port, bytes, { context, privateKey, maxBytes: answerBytes(operators) });
  const reader = new ByteReader(plain, "The answer of a linear check");
  readHead(reader, ANSWER);
  const [inDigest, outDigest] = [reader.hex(WORD), reader.hex(WORD)];
  const count = reader.u32be();
  if (count !== length) throw malformed(`u has ${count} elements instead of ${length}`);
  const words = (n: number): bigint[] => Array.from({ length: n }, () => bytesToBig(reader.raw(WORD)));
  const u = words(length);
  if (u.some((word) => word >= FIELD_R)) throw malformed("an element of u is not below r");
  const proof = words(PROOF_WORDS);
  reader.end();
  return { statement: { ...scope, inDigest, outDigest }, u, proof };
}
