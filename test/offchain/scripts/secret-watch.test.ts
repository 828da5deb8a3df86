// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSecretWatch } from "../../../scripts/demo/secret-watch.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const SECRET = Uint8Array.from({ length: 30 }, (_, i) => (i * 37 + 211) & 255);
const noise = (length: number) => Uint8Array.from({ length }, (_, i) => (i * i * 31 + i * 7) & 255);
const around = (part: Uint8Array) => Buffer.concat([noise(101), part, noise(57)]);

describe("the search for planted secrets", () => {
  it("R72: finds a secret in every form, wherever it stands, and nothing else", () => {
    const text = Buffer.from(SECRET);
    const signed = new Int8Array(SECRET.buffer);
    const forms: Readonly<Record<string, Buffer>> = {
      bytes: text,
      "a cut of the bytes": text.subarray(0, 20),
      hexadecimal: Buffer.from(text.toString("hex")),
      "upper case": Buffer.from(text.toString("hex").toUpperCase()),
      numbers: Buffer.from(SECRET.join(",")),
      "signed numbers": Buffer.from(`[${signed.join(", ")}]`),
      ...Object.fromEntries(
        [0, 1, 2].map((before) => [
          `base64 behind ${before}`,
          Buffer.from(Buffer.concat([noise(before), text]).toString("base64")),
        ]),
      ),
      base64url: Buffer.from(text.toString("base64url")),
    };
    for (const [name, form] of Object.entries(forms)) {
      const watch = createSecretWatch();
      watch.plant("input", SECRET);
      watch.look("a log", around(form));
      expect(watch.secrecy.found, name).to.deep.equal(["input in a log"]);
    }
    const watch = createSecretWatch();
    watch.plant("input", SECRET);
    watch.look("a log", around(text.toReversed()));
    watch.look("a log", noise(1 << 16));
    watch.look("a log", new Uint8Array());
    expect(watch.secrecy).to.deep.equal({
      secrets: 1,
      bytes: { "a log": 158 + SECRET.length + 65_536 },
      found: [],
      marks: {},
    });
  });

  it("R72: looks across the chunks of a stream and into every file of a folder, counts its marks, and refuses what proves nothing", () => {
    const watch = createSecretWatch();
    watch.plant("key", SECRET);
    const see = watch.follow("a stream");
    const hex = around(Buffer.from(Buffer.from(SECRET).toString("hex")));
    for (let at = 0; at < hex.length; at += 7) see(hex.subarray(at, at + 7));
    expect(watch.secrecy.bytes).to.deep.equal({ "a stream": hex.length });
    const folder = temporaryFolder();
    mkdirSync(join(folder, "deep"));
    writeFileSync(join(folder, "deep", "file"), around(Buffer.from(SECRET)));
    watch.lookInFolder("a folder", folder);
    const mark = noise(300).slice(200, 232);
    watch.mark(mark);
    watch.look("a block", Buffer.from(`0x${Buffer.from(mark).toString("hex")}`));
    const { found, marks } = watch.secrecy;
    expect([found, marks]).to.deep.equal([["key in a folder", "key in a stream"], { "a block": 1 }]);
    for (const bad of [new Uint8Array(64), new Uint8Array(15).map((_, i) => i), new Uint8Array()])
      expect(() => watch.plant("input", bad)).to.throw(RangeError);
  });
});
