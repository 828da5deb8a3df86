// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import type { Libp2p, Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { Libp2pTransport } from "../../../../offchain/adapters/net/libp2p-transport.ts";
import type { Libp2pTransportOptions } from "../../../../offchain/adapters/net/libp2p-transport.ts";
import type { Logger } from "../../../../offchain/core/ports/logger.ts";
import type { TransportIdentity } from "../../../../offchain/core/ports/transport.ts";
import { callOptions, collect, testIdentity, transportCompliance } from "../../../ports/transport.compliance.ts";
import { expectCode } from "../../../support/expect-code.ts";

const warnings: string[] = [];
const logger: Logger = {
  debug() {},
  info() {},
  warn: (evt) => void warnings.push(evt),
  error() {},
  child: () => logger,
};

transportCompliance(
  "Libp2pTransport",
  ({ identity, limits }) => new Libp2pTransport(limits ? { limits } : {}, identity ? { logger, identity } : { logger }),
  { alwaysProves: true },
);

describe("Libp2pTransport", () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  async function start(options: Libp2pTransportOptions = {}, identity?: TransportIdentity) {
    const transport = new Libp2pTransport(options, identity ? { logger, identity } : { logger });
    closers.push(() => transport.stop());
    transport.serve("/test/echo/1", async function* (_from, request) {
      yield request;
    });
    const [address] = await transport.start();
    return { transport, address: address ?? { id: null, url: "" } };
  }
  const ask = async (
    transport: Libp2pTransport,
    address: { id: null; url: string } | { id: `0x${string}`; url: string },
  ) => await collect(transport.call(address, "/test/echo/1", new Uint8Array([1]), callOptions()));
  const portOf = (url: string) => Number(url.split("/").at(-1));
  const open = async (url: string): Promise<Socket> => {
    const socket = connect(portOf(url), "127.0.0.1").on("error", () => undefined);
    await once(socket, "connect");
    closers.unshift(() => socket.destroy());
    return socket;
  };
  const closing = async (socket: Socket): Promise<void> => {
    await new Promise((resolve) => socket.resume().once("close", resolve));
  };
  /** A libp2p node that is not ours: it can say anything within a stream. */
  async function stranger(): Promise<Libp2p> {
    const node = await createLibp2p({
      addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    });
    closers.unshift(() => node.stop());
    return node;
  }

  it("R67: a handler is told the identity that its caller proved", async () => {
    const seen: unknown[] = [];
    const server = await start({}, testIdentity(1));
    server.transport.serve("/test/who/1", async function* (from) {
      seen.push(from.id);
      yield new Uint8Array();
    });
    for (const identity of [testIdentity(2), testIdentity(3)]) {
      const { transport } = await start({}, identity);
      await collect(transport.call(server.address, "/test/who/1", new Uint8Array(), callOptions()));
    }
    expect(seen).to.deep.equal([testIdentity(2).id, testIdentity(3).id]);
  });

  it("behavior: loopback unless told otherwise, and then a warning", async () => {
    warnings.length = 0;
    expect((await start()).address.url).to.match(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+$/);
    expect(warnings).to.deep.equal([]);
    await start({ host: "127.0.0.2" });
    expect(warnings).to.deep.equal(["net.exposed"]);
    const publicUrl = "/dns4/worker.example/tcp/4001";
    expect((await start({ publicUrl })).address.url).to.equal(publicUrl);
    expect(() => new Libp2pTransport({ publicUrl: "/dns4/x/udp/1" }, { logger })).to.throw("udp");
  });

  it("error: LISTEN_FAILED", async () => {
    const { address } = await start();
    await expectCode("LISTEN_FAILED", () => start({ port: portOf(address.url) }));
  });

  it("behavior: garbage, silence and floods of connections harm nobody else", async () => {
    const { address } = await start({ limits: { connections: 8, dialMs: 300, idleMs: 300 } }, testIdentity(1));
    const client = await start();
    const garbage = await open(address.url);
    garbage.end(Buffer.alloc(100_000, 7));
    const silent = await open(address.url);
    const closed = closing(silent);
    const flood = await Promise.all(Array.from({ length: 30 }, () => open(address.url)));
    const gone = flood.map(closing);
    await closed; // whoever does not begin a handshake in time is let go
    await Promise.all(gone);
    await wait(1_200); // as many connections a second are taken from one host as may be open
    expect(await ask(client.transport, address)).to.deep.equal(new Uint8Array([1]));
  }).timeout(20_000);

  it("error: PEER_UNREACHABLE or CALL_TIMEOUT for what accepts and says nothing, or nothing of libp2p", async () => {
    const { transport } = await start({ limits: { dialMs: 300 } });
    const sockets: Socket[] = [];
    for (const reply of [null, "HTTP/1.1 200 OK\r\n\r\n", Buffer.alloc(70_000, 255)]) {
      const server = createServer((socket) => {
        sockets.push(socket.on("error", () => undefined));
        if (reply !== null) socket.write(reply);
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      closers.unshift(() => server.close());
      const url = `/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`;
      const code = await ask(transport, { id: null, url }).then(String, (error: { code: string }) => error.code);
      expect(code).to.be.oneOf(["CALL_TIMEOUT", "PEER_UNREACHABLE"]);
    }
    for (const socket of sockets) socket.destroy();
  });

  it("error: REPLY_BROKEN for a peer whose replies are not ours: no status, half a frame, giant frames, an unknown status", async () => {
    const { transport } = await start({ limits: { idleMs: 500 } });
    const liar = await stranger();
    const replies = [[], [9], [0], [0, 0, 0, 0], [0, 0, 0, 0, 5, 1, 2], [0, 255, 255, 255, 255, 1], [0, 0, 0, 0, 1, 7]];
    let next = 0;
    await liar.handle("/test/echo/1", async (stream: Stream) => {
      const reply = replies[next++] ?? [];
      if (reply.length > 0) stream.send(Uint8Array.from(reply));
      await wait(20);
      await stream.close();
    });
    const url =
      liar
        .getMultiaddrs()[0]
        ?.toString()
        .replace(/\/p2p\/.*/, "") ?? "";
    for (const reply of replies) {
      const error = await expectCode("REPLY_BROKEN", () => ask(transport, { id: null, url }));
      expect(error, reply.join()).to.have.property("module", "net");
    }
    expect(next).to.equal(replies.length);
  });

  it("behavior: requests that claim too much, stop coming or break off are cut, and leave nothing running", async () => {
    const { transport, address } = await start({ limits: { idleMs: 200, requestBytes: 1000 } }, testIdentity(1));
    let served = 0;
    transport.serve("/test/served/1", async function* () {
      served++;
      yield new Uint8Array();
    });
    const hostile = await stranger();
    const target = multiaddr(address.url);
    const heads = [[255, 255, 255, 255], [0, 0, 3, 233], [0, 0, 0, 10, 1, 2], [0, 0], []];
    for (const head of heads) {
      const stream = await hostile.dialProtocol(target, "/test/served/1");
      const ended = new Promise((resolve) => stream.addEventListener("close", resolve));
      stream.addEventListener("message", () => undefined);
      if (head.length > 0) stream.send(Uint8Array.from(head));
      await ended;
    }
    expect(served).to.equal(0);
    const client = await start();
    expect(await ask(client.transport, address)).to.have.length(1);
  }).timeout(10_000);

  it("R66: the sender of a large blob to a slow reader stays small", async () => {
    const megabytes = process.env["ASSAY_DEEP"] === "1" ? 512 : 128;
    const child = new URL("./children/volume-sender.ts", import.meta.url).pathname;
    const sender = spawn(process.execPath, [child, "libp2p"]);
    closers.push(() => sender.kill("SIGKILL"));
    const [line] = (await once(sender.stdout, "data")) as [Buffer];
    const { transport } = await start();
    const peer = { id: null, url: line.toString().trim() };
    const request = new Uint8Array([megabytes >> 8, megabytes & 255]);
    const options = callOptions({ deadlineMs: 30_000, maxReplyBytes: megabytes << 20 });
    let received = 0;
    let pauses = 0;
    for await (const chunk of transport.call(peer, "/test/volume/1", request, options)) {
      received += chunk.length;
      if (received > (pauses + 1) * ((megabytes << 20) / 16)) {
        pauses++;
        await wait(40);
      }
    }
    expect(received).to.equal(megabytes << 20);
    const growth = Number(
      Buffer.from(await collect(transport.call(peer, "/test/growth/1", new Uint8Array(), callOptions()))),
    );
    expect(growth / 2 ** 20, "resident growth, MiB").to.be.within(0, 80);
  }).timeout(60_000);
});
