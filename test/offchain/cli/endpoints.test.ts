// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp, type Server as HttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAllCommands } from "../../../offchain/cli/commands/loaders.ts";
import { EXIT } from "../../../offchain/cli/exit-code.ts";
import { encodeReceipt } from "../../../offchain/core/receipt.ts";
import { connect } from "../../../offchain/sdk/node/connect.ts";
import { captureCli } from "../../support/capture-cli.ts";
import { fastReceipt } from "../../support/sample-receipt.ts";

const HUB = `0x${"11".repeat(20)}` as const;
const JOB = `0x${"22".repeat(32)}`;
const LIMIT_MS = 15_000;
const commands = await loadAllCommands();

describe("commands against an endpoint that is no chain", function suite() {
  this.timeout(60_000);
  let folder: string;
  let silent: Server;
  let wrong: HttpServer;
  const sockets = new Set<Socket>();
  const urls = { dead: "http://127.0.0.1:9", silent: "", wrong: "" };
  let lines: readonly (readonly string[])[];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "assay-endpoint-"));
    const key = join(folder, "key");
    writeFileSync(key, `0x${"33".repeat(32)}\n`);
    chmodSync(key, 0o600);
    const input = join(folder, "input.json");
    writeFileSync(input, JSON.stringify(Array(30).fill(1)));
    const receipt = join(folder, "job.receipt");
    writeFileSync(receipt, encodeReceipt(fastReceipt(1, 5)));
    // Takes connections and never says a word.
    silent = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
    });
    wrong = createHttp((request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "text/html" }).end("<h1>hello</h1>");
    });
    for (const server of [silent, wrong]) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    urls.silent = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    urls.wrong = `http://127.0.0.1:${(wrong.address() as AddressInfo).port}`;
    lines = [
      ["request", "models/tumor-mlp", input, "--key-file", key, "--hub", HUB],
      ["model", "register", "models/tumor-mlp", "--key-file", key, "--hub", HUB],
      ["job", "list", "--hub", HUB],
      ["job", "show", JOB, "--hub", HUB],
      ["receipt", "verify", receipt, "--hub", fastReceipt(1, 5).hub],
    ];
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    for (const server of [silent, wrong]) await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  for (const name of ["dead", "silent", "wrong"] as const)
    it(`error: RPC_UNAVAILABLE or RPC_REJECTED, exit 75 within 15 s: ${name}`, async () => {
      await Promise.all(
        lines.map(async (line) => {
          const startMs = performance.now();
          const { code, out } = await captureCli(commands, [...line, "--rpc", urls[name], "--json"]);
          expect(code, line.join(" ")).to.equal(EXIT.later);
          const said = (JSON.parse(out) as { error: { code: string } }).error.code;
          expect(said, line.join(" ")).to.be.oneOf(
            name === "wrong" ? ["RPC_REJECTED", "RPC_UNAVAILABLE"] : ["RPC_UNAVAILABLE"],
          );
          expect(performance.now() - startMs, line.join(" ")).to.be.lessThan(LIMIT_MS);
        }),
      );
    });

  /** Starts the real command line and interrupts it once it waits for the endpoint. */
  async function interrupt(args: readonly string[]): Promise<{ code: number | null; stopMs: number }> {
    const waiting = new Promise<void>((resolve) => silent.once("connection", () => resolve()));
    const child = spawn(process.execPath, ["offchain/cli/main.ts", ...args, "--rpc", urls.silent], { stdio: "ignore" });
    const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
    await waiting;
    const startMs = performance.now();
    child.kill("SIGINT");
    return { code: await ended, stopMs: performance.now() - startMs };
  }

  it("behavior: Ctrl-C ends a waiting request at once with 130", async () => {
    const { code, stopMs } = await interrupt(lines[0] ?? []);
    expect(code).to.equal(EXIT.interrupted);
    expect(stopMs).to.be.lessThan(2_000);
  });
  it("behavior: Ctrl-C ends a waiting receipt check at once with 130", async () => {
    const { code, stopMs } = await interrupt(lines[4] ?? []);
    expect(code).to.equal(EXIT.interrupted);
    expect(stopMs).to.be.lessThan(2_000);
  });

  it("behavior: a stopped watch breaks its request off and tells nobody", async () => {
    const closed = new Promise<void>((resolve) =>
      silent.once("connection", (socket) => {
        socket.resume();
        socket.once("close", () => resolve());
      }),
    );
    const connected = new Promise<void>((resolve) => silent.once("connection", () => resolve()));
    const stop = new AbortController();
    const heard: unknown[] = [];
    connect({ rpcUrl: urls.silent, hub: HUB }).watchJobs({
      onEvents: (events) => heard.push(events),
      onError: (error) => heard.push(error),
      signal: stop.signal,
    });
    await connected;
    const startMs = performance.now();
    stop.abort();
    await closed;
    expect(performance.now() - startMs).to.be.lessThan(1_000);
    expect(heard).to.deep.equal([]);
  });
});
