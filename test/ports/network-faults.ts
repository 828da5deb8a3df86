// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { BlobFetcher } from "../../offchain/adapters/net/blob-fetcher.ts";
import { BlobServer } from "../../offchain/adapters/net/blob-server.ts";
import { EnvelopeAuthenticator } from "../../offchain/adapters/net/envelope-authenticator.ts";
import { EnvelopeSender } from "../../offchain/adapters/net/envelope-sender.ts";
import { lowerLimits } from "../../offchain/adapters/net/limits.ts";
import { sendOffer, serveOffers } from "../../offchain/adapters/net/offers.ts";
import { OperatorSigner } from "../../offchain/adapters/keys/operator-signer.ts";
import { systemClock } from "../../offchain/adapters/observe/system-clock.ts";
import { MemoryBlobStore } from "../../offchain/adapters/store/memory-blob-store.ts";
import { utf8 } from "../../offchain/core/bytes.ts";
import { domainSeparator } from "../../offchain/core/eip712.ts";
import { isAssayError } from "../../offchain/core/errors.ts";
import { keccak256 } from "../../offchain/core/keccak.ts";
import { OFFER_PROTOCOL } from "../../offchain/core/messages.ts";
import type { CallOptions, PeerAddress, Transport } from "../../offchain/core/ports/transport.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { expectCode } from "../support/expect-code.ts";
import { FaultProxy } from "../support/fault-proxy.ts";
import { Prng } from "../support/prng.ts";
import { callOptions, collect, testIdentity, type MakeTransport } from "./transport.compliance.ts";

const MIB = 1 << 20;
/** A cut costs the call, never its meaning. */
const CUT_CODES = new Set(["PEER_UNREACHABLE", "REPLY_BROKEN"]);

export interface FaultTraits {
  /** The address of a port of 127.0.0.1, and back. */
  readonly urlOf: (port: number) => string;
  readonly portOf: (url: string) => number;
  /** No byte that another than the peer sent or moved reaches a reader or a handler. */
  readonly isProtected: boolean;
}

const bytesOf = (seed: number, length: number) =>
  Uint8Array.from({ length }, (_, i) => (Math.imul(i + seed, 2_654_435_761) >>> 0) >>> (i % 24));
const REQUEST = bytesOf(1, 60_000);
const REPLY = bytesOf(2, 150_000);

/** What every transport over TCP does on a bad network and against whoever sits on its path. All of it by bytes and events: nothing waits for a time to pass. */
export function networkFaults(name: string, make: MakeTransport, { urlOf, portOf, isProtected }: FaultTraits): void {
  describe(`R65 R66: ${name} on a bad network`, () => {
    const closers: (() => Promise<unknown>)[] = [];
    afterEach(async () => {
      for (const close of closers.splice(0).toReversed()) await close();
    });
    const create = (options: Parameters<MakeTransport>[0] = {}): Transport => {
      const transport = make(options);
      closers.push(() => transport.stop());
      return transport;
    };
    async function startServer(seed = 1, limits = {}) {
      const server = create({ identity: testIdentity(seed), limits });
      let served = 0;
      server.serve("/test/swap/1", async function* (_from, request) {
        served++;
        if (Buffer.compare(request, REQUEST) !== 0) throw new TypeError("another request");
        yield REPLY;
      });
      const [address] = await server.start();
      if (address === undefined) throw new TypeError("no address");
      return { server, address, served: () => served };
    }
    async function startProxy(address: PeerAddress) {
      const proxy = await FaultProxy.listen(portOf(address.url));
      closers.push(() => proxy.close());
      return { proxy, through: { id: address.id, url: urlOf(proxy.port) } satisfies PeerAddress };
    }
    async function startClient(limits = {}) {
      const client = create({ limits });
      await client.start();
      return client;
    }
    const ask = (client: Transport, to: PeerAddress, over: Partial<CallOptions> = {}) =>
      collect(client.call(to, "/test/swap/1", REQUEST, callOptions({ deadlineMs: 30_000, ...over })));
    /** The code of its error, or "ok" for the whole reply; anything between fails. */
    const outcome = async (call: Promise<Uint8Array>): Promise<string> => {
      try {
        expect(Buffer.compare(await call, REPLY)).to.equal(0);
        return "ok";
      } catch (error) {
        if (!isAssayError(error)) throw error;
        return error.code;
      }
    };

    it("behavior: delayed pieces: calls take longer and stay whole, forty at once", async () => {
      const { address } = await startServer();
      const { proxy, through } = await startProxy(address);
      proxy.delay = { maxMs: 4, random: new Prng(7) };
      const client = await startClient();
      const outcomes = await Promise.all(Array.from({ length: 40 }, () => outcome(ask(client, through))));
      expect(new Set(outcomes)).to.deep.equal(new Set(["ok"]));
    });

    for (const side of ["up", "down"] as const) {
      it(`behavior: loss: cut ${side === "up" ? "on the way there" : "on the way back"} at any byte, a call fails as a cut, never as a short or a wrong reply`, async () => {
        const { address, served } = await startServer();
        const { proxy, through } = await startProxy(address);
        const seen = new Set<string>();
        const places = [
          1, 2, 30, 70, 120, 180, 250, 330, 420, 600, 900, 1_500, 4_000, 20_000, 59_000, 61_000, 149_000, 151_000,
        ];
        for (const cutAfter of places) {
          const client = await startClient();
          proxy.faults = { [side]: { cutAfter } };
          const code = await outcome(ask(client, through));
          seen.add(code);
          if (code !== "ok") expect(CUT_CODES, `cut after ${cutAfter}`).to.include(code);
          // The cut is over: the same client gets through, at once or after it noticed that its connection is gone.
          proxy.faults = {};
          proxy.cut();
          let again = await outcome(ask(client, through));
          for (let tries = 0; again !== "ok" && tries < 20; tries++) {
            expect(CUT_CODES).to.include(again);
            again = await outcome(ask(client, through));
          }
          expect(again, `after the cut at ${cutAfter}`).to.equal("ok");
          await client.stop();
        }
        expect([...seen].some((code) => code !== "ok")).to.equal(true);
        expect(served()).to.be.at.most(2 * places.length + 40);
        expect(await outcome(ask(await startClient(), address))).to.equal("ok");
      }).timeout(120_000);
    }

    it("behavior: reordered bytes are refused, or seen by whoever holds their hash: nothing wrong is stored", async () => {
      const { server, address } = await startServer();
      const blob = bytesOf(3, 2 * MIB + 77);
      const store = () => new MemoryBlobStore({ quotaBytes: 16 * MIB }, { clock: systemClock });
      const limits = lowerLimits({ backoffMs: 1 });
      const published = await new BlobServer(
        { limits },
        { store: store(), clock: systemClock, transport: server },
      ).publish(blob, { expiresAtMs: systemClock.nowMs() + 600_000 });
      const { proxy, through } = await startProxy(address);
      proxy.faults = { down: { swap: { at: 40_000, length: 1_000 } } };
      const own = store();
      const fetcher = new BlobFetcher(
        { limits },
        { transport: await startClient(), store: own, clock: systemClock, random: () => 0 },
      );
      const fetch = (...holders: PeerAddress[]) =>
        fetcher.fetch({
          root: published.root,
          bytes: blob.length,
          holders: holders.map((peer) => ({ peer, grant: published.grant })),
          signal: new AbortController().signal,
        });
      const error = await fetch(through).then(
        () => "ok",
        (reason: unknown) => (isAssayError(reason) ? reason.code : String(reason)),
      );
      expect(error).to.equal(isProtected ? "BLOB_UNAVAILABLE" : "BLOB_TAMPERED");
      // An honest holder beside it saves the blob.
      expect(Buffer.compare(await fetch(through, address), blob)).to.equal(0);
      if (!isProtected) return;
      // Neither does a request arrive in another order.
      proxy.faults = { up: { swap: { at: 30_000, length: 500 } } };
      expect(CUT_CODES).to.include(await outcome(ask(await startClient(), through)));
    }).timeout(60_000);

    it("behavior: a blob whose connection is cut every 1.5 MiB arrives, and little of it moves twice", async () => {
      const { server, address } = await startServer();
      const blob = bytesOf(4, 12 * MIB + 5);
      const limits = lowerLimits({ backoffMs: 1 });
      const store = () => new MemoryBlobStore({ quotaBytes: 64 * MIB }, { clock: systemClock });
      const published = await new BlobServer(
        { limits },
        { store: store(), clock: systemClock, transport: server },
      ).publish(blob, { expiresAtMs: systemClock.nowMs() + 600_000 });
      const { proxy, through } = await startProxy(address);
      proxy.faults = { down: { cutAfter: 1.5 * MIB } };
      const fetcher = new BlobFetcher(
        { limits },
        { transport: await startClient(), store: store(), clock: systemClock, random: () => 0 },
      );
      const holders = [{ peer: through, grant: published.grant }];
      const got = await fetcher.fetch({
        root: published.root,
        bytes: blob.length,
        holders,
        signal: new AbortController().signal,
      });
      expect(Buffer.compare(got, blob)).to.equal(0);
      expect(proxy.connections).to.be.above(3);
      expect(proxy.downBytes / MIB).to.be.below(40);
    }).timeout(60_000);

    it("error: CALL_TIMEOUT behind a partition, whether it dials, asks or reads; healed, the next call passes", async () => {
      const { server, address } = await startServer();
      let reading = () => {};
      server.serve("/test/flow/1", async function* (_from, _request, signal) {
        while (!signal.aborted) yield new Uint8Array(10_000);
      });
      const { proxy, through } = await startProxy(address);
      const client = await startClient();
      const hasty = { deadlineMs: 300 };
      proxy.partition();
      expect(await outcome(ask(client, through, hasty)), "dialling").to.equal("CALL_TIMEOUT");
      proxy.heal();
      proxy.cut();
      const retried = async () => {
        let code = await outcome(ask(client, through));
        for (let tries = 0; code !== "ok" && tries < 20; tries++) code = await outcome(ask(client, through));
        return code;
      };
      expect(await retried()).to.equal("ok");
      proxy.partition();
      const apart = await Promise.all(Array.from({ length: 20 }, () => outcome(ask(client, through, hasty))));
      expect(new Set(apart), "asking over a kept connection").to.deep.equal(new Set(["CALL_TIMEOUT"]));
      proxy.heal();
      expect(await retried()).to.equal("ok");
      const midway = new Promise<void>((resolve) => (reading = resolve));
      let taken = 0;
      const flow = (async () => {
        const options = callOptions({ deadlineMs: 2_000, maxReplyBytes: 1 << 30 });
        for await (const chunk of client.call(through, "/test/flow/1", new Uint8Array(), options)) {
          taken += chunk.length;
          reading();
        }
      })();
      await midway;
      proxy.partition();
      await expectCode("CALL_TIMEOUT", () => flow);
      expect(taken).to.be.above(0);
      proxy.heal();
      expect(await retried()).to.equal("ok");
    }).timeout(60_000);

    it("R67: error: IDENTITY_MISMATCH when the path leads to somebody else, without a byte of the reply; the true peer is believed again", async () => {
      const { address, served } = await startServer(1);
      const other = await startServer(2);
      const { proxy, through } = await startProxy(address);
      const client = await startClient();
      expect(await outcome(ask(client, through))).to.equal("ok");
      proxy.targetPort = portOf(other.address.url);
      proxy.cut();
      const strangers = await startClient();
      const chunks: Uint8Array[] = [];
      await expectCode("IDENTITY_MISMATCH", async () => {
        for await (const chunk of strangers.call(through, "/test/swap/1", REQUEST, callOptions())) chunks.push(chunk);
      });
      expect(chunks).to.deep.equal([]);
      if (isProtected) expect(other.served(), "requests that the impostor saw").to.equal(0);
      proxy.targetPort = portOf(address.url);
      proxy.cut();
      expect(await outcome(ask(await startClient(), through))).to.equal("ok");
      expect(served()).to.equal(2);
    });

    it("behavior: replay: a recorded conversation, said again to the worker or to its caller, is good for nothing", async () => {
      const clock = systemClock;
      const signer = (label: string) => new OperatorSigner(new Secret(keccak256(utf8(label))));
      const [alice, bob] = [signer("alice"), signer("bob")];
      const domain = domainSeparator({ chainId: 31_337n, hub: `0x${"11".repeat(20)}` });
      const { server, address, served } = await startServer();
      let admitted = 0;
      let opened = 0;
      const authenticator = new EnvelopeAuthenticator({ domain, self: bob.address }, { clock, isParty: () => true });
      const watching = {
        open: async (protocol: string, bytes: Uint8Array) => {
          opened++;
          return authenticator.open(protocol, bytes);
        },
      } as EnvelopeAuthenticator;
      const admit = async () => {
        admitted++;
        return { answer: "ACCEPT", credits: 1 } as const;
      };
      serveOffers(server, { limits: lowerLimits({}) }, { authenticator: watching, admit });
      const { proxy, through } = await startProxy(address);
      proxy.record = [];
      const sender = new EnvelopeSender({ domain }, { signer: alice, clock });
      const offer = {
        jobId: `0x${"77".repeat(32)}`,
        boundary: 0,
        lane: 0,
        blob: `0x${"55".repeat(32)}`,
        bytes: 10,
        deadline: BigInt(Math.floor(clock.nowMs() / 1000) + 60),
        grant: `0x${"22".repeat(16)}`,
      } as const;
      const client = await startClient();
      await sendOffer(
        { peer: through, to: bob.address, offer, signal: new AbortController().signal },
        { transport: client, sender },
      );
      expect(admitted).to.equal(1);
      // To the worker: its caller's bytes, on three new connections.
      const [kept] = proxy.record ?? [];
      proxy.record = null;
      if (kept === undefined) expect.fail("nothing was recorded");
      const said = Buffer.concat(kept.up);
      expect(said.includes(OFFER_PROTOCOL), "the request can be read on its way").to.equal(!isProtected);
      for (let i = 0; i < 3; i++) {
        await new Promise((resolve) => {
          const socket = connect(portOf(address.url), "127.0.0.1").on("error", () => undefined);
          socket.once("close", resolve).resume().end(said);
        });
      }
      expect(opened, "what reached the authenticator").to.equal(isProtected ? 1 : 4);
      expect(admitted).to.equal(1);
      // To its caller: what the worker once answered.
      const echo = await startReplayer(kept.down);
      closers.push(async () => echo.close());
      const lied = await outcome(
        collect(
          (await startClient()).call(
            { id: address.id, url: urlOf(echo.port) },
            OFFER_PROTOCOL,
            said.subarray(0, 9),
            callOptions(),
          ),
        ),
      );
      expect(lied).to.be.oneOf(["IDENTITY_MISMATCH", "PEER_UNREACHABLE", "REPLY_BROKEN"]);
      expect(await outcome(ask(client, through))).to.equal("ok");
      expect(served()).to.equal(1);
    }).timeout(60_000);
  });
}

/** Says to everybody who connects what somebody else once said. */
async function startReplayer(pieces: readonly Uint8Array[]): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined).once("data", () => socket.end(Buffer.concat(pieces)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    close: async () => {
      server.close();
      await once(server, "close");
    },
  };
}
