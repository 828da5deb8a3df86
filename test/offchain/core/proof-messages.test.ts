// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { isAssayError } from "../../../offchain/core/errors.ts";
import {
  decodeProofOrder,
  encodeProofOrder,
  isProofOrder,
  type ProofOrder,
} from "../../../offchain/core/proof-order.ts";
import {
  decodeProofRequest,
  decodeProofStatus,
  encodeProofRequest,
  encodeProofStatus,
  MAX_EVIDENCE_BYTES,
  type ProofRequest,
} from "../../../offchain/core/proof-wire.ts";
import { encodeSealedInput, JOB_INPUT } from "../../../offchain/core/sealed-input.ts";
import { expectCode } from "../../support/expect-code.ts";

const bytes = (length: number, fill = 7) => new Uint8Array(length).fill(fill);
const input = {
  stage: 1,
  salts: [{ boundary: 1, salt: bytes(31) }],
  tensors: [{ boundary: JOB_INPUT, tensor: bytes(40) }],
};
const order: ProofOrder = { attempt: 3, workers: [4, 9, 4], input };
const request: ProofRequest = {
  kind: "proof",
  jobId: `0x${"11".repeat(32)}`,
  stage: 2,
  worker: `0x${"22".repeat(20)}`,
  outDigest: `0x${"33".repeat(32)}`,
  signature: bytes(64),
  evidence: bytes(448),
};

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "";
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return error.code;
  }
};

/** Whatever decodes encodes to the same bytes again, and nothing but typed errors come out. */
function canonical<T>(decode: (noise: Uint8Array) => T, encode: (value: T) => Uint8Array, head: Uint8Array): void {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      const hostile = Uint8Array.of(...head, ...noise);
      let value: T;
      try {
        value = decode(hostile);
      } catch (error) {
        return isAssayError(error);
      }
      return Buffer.from(encode(value)).equals(Buffer.from(hostile));
    }),
  );
}

describe("proof orders", () => {
  it("default: round trip; one worker may have several stages", () => {
    expect(decodeProofOrder(encodeProofOrder(order))).to.deep.equal(order);
    expect(isProofOrder(encodeProofOrder(order))).to.equal(true);
    expect(isProofOrder(encodeSealedInput(input))).to.equal(false);
    expect(isProofOrder(bytes(3))).to.equal(false);
  });

  it("error: every prefix, and more bytes, are refused", () => {
    const good = encodeProofOrder(order);
    for (let length = 0; length < good.length; length += 1)
      expect(codeOf(() => decodeProofOrder(good.slice(0, length)))).to.be.oneOf(["BYTES_TRUNCATED", "NOT_CANONICAL"]);
    expect(codeOf(() => decodeProofOrder(Uint8Array.of(...good, 0)))).to.equal("BYTES_TRAILING");
  });

  it("error: NOT_CANONICAL for stages without worker, for a stage beyond them, another version, another kind", async () => {
    await expectCode("NOT_CANONICAL", () => encodeProofOrder({ ...order, workers: [4, 0, 4] }));
    await expectCode("NOT_CANONICAL", () => encodeProofOrder({ ...order, workers: [4] }));
    await expectCode("NOT_CANONICAL", () => encodeProofOrder({ ...order, workers: [] }));
    await expectCode("NOT_CANONICAL", () => decodeProofOrder(encodeSealedInput(input)));
    const other = encodeProofOrder(order);
    other[4] = 2;
    await expectCode("NOT_CANONICAL", () => decodeProofOrder(other));
  });

  it("behavior: hostile bytes never decode to something that encodes differently", () => {
    canonical(decodeProofOrder, encodeProofOrder, Uint8Array.of(0x41, 0x53, 0x50, 0x4f, 1));
  });
});

describe("proof messages", () => {
  it("default: round trips", () => {
    expect(decodeProofRequest(encodeProofRequest(request))).to.deep.equal(request);
    const status = { kind: "status", jobId: request.jobId } as const;
    expect(decodeProofRequest(encodeProofRequest(status))).to.deep.equal(status);
    const answer = { able: true, load: 2, phases: ["none", "waiting", "working", "proven"] } as const;
    expect(decodeProofStatus(encodeProofStatus(answer))).to.deep.equal(answer);
  });

  it("error: prefixes, trailing bytes, unknown kinds, stages, phases, and too much evidence", () => {
    const good = encodeProofRequest(request);
    for (let length = 0; length < good.length; length += 1)
      expect(codeOf(() => decodeProofRequest(good.slice(0, length)))).to.not.equal("");
    expect(codeOf(() => decodeProofRequest(Uint8Array.of(...good, 0)))).to.equal("BYTES_TRAILING");
    expect(codeOf(() => decodeProofRequest(Uint8Array.of(1, 2, ...good.slice(2))))).to.equal("NOT_CANONICAL");
    expect(codeOf(() => encodeProofRequest({ ...request, stage: 8 }))).to.equal("NOT_CANONICAL");
    const large = { ...request, evidence: bytes(MAX_EVIDENCE_BYTES + 1) };
    expect(codeOf(() => encodeProofRequest(large))).to.equal("TOO_LARGE");
    expect(codeOf(() => decodeProofStatus(Uint8Array.of(1, 1, 0, 0, 1, 9)))).to.equal("NOT_CANONICAL");
    expect(codeOf(() => decodeProofStatus(Uint8Array.of(1, 2, 0, 0, 0)))).to.equal("NOT_CANONICAL");
  });

  it("behavior: hostile bytes never decode to something that encodes differently", () => {
    canonical(decodeProofRequest, encodeProofRequest, Uint8Array.of(1));
    canonical(decodeProofStatus, encodeProofStatus, Uint8Array.of(1));
  });
});
