// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { defineCommand } from "../../../offchain/cli/command.ts";
import { CliError } from "../../../offchain/cli/errors.ts";
import { EXIT } from "../../../offchain/cli/exit-code.ts";
import {
  address,
  choice,
  defaulted,
  flag,
  hash,
  integer,
  optional,
  required,
  text,
} from "../../../offchain/cli/fields.ts";
import { defineErrors } from "../../../offchain/core/errors.ts";
import { captureCli } from "../../support/capture-cli.ts";

const OtherError = defineErrors("other", 99, {
  BUSY: { n: 1, text: "{path} is busy.", fix: "Wait.", retry: "later" },
  BROKEN: { n: 2, text: "{path} is broken.", fix: "Mend it.", retry: "never" },
});

const echo = defineCommand({
  name: "try echo",
  summary: "Prints its input.",
  examples: ["assay try echo a"],
  args: { word: required("word", "What to say.", text), more: optional("more", "What else.", text) },
  options: {
    hub: optional("address", "Hub.", address),
    seatCount: defaulted("n", "Seats.", integer(1, 7), 5),
    loud: flag("Shout."),
    kind: optional("kind", "Kind.", choice("a", "b")),
    job: optional("id", "Job.", hash),
  },
  run: async (input, io) => {
    const progress = io.progress("echo");
    progress.step("thinking", 1, 2);
    progress.done("thought");
    io.note("a note");
    io.result({ ...input, big: 2n ** 70n, bytes: new Uint8Array([1, 255]) }, `${input.word} ${input.seatCount}`);
    return input.loud ? EXIT.failed : EXIT.done;
  },
});

const failing = defineCommand({
  name: "fail",
  summary: "Fails.",
  examples: ["assay fail usage"],
  args: { how: required("how", "How.", text) },
  options: {},
  run: async ({ how }, io) => {
    if (how === "usage") throw new CliError("FILE_EXISTS", { path: "x" });
    if (how === "later") throw new OtherError("BUSY", { path: "x" });
    if (how === "never") throw new OtherError("BROKEN", { path: "x" });
    if (how === "wait") {
      await new Promise<void>((resolve) => io.signal.addEventListener("abort", () => resolve()));
      return EXIT.interrupted;
    }
    if (how === "bug") throw new TypeError("oops");
    return EXIT.done;
  },
});

const run = async (...argv: string[]) => captureCli([echo, failing], argv);

describe("runCli", () => {
  it("default", async () => {
    const { code, out, err } = await run("try", "echo", "hello", "--seat-count", "3");
    expect(code).to.equal(EXIT.done);
    expect(out).to.equal("hello 3\n");
    expect(err).to.contain("a note").and.contain("thinking (1 of 2)");
  });

  it("behavior: --json prints one object on stdout, progress objects on stderr", async () => {
    const { code, out, err } = await run("try", "echo", "hello", "--json");
    expect(code).to.equal(EXIT.done);
    const value = JSON.parse(out) as Record<string, unknown>;
    expect(value).to.deep.include({ word: "hello", seatCount: 5, loud: false, big: (2n ** 70n).toString() });
    expect(value["bytes"]).to.equal("0x01ff");
    for (const line of err.trimEnd().split("\n")) expect(JSON.parse(line)).to.have.property("progress", "echo");
  });

  it("behavior: a negative verdict is exit code 1", async () => {
    expect((await run("try", "echo", "hello", "--loud")).code).to.equal(EXIT.failed);
  });

  it("behavior: an interrupted command is exit code 130", async () => {
    const stop = new AbortController();
    const running = captureCli([failing], ["fail", "wait"], stop.signal);
    stop.abort();
    expect((await running).code).to.equal(EXIT.interrupted);
  });

  it("behavior: help is exit code 0 and names every option", async () => {
    const { code, out } = await run("try", "echo", "--help");
    expect(code).to.equal(EXIT.done);
    for (const part of ["--seat-count <n>", "(default: 5)", "--json", "--yes", "--no-color"])
      expect(out).to.contain(part);
  });

  const mistakes: readonly (readonly [string, readonly string[], string])[] = [
    ["USAGE", ["nonsense"], "unknown command"],
    ["USAGE", ["try", "echo", "a", "--nonsense"], "unknown option"],
    ["USAGE", ["try", "echo"], "missing argument"],
    ["USAGE", ["try", "echo", "a", "b", "c"], "too many arguments"],
    ["OPTION_INVALID", ["try", "echo", "a", "--hub", "0x12"], "short address"],
    ["OPTION_INVALID", ["try", "echo", "a", "--seat-count", "8"], "above its maximum"],
    ["OPTION_INVALID", ["try", "echo", "a", "--seat-count", "1e0"], "a number in another notation"],
    ["OPTION_INVALID", ["try", "echo", "a", "--kind", "c"], "unknown choice"],
    ["OPTION_INVALID", ["try", "echo", "a", "--job", `0x${"g".repeat(64)}`], "no hexadecimal digits"],
    ["OPTION_INVALID", ["try", "echo", ""], "empty argument"],
    ["FILE_EXISTS", ["fail", "usage"], "the command's own usage error"],
  ];
  for (const [code, argv, what] of mistakes)
    it(`error: ${code} for ${what}, exit code 2`, async () => {
      const plain = await run(...argv);
      expect(plain.code).to.equal(EXIT.usage);
      expect(plain.out).to.equal("");
      expect(plain.err).to.contain(code);
      const asJson = await run(...argv, "--json");
      expect(asJson.code).to.equal(EXIT.usage);
      expect(JSON.parse(asJson.out)).to.have.nested.property("error.code", code);
    });

  it("error: what may work later is exit code 75", async () => {
    expect((await run("fail", "later")).code).to.equal(EXIT.later);
    expect((await run("fail", "never")).code).to.equal(EXIT.failed);
  });

  it("error: a bug prints its stack and is exit code 1", async () => {
    const { code, err } = await run("fail", "bug");
    expect(code).to.equal(EXIT.failed);
    expect(err).to.contain("TypeError: oops").and.contain("run-cli.test.ts");
  });
});
