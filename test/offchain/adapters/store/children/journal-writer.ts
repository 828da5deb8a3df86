// SPDX-License-Identifier: GPL-3.0-or-later
// Plays a seat's journal: argv = path, digest number, step at which to die by SIGKILL (0 = never). Prints each step passed.
import { writeSync } from "node:fs";
import { SqliteJournal } from "../../../../../offchain/adapters/store/sqlite-journal.ts";
import { action, hash, job, message, sent } from "../../../../ports/journal.compliance.ts";
import { plainCipher } from "../plain-cipher.ts";

const [path = "", digest = "0", dieAt = "0"] = process.argv.slice(2);
let steps = 0;
const journal = new SqliteJournal(
  {
    path,
    owner: "test",
    onStep(step) {
      steps++;
      if (steps === Number(dieAt)) process.kill(process.pid, "SIGKILL");
      writeSync(1, `step ${step}\n`);
    },
  },
  { clock: { nowMs: () => 1 }, cipher: plainCipher },
);
const signedAs = (n: number) => hash(Number(digest) * 10 + n);
const once = (kind: string, n: number, step: Parameters<typeof journal.writeBeforeSign>[1]) => {
  if (journal.signedDigest(action({ kind })) !== null) return; // a restarted seat re-sends what it has
  journal.writeBeforeSign(action({ kind, digest: signedAs(n) }), step);
  writeSync(1, `signed ${kind} ${signedAs(n)}\n`);
};
once("commit", 1, {
  job: job({ state: "COMMITTED" }),
  messages: [message({ body: new TextEncoder().encode(digest) })],
});
once("reveal", 2, {
  job: job({ state: "REVEALED" }),
  messages: [message({ kind: "reveal", body: new TextEncoder().encode(digest) })],
});
journal.record({ job: job({ state: "SUBMITTED" }), transactions: [sent()] });
journal.setCursor({ chainId: 1n, number: 5n, hash: hash(5) });
journal.close();
