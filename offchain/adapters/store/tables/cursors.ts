// SPDX-License-Identifier: GPL-3.0-or-later
import type { ChainCursor } from "../../../core/ports/journal.ts";
import type { Database } from "../database.ts";

/** As many as the deepest reorganisation that is walked back without a fresh start. */
const KEPT = 256;

export class Cursors {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Inside a transaction. A lower number than the newest rewinds. */
  put(cursor: ChainCursor): void {
    const number = Number(cursor.number);
    this.#db.run(
      "cursors.rewind",
      "DELETE FROM cursors WHERE number >= ? OR chain <> ?",
      number,
      String(cursor.chainId),
    );
    this.#db.run("cursors.insert", "INSERT INTO cursors VALUES (?, ?, ?)", number, cursor.hash, String(cursor.chainId));
    this.#db.run(
      "cursors.trim",
      "DELETE FROM cursors WHERE number NOT IN (SELECT number FROM cursors ORDER BY number DESC LIMIT ?)",
      KEPT,
    );
  }

  newest(limit: number): ChainCursor[] {
    return this.#db.all("SELECT * FROM cursors ORDER BY number DESC LIMIT ?", limit).map((row) => ({
      chainId: BigInt(String(row["chain"])),
      number: BigInt(Number(row["number"])),
      hash: String(row["hash"]) as `0x${string}`,
    }));
  }

  rewindTo(number: bigint): void {
    this.#db.run("cursors.rewind", "DELETE FROM cursors WHERE number > ?", Number(number));
  }
}
