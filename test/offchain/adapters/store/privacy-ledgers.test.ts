// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { join } from "node:path";
import { MemoryPrivacyLedger } from "../../../../offchain/adapters/store/memory-privacy-ledger.ts";
import { SqlitePrivacyLedger } from "../../../../offchain/adapters/store/sqlite-privacy-ledger.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { privacyLedgerCompliance, privacyRelease } from "../../../ports/privacy-ledger.compliance.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const fresh = () => join(temporaryFolder(), "ledger.db");

privacyLedgerCompliance("MemoryPrivacyLedger", () => new MemoryPrivacyLedger());
privacyLedgerCompliance("SqlitePrivacyLedger", () => new SqlitePrivacyLedger({ path: fresh() }));

describe("SqlitePrivacyLedger", () => {
  it("R54: behavior: what was booked survives, whatever ends the process after it", () => {
    const path = fresh();
    const ledger = new SqlitePrivacyLedger({ path });
    ledger.book(privacyRelease(1, 9, 300n), 1000n);
    // Not closed: the commit is on disk.
    const again = new SqlitePrivacyLedger({ path });
    expect(again.totalMicro(toWord(9))).to.equal(300n);
    expect(again.book(privacyRelease(1, 9, 300n), 1000n).isNew).to.equal(false);
    again.close();
    ledger.close();
  });

  it("behavior: a booking that dies before its commit is not there", () => {
    const path = fresh();
    let armed = false;
    const dying = new SqlitePrivacyLedger({
      path,
      onStep: (step) => {
        if (step === "commit" && armed) throw new TypeError("the process ends here");
      },
    });
    armed = true;
    expect(() => dying.book(privacyRelease(1, 9, 300n), 1000n)).to.throw("ends here");
    dying.close();
    const again = new SqlitePrivacyLedger({ path });
    expect(again.totalMicro(toWord(9))).to.equal(0n);
    again.close();
  });
});
