// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface, type Interface } from "node:readline";
import { setImmediate as turn } from "node:timers/promises";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { HttpTransport } from "../../../../offchain/adapters/net/http-transport.ts";
import { Libp2pTransport } from "../../../../offchain/adapters/net/libp2p-transport.ts";
import { isAssayError } from "../../../../offchain/core/errors.ts";
import type { Logger } from "../../../../offchain/core/ports/logger.ts";
import type { PeerAddress, Transport } from "../../../../offchain/core/ports/transport.ts";
import { callOptions, collect, testIdentity } from "../../../ports/transport.compliance.ts";
import { until } from "../../../support/cluster/cluster.ts";

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };
const MIB = 1 << 20;
const LIMITS = { connections: 40, handlers: 16, idleMs: 2_000, dialMs: 2_000 };
/** What requests may hold, 16 MiB, and what a process needs besides, with room: without a limit any of these attacks takes more. */
const MOST_GROWTH = 160 * MIB;
const PROTOCOL = "/test/echo/1";

/** A worker's listener in a process of its own, whose memory can be asked for. */
class Victim {
  readonly address: PeerAddress;
  readonly port: number;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: Interface;

  private constructor(process: ChildProcessWithoutNullStreams, lines: Interface, url: string) {
    this.#process = process;
    this.#lines = lines;
    this.address = { id: testIdentity(1).id, url };
    this.port = Number(url.match(/(\d+)$/)?.[1]);
  }

  static async start(kind: "http" | "libp2p"): Promise<Victim> {
    const child = new URL("./children/flooded-server.ts", import.meta.url).pathname;
    const server = spawn(process.execPath, [child, kind, JSON.stringify(LIMITS)]);
    server.stderr.pipe(process.stderr);
    const lines = createInterface(server.stdout);
    const [url] = (await once(lines, "line")) as [string];
    return new Victim(server, lines, url);
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null;
  }

  async growth(): Promise<number> {
    const line = once(this.#lines, "line");
    this.#process.stdin.write("\n");
    return Number(((await line) as [string])[0]);
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

describe("R75: floods", () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });
  async function start(kind: "http" | "libp2p") {
    const victim = await Victim.start(kind);
    closers.push(() => victim.kill());
    const client: Transport = kind === "http" ? new HttpTransport({}, { logger }) : new Libp2pTransport({}, { logger });
    closers.push(() => client.stop());
    await client.start();
    const ask = async (): Promise<string> => {
      try {
        return (await collect(client.call(victim.address, PROTOCOL, new Uint8Array([7]), callOptions())))[0] === 7
          ? "ok"
          : "wrong";
      } catch (error) {
        if (!isAssayError(error)) throw error;
        return error.code;
      }
    };
    /** The honest caller gets through once the attack is over: whatever it held is let go. */
    const recovers = async () => {
      await until(60_000, async () => ((await ask()) === "ok" ? true : null));
      expect(victim.isAlive).to.equal(true);
      expect((await victim.growth()) / MIB, "resident growth, MiB").to.be.below(MOST_GROWTH / MIB);
    };
    const open = (): Socket => {
      const socket = connect(victim.port, "127.0.0.1").on("error", () => undefined);
      closers.push(() => socket.destroy());
      return socket;
    };
    return { victim, ask, recovers, open };
  }
  const closed = (socket: Socket) =>
    new Promise<void>((resolve) => {
      if (socket.closed) resolve();
      else socket.once("close", () => resolve());
    });
  const head = `POST ${PROTOCOL} HTTP/1.1\r\nhost: x\r\ncontent-type: application/vnd.assay\r\n`;

  it("R66: behavior: HTTP: 300 connections that each hold most of a mebibyte back", async () => {
    const { ask, recovers, open } = await start("http");
    expect(await ask()).to.equal("ok");
    const body = Buffer.alloc(700 << 10, 1);
    const sockets = Array.from({ length: 300 }, () => {
      const socket = open().resume();
      socket.write(`${head}content-length: ${MIB}\r\n\r\n`);
      socket.write(body);
      return socket;
    });
    // The kept connection of an honest caller still hears something: an answer, or that the worker is busy.
    expect(["ok", "PEER_BUSY"]).to.include(await ask());
    // Nobody lets go but the worker itself.
    await Promise.all(sockets.map(closed));
    await recovers();
  }).timeout(120_000);

  it("R66: behavior: HTTP: bodies without an end, and lengths that lie", async () => {
    const { recovers, open } = await start("http");
    const chunk = Buffer.alloc(64 << 10, 2);
    const endless = async (first: string, framed: boolean) => {
      const socket = open().resume();
      const gone = closed(socket);
      socket.write(first);
      let sent = 0;
      while (!socket.destroyed && sent < 64 * MIB) {
        const piece = framed ? Buffer.concat([Buffer.from("10000\r\n"), chunk, Buffer.from("\r\n")]) : chunk;
        sent += piece.length;
        if (socket.write(piece)) await turn();
        else await Promise.race([gone, new Promise<void>((resolve) => socket.once("drain", () => resolve()))]);
      }
      await gone;
      return sent;
    };
    const sent = await Promise.all([
      ...Array.from({ length: 12 }, () => endless(`${head}transfer-encoding: chunked\r\n\r\n`, true)),
      ...Array.from({ length: 12 }, () => endless(`${head}content-length: 5\r\n\r\n`, false)),
      ...Array.from({ length: 12 }, () => endless(`${head}content-length: 99999999999\r\n\r\n`, false)),
    ]);
    expect(Math.max(...sent) / MIB, "taken from one connection, MiB").to.be.below(32);
    await recovers();
  }).timeout(120_000);

  it("R66: behavior: HTTP: ten thousand requests on one connection whose answers nobody reads", async () => {
    const { recovers, open } = await start("http");
    const request = Buffer.from(`${head}content-length: 1000\r\n\r\n${"x".repeat(1000)}`);
    const sockets = Array.from({ length: 4 }, () => {
      const socket = open().pause();
      const many = Buffer.concat(Array.from({ length: 100 }, () => request));
      for (let i = 0; i < 100; i++) socket.write(many);
      return socket;
    });
    await recovers();
    for (const socket of sockets) socket.destroy();
    await recovers();
  }).timeout(120_000);

  /** A libp2p peer that proves who it is and then says what it likes. */
  async function stranger(): Promise<Libp2p> {
    const node = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    });
    closers.push(() => node.stop());
    return node;
  }

  it("R66: behavior: libp2p: 300 connections that stop within the handshake", async () => {
    const { ask, recovers, open } = await start("libp2p");
    expect(await ask()).to.equal("ok");
    const sockets = Array.from({ length: 300 }, () => {
      const socket = open().resume();
      socket.write(Buffer.from("\u0013/multistream/1.0.0\n\u0007/noise\n\u0000\u0020", "latin1"));
      return socket;
    });
    expect(["ok", "PEER_BUSY"]).to.include(await ask());
    await Promise.all(sockets.map(closed));
    await recovers();
  }).timeout(120_000);

  it("R66: behavior: libp2p: streams that hold most of a mebibyte back, claim gigabytes, or come and go", async () => {
    const { victim, ask, recovers } = await start("libp2p");
    expect(await ask()).to.equal("ok");
    const target = multiaddr(victim.address.url);
    const ended: Promise<void>[] = [];
    const flood = async (node: Libp2p, claimed: number, bytes: number) => {
      const stream = await node.dialProtocol(target, PROTOCOL).catch(() => null);
      if (stream === null) return;
      stream.addEventListener("message", () => undefined);
      ended.push(new Promise((resolve) => stream.addEventListener("close", () => resolve(), { once: true })));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(claimed);
      try {
        stream.send(length);
        for (let sent = 0; sent < bytes && stream.status === "open"; sent += 65_536)
          stream.send(new Uint8Array(65_536));
      } catch {
        // The worker ended the stream meanwhile.
      }
    };
    const nodes = await Promise.all(Array.from({ length: 2 }, stranger));
    for (const node of nodes) {
      await Promise.all(Array.from({ length: 24 }, () => flood(node, MIB, 700 << 10)));
      await Promise.all(Array.from({ length: 12 }, () => flood(node, 0xffff_ffff, MIB)));
    }
    expect(["ok", "PEER_BUSY"]).to.include(await ask());
    for (const node of nodes)
      for (let i = 0; i < 100; i++) {
        const stream = await node.dialProtocol(target, PROTOCOL).catch(() => null);
        stream?.abort(new TypeError("rapid reset"));
      }
    await recovers();
    for (const node of nodes) await node.stop();
    await recovers();
    await Promise.all(ended);
  }).timeout(120_000);
});
