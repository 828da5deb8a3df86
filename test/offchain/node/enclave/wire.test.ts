// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { duplexPair } from "node:stream";
import { concatBytes, equalBytes } from "../../../../offchain/core/bytes.ts";
import { isAssayError } from "../../../../offchain/core/errors.ts";
import { COMMITTEE_RULES } from "../../../../offchain/core/threshold/draw-committee.ts";
import { EnclaveClient } from "../../../../offchain/node/enclave/enclave-client.ts";
import { serveInner } from "../../../../offchain/node/enclave/serve-inner.ts";
import { decodeAsk, decodeReply, DONE, encodeAsk, encodeRefusal, encodeReply, FrameReader, MESSAGES, REFUSALS } from "../../../../offchain/node/enclave/wire.ts"; // prettier-ignore
import { expectCode } from "../../../support/expect-code.ts";
import { expectError } from "../../../support/expect-error.ts";
import { enclaveManifest, innerJob, PLACE, REQUESTER } from "../../../support/tee/inner.ts";
import { modelId } from "../../../../offchain/core/model.ts";

const HASH = `0x${"ab".repeat(32)}` as const;
const { job } = innerJob(modelId(enclaveManifest()), { dtype: "i8", dims: [2], data: Int8Array.of(1, 2) });
const OPEN = { job, boundary: 0xffff, sender: REQUESTER, isPublic: false };
const IDENTITY = { key: PLACE.worker, channelKey: HASH, sealKey: HASH, runtime: HASH, kind: "tsm", simulated: false };
const asks = [
  encodeAsk(1, "boot", PLACE),
  encodeAsk(2, "quote", { epoch: 7, challenge: HASH }),
  encodeAsk(3, "open", OPEN, Uint8Array.of(1, 2, 3)),
  encodeAsk(4, "run", { jobId: HASH, stage: 0, epoch: 7 }),
  encodeAsk(0xffff_ffff, "forget", { jobId: HASH }),
  encodeAsk(6, "order", { job, boundary: 0xffff, sender: REQUESTER }, Uint8Array.of(1)),
  encodeAsk(7, "prove", { jobId: HASH, stage: 3, epoch: 7, deadlineMs: 1n << 40n }),
  encodeAsk(6, "schedule", { job, boundary: 0xffff, sender: REQUESTER }, Uint8Array.of(4)),
  encodeAsk(7, "dial", { jobId: HASH }),
  encodeAsk(8, "step", { jobId: HASH, isDialler: true, isFirst: false }, new Uint8Array(700)),
  encodeAsk(9, "feed", { jobId: HASH }),
  encodeAsk(10, "compute", { jobId: HASH, epoch: 7 }),
  encodeAsk(11, "commit", { committee: { rules: COMMITTEE_RULES, epoch: 3, drawHash: HASH, mask: 63, attempt: 1, members: [{ key: PLACE.hub, worker: PLACE.worker }] } }), // prettier-ignore
  encodeAsk(12, "deal", { committeeId: HASH }, Uint8Array.of(0)),
  encodeAsk(13, "judge", { committeeId: HASH }, new Uint8Array(900)),
  encodeAsk(14, "release", { jobId: HASH, boundary: 0xffff, sender: REQUESTER, receiver: HASH }, new Uint8Array(500)),
  encodeAsk(15, "unwrap", { jobId: HASH, boundary: 0xffff, sender: REQUESTER }, new Uint8Array(800)),
];
const replies = [
  encodeReply(1, "boot", IDENTITY),
  encodeReply(2, "quote", { format: "dcap-tdx-v4" }, new Uint8Array(5_000)),
  encodeReply(3, "open", DONE),
  encodeReply(4, "run", { outDigest: HASH, payload: HASH, evidence: "0x" }, Uint8Array.of(9)),
  encodeRefusal(5, "INPUT"),
  encodeReply(6, "order", { attempt: 1, pairs: [{ prover: PLACE.worker, second: REQUESTER }] }),
  encodeReply(7, "prove", { outDigest: HASH, result: "0x", r: HASH, vs: HASH }, new Uint8Array(2_000)),
  encodeReply(6, "schedule", { attempt: 1, first: 0, last: 1, previous: PLACE.worker, next: PLACE.hub }),
  encodeReply(7, "dial", DONE, new Uint8Array(98)),
  encodeReply(8, "step", { isOpen: true, isOver: false }, new Uint8Array(150)),
  encodeReply(9, "feed", { isLast: true }, new Uint8Array(700)),
  encodeReply(10, "compute", { results: [{ stage: 1, outDigest: HASH, evidence: "0x12" }] }, Uint8Array.of(9)),
  encodeReply(11, "commit", DONE, new Uint8Array(257)),
  encodeReply(12, "deal", DONE, new Uint8Array(700)),
  encodeReply(13, "judge", DONE, new Uint8Array(65)),
  encodeReply(14, "release", DONE, new Uint8Array(144)),
  encodeReply(15, "unwrap", { opened: true, have: 4, wrong: 2 }, new Uint8Array(900)),
];
const rest = (frame: Uint8Array): Uint8Array => frame.slice(4);
const withByte = (frame: Uint8Array, at: number, value: number): Uint8Array => {
  const copy = Uint8Array.from(frame);
  copy[at] = value;
  return copy;
};
const u32 = (value: number): Uint8Array => new Uint8Array(new Uint32Array([value]).buffer);
/** A frame of any content, its length right. */
const framed = (id: number, type: number, head: Uint8Array, tail = new Uint8Array()): Uint8Array =>
  concatBytes(u32(9 + head.length + tail.length), u32(id), Uint8Array.of(type), u32(head.length), head, tail);

describe("the enclave's wire", () => {
  it("default: questions and answers come out as they went in, however the stream cuts them", () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1 }), (isAsk, sizes) => {
        const sent = isAsk ? asks : replies;
        const bytes = concatBytes(...sent);
        const reader = new FrameReader(isAsk ? "ask" : "reply");
        const frames: Uint8Array[] = [];
        for (let at = 0, i = 0; at < bytes.length; i += 1) {
          const size = sizes[i % sizes.length] ?? 1;
          frames.push(...reader.push(bytes.slice(at, at + size)));
          at += size;
        }
        expect(reader.isPartial).to.equal(false);
        expect(frames.length).to.equal(sent.length);
        for (const [i, one] of frames.entries()) expect(equalBytes(one, rest(sent[i] ?? one))).to.equal(true);
      }),
    );
    expect(asks.map((one) => decodeAsk(rest(one)).name)).to.deep.equal(Object.keys(MESSAGES));
    expect(decodeAsk(rest(asks[2] ?? rest(asks[0] ?? u32(0))))).to.deep.equal({ id: 3, name: "open", body: OPEN, tail: Uint8Array.of(1, 2, 3) }); // prettier-ignore
    expect(decodeReply(rest(replies[0] ?? u32(0)))).to.deep.include({ id: 1, name: "boot", body: IDENTITY });
    for (const refusal of REFUSALS)
      expect(decodeReply(rest(encodeRefusal(8, refusal)))).to.deep.equal({ id: 8, name: "refused", refusal });
  });

  it("error: ENCLAVE_WIRE from the first nine bytes of what is too long, unknown, or the other side's", () => {
    const refused = (side: "ask" | "reply", bytes: Uint8Array) =>
      expectError(() => new FrameReader(side).push(bytes), "ENCLAVE_WIRE");
    for (const type of [0, 13, 0x7f, 0x80, 0x8d, 0xfe]) {
      refused("ask", framed(1, type, new Uint8Array()));
      refused("reply", framed(1, type, new Uint8Array()));
    }
    for (const one of asks) refused("reply", one);
    for (const one of replies) refused("ask", one);
    for (const { number, askTail, replyTail } of Object.values(MESSAGES)) {
      const most = 9 + 16_384;
      const start = (length: number, type: number) => concatBytes(u32(length), u32(1), Uint8Array.of(type));
      refused("ask", start(most + askTail + 1, number));
      refused("reply", start(most + replyTail + 1, number | 0x80));
      expect(new FrameReader("ask").push(start(most + askTail, number))).to.deep.equal([]);
      refused("ask", start(8, number));
      refused("ask", start(0xffff_ffff, number));
    }
    refused("reply", concatBytes(u32(11), u32(1), Uint8Array.of(0xff)));
  });

  it("error: heads that are cut, longer than they say, not canonical or behind nothing are refused", () => {
    const bad = /^(ENCLAVE_WIRE|ABI_.*|BYTES_.*|NOT_CANONICAL)$/;
    for (const [list, decode] of [
      [asks, decodeAsk],
      [replies, decodeReply],
    ] as const)
      // prettier-ignore
      for (const one of list) {
        const body = rest(one);
        const headEnd = 9 + (body[5] ?? 0) + 256 * (body[6] ?? 0);
        for (const cut of [0, 4, 8, 9, headEnd - 1]) expectError(() => decode(body.slice(0, cut)), bad);
        expectError(() => decode(withByte(body, 7, 1)), bad);
        expectError(() => decode(withByte(body, 4, 0)), bad);
      }
    // One word more, or a bool of 2, is another encoding of the same.
    const head = rest(asks[3] ?? u32(0)).slice(9);
    expectError(() => decodeAsk(rest(framed(1, 4, concatBytes(head, new Uint8Array(32))))), bad);
    expectError(() => decodeAsk(rest(framed(1, 4, withByte(head, 40, 1)))), bad);
    // Bytes behind a message that has none.
    for (const number of [1, 2, 4, 5, 7])
      expectError(() => decodeAsk(rest(framed(1, number, rest(asks[number - 1] ?? head).slice(9), head))), "ENCLAVE_WIRE"); // prettier-ignore
    expectError(() => decodeReply(rest(framed(1, 0xff, Uint8Array.of(REFUSALS.length)))), "ENCLAVE_WIRE");
    expectError(() => decodeReply(rest(framed(1, 0xff, Uint8Array.of(0, 0)))), "ENCLAVE_WIRE");
  });

  it("behavior: no bytes crash it: 20,000 mutated streams are read or refused by a typed error", () => {
    const runs = process.env["ASSAY_DEEP"] === "1" ? 200_000 : 20_000;
    const all = [...asks, ...replies.slice(0, 1), ...replies.slice(2)];
    fc.assert(
      fc.property(fc.nat(all.length - 1), fc.nat(), fc.nat(255), fc.nat(3), (which, at, value, kind) => {
        const one = all[which] ?? u32(0);
        const bytes = kind === 0 ? one.slice(0, at % one.length) : withByte(one, at % one.length, value);
        for (const side of ["ask", "reply"] as const)
          try {
            for (const frame of new FrameReader(side).push(bytes)) (side === "ask" ? decodeAsk : decodeReply)(frame);
          } catch (error) {
            if (!isAssayError(error)) throw error;
          }
      }),
      { numRuns: runs },
    );
  });
});

describe("the host's end of the wire", () => {
  const ends = () => {
    const [host, inside] = duplexPair();
    return { client: new EnclaveClient(host), inside };
  };

  for (const [name, answer, code] of [
    ["an answer to nothing", encodeReply(77, "open", DONE), "ENCLAVE_WIRE"],
    ["an answer to another question", encodeReply(1, "forget", DONE), "ENCLAVE_WIRE"],
    ["garbage", new Uint8Array(64).fill(0x99), "ENCLAVE_WIRE"],
    ["a refusal", encodeRefusal(1, "INPUT_MISMATCH"), "ENCLAVE_REFUSED"],
  ] as const)
    it(`error: ${code} for ${name}`, async () => {
      const { client, inside } = ends();
      const asked = client.ask("open", OPEN, Uint8Array.of(1));
      inside.write(answer);
      await expectCode(code, async () => asked);
      client.close();
    });

  it("error: ENCLAVE_LOST for everything open when the stream ends, and for everything after", async () => {
    const { client, inside } = ends();
    const open = [client.ask("boot", PLACE), client.ask("run", { jobId: HASH, stage: 0, epoch: 1 })];
    inside.destroy();
    for (const one of open) await expectCode("ENCLAVE_LOST", async () => one);
    await client.ended;
    await expectCode("ENCLAVE_LOST", async () => client.ask("boot", PLACE));
  });

  it("behavior: the same answer twice ends the connection: replays are no answers", async () => {
    const { client, inside } = ends();
    const asked = client.ask("open", OPEN);
    inside.write(encodeReply(1, "open", DONE));
    inside.write(encodeReply(1, "open", DONE));
    expect((await asked).body).to.deep.equal(DONE);
    await client.ended;
    await expectCode("ENCLAVE_WIRE", async () => client.ask("boot", PLACE));
  });
});

describe("the enclave's end of the wire", () => {
  it("behavior: what is no message ends the stream, and nothing of it is answered", async () => {
    for (const bytes of [new Uint8Array(64).fill(0x99), replies[0] ?? u32(0), framed(1, 4, new Uint8Array(3))]) {
      const [host, inside] = duplexPair();
      const served = serveInner(inside, { handle: async () => "FAILED" });
      host.resume();
      host.write(bytes);
      await served;
      expect(inside.destroyed).to.equal(true);
    }
  });

  it("behavior: an id that is open, and the 65th question at once, are BUSY", async () => {
    const [host, inside] = duplexPair();
    const release: (() => void)[] = [];
    void serveInner(inside, {
      handle: async () => {
        await new Promise<void>((resolve) => release.push(resolve));
        return "FAILED";
      },
    });
    const frames = new FrameReader("reply");
    const answers: ReturnType<typeof decodeReply>[] = [];
    const got = new Promise<void>((resolve) => {
      host.on("data", (chunk: Uint8Array) => {
        answers.push(...frames.push(chunk).map(decodeReply));
        if (answers.length === 2) resolve();
      });
    });
    for (let id = 1; id <= 65; id += 1) host.write(encodeAsk(id, "forget", { jobId: HASH }));
    host.write(encodeAsk(1, "forget", { jobId: HASH }));
    await got;
    expect(answers.map(({ id }) => id)).to.have.members([65, 1]);
    for (const answer of answers) expect(answer).to.include({ name: "refused", refusal: "BUSY" });
    host.destroy();
  });
});
