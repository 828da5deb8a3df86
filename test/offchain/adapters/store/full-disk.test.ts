// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { SqliteJournal } from "../../../../offchain/adapters/store/sqlite-journal.ts";
import { action, hash } from "../../../ports/journal.compliance.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { plainCipher } from "./plain-cipher.ts";

const child = new URL("./children/journal-filler.ts", import.meta.url).pathname;

describe("journal on a full disk", function suite() {
  this.timeout(20_000);

  it("error: JOURNAL_FAILED; no signature is permitted, what was written is still there, and later it goes on (R72)", () => {
    const path = join(temporaryFolder(), "store.sqlite");
    // A limit of 600 KiB a file, which the database and its log reach; node ignores the signal, so that writes fail.
    const run = spawnSync("bash", ["-c", 'ulimit -f 600 && exec "$0" "$1" "$2"', process.execPath, child, path], {
      encoding: "utf8",
    });
    expect(run.status, run.stderr).to.equal(0);
    const said = JSON.parse(run.stdout) as Record<string, unknown>;
    expect(said).to.include({ code: "JOURNAL_FAILED", signed: "JOURNAL_FAILED", digest: null });
    const rows = Number(said["rows"]) - 1;
    expect(rows).to.be.greaterThan(10);
    expect(said["open"]).to.equal(rows);
    const journal = new SqliteJournal({ path, owner: "test" }, { clock: { nowMs: () => 1 }, cipher: plainCipher });
    expect(journal.openJobs()).to.have.lengthOf(rows);
    expect(journal.writeBeforeSign(action({ kind: "commit", digest: hash(7) }))).to.equal("new");
    journal.close();
  });
});
