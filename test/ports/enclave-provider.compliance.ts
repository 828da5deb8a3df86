// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex } from "../../offchain/core/bytes.ts";
import type { EnclaveProvider } from "../../offchain/engines/tee/provider/port.ts";
import type { Evidence } from "../../offchain/engines/tee/verdict.ts";
import type { Verdict } from "../../offchain/engines/tee/verdict.ts";
import { expectCode } from "../support/expect-code.ts";

/** What every `EnclaveProvider` does; `judge` is the verifier that knows its root. */
export function enclaveProviderCompliance(
  name: string,
  make: () => EnclaveProvider,
  judge: (evidence: Evidence) => Verdict,
): void {
  describe(`${name} as an EnclaveProvider`, () => {
    const data = (seed: number): Uint8Array => Uint8Array.from({ length: 64 }, (_, i) => (i * 31 + seed) & 255);

    it("default: evidence over exactly the bytes that were asked for, of one measurement", async () => {
      const provider = make();
      const first = judge(await provider.quote(data(1)));
      const second = judge(await provider.quote(data(2)));
      expect([first.reportData, second.reportData]).to.deep.equal([toHex(data(1)), toHex(data(2))]);
      expect(first.measurementId).to.equal(second.measurementId);
      expect((await provider.quote(data(3))).runtime.length).to.equal(0);
    });

    it("behavior: requests at once do not mix", async () => {
      const provider = make();
      const quotes = await Promise.all([4, 5, 6, 7].map(async (seed) => provider.quote(data(seed))));
      expect(quotes.map((quote) => judge(quote).reportData)).to.deep.equal(
        [4, 5, 6, 7].map((seed) => toHex(data(seed))),
      );
    });

    it("error: BINDING for report data of another length", async () => {
      for (const length of [0, 32, 63, 65, 4096])
        await expectCode("BINDING", async () => make().quote(new Uint8Array(length)));
    });
  });
}
