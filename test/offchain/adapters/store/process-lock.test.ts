// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ProcessLock } from "../../../../offchain/adapters/store/process-lock.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const child = new URL("./children/lock-holder.ts", import.meta.url).pathname;
const children: ChildProcessWithoutNullStreams[] = [];

async function holder(keyFile: string): Promise<{ said: string; process: ChildProcessWithoutNullStreams }> {
  const worker = spawn(process.execPath, [child, keyFile]);
  children.push(worker);
  const [said] = (await once(worker.stdout, "data")) as [Buffer];
  return { said: said.toString().trim(), process: worker };
}

describe("ProcessLock", () => {
  const keyFile = () => join(temporaryFolder(), "operator.json");
  afterEach(() => {
    for (const one of children.splice(0)) one.kill("SIGKILL");
  });

  it("default", () => {
    const path = keyFile();
    const lock = new ProcessLock(path);
    expect(lock.path).to.equal(`${path}.lock`);
    expect(statSync(lock.path).mode & 0o077).to.equal(0);
    lock.release();
    lock.release();
    new ProcessLock(path).release();
  });

  it("R72: error: KEY_LOCKED: a second process on one key is refused while the first lives, in either order", async () => {
    const path = keyFile();
    const first = await holder(path);
    expect(first.said).to.equal("held");
    expect((await holder(path)).said).to.equal("KEY_LOCKED");
    await expectCode("KEY_LOCKED", () => new ProcessLock(path));
    expect((await holder(keyFile())).said, "another key").to.equal("held");
  }).timeout(20_000);

  it("behavior: the lock is free after SIGKILL and after a normal end", async () => {
    const path = keyFile();
    const first = await holder(path);
    first.process.kill("SIGKILL");
    await once(first.process, "exit");
    const second = await holder(path);
    expect(second.said).to.equal("held");
    second.process.stdin.end();
    await once(second.process, "exit");
    new ProcessLock(path).release();
  }).timeout(20_000);

  it("error: KEY_LOCKED within one process", async () => {
    const path = keyFile();
    const lock = new ProcessLock(path);
    await expectCode("KEY_LOCKED", () => new ProcessLock(path));
    lock.release();
  });

  it("error: LOCK_FAILED for a missing folder and for a file that is no lock", async () => {
    await expectCode("LOCK_FAILED", () => new ProcessLock(join(temporaryFolder(), "none", "key.json")));
    const path = keyFile();
    writeFileSync(`${path}.lock`, "not a database, but long enough to look at".repeat(40));
    await expectCode("LOCK_FAILED", () => new ProcessLock(path));
  });
});
