// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { toHex, type Hex } from "../../../../offchain/core/bytes.ts";
import { isAssayError } from "../../../../offchain/core/errors.ts";
import { sealBlob } from "../../../../offchain/core/seal.ts";
import { addressOfKey, signDigest } from "../../../../offchain/core/signature.ts";
import { FIELD_R } from "../../../../offchain/core/zk/field.ts";
import {
  decodeLinearCall,
  encodeLinearCall,
  linearRequestDigest,
  MAX_LINEAR_CALL,
  openLinearAnswer,
  openLinearRequest,
  sealLinearAnswer,
  sealLinearRequest,
  type SentLinearRequest,
} from "../../../../offchain/core/zk/linear-check-wire.ts";
import { bytesOf } from "../../../support/deterministic.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { DOMAIN, hashOf } from "../../../support/sample-receipt.ts";
import { OPERATORS, simulateLinearCheck } from "../../../support/simulated-linear-check.ts";

const CLIENT_KEY = bytesOf("client key");
const scope = { modelId: hashOf("a model"), stage: 3, client: addressOfKey(CLIENT_KEY) };
const [owner, reply] = [nodeCrypto.generateX25519(), nodeCrypto.generateX25519()];
const request: SentLinearRequest = {
  scope,
  seed: bytesOf("seed"),
  ops: [0, 2],
  replyKey: reply.publicKey,
  deadline: 1_800_000_000n,
};
const sign = (digest: Uint8Array) => signDigest(digest, CLIENT_KEY);
const sealed = (of: SentLinearRequest = request, domain: Hex = DOMAIN, by = sign) =>
  sealLinearRequest(nodeCrypto, of, {
    domain,
    ownerKey: owner.publicKey,
    signature: by(linearRequestDigest(domain, of)),
  });
const at = { domain: DOMAIN, modelId: scope.modelId, stage: scope.stage, privateKey: owner.privateKey };
const open = (bytes: Uint8Array, over: Partial<typeof at> = {}) =>
  openLinearRequest(nodeCrypto, bytes, { ...at, ...over });

/** The bytes inside, sealed again after a change as a stranger who knows the format could. */
function changed(bytes: Uint8Array, key: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }) {
  let plain = new Uint8Array();
  const context = bytes.slice(6, 38);
  const spy = {
    ...nodeCrypto,
    chacha20Poly1305Open: (...parameters: Parameters<typeof nodeCrypto.chacha20Poly1305Open>) => {
      const out = nodeCrypto.chacha20Poly1305Open(...parameters);
      if (out !== null && out.length !== 32) plain = Uint8Array.from(out);
      return out;
    },
  };
  return {
    read: (work: (port: typeof nodeCrypto) => unknown) => {
      work(spy);
      return plain;
    },
    seal: (inside: Uint8Array) => sealBlob(nodeCrypto, { context, recipients: [key.publicKey], plain: inside }),
  };
}

const REFUSALS = new Set([
  "LINEAR_CHECK_MALFORMED",
  "BYTES_TRUNCATED",
  "BYTES_TRAILING",
  "TOO_LARGE",
  "SIGNATURE_INVALID",
  "SEALED_INVALID",
  "SEALED_CONTEXT",
  "SEALED_NOT_FOR_US",
  "SEALED_TAMPERED",
  "VERSION_UNKNOWN",
  "KEY_EXCHANGE",
]);
function refused(work: () => unknown, what: string): string {
  try {
    work();
  } catch (error) {
    if (isAssayError(error) && REFUSALS.has(error.code)) return error.code;
    throw error;
  }
  throw new TypeError(`${what} was accepted`);
}

describe("messages about linear checks", () => {
  const words = simulateLinearCheck().proof;
  const answer = {
    statement: { ...scope, inDigest: hashOf("in"), outDigest: hashOf("out") },
    u: Array.from({ length: 9 }, (_, i) => BigInt(i) ** 40n),
    proof: words,
  };
  const answered = () => sealLinearAnswer(nodeCrypto, answer, { domain: DOMAIN, request });
  const toClient = { domain: DOMAIN, request, operators: OPERATORS, privateKey: reply.privateKey };

  it("default: request and answer arrive as they were sent, and show neither seed nor u to anybody else", () => {
    const bytes = sealed();
    expect(open(bytes)).to.deep.equal(request);
    const back = answered();
    expect(openLinearAnswer(nodeCrypto, back, toClient)).to.deep.equal(answer);
    expect(toHex(bytes)).to.not.contain(toHex(request.seed).slice(2));
    expect(toHex(back)).to.not.contain((answer.u[8] ?? 0n).toString(16));
    refused(() => open(bytes, { privateKey: reply.privateKey }), "another's key");
    refused(() => openLinearAnswer(nodeCrypto, back, { ...toClient, privateKey: owner.privateKey }), "another's key");
  });

  it("attack: a request of another domain, model or stage, and one that somebody else signed", () => {
    const bytes = sealed();
    expect(refused(() => open(bytes, { domain: hashOf("domain") }), "domain")).to.equal("SEALED_CONTEXT");
    expect(refused(() => open(bytes, { modelId: hashOf("model") }), "model")).to.equal("SEALED_CONTEXT");
    expect(refused(() => open(bytes, { stage: 4 }), "stage")).to.equal("SEALED_CONTEXT");
    const thief = (digest: Uint8Array) => signDigest(digest, bytesOf("thief"));
    expect(refused(() => open(sealed(request, DOMAIN, thief)), "a thief's")).to.equal("LINEAR_CHECK_MALFORMED");
    // A signature over anything else than what is asked: another chain, seed, operator, reply key.
    const others: readonly [SentLinearRequest, Hex][] = [
      [request, hashOf("domain")],
      [{ ...request, seed: bytesOf("other") }, DOMAIN],
      [{ ...request, ops: [0] }, DOMAIN],
      [{ ...request, replyKey: owner.publicKey }, DOMAIN],
      [{ ...request, scope: { ...scope, stage: 4 } }, DOMAIN],
      [{ ...request, deadline: request.deadline + 1n }, DOMAIN],
    ];
    for (const [of, domain] of others) {
      const stolen = () => signDigest(linearRequestDigest(domain, of), CLIENT_KEY);
      expect(refused(() => open(sealed(request, DOMAIN, stolen)), "stolen")).to.equal("LINEAR_CHECK_MALFORMED");
    }
  });

  it("attack: every byte of an opened request flipped, cut, or followed by more; counts that lie", () => {
    const { read, seal } = changed(sealed(), owner);
    const plain = read((port) => openLinearRequest(port, sealed(), at));
    expect(open(seal(plain))).to.deep.equal(request);
    for (const i of plain.keys()) refused(() => open(seal(plain.with(i, (plain[i] ?? 0) ^ 1))), `byte ${i} flipped`);
    for (let length = 0; length < plain.length; length += 3) refused(() => open(seal(plain.slice(0, length))), "cut");
    refused(() => open(seal(new Uint8Array([...plain, 0]))), "trailing");
    refused(() => open(seal(new Uint8Array(1_000))), "too long");
    const count = 4 + 1 + 32 + 2 + 20;
    for (const n of [0, 1, 3, 65, 65_535]) {
      const lying = plain.with(count, n >> 8).with(count + 1, n & 255);
      refused(() => open(seal(lying)), `${n} operators`);
    }
  });

  it("attack: a call that is cut, of another version, or longer than any request", async () => {
    const call = encodeLinearCall(scope, sealed());
    expect(call.length).to.be.lessThan(MAX_LINEAR_CALL);
    const { modelId, stage, sealed: inside } = decodeLinearCall(call);
    expect({ modelId, stage, client: scope.client }).to.deep.equal(scope);
    expect(open(inside)).to.deep.equal(request);
    await expectCode("LINEAR_CHECK_MALFORMED", () => decodeLinearCall(call.with(0, 2)));
    await expectCode("LINEAR_CHECK_MALFORMED", () => decodeLinearCall(new Uint8Array(MAX_LINEAR_CALL + 1).fill(1)));
    for (const length of [0, 1, 20, 34])
      await expectCode("BYTES_TRUNCATED", () => decodeLinearCall(call.slice(0, length)));
  });

  it("error: LINEAR_CHECK_MALFORMED for operators out of order, twice, none, too many: neither sent nor taken", async () => {
    const lists = [[2, 0], [1, 1], [], Array.from({ length: 65 }, (_, i) => i)];
    for (const ops of lists) await expectCode("LINEAR_CHECK_MALFORMED", () => sealed({ ...request, ops }));
    const { read, seal } = changed(sealed(), owner);
    const plain = read((port) => openLinearRequest(port, sealed(), at));
    const first = 4 + 1 + 32 + 2 + 20 + 2;
    const swapped = plain.with(first + 1, 2).with(first + 3, 0);
    expect(refused(() => open(seal(swapped)), "swapped")).to.equal("LINEAR_CHECK_MALFORMED");
    await expectCode("LENGTH_WRONG", () => sealed({ ...request, seed: new Uint8Array(31) }));
  });

  it("attack: an answer to another request, of another length, or with elements that are none", () => {
    const back = answered();
    const old = { ...toClient, request: { ...request, seed: bytesOf("later seed") } };
    expect(refused(() => openLinearAnswer(nodeCrypto, back, old), "old")).to.equal("SEALED_CONTEXT");
    refused(() => openLinearAnswer(nodeCrypto, back, { ...toClient, operators: OPERATORS.slice(1) }), "shorter");
    const more = [...OPERATORS, { op: 3, rows: 1, columns: 1, weights: 1 }];
    refused(() => openLinearAnswer(nodeCrypto, back, { ...toClient, operators: more }), "longer");
    const large = { ...answer, u: answer.u.with(1, FIELD_R) };
    const wide = sealLinearAnswer(nodeCrypto, large, { domain: DOMAIN, request });
    expect(refused(() => openLinearAnswer(nodeCrypto, wide, toClient), "r")).to.equal("LINEAR_CHECK_MALFORMED");
    const { read, seal } = changed(back, reply);
    const plain = read((port) => openLinearAnswer(port, back, toClient));
    for (const i of [0, 4, 69, 72])
      refused(() => openLinearAnswer(nodeCrypto, seal(plain.with(i, (plain[i] ?? 0) ^ 1)), toClient), `byte ${i}`);
    for (const length of [0, 5, 70, plain.length - 1])
      refused(() => openLinearAnswer(nodeCrypto, seal(plain.slice(0, length)), toClient), `${length} bytes`);
    refused(() => openLinearAnswer(nodeCrypto, seal(new Uint8Array([...plain, 0])), toClient), "trailing");
  });

  it("attack: noise is refused by name, never crashes", () => {
    const prng = new Prng(8);
    const blobs = [sealed(), answered()];
    for (let i = 0; i < 400; i++) {
      const blob = blobs[i % 2] ?? new Uint8Array();
      const place = prng.int(0, blob.length - 1);
      const noise = i % 4 < 2 ? blob.with(place, (blob[place] ?? 0) ^ prng.int(1, 255)) : blob.slice(0, place);
      refused(() => (i % 2 === 0 ? open(noise) : openLinearAnswer(nodeCrypto, noise, toClient)), `noise ${i}`);
    }
  });
});
