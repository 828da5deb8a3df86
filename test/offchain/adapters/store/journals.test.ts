// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Secret } from "../../../../offchain/core/secret.ts";
import { ChaChaColumnCipher } from "../../../../offchain/adapters/keys/column-cipher.ts";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { MemoryJournal } from "../../../../offchain/adapters/store/memory-journal.ts";
import { MIGRATIONS } from "../../../../offchain/adapters/store/migrations.ts";
import { SqliteJournal } from "../../../../offchain/adapters/store/sqlite-journal.ts";
import { action, hash, job, journalCompliance, message } from "../../../ports/journal.compliance.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { playSeat } from "./children/play-seat.ts";
import { plainCipher } from "./plain-cipher.ts";

const open = (path: string, owner = "test", clock = new ManualClock()) =>
  new SqliteJournal({ path, owner }, { clock, cipher: plainCipher });
const fresh = () => join(temporaryFolder(), "data", "journal.db");

journalCompliance("MemoryJournal", (clock) => new MemoryJournal({ clock }));
journalCompliance("SqliteJournal", (clock) => open(fresh(), "test", clock));

describe("SqliteJournal", () => {
  it("behavior: R72: everything survives a restart", () => {
    const path = fresh();
    const journal = open(path);
    journal.writeBeforeSign(action(), { job: job(), messages: [message(), message({ kind: "opening" })] });
    journal.close();
    const again = open(path);
    expect(again.signedDigest(action())).to.equal(hash(100));
    expect(again.openJobs()).to.deep.equal([job()]);
    expect(again.messages(hash(1))).to.deep.equal([message(), message({ kind: "opening" })]);
    again.close();
  });

  it("behavior: power loss cannot take back a commit (WAL, synchronous=FULL) and only the owner reads the file", () => {
    const path = fresh();
    const journal = open(path);
    for (const name of readdirSync(join(path, "..")))
      expect(statSync(join(path, "..", name)).mode & 0o077, name).to.equal(0);
    journal.close();
    const db = new DatabaseSync(path);
    expect(db.prepare("PRAGMA journal_mode").get()).to.deep.include({ journal_mode: "wal" });
    expect(db.prepare("PRAGMA user_version").get()).to.deep.include({ user_version: MIGRATIONS.length });
    db.close();
    const source = readFileSync(new URL("../../../../offchain/adapters/store/database.ts", import.meta.url), "utf8");
    expect(source).to.include("PRAGMA synchronous = FULL");
  });

  it("behavior: the table itself refuses to change or drop a signed action", () => {
    const path = fresh();
    const journal = open(path);
    journal.writeBeforeSign(action());
    journal.close();
    const db = new DatabaseSync(path);
    expect(() => db.exec(`UPDATE signed_actions SET digest = '${hash(5)}'`)).to.throw();
    expect(() => db.exec("DELETE FROM signed_actions")).to.throw();
    expect(() => db.exec(`INSERT INTO signed_actions VALUES ('${hash(1)}', 0, 0, 'commit', '${hash(6)}')`)).to.throw();
    expect(() => db.exec(`INSERT INTO signed_actions VALUES (x'00', 0, 0, 'commit', 5)`)).to.throw();
    db.close();
    const again = open(path);
    expect(again.signedDigest(action())).to.equal(hash(100));
    again.close();
  });

  it("error: JOURNAL_CORRUPT when a sealed column was altered or moved to another row", async () => {
    const path = fresh();
    const journal = open(path);
    journal.record({ job: job(), messages: [message()] });
    journal.record({ job: job({ jobId: hash(2) }) });
    journal.close();
    const db = new DatabaseSync(path);
    db.exec("UPDATE jobs SET sealed = (SELECT sealed FROM jobs AS j WHERE j.job <> jobs.job LIMIT 1)");
    db.close();
    const again = open(path);
    await expectCode("JOURNAL_CORRUPT", () => again.openJobs());
    expect(again.messages(hash(1))).to.have.length(1);
    again.close();
  });

  it("error: JOURNAL_CORRUPT for a file that is no journal, and for a torn one", async () => {
    const path = join(temporaryFolder(), "journal.db");
    writeFileSync(path, "garbage ".repeat(2000));
    await expectCode("JOURNAL_CORRUPT", () => open(path));
    const torn = fresh();
    const journal = open(torn);
    for (let i = 0; i < 200; i++) journal.record({ job: job({ jobId: hash(i), data: new Uint8Array(500) }) });
    journal.close();
    truncateSync(torn, statSync(torn).size - 8192);
    await expectCode("JOURNAL_CORRUPT", () => open(torn));
  });

  it("R73: canary: with the key ring's cipher no salt or opening is readable in any file of the journal", () => {
    const path = fresh();
    const cipher = new ChaChaColumnCipher(new Secret(new Uint8Array(32).fill(3)), { crypto: nodeCrypto });
    const make = () => new SqliteJournal({ path, owner: "test" }, { clock: new ManualClock(), cipher });
    const canary = new TextEncoder().encode("canary-salt-and-opening");
    const journal = make();
    journal.writeBeforeSign(action(), {
      job: job({ data: canary }),
      messages: [message({ kind: "opening", body: canary })],
    });
    for (const name of readdirSync(join(path, ".."))) {
      expect(readFileSync(join(path, "..", name)).includes("canary"), name).to.equal(false);
    }
    journal.close();
    const again = make();
    expect(again.job(job())?.data).to.deep.equal(canary);
    expect(again.message(message(), "opening")?.body).to.deep.equal(canary);
    again.close();
  });

  it("error: JOURNAL_FOREIGN", async () => {
    const path = fresh();
    open(path).close();
    await expectCode("JOURNAL_FOREIGN", () => open(path, "another operator"));
    open(path).close();
  });

  it("error: JOURNAL_TOO_NEW", async () => {
    const path = fresh();
    open(path).close();
    const db = new DatabaseSync(path);
    db.exec("PRAGMA user_version = 1000");
    db.close();
    await expectCode("JOURNAL_TOO_NEW", () => open(path));
  });

  it("error: JOURNAL_BUSY while another process writes", async () => {
    const path = fresh();
    const journal = open(path);
    const db = new DatabaseSync(path);
    db.exec("BEGIN IMMEDIATE");
    await expectCode("JOURNAL_BUSY", () => journal.writeBeforeSign(action()));
    db.exec("ROLLBACK");
    db.close();
    expect(journal.writeBeforeSign(action())).to.equal("new");
    journal.close();
  }).timeout(10_000);

  it("error: JOURNAL_FAILED when the folder cannot be made", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "file"), "");
    await expectCode("JOURNAL_FAILED", () => open(join(folder, "file", "journal.db")));
  });
});

describe("SqliteJournal, killed", () => {
  const child = new URL("./children/journal-writer.ts", import.meta.url).pathname;
  const run = (path: string, digest: number, dieAt: number) => {
    const done = spawnSync(process.execPath, [child, path, String(digest), String(dieAt)], { encoding: "utf8" });
    return { signal: done.signal, status: done.status, lines: done.stdout.split("\n"), errors: done.stderr };
  };
  const signed = (lines: string[]) => lines.filter((line) => line.startsWith("signed "));

  it("R72: SIGKILL at every statement border: the journal opens, and nothing is ever signed twice", () => {
    const whole = run(fresh(), 1, 0);
    expect(whole.status, whole.errors).to.equal(0);
    const steps = whole.lines.filter((line) => line.startsWith("step ")).length;
    expect(steps).to.be.greaterThan(20);
    for (let dieAt = 1; dieAt <= steps; dieAt++) {
      const path = fresh();
      const first = run(path, 1, dieAt);
      expect(first.signal, `step ${dieAt}: ${first.errors}`).to.equal("SIGKILL");
      // The restarted seat would now compute another digest (a flipped bit, an attacker): only what is unsigned may be new.
      // Of the killed process nothing is left but the file, so this one can be the next.
      const second: string[] = [];
      playSeat(
        path,
        2,
        () => undefined,
        (line) => second.push(line),
      );
      const all = signed([...first.lines, ...second]);
      const kinds = all.map((line) => line.split(" ")[1]);
      expect(new Set(kinds).size, `step ${dieAt}: ${kinds.join()}`).to.equal(kinds.length);
      const journal = open(path);
      for (const kind of ["commit", "reveal"] as const) {
        const digest = journal.signedDigest(action({ kind }));
        const author = new TextDecoder().decode(journal.message(message(), kind)?.body);
        expect(digest, `step ${dieAt}`).to.equal(hash(Number(author) * 10 + (kind === "commit" ? 1 : 2)));
        for (const line of all) {
          if (line.split(" ")[1] === kind) expect(line).to.equal(`signed ${kind} ${digest}`);
        }
      }
      expect(journal.job(job())?.state).to.equal("SUBMITTED");
      journal.close();
    }
  }).timeout(120_000);
});
