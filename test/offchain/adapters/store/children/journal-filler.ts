// SPDX-License-Identifier: GPL-3.0-or-later
// Fills the journal of argv[2] until a write fails, then asks for one signature. Run under a file size limit: to SQLite a full disk.
import { SqliteJournal } from "../../../../../offchain/adapters/store/sqlite-journal.ts";
import { action, hash, job } from "../../../../ports/journal.compliance.ts";
import { plainCipher } from "../plain-cipher.ts";

const journal = new SqliteJournal(
  { path: process.argv[2] ?? "", owner: "test" },
  { clock: { nowMs: () => 1 }, cipher: plainCipher },
);
const attempt = (work: () => void): string => {
  try {
    work();
    return "written";
  } catch (error) {
    return String(Reflect.get(Object(error), "code"));
  }
};
let rows = 0;
let code = "written";
for (; code === "written" && rows < 2_000; rows += 1)
  code = attempt(() => journal.record({ job: job({ jobId: hash(rows), data: new Uint8Array(4_096).fill(1) }) }));
// Where a row has no room, a signature's may still be: it goes to others.
const sign = (kind: string): string => attempt(() => void journal.writeBeforeSign(action({ kind, digest: hash(7) })));
for (let other = 0; other < 2_000 && sign(`other-${other}`) === "written"; other += 1);
const signed = sign("commit");
process.stdout.write(
  JSON.stringify({
    rows,
    code,
    signed,
    digest: journal.signedDigest(action({ kind: "commit" })),
    open: journal.openJobs().length,
  }),
);
