// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { Secret } from "../../../../offchain/core/secret.ts";
import type { LogFields } from "../../../../offchain/core/ports/logger.ts";
import { ObserveError } from "../../../../offchain/adapters/observe/errors.ts";
import { PinoLogger } from "../../../../offchain/adapters/observe/pino-logger.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

type Level = "debug" | "info" | "warn" | "error" | "silent";

function capture(format: "json" | "pretty" = "json", level: Level = "debug") {
  const lines: string[] = [];
  const logger = PinoLogger.create({ level, format, color: false, write: (line) => lines.push(line) });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? "") as Record<string, unknown> };
}
const asFields = (value: unknown) => value as LogFields;

describe("PinoLogger", () => {
  it("default: R73: level, time, then the event, then fields", () => {
    const { logger, lines, last } = capture();
    logger.info("job.final", { stage: 1, amount: 10n ** 20n, durationMs: 1.5, ok: true });
    expect(Object.keys(last())).to.deep.equal(["level", "time", "evt", "stage", "amount", "durationMs", "ok"]);
    expect(last()).to.deep.include({
      level: "info",
      evt: "job.final",
      stage: 1,
      amount: "100000000000000000000",
      ok: true,
    });
    expect(String(last()["time"])).to.match(/^\d{4}-\d\d-\d\dT/);
    expect(lines[0]?.endsWith("}\n")).to.equal(true);
  });

  it("behavior: children add fields, the call's own win", () => {
    const { logger, last } = capture();
    logger.child({ job: "0x12", stage: 1 }).child({ round: 2 }).warn("vote.late", { stage: 3 });
    expect(last()).to.deep.include({ job: "0x12", stage: 3, round: 2 });
    logger.error("node.failed");
    expect(last()).not.to.have.property("job");
  });

  it("behavior: levels", () => {
    const { logger, lines } = capture("json", "warn");
    logger.debug("a.b");
    logger.info("a.b");
    logger.warn("a.b");
    logger.error("a.b");
    expect(lines).to.have.length(2);
  });

  it("behavior: pretty on request, without control characters of others", () => {
    const { logger, lines } = capture("pretty");
    logger.warn("net.refused", { peer: "evil\n12:00 INFO  all.fine\u001b[2J\u009b\u202e", count: 2 });
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}net\.refused peer=".*" count=2\n$/);
    for (const control of ["\u001b", "\u009b", "\u202e"]) expect(lines[0]).not.to.include(control);
    expect(lines[0]?.split("\n")).to.have.length(2);
  });

  it("R73: canary input, salt and key never reach a line, however they are passed", () => {
    const key = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
    const bytes = Buffer.from(key, "hex");
    const base64 = bytes.toString("base64");
    const foreign = new Error(`bad key 0x${key} or ${base64}`);
    const attempts: unknown[] = [
      { job: new Secret(key) },
      { error: new Secret(key) },
      { salt: key },
      { [key]: 1 },
      { job: bytes },
      { count: [...bytes] },
      { reason: { nested: key } },
      { error: { message: key } },
      { error: key },
      { error: foreign },
      { error: new ObserveError("LISTEN_FAILED", { host: "h", port: 1, reason: "r" }, { cause: foreign }) },
      { reason: `${key}${key}` },
      { reason: key },
      { path: `k=${base64}` },
      { reason: () => key },
      { toJSON: () => key },
      Object.assign(Object.create({ job: key }) as object, { stage: 1 }),
    ];
    for (const format of ["json", "pretty"] as const) {
      const { logger, lines } = capture(format);
      for (const attempt of attempts) {
        logger.info("test.canary", asFields(attempt));
        logger.child(asFields(attempt)).error("test.canary");
      }
      logger.info(key);
      logger.info(`test.${key}`);
      logger.info("test.canary", { reason: `${String(new Secret(key))} ${inspect(new Secret(key))}` });
      const text = lines.join("");
      expect(lines).to.have.length(attempts.length * 2 + 3);
      for (const canary of [key, base64, base64.replaceAll("=", ""), [...bytes].join(",")])
        expect(text).not.to.include(canary);
      expect(text).to.include("[secret]").and.to.include("[dropped]");
    }
  });

  it("behavior: typed errors keep code and fields, foreign ones name, message and place", () => {
    const { logger, last } = capture();
    const inner = Object.assign(new TypeError("no such file"), { code: "ENOENT" });
    logger.error("node.failed", {
      error: new ObserveError("LISTEN_FAILED", { host: "h", port: 1, reason: "r" }, { cause: inner }),
    });
    const error = last()["error"] as Record<string, unknown>;
    expect(error).to.deep.include({
      id: "E1401",
      code: "LISTEN_FAILED",
      retry: "later",
      meta: { host: "h", port: 1, reason: "r" },
    });
    expect(error["cause"]).to.deep.include({ name: "TypeError", code: "ENOENT", message: "no such file" });
    const loop = new ObserveError("LISTEN_FAILED", { host: "h", port: 1, reason: "r" });
    Object.assign(loop, { cause: loop });
    logger.error("node.failed", { error: loop });
    expect(JSON.stringify(last()).length).to.be.lessThan(2000);
  });

  it("R73: an endpoint's API key stays out of lines, even where a library quotes the whole URL", () => {
    const key = "0123456789abcdef0123456789abcdef";
    const { logger, lines } = capture();
    for (const url of [
      `https://mainnet.example/v3/${key}`,
      `https://mainnet.example?key=${key}`,
      `wss://user:${key}@mainnet.example/`,
      `https://${key}@mainnet.example#${key}`,
    ]) {
      const cause = new TypeError(`HTTP request failed.\n\nStatus: 401\nURL: ${url}\nRequest body: {}`);
      logger.error("chain.failed", {
        error: new ObserveError("LOG_OPEN_FAILED", { path: url, reason: url }, { cause }),
      });
      logger.warn("chain.failed", { error: cause, url, reason: `cannot reach ${url}` });
    }
    expect(lines.join("")).to.contain("mainnet.example").and.not.contain(key);
    logger.info("net.listens", { url: "http://127.0.0.1:9464" });
    expect(lines.at(-1)).to.contain('"http://127.0.0.1:9464"');
  });

  it("behavior: long text is cut, unknown fields are counted, not named", () => {
    const { logger, last } = capture();
    logger.info("a.b", asFields({ reason: "x y ".repeat(1000), secretThing: 1, other: 2 }));
    expect(String(last()["reason"]).length).to.be.at.most(300);
    expect(last()).to.deep.include({ droppedFields: 2 });
    expect(JSON.stringify(last())).not.to.include("secretThing");
  });

  it("behavior: a file is appended to and only its owner reads it", () => {
    const file = join(temporaryFolder(), "logs", "node.log");
    PinoLogger.create({ level: "info", file }).info("node.started");
    PinoLogger.create({ level: "info", file }).info("node.stopped");
    const events = readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { evt: string }).evt);
    expect(events).to.deep.equal(["node.started", "node.stopped"]);
    expect(statSync(file).mode & 0o077).to.equal(0);
  });

  it("error: LOG_OPEN_FAILED", async () => {
    const file = join(mkdtempSync(join(temporaryFolder(), "d-")), "file");
    writeFileSync(file, "");
    await expectCode("LOG_OPEN_FAILED", () => PinoLogger.create({ level: "info", file: join(file, "node.log") }));
  });
});
