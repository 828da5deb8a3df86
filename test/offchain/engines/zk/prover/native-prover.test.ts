// SPDX-License-Identifier: GPL-3.0-or-later
import { NativeProver } from "../../../../../offchain/engines/zk/prover/native-prover.ts";
import { proverCompliance } from "../../../../ports/prover.compliance.ts";
import { nativeAddon, nativePaths } from "../../../../support/native-addon.ts";

for (const path of nativePaths)
  proverCompliance(`NativeProver on ${path}`, () => new NativeProver(nativeAddon(), path));

if (nativePaths.length === 0)
  describe("NativeProver", () => {
    it.skip("as a Prover: needs a C++ compiler and `npm run bootstrap`");
  });
