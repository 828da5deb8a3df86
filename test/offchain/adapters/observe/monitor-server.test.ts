// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { Secret } from "../../../../offchain/core/secret.ts";
import { MonitorServer } from "../../../../offchain/adapters/observe/monitor-server.ts";
import type { MonitorModules } from "../../../../offchain/adapters/observe/monitor-server.ts";
import { PinoLogger } from "../../../../offchain/adapters/observe/pino-logger.ts";
import { PromMetrics } from "../../../../offchain/adapters/observe/prom-metrics.ts";
import { expectCode } from "../../../support/expect-code.ts";

describe("MonitorServer", () => {
  const lines: string[] = [];
  const servers: MonitorServer[] = [];
  const make = (over: Partial<MonitorModules> = {}, options: { host?: string; port?: number } = {}) => {
    const logger = PinoLogger.create({ level: "debug", format: "json", write: (line) => lines.push(line) });
    const server = new MonitorServer(
      { port: 0, ...options },
      {
        metrics: new PromMetrics(),
        logger,
        readiness: () => ({ ready: true, checks: { chain: true } }),
        status: () => ({ head: 12n, key: new Secret("canary"), raw: new Uint8Array(3) }),
        ...over,
      },
    );
    servers.push(server);
    return server;
  };
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
    lines.length = 0;
  });

  it("default: R73", async () => {
    const url = await make().start();
    expect(url).to.match(/^http:\/\/127\.0\.0\.1:\d+$/);
    const health = await fetch(`${url}/healthz`);
    expect([health.status, await health.json()]).to.deep.equal([200, { alive: true }]);
    expect((await fetch(`${url}/readyz`)).status).to.equal(200);
    const metrics = await fetch(`${url}/metrics?x=1`);
    expect(metrics.headers.get("content-type")).to.include("text/plain");
    expect(await metrics.text()).to.include("assay_jobs_open_count");
    const status = await fetch(`${url}/status`);
    expect(await status.json()).to.deep.equal({ head: "12", key: "[secret]", raw: "[3 bytes]" });
    expect((await fetch(`${url}/etc/passwd`)).status).to.equal(404);
    expect(lines).to.deep.equal([]);
  });

  it("behavior: not ready is 503 with the checks, a failing check 500 without text of others", async () => {
    const url = await make({ readiness: () => ({ ready: false, checks: { chain: false } }) }).start();
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).to.deep.equal([503, { ready: false, checks: { chain: false } }]);
    const broken = await make({ status: () => Promise.reject(new RangeError("x")) }).start();
    const status = await fetch(`${broken}/status`);
    expect(status.status).to.equal(500);
    expect(lines.join("")).to.include("monitor.failed");
  });

  it("behavior: read-only", async () => {
    const url = await make().start();
    const post = await fetch(`${url}/status`, { method: "POST", body: "x".repeat(100_000) });
    expect([post.status, post.headers.get("allow")]).to.deep.equal([405, "GET, HEAD"]);
  });

  it("behavior: a web page that rebinds its name to loopback is refused", async () => {
    const url = new URL(await make().start());
    const ask = async (host: string) => {
      const call = request({
        host: url.hostname,
        port: url.port,
        path: "/status",
        headers: { host },
        agent: false,
      }).end();
      const [response] = (await once(call, "response")) as [{ statusCode: number; resume(): void }];
      response.resume();
      return response.statusCode;
    };
    expect(await ask("evil.example")).to.equal(403);
    expect(await ask(`localhost:${url.port}`)).to.equal(200);
    expect(await ask("[::1]:80")).to.equal(200);
    expect(await ask("127.0.0.1.evil.example")).to.equal(403);
  });

  it("behavior: garbage and oversized headers end the connection only", async () => {
    const url = new URL(await make().start());
    for (const text of ["\u0000\u0001garbage\r\n\r\n", `GET / HTTP/1.1\r\nx: ${"a".repeat(20_000)}\r\n\r\n`]) {
      const socket = connect(Number(url.port), url.hostname);
      socket.on("error", () => undefined);
      socket.write(text);
      socket.resume();
      await once(socket, "close");
    }
    expect((await fetch(new URL("/healthz", url))).status).to.equal(200);
  });

  it("behavior: any address but 127.0.0.1 is warned about", async () => {
    await make({}, { host: "127.0.0.2" }).start();
    expect(lines.join("")).to.include("monitor.exposed");
  });

  it("error: LISTEN_FAILED when the port is taken", async () => {
    const url = new URL(await make().start());
    await expectCode("LISTEN_FAILED", () => make({}, { port: Number(url.port) }).start());
  });
});
