// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { join } from "node:path";
import { MemoryCheckLedger } from "../../../../offchain/adapters/store/memory-check-ledger.ts";
import { SqliteCheckLedger } from "../../../../offchain/adapters/store/sqlite-check-ledger.ts";
import { booking, checkLedgerCompliance } from "../../../ports/check-ledger.compliance.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const fresh = () => join(temporaryFolder(), "checks.db");

checkLedgerCompliance("MemoryCheckLedger", () => new MemoryCheckLedger());
checkLedgerCompliance("SqliteCheckLedger", () => new SqliteCheckLedger({ path: fresh() }));

describe("SqliteCheckLedger", () => {
  it("behavior: what was booked survives, whatever ends the process after it", async () => {
    const path = fresh();
    const ledger = new SqliteCheckLedger({ path });
    ledger.book([booking(1), booking(2)]);
    // Not closed: the commit is on disk.
    const again = new SqliteCheckLedger({ path });
    expect(again.used(booking(0))).to.equal(2);
    await expectCode("CHECKS_SPENT", () => again.book([booking(3)]));
    again.close();
    ledger.close();
  });

  it("behavior: of a booking that dies before its commit nothing is there", () => {
    const path = fresh();
    let armed = false;
    const dying = new SqliteCheckLedger({
      path,
      onStep: (step) => {
        if (step === "commit" && armed) throw new TypeError("the process ends here");
      },
    });
    armed = true;
    expect(() => dying.book([booking(1), booking(2)])).to.throw("ends here");
    dying.close();
    const again = new SqliteCheckLedger({ path });
    expect(again.used(booking(0))).to.equal(0);
    again.close();
  });
});
