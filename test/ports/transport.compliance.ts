// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { setTimeout as wait } from "node:timers/promises";
import { ed25519 } from "@noble/curves/ed25519.js";
import { toHex } from "../../offchain/core/bytes.ts";
import type { CallOptions, PeerAddress, Transport, TransportIdentity } from "../../offchain/core/ports/transport.ts";
import { NetError } from "../../offchain/adapters/net/errors.ts";
import type { NetLimits } from "../../offchain/adapters/net/limits.ts";
import { expectCode } from "../support/expect-code.ts";

export type MakeTransport = (options: { identity?: TransportIdentity; limits?: Partial<NetLimits> }) => Transport;

const DEEP = process.env["ASSAY_DEEP"] === "1";
const MIB = 1 << 20;

/** By an independent implementation of Ed25519. */
export function testIdentity(seed: number): TransportIdentity {
  const key = new Uint8Array(32).fill(seed);
  return { id: toHex(ed25519.getPublicKey(key)), sign: (message) => ed25519.sign(message, key) };
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

export const callOptions = (over: Partial<CallOptions> = {}): CallOptions => ({
  signal: new AbortController().signal,
  deadlineMs: 10_000,
  maxReplyBytes: 16 * MIB,
  ...over,
});

async function* echo(_from: unknown, request: Uint8Array) {
  yield request;
}

export interface ComplianceOptions {
  /** The handshake proves identities even to callers who named none: a forger is not spoken to at all. */
  readonly alwaysProves?: true;
}

/** What every `Transport` does. `make` gives transports that can reach each other. */
export function transportCompliance(name: string, make: MakeTransport, traits: ComplianceOptions = {}): void {
  describe(`R65: ${name} as a Transport`, () => {
    const open: Transport[] = [];
    const create = (options: Parameters<MakeTransport>[0] = {}) => {
      const transport = make(options);
      open.push(transport);
      return transport;
    };
    async function pair(limits: Partial<NetLimits> = {}, clientLimits: Partial<NetLimits> = limits) {
      const server = create({ identity: testIdentity(1), limits });
      const client = create({ limits: clientLimits });
      server.serve("/test/echo/1", echo);
      const [peer] = await server.start();
      await client.start();
      if (!peer) throw new NetError("NOT_RUNNING", {});
      const call = (
        protocol: string,
        request: Uint8Array = new Uint8Array(),
        over: Partial<CallOptions> = {},
        to = peer,
      ) => collect(client.call(to, protocol, request, callOptions(over)));
      return { server, client, peer, call };
    }
    afterEach(async () => {
      for (const transport of open.splice(0)) await transport.stop();
    });

    it("default", async () => {
      const { call, peer } = await pair();
      expect(peer.id).to.equal(testIdentity(1).id);
      for (const size of [0, 1, 1000, MIB]) {
        const request = new Uint8Array(size).fill(size % 251);
        expect(await call("/test/echo/1", request)).to.deep.equal(request);
      }
    });

    it("behavior: order and bytes survive, whatever the chunks", async () => {
      const { server, call } = await pair();
      server.serve("/test/count/1", async function* () {
        for (let i = 0; i < 500; i++) yield new Uint8Array(i * 7).fill(i);
      });
      const expected = Buffer.concat(Array.from({ length: 500 }, (_, i) => Buffer.alloc(i * 7, i)));
      expect(Buffer.compare(Buffer.from(await call("/test/count/1")), expected)).to.equal(0);
    });

    it("behavior: a handler may be added after start; its request is its own", async () => {
      const { server, client, peer } = await pair();
      server.serve("/test/late/1", async function* (_from, request) {
        yield request;
      });
      const request = new Uint8Array([1, 2, 3]);
      const stream = client.call(peer, "/test/late/1", request, callOptions());
      request.fill(0); // the caller reuses its buffer
      expect(await collect(stream)).to.deep.equal(new Uint8Array([1, 2, 3]));
    });

    it("error: CALL_TIMEOUT at the deadline, and the handler hears of it", async () => {
      const { server, call } = await pair();
      const ended = new Promise<void>((resolve) => {
        server.serve("/test/hang/1", async function* (_from, _request, signal) {
          yield new Uint8Array(1);
          await new Promise<void>((stop) => signal.addEventListener("abort", () => stop()));
          resolve();
        });
      });
      const before = performance.now();
      await expectCode("CALL_TIMEOUT", () => call("/test/hang/1", undefined, { deadlineMs: 120 }));
      expect(performance.now() - before).to.be.within(100, 2000);
      await ended;
    });

    it("error: CALL_TIMEOUT when the peer goes silent, but not when the reader is slow", async () => {
      // A loaded machine must not look like a silent peer.
      const { server, client, peer, call } = await pair({}, { idleMs: 700 });
      server.serve("/test/silent/1", async function* (_from, _request, signal) {
        yield new Uint8Array(1);
        await new Promise<void>((stop) => signal.addEventListener("abort", () => stop()));
      });
      await expectCode("CALL_TIMEOUT", () => call("/test/silent/1"));
      let bytes = 0;
      for await (const chunk of client.call(peer, "/test/echo/1", new Uint8Array(MIB / 2), callOptions())) {
        if (bytes === 0) await wait(1_000);
        bytes += chunk.length;
      }
      expect(bytes).to.equal(MIB / 2);
    });

    it("error: CALL_ABORTED before, during and between chunks", async () => {
      const { server, client, peer, call } = await pair();
      const stopped: string[] = [];
      server.serve("/test/endless/1", async function* (_from, _request, signal) {
        try {
          while (!signal.aborted) {
            yield new Uint8Array(1000);
            await wait(1);
          }
        } finally {
          stopped.push("once");
        }
      });
      await expectCode("CALL_ABORTED", () => call("/test/endless/1", undefined, { signal: AbortSignal.abort() }));
      const abort = new AbortController();
      let chunks = 0;
      await expectCode("CALL_ABORTED", async () => {
        for await (const _ of client.call(
          peer,
          "/test/endless/1",
          new Uint8Array(),
          callOptions({ signal: abort.signal }),
        )) {
          if (++chunks === 3) abort.abort();
        }
      });
      expect(chunks).to.equal(3);
      for await (const _ of client.call(peer, "/test/endless/1", new Uint8Array(), callOptions())) break;
      for (let i = 0; i < 200 && stopped.length < 2; i++) await wait(5);
      expect(stopped, "handlers ended").to.have.length(2);
    });

    it("error: REQUEST_TOO_LARGE at the sender and at the receiver", async () => {
      const { server, client, peer, call } = await pair({ requestBytes: 1000 }, {});
      let served = 0;
      server.serve("/test/served/1", async function* () {
        served++;
        yield new Uint8Array();
      });
      await expectCode("REQUEST_TOO_LARGE", () => call("/test/served/1", new Uint8Array(1001)));
      await expectCode("REQUEST_TOO_LARGE", () => call("/test/served/1", new Uint8Array(MIB)));
      const tooBig = new Uint8Array(MIB + 4097);
      await expectCode("REQUEST_TOO_LARGE", () => client.call(peer, "/test/served/1", tooBig, callOptions()));
      expect(served).to.equal(0);
      expect(await call("/test/echo/1", new Uint8Array(1000))).to.have.length(1000);
    });

    it("error: REPLY_TOO_LARGE ends the call at the limit", async () => {
      const { server, call } = await pair();
      let sent = 0;
      server.serve("/test/flood/1", async function* () {
        for (;;) {
          sent += 65_536;
          yield new Uint8Array(65_536);
        }
      });
      await expectCode("REPLY_TOO_LARGE", () => call("/test/flood/1", undefined, { maxReplyBytes: MIB }));
      expect(sent).to.be.lessThan(32 * MIB);
    });

    it("error: PROTOCOL_UNKNOWN, PROTOCOL_TAKEN, PROTOCOL_NAME", async () => {
      const { server, client, peer, call } = await pair();
      await expectCode("PROTOCOL_UNKNOWN", () => call("/test/none/1", new Uint8Array(MIB)));
      await expectCode("PROTOCOL_UNKNOWN", () => call("/test/echo/2"));
      await expectCode("PROTOCOL_TAKEN", () => server.serve("/test/echo/1", echo));
      for (const bad of [
        "",
        "echo",
        "/test/echo",
        "/test/echo/1/",
        "/test/../1",
        "//evil/1",
        "/test/echo/1?x",
        "/Test/echo/1",
      ]) {
        await expectCode("PROTOCOL_NAME", () => server.serve(bad, echo));
        await expectCode("PROTOCOL_NAME", () => client.call(peer, bad, new Uint8Array(), callOptions()));
      }
    });

    it("R67: error: IDENTITY_MISMATCH before a single byte of the reply is given out", async () => {
      const { peer, client } = await pair();
      const other: PeerAddress = { id: testIdentity(2).id, url: peer.url };
      const chunks: Uint8Array[] = [];
      await expectCode("IDENTITY_MISMATCH", async () => {
        for await (const chunk of client.call(other, "/test/echo/1", new Uint8Array(9), callOptions()))
          chunks.push(chunk);
      });
      expect(chunks).to.deep.equal([]);
      const forger = create({ identity: { id: testIdentity(1).id, sign: (message) => testIdentity(2).sign(message) } });
      forger.serve("/test/echo/1", echo);
      const [forged] = await forger.start();
      const nobody = create();
      nobody.serve("/test/echo/1", echo);
      const [silent] = await nobody.start();
      for (const url of [forged?.url ?? "", silent?.url ?? ""]) {
        const claimed = { id: testIdentity(1).id, url };
        await expectCode("IDENTITY_MISMATCH", () =>
          collect(client.call(claimed, "/test/echo/1", new Uint8Array(1), callOptions())),
        );
        const unchecked = { id: null, url };
        if (traits.alwaysProves === true && url === forged?.url) {
          await expectCode("PEER_UNREACHABLE", () =>
            collect(client.call(unchecked, "/test/echo/1", new Uint8Array(1), callOptions())),
          );
          continue;
        }
        expect(await collect(client.call(unchecked, "/test/echo/1", new Uint8Array(1), callOptions()))).to.have.length(
          1,
        );
      }
    });

    it("error: REMOTE_FAILED carries the code of a typed error and nothing else", async () => {
      const { server, call } = await pair();
      const secret = "canary";
      server.serve("/test/typed/1", async function* () {
        yield* [];
        throw new NetError("GRANT_UNKNOWN", {}, { cause: secret });
      });
      server.serve("/test/bug/1", async function* () {
        yield* [];
        throw new TypeError(secret);
      });
      const typed = await expectCode("REMOTE_FAILED", () => call("/test/typed/1"));
      expect(String(typed)).to.include("GRANT_UNKNOWN").and.not.include(secret);
      const bug = await expectCode("REMOTE_FAILED", () => call("/test/bug/1"));
      expect(String(bug)).to.include("INTERNAL").and.not.include(secret);
    });

    it("error: REPLY_BROKEN when a handler fails after its first bytes: a part is never taken for the whole", async () => {
      const { server, call } = await pair();
      server.serve("/test/break/1", async function* () {
        yield new Uint8Array(10);
        await wait(20);
        throw new TypeError("x");
      });
      await expectCode("REPLY_BROKEN", () => call("/test/break/1"));
      expect(await call("/test/echo/1", new Uint8Array(1))).to.have.length(1);
    });

    it("error: PEER_UNREACHABLE", async () => {
      const { server, call } = await pair();
      await server.stop();
      await expectCode("PEER_UNREACHABLE", () => call("/test/echo/1"));
    });

    it("error: ADDRESS_INVALID", async () => {
      const { client } = await pair();
      for (const url of [
        "",
        "gopher://x",
        "http://a:b@127.0.0.1:1",
        "http://127.0.0.1:1/x",
        "memory://",
        "memory://a/b",
        "http://",
      ]) {
        await expectCode("ADDRESS_INVALID", () =>
          client.call({ id: null, url }, "/test/echo/1", new Uint8Array(), callOptions()),
        );
      }
    });

    it("error: PEER_BUSY above the handler limit, and the rest is served", async () => {
      const { server, call } = await pair({ handlers: 4 }, {});
      let release = () => {};
      const gate = new Promise<void>((resolve) => (release = resolve));
      server.serve("/test/gate/1", async function* () {
        await gate;
        yield new Uint8Array(1);
      });
      const calls = Array.from({ length: 10 }, () =>
        call("/test/gate/1").then(
          () => "ok",
          (e: { code: string }) => e.code,
        ),
      );
      await wait(100);
      release();
      const outcomes = await Promise.all(calls);
      expect(outcomes.filter((one) => one === "PEER_BUSY").length).to.be.within(6, 7);
      expect(outcomes.filter((one) => one === "ok").length).to.be.within(3, 4);
      expect(await call("/test/echo/1", new Uint8Array(1))).to.have.length(1);
    });

    const many = DEEP ? 10_000 : 2_000;
    it(`behavior: ${many} small calls`, async () => {
      const { call } = await pair();
      for (let i = 0; i < many; i++) {
        const request = new Uint8Array([i & 255, i >> 8]);
        const reply = await call("/test/echo/1", request);
        if (Buffer.compare(reply, request) !== 0) expect(reply).to.deep.equal(request);
      }
    }).timeout(60_000);

    it("behavior: 100 concurrent calls do not mix", async () => {
      const { server, call } = await pair();
      server.serve("/test/slow-echo/1", async function* (_from, request) {
        await wait((request[0] ?? 0) % 7);
        for (const byte of request.subarray(0, 20)) yield new Uint8Array(100).fill(byte);
      });
      const calls = Array.from({ length: 100 }, async (_, i) => {
        const reply = await call("/test/slow-echo/1", new Uint8Array(20).fill(i));
        expect(reply).to.deep.equal(new Uint8Array(2000).fill(i));
      });
      await Promise.all(calls);
    }).timeout(20_000);

    const volume = (DEEP ? 512 : 64) * MIB;
    it(`behavior: R66: a slow reader of ${volume / MIB} MiB does not fill the sender's memory`, async () => {
      const { server, client, peer } = await pair();
      let sent = 0;
      server.serve("/test/volume/1", async function* () {
        const chunk = new Uint8Array(65_536);
        for (sent = 0; sent < volume; sent += chunk.length) yield chunk;
      });
      let [received, ahead, pauses] = [0, 0, 0];
      const options = callOptions({ deadlineMs: 30_000, maxReplyBytes: volume });
      for await (const chunk of client.call(peer, "/test/volume/1", new Uint8Array(), options)) {
        received += chunk.length;
        if (received > (pauses + 1) * (volume / 16)) {
          pauses++;
          await wait(30);
          ahead = Math.max(ahead, sent - received);
        }
      }
      expect(received).to.equal(volume);
      expect(pauses).to.be.greaterThan(10);
      expect(ahead, "sent but not read").to.be.lessThan(16 * MIB);
    }).timeout(60_000);

    it("behavior: stops and starts again; stop ends running calls and is harmless twice", async () => {
      const { server, client, call } = await pair();
      server.serve("/test/forever/1", async function* (_from, _request, signal) {
        yield new Uint8Array(1);
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      });
      const running = call("/test/forever/1").catch((error: { code: string }) => error.code);
      await wait(50);
      await server.stop();
      await server.stop();
      expect(await running).to.equal("REPLY_BROKEN");
      const [again] = await server.start();
      expect(await call("/test/echo/1", new Uint8Array(2), {}, again)).to.have.length(2);
      const own = collect(client.call(again as PeerAddress, "/test/forever/1", new Uint8Array(), callOptions()));
      const ended = own.catch((error: { code: string }) => error.code);
      await wait(50);
      await client.stop();
      expect(await ended).to.equal("CALL_ABORTED");
      await expectCode("NOT_RUNNING", () =>
        client.call(again as PeerAddress, "/test/echo/1", new Uint8Array(), callOptions()),
      );
    });

    it("behavior: no open handle after stop", async () => {
      const count = async () => {
        await new Promise((resolve) => setImmediate(resolve)); // timers that just fired are still listed
        return process.getActiveResourcesInfo().filter((one) => /TCP|Pipe|Timeout/.test(one)).length;
      };
      const before = await count();
      const { server, client, call } = await pair();
      await Promise.all(Array.from({ length: 20 }, () => call("/test/echo/1", new Uint8Array(100))));
      await client.stop();
      await server.stop();
      for (let i = 0; i < 300 && (await count()) > before; i++) await wait(5); // libp2p has one-shot timers of a second
      expect(await count(), process.getActiveResourcesInfo().join()).to.be.at.most(before);
    });

    it("error: LIMIT_INVALID: limits can only be lowered", async () => {
      for (const limits of [
        { requestBytes: 2 * MIB },
        { idleMs: 0 },
        { callMs: Number.NaN },
        { dialMs: 1e9 },
        { nonsense: 1 } as object,
      ]) {
        await expectCode("LIMIT_INVALID", () => make({ limits }));
      }
    });
  });
}
