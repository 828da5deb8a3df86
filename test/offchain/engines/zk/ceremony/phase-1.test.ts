// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkPhase1, importPhase1, readPtauPower } from "../../../../../offchain/engines/zk/ceremony/phase-1.ts";
import { runStock } from "../../../../../offchain/engines/zk/ceremony/stock.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { smallPtau } from "../../../../support/zk/small-ptau.ts";
import { phase1OfTests, type TestPhase1 } from "./fixture.ts";

describe("phase 1", function () {
  this.timeout(300_000);
  let base: TestPhase1;
  let bytes: Uint8Array;
  before(async () => {
    base = await phase1OfTests();
    bytes = new Uint8Array(readFileSync(base.ptau));
  });
  const fileOf = (content: Uint8Array): string => {
    const path = join(temporaryFolder(), "forged.ptau");
    writeFileSync(path, content);
    return path;
  };
  const changed = (at: number, value: number): Uint8Array => {
    const copy = bytes.slice();
    copy[at] = value;
    return copy;
  };

  it("default: a listed file is pinned, another one only on request and never pinned", async () => {
    expect(base.phase1).to.deep.include({ power: 5, name: "small", pinned: true });
    const other = await importPhase1(base.ptau, { unpinned: true });
    expect(other).to.deep.include({ name: "local", pinned: false });
    await checkPhase1(base.ptau, other);
    await checkPhase1(base.ptau, base.phase1, { pins: base.pins });
  });

  it("error: PTAU_UNPINNED for a file that nobody published, whatever it says of itself", async () => {
    await expectCode("PTAU_UNPINNED", () => importPhase1(base.ptau));
    await expectCode("PTAU_UNPINNED", () => checkPhase1(base.ptau, base.phase1));
    await expectCode("PTAU_UNPINNED", () =>
      checkPhase1(base.ptau, { ...base.phase1, name: "powersOfTau28_hez_final_08.ptau" }, { pins: base.pins }),
    );
  });

  it("error: PTAU_INVALID for another file than the ceremony's", async () => {
    const other = await smallPtau(5, "other");
    await expectCode("PTAU_INVALID", () => checkPhase1(other, base.phase1, { pins: base.pins }));
  });

  it("error: PTAU_INVALID for whatever is not a prepared file", async () => {
    const none = join(temporaryFolder(), "none.ptau");
    await expectCode("PTAU_INVALID", () => readPtauPower(none));
    for (const length of [0, 3, 11, 12, 23, 60, 1000, bytes.length - 1])
      await expectCode("PTAU_INVALID", () => readPtauPower(fileOf(bytes.slice(0, length))));
    await expectCode("PTAU_INVALID", () => readPtauPower(fileOf(new Uint8Array([...bytes, 0]))));
    // magic, version, number of sections, first section's id and length, field size, prime, power
    for (const at of [0, 4, 8, 12, 16, 24, 28, 60])
      await expectCode("PTAU_INVALID", () => readPtauPower(fileOf(changed(at, (bytes[at] ?? 0) ^ 1))));
    for (const at of [8, 60]) await expectCode("PTAU_INVALID", () => readPtauPower(fileOf(changed(at, 255))));
  });

  it("error: PTAU_INVALID where snarkjs does not verify the powers", async () => {
    // The y of [τ²]₁: no pairing check of the file can hold.
    const at = 12 + 12 + 44 + 12 + 2 * 64 + 40;
    await expectCode("PTAU_INVALID", () => importPhase1(fileOf(changed(at, (bytes[at] ?? 0) ^ 1)), { unpinned: true }));
  });

  it("error: STOCK_FAILED if snarkjs cannot work, and an abort ends it", async () => {
    await expectCode("STOCK_FAILED", () => runStock({ call: "verifyPtau", ptau: "does/not/exist.ptau" }));
    const stop = new AbortController();
    const running = importPhase1(base.ptau, { unpinned: true, signal: stop.signal });
    stop.abort();
    const error: unknown = await running.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect((error as Error | undefined)?.name).to.equal("AbortError");
  });
});
