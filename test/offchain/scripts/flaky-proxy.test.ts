// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { createServer as createHttp } from "node:http";
import { FlakyProxy, freePort, type Weather } from "../../../scripts/chaos/flaky-proxy.ts";
import { Prng } from "../../support/prng.ts";

const FINE: Weather = { maxDelayMs: 0, cut: 0, lose: 0 };

describe("FlakyProxy", () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  /** A proxy before a server that says how many bytes it was sent. */
  async function before(weather: Weather): Promise<{ proxy: FlakyProxy; ask: (bytes: number) => Promise<string> }> {
    const server = createHttp((request, response) => {
      let got = 0;
      request.on("data", (piece: Buffer) => (got += piece.length));
      request.on("end", () => response.end(String(got)));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const proxy = await FlakyProxy.listen((server.address() as AddressInfo).port, weather, new Prng(1));
    closers.push(() => {
      proxy.close();
      server.closeAllConnections();
      server.close();
    });
    const ask = async (bytes: number) => {
      const signal = AbortSignal.timeout(500);
      const reply = await fetch(`http://127.0.0.1:${proxy.port}`, { method: "POST", body: "x".repeat(bytes), signal });
      return reply.text();
    };
    return { proxy, ask };
  }
  const failure = async (ask: Promise<unknown>): Promise<string> =>
    ask.then(
      () => "none",
      (error: Error) => error.name,
    );

  it("default: until the storm, and after it, everything passes whole", async () => {
    const { proxy, ask } = await before({ maxDelayMs: 5, cut: 1, lose: 0 });
    expect(await ask(300_000)).to.equal("300000");
    proxy.storm();
    expect(await failure(ask(10))).to.equal("TypeError");
    proxy.calm();
    expect(await ask(300_000)).to.equal("300000");
    expect(proxy.counts.cut).to.be.greaterThan(0);
  });

  it("behavior: delayed pieces keep their order", async () => {
    const { proxy, ask } = await before({ ...FINE, maxDelayMs: 3 });
    proxy.storm();
    for (let i = 0; i < 10; i += 1) expect(await ask(100_000 + i)).to.equal(String(100_000 + i));
    expect(proxy.counts.delayed).to.be.greaterThan(5);
  });

  it("behavior: what is lost leaves a connection that looks alive", async () => {
    const { proxy, ask } = await before({ ...FINE, lose: 1 });
    proxy.storm();
    expect(await failure(ask(10))).to.equal("TimeoutError");
    expect(proxy.counts.lost).to.be.greaterThan(0);
  });

  it("behavior: a fallen endpoint refuses, a risen one answers", async () => {
    const { proxy, ask } = await before(FINE);
    expect(await ask(1)).to.equal("1");
    proxy.fall();
    expect(await failure(ask(1))).to.equal("TypeError");
    expect(proxy.counts.refused).to.be.greaterThan(0);
    proxy.rise();
    expect(await ask(1)).to.equal("1");
  });

  it("default: a free port can be listened on", async () => {
    const server = createServer();
    server.listen(await freePort(), "127.0.0.1");
    await once(server, "listening");
    server.close();
    await once(server, "close");
  });
});
