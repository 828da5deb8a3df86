// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { decryptKeystoreJson } from "ethers";
import { Secret } from "../../../../offchain/core/secret.ts";
import { openKeyFile, writeKeyFile } from "../../../../offchain/adapters/keys/key-file.ts";
import type { KeyPurpose } from "../../../../offchain/adapters/keys/key-file.ts";
import { readPassword } from "../../../../offchain/adapters/keys/private-file.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const KEY_TEXT = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
const key = () => new Secret(new Uint8Array(Buffer.from(KEY_TEXT, "hex")));
const password = new Secret("correct horse battery");
const write = (folder: string, purpose: KeyPurpose = "operator", development = true) =>
  writeKeyFile({ folder, name: purpose, purpose, password, development }, key());
const open = (path: string, over: Partial<Parameters<typeof openKeyFile>[1]> = {}) =>
  openKeyFile(path, { purpose: "operator", password, allowDevelopment: true, ...over });
type Json = Record<string, unknown>;
const edit = (path: string, change: (store: Json & { Crypto: Json & { kdfparams: Json }; assay: Json }) => void) => {
  const store = JSON.parse(readFileSync(path, "utf8")) as Parameters<typeof change>[0];
  change(store);
  writeFileSync(path, JSON.stringify(store));
};

describe("key files", () => {
  it("default: R72: full scrypt cost, mode 0600, readable by other tools", async () => {
    const folder = temporaryFolder();
    const path = await write(folder, "operator", false);
    expect(path).to.equal(join(folder, "operator.json"));
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(readdirSync(folder), "no temporary file stays").to.deep.equal(["operator.json"]);
    const store = JSON.parse(readFileSync(path, "utf8")) as { Crypto: { kdfparams: { n: number } }; assay: unknown };
    expect(store.Crypto.kdfparams.n).to.equal(131_072);
    expect(store.assay).to.deep.equal({ purpose: "operator", development: false });
    expect(Buffer.from((await open(path, { allowDevelopment: false })).reveal()).toString("hex")).to.equal(KEY_TEXT);
    expect((await decryptKeystoreJson(readFileSync(path, "utf8"), password.reveal())).privateKey).to.equal(
      `0x${KEY_TEXT}`,
    );
  }).timeout(20_000);

  it("behavior: a development key says so in its name and inside, and opens only where allowed", async () => {
    const folder = temporaryFolder();
    const path = await write(folder);
    expect(path).to.equal(join(folder, "dev-operator.json"));
    expect(JSON.parse(readFileSync(path, "utf8"))).to.have.nested.property("assay.development", true);
    expect((await open(path)).reveal()).to.have.length(32);
    await expectCode("KEY_DEVELOPMENT", () => open(path, { allowDevelopment: false }));
  });

  it("error: KEY_DEVELOPMENT, KEY_WEAK: renaming or relabelling does not launder a development key", async () => {
    const folder = temporaryFolder();
    const path = await write(folder);
    const renamed = join(folder, "operator.json");
    renameSync(path, renamed);
    await expectCode("KEY_DEVELOPMENT", () => open(renamed, { allowDevelopment: false }));
    edit(renamed, (store) => (store.assay["development"] = false));
    await expectCode("KEY_WEAK", () => open(renamed, { allowDevelopment: false }));
    edit(renamed, (store) => Object.assign(store.assay, { development: true }));
    edit(renamed, (store) => (store.Crypto.kdfparams["n"] = 2));
    await expectCode("KEY_WEAK", () => open(renamed));
  });

  it("error: KEY_PERMISSIONS for every group or world bit", async () => {
    const path = await write(temporaryFolder());
    for (const mode of [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o666, 0o777]) {
      chmodSync(path, mode);
      await expectCode("KEY_PERMISSIONS", () => open(path));
    }
    chmodSync(path, 0o400);
    expect((await open(path)).reveal()).to.have.length(32);
  });

  it("error: KEY_PASSWORD, naming neither password nor key", async () => {
    const path = await write(temporaryFolder());
    const error = await expectCode("KEY_PASSWORD", () => open(path, { password: new Secret("wrong canary word") }));
    expect(inspect(error)).not.to.include("canary");
    expect((error as Error).cause).to.equal(undefined);
    edit(path, (store) => (store.Crypto["ciphertext"] = "00".repeat(32)));
    await expectCode("KEY_PASSWORD", () => open(path));
  });

  it("error: KEY_PURPOSE", async () => {
    const path = await write(temporaryFolder(), "seal");
    await expectCode("KEY_PURPOSE", () => open(path));
    expect((await open(path, { purpose: "seal" })).reveal()).to.have.length(32);
  });

  it("error: KEY_EXISTS: a key is never overwritten", async () => {
    const folder = temporaryFolder();
    const path = await write(folder);
    const before = readFileSync(path, "utf8");
    await expectCode("KEY_EXISTS", () => write(folder));
    expect(readFileSync(path, "utf8")).to.equal(before);
    expect(readdirSync(folder)).to.deep.equal(["dev-operator.json"]);
  });

  it("error: KEY_WRITE_FAILED", async () => {
    await expectCode("KEY_WRITE_FAILED", () => write(join(temporaryFolder(), "none")));
  });

  it("error: KEY_MISSING", async () => {
    await expectCode("KEY_MISSING", () => open(join(temporaryFolder(), "operator.json")));
  });

  it("error: KEY_FORMAT for links, folders, big, truncated and hostile files", async () => {
    const folder = temporaryFolder();
    const good = readFileSync(await write(folder), "utf8");
    const path = join(folder, "operator.json");
    symlinkSync(join(folder, "dev-operator.json"), path);
    await expectCode("KEY_FORMAT", () => open(path));
    mkdirSync(join(folder, "d.json"));
    await expectCode("KEY_FORMAT", () => open(join(folder, "d.json")));

    const bad = join(folder, "bad.json");
    const refuse = async (text: string, code = "KEY_FORMAT") => {
      writeFileSync(bad, text, { mode: 0o600 });
      await expectCode(code, () => open(bad));
    };
    for (const text of ["", "null", "[]", "{}", "\u0000", "{".repeat(5000), " ".repeat(20_000), `${good}x`])
      await refuse(text);
    for (let cut = 0; cut < good.length - 2; cut += 7) await refuse(good.slice(0, cut));
    for (const n of [2 ** 19, 2 ** 30, 3, 0, -1, 1.5, "131072", null]) {
      await refuse(good.replace(/"n": \d+/, `"n": ${JSON.stringify(n)}`));
    }
    for (const name of ["r", "p"]) await refuse(good.replace(new RegExp(`"${name}": \\d+`), `"${name}": 1000000`));
    await refuse(good.replace("scrypt", "pbkdf2"));
    await refuse(good.replace('"version": 3', '"version": 1'));
    await refuse(good.replace('"operator"', '"boss"'));
    await refuse(good.replace('"development": true', '"development": "no"'));
    await refuse(good.replace('"n":', '"N": 2, "n":')); // two spellings: which one counts?
    await refuse(good.replace(/"ciphertext": "[^"]*"/, '"ciphertext": 5'), "KEY_PASSWORD");
  });

  it("error: PASSWORD_INVALID", async () => {
    const path = join(temporaryFolder(), "password");
    const set = (text: string, mode = 0o600) => {
      writeFileSync(path, text);
      chmodSync(path, mode);
    };
    set("correct horse\n");
    expect((await readPassword(path)).reveal()).to.equal("correct horse");
    for (const text of ["", "short\n", "two lines\nof text\n"]) {
      set(text);
      await expectCode("PASSWORD_INVALID", () => readPassword(path));
    }
    set("correct horse\n", 0o644);
    await expectCode("KEY_PERMISSIONS", () => readPassword(path));
  });
});
