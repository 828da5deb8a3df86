// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { Logger } from "../../../../offchain/core/ports/logger.ts";
import { HttpTransport } from "../../../../offchain/adapters/net/http-transport.ts";
import type { HttpTransportOptions } from "../../../../offchain/adapters/net/http-transport.ts";
import { MemoryNetwork } from "../../../../offchain/adapters/net/memory-network.ts";
import { MemoryTransport } from "../../../../offchain/adapters/net/memory-transport.ts";
import { callOptions, collect, transportCompliance } from "../../../ports/transport.compliance.ts";
import { expectCode } from "../../../support/expect-code.ts";

const warnings: string[] = [];
const logger: Logger = {
  debug() {},
  info() {},
  warn: (evt) => void warnings.push(evt),
  error() {},
  child: () => logger,
};
const network = new MemoryNetwork();
let names = 0;

transportCompliance(
  "HttpTransport",
  ({ identity, limits }) => new HttpTransport(limits ? { limits } : {}, identity ? { logger, identity } : { logger }),
);
transportCompliance("MemoryTransport", ({ identity, limits }) => {
  const options = { name: `peer-${names++}` };
  return new MemoryTransport(limits ? { ...options, limits } : options, identity ? { network, identity } : { network });
});

describe("HttpTransport", () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  async function start(options: HttpTransportOptions = {}) {
    const transport = new HttpTransport(options, { logger });
    closers.push(() => transport.stop());
    transport.serve("/test/echo/1", async function* (_from, request) {
      yield request;
    });
    const url = (await transport.start())[0]?.url ?? "";
    return { transport, url, port: Number(new URL(url).port) };
  }
  async function listen(server: Server): Promise<string> {
    closers.push(() => server.close());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const ask = (transport: HttpTransport, url: string, over = {}) =>
    collect(transport.call({ id: null, url }, "/test/echo/1", new Uint8Array([1]), callOptions(over)));

  it("behavior: loopback unless told otherwise, and then a warning", async () => {
    warnings.length = 0;
    expect((await start()).url).to.match(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(warnings).to.deep.equal([]);
    await start({ host: "127.0.0.2" });
    expect(warnings).to.deep.equal(["net.exposed"]);
    expect((await start({ publicUrl: "https://worker.example" })).url).to.equal("https://worker.example");
  });

  it("behavior: garbage, endless headers, wrong methods and types harm nobody else", async () => {
    const { transport, url, port } = await start();
    const raw = async (text: string) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      let reply = "";
      socket.on("data", (data: Buffer) => (reply += data.toString("latin1")));
      socket.end(text);
      await once(socket, "close");
      return reply.split("\r\n")[0] ?? "";
    };
    const head = "POST /test/echo/1 HTTP/1.1\r\nhost: x\r\n";
    const type = "content-type: application/vnd.assay\r\n";
    for (const text of [
      "\u0000\u0001\u0002",
      "hello\r\n\r\n",
      `${head}x: ${"a".repeat(20_000)}\r\n\r\n`,
      `${head}content-length: -5\r\n\r\n`,
      `${head}${type}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n`,
    ]) {
      expect(await raw(text)).not.to.include("200");
    }
    expect(await raw("GET /test/echo/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).to.include("405");
    expect(await raw(`${head}content-type: text/plain\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)).to.include(
      "415",
    );
    expect(await raw(`${head}${type}assay-nonce: zz\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)).to.include(
      "400",
    );
    expect(await raw(`${head}${type}content-length: 99999999\r\n\r\n`)).to.include("413");
    expect(
      await raw(`${head}${type}expect: 100-continue\r\ncontent-length: 1\r\nconnection: close\r\n\r\n`),
    ).to.include("417");
    expect(await ask(transport, url)).to.deep.equal(new Uint8Array([1]));
  });

  it("error: REPLY_BROKEN for a peer that answers with garbage, another type, too many headers or half a reply", async () => {
    const { transport } = await start();
    const tcp = (reply: string) =>
      listen(
        createTcpServer((socket) => void socket.on("error", () => undefined).once("data", () => socket.end(reply))),
      );
    const ok = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.assay\r\n";
    const bad = [
      "garbage garbage\r\n\r\n",
      "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 1\r\n\r\nx",
      `${ok}x: ${"a".repeat(20_000)}\r\n\r\n`,
      `${ok}content-length: 100\r\n\r\nhalf`,
      `${ok}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`,
      `${ok}transfer-encoding: chunked\r\n\r\nzz\r\n`,
    ];
    for (const reply of bad) {
      const url = await tcp(reply);
      await expectCode("REPLY_BROKEN", () => ask(transport, url));
    }
  });

  it("error: REQUEST_REFUSED for another web server; redirects are not followed", async () => {
    const { transport, url } = await start();
    const server = createServer((_request, response) => response.writeHead(302, { location: url }).end());
    const other = await listen(server);
    closers.unshift(() => server.closeAllConnections());
    await expectCode("REQUEST_REFUSED", () => ask(transport, other));
  });

  it("error: CALL_TIMEOUT for a peer that accepts and says nothing", async () => {
    const { transport } = await start({ limits: { idleMs: 100 } });
    const sockets: { destroy(): unknown }[] = [];
    const url = await listen(createTcpServer((socket) => void sockets.push(socket.on("error", () => undefined))));
    await expectCode("CALL_TIMEOUT", () => ask(transport, url));
    for (const socket of sockets) socket.destroy();
  });

  it("behavior: a kept connection that the peer closed is replaced unseen", async () => {
    const { transport } = await start();
    let served = 0;
    const server = createServer({ keepAliveTimeout: 10_000 }, (request, response) => {
      request.resume();
      served++;
      response.writeHead(200, { "content-type": "application/vnd.assay" }).end("x");
    });
    const url = await listen(server);
    const sockets = new Set<{ destroy(): unknown }>();
    server.on("connection", (socket) => sockets.add(socket));
    closers.unshift(() => server.closeAllConnections());
    expect(await ask(transport, url)).to.have.length(1);
    for (const socket of sockets) socket.destroy();
    expect(await ask(transport, url)).to.have.length(1);
    expect(served).to.equal(2);
  });

  it("behavior: slow loris: a request that never ends is cut", async () => {
    const { port } = await start({ limits: { dialMs: 200, idleMs: 300 } });
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined).resume();
    socket.write("POST /test/echo/1 HTTP/1.1\r\nhost: x\r\n");
    const before = performance.now();
    await once(socket, "close");
    expect(performance.now() - before).to.be.lessThan(5000);
  }).timeout(10_000);

  it("behavior: connections above the limit are dropped", async () => {
    const { transport, url, port } = await start({ limits: { connections: 3 } });
    const sockets = Array.from({ length: 10 }, () => connect(port, "127.0.0.1").on("error", () => undefined));
    const closed: unknown[] = [];
    for (const socket of sockets) socket.on("close", () => closed.push(socket)).resume();
    for (let i = 0; i < 100 && closed.length < 7; i++) await wait(10);
    expect(closed).to.have.length(7);
    for (const socket of sockets) socket.destroy();
    await wait(50);
    expect(await ask(transport, url)).to.have.length(1);
  });

  it("R66: the sender of a large blob to a slow reader stays small", async () => {
    const megabytes = process.env["ASSAY_DEEP"] === "1" ? 512 : 128;
    const sender = spawn(process.execPath, [new URL("./children/volume-sender.ts", import.meta.url).pathname]);
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

  it("error: LISTEN_FAILED", async () => {
    const { port } = await start();
    await expectCode("LISTEN_FAILED", () => start({ port }));
  });
});

describe("MemoryNetwork", () => {
  async function pair(options: ConstructorParameters<typeof MemoryNetwork>[0] = {}) {
    const net = new MemoryNetwork(options);
    const server = new MemoryTransport({ name: "a" }, { network: net });
    const client = new MemoryTransport({ name: "b" }, { network: net });
    server.serve("/test/echo/1", async function* (_from, request) {
      yield request;
    });
    const [peer] = await server.start();
    await client.start();
    const call = (deadlineMs = 60) =>
      collect(
        client.call(peer ?? { id: null, url: "" }, "/test/echo/1", new Uint8Array(3), callOptions({ deadlineMs })),
      );
    return { net, call };
  }

  it("default: delay", async () => {
    const { call } = await pair({ delayMs: 20 });
    const before = performance.now();
    expect(await call(1000)).to.have.length(3);
    expect(performance.now() - before).to.be.at.least(38);
  });

  it("behavior: a partition looks like silence, and heals", async () => {
    const { net, call } = await pair();
    net.partition(["a"]);
    await expectCode("CALL_TIMEOUT", () => call());
    net.partition(["a", "b"]);
    expect(await call()).to.have.length(3);
    net.partition(["b"]);
    await expectCode("CALL_TIMEOUT", () => call());
    net.partition([]);
    expect(await call()).to.have.length(3);
  });

  it("behavior: loss at the given share, repeatable by its generator", async () => {
    const draws = [0.9, 0.9, 0.1, 0.9, 0.1];
    const { net, call } = await pair({ loss: 0.5, random: () => draws.shift() ?? 0.9 });
    expect(await call()).to.have.length(3);
    await expectCode("CALL_TIMEOUT", () => call());
    await expectCode("CALL_TIMEOUT", () => call());
    net.disturb({ loss: 0 });
    expect(await call()).to.have.length(3);
  });

  it("error: LISTEN_FAILED for a name in use", async () => {
    const net = new MemoryNetwork();
    await new MemoryTransport({ name: "a" }, { network: net }).start();
    await expectCode("LISTEN_FAILED", () => new MemoryTransport({ name: "a" }, { network: net }).start());
  });
});
