// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pemOf } from "../../../../offchain/engines/tee/bytes/pem.ts";
import type { Endorsements } from "../../../../offchain/engines/tee/verdict.ts";
import { verifyEvidence } from "../../../../offchain/engines/tee/verify.ts";
import { loadConfig } from "../../../../offchain/node/config.ts";
import { endorse, openEnclave, type OpenEnclaveModules } from "../../../../offchain/node/enclave/open-enclave.ts";
import type { FolderModelShelf } from "../../../../offchain/node/model-shelf.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { MILAN_FLOOR, NOW, REPORT, simulated } from "../../../support/tee/simulated.ts";

describe("what goes with a worker's evidence", () => {
  const platform = simulated();
  const { evidence, endorsements } = platform.attest("snp-report", REPORT);
  const amd = endorsements as Extract<Endorsements, { readonly kind: "amd" }>;
  const folder = temporaryFolder();
  const file = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const settings = (change: object) => ({ provider: "tsm" as const, collateral: "", vcek: "", amdChain: "", quoteServer: "", ...change }); // prettier-ignore
  const chain = (...certificates: Uint8Array[]) => certificates.map((der) => pemOf(der)).join("");

  it("R56: behavior: AMD's files, as its key server gives them, are what its evidence verifies with", async () => {
    const amdChain = file("chain.pem", chain(amd.ask, amd.ark));
    for (const vcek of [file("vcek.der", amd.vcek), file("vcek.pem", pemOf(amd.vcek))]) {
      const { endorsements: read } = await endorse(settings({ vcek, amdChain }));
      expect(read).to.deep.equal(amd);
      const verdict = verifyEvidence(evidence, read, platform.roots(["amd"]), NOW, { amdFloors: MILAN_FLOOR });
      expect(verdict).to.include({ root: "simulated", platform: "amd-snp" });
    }
  });

  it("R56: error: files that are missing, cut, of other certificates or in another order", async () => {
    const vcek = file("vcek.der", amd.vcek);
    const read = async (amdChain: string) => endorse(settings({ vcek, amdChain }));
    await expectCode("COLLATERAL", async () => read(join(folder, "none.pem")));
    await expectCode("COLLATERAL", async () => read(file("one.pem", chain(amd.ask))));
    await expectCode("COLLATERAL", async () => read(file("three.pem", chain(amd.ask, amd.ark, amd.ark))));
    await expectCode("PEM", async () => read(file("cut.pem", chain(amd.ask, amd.ark).slice(0, -30))));
    const { endorsements: swapped } = await read(file("swapped.pem", chain(amd.ark, amd.ask)));
    expect(() => verifyEvidence(evidence, swapped, platform.roots(["amd"]), NOW))
      .to.throw()
      .with.property("code", "ROOT");
    await expectCode("COLLATERAL", async () => endorse(settings({ collateral: file("collateral.json", "{") })));
    await expectCode("COLLATERAL", async () => endorse(settings({ collateral: join(folder, "none.json") })));
  });

  it("R58: error: ENCLAVE_SETTINGS where a guest has files of no vendor, of two, or half of them", () => {
    const model = join(folder, "model");
    const models = { modelIds: ["0x01"], folder: () => model, exposure: () => [] } as unknown as FolderModelShelf;
    const open = (flags: Readonly<Record<string, string>>) => {
      const { config } = loadConfig({
        flags: {
          "chain.rpcUrl": "http://127.0.0.1:1",
          "chain.id": "31337",
          "chain.hub": `0x${"11".repeat(20)}`,
          "enclave.provider": "tsm",
          "enclave.model": model,
          ...flags,
        },
      });
      return openEnclave(config, { models } as unknown as OpenEnclaveModules);
    };
    const refused: readonly Readonly<Record<string, string>>[] = [
      {},
      { "enclave.vcek": "/v" },
      { "enclave.amdChain": "/c" },
      { "enclave.collateral": "/j", "enclave.vcek": "/v", "enclave.amdChain": "/c" },
    ];
    for (const flags of refused)
      expect(() => open(flags))
        .to.throw()
        .with.property("code", "ENCLAVE_SETTINGS");
  });
});
