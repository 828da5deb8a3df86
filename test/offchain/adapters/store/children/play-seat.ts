// SPDX-License-Identifier: GPL-3.0-or-later
import type { OnStep } from "../../../../../offchain/adapters/store/database.ts";
import { SqliteJournal } from "../../../../../offchain/adapters/store/sqlite-journal.ts";
import { action, hash, job, message, sent } from "../../../../ports/journal.compliance.ts";
import { plainCipher } from "../plain-cipher.ts";

/** Plays a seat's journal from wherever the file at `path` stands; what it signs is told from `digest`. */
export function playSeat(path: string, digest: number, onStep: OnStep, say: (line: string) => void): void {
  const journal = new SqliteJournal(
    { path, owner: "test", onStep },
    { clock: { nowMs: () => 1 }, cipher: plainCipher },
  );
  const signedAs = (n: number) => hash(digest * 10 + n);
  const once = (kind: string, n: number, step: Parameters<typeof journal.writeBeforeSign>[1]) => {
    if (journal.signedDigest(action({ kind })) !== null) return; // a restarted seat re-sends what it has
    journal.writeBeforeSign(action({ kind, digest: signedAs(n) }), step);
    say(`signed ${kind} ${signedAs(n)}`);
  };
  const body = new TextEncoder().encode(String(digest));
  once("commit", 1, { job: job({ state: "COMMITTED" }), messages: [message({ body })] });
  once("reveal", 2, { job: job({ state: "REVEALED" }), messages: [message({ kind: "reveal", body })] });
  journal.record({ job: job({ state: "SUBMITTED" }), transactions: [sent()] });
  journal.setCursor({ chainId: 1n, number: 5n, hash: hash(5) });
  journal.close();
}
