// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeConfig, loadConfig } from "../../../offchain/node/config.ts";
import { configDocs, configTemplate } from "../../../offchain/node/config-template.ts";
import { DevFaults } from "../../../offchain/node/dev-faults.ts";
import { eachSetting } from "../../../offchain/node/settings.ts";
import { nullLogger } from "../../support/cluster/cluster.ts";
import { expectCode } from "../../support/expect-code.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const needed = {
  "chain.rpcUrl": "http://127.0.0.1:8545/v2/SECRETKEY",
  "chain.id": 31337,
  "chain.hub": `0x${"1".repeat(40)}`,
};

function write(text: string): string {
  const file = join(temporaryFolder(), "assay.toml");
  writeFileSync(file, text);
  return file;
}

describe("config", () => {
  it("default: the template loads; flag > environment > file > default, paths relative to the file", () => {
    const file = write(configTemplate({ ...needed, "chain.pollMs": 100 }));
    const { config, sources } = loadConfig({
      file,
      environment: { ASSAY_CHAIN_POLL_MS: "200", ASSAY_CHAIN_CONFIRMATIONS: "3" },
      flags: { "--chain-poll-ms": "300" },
    });
    expect(config.chain.pollMs).to.equal(300);
    expect(config.chain.confirmations).to.equal(3);
    expect(config.keys.folder).to.equal(join(file, "..", "keys"));
    expect(sources.get("chain.pollMs")).to.equal("flag");
    expect(sources.get("chain.hub")).to.equal("file");
    expect(sources.get("net.port")).to.equal("default");
  });

  it("behavior: shown values hide the API key of an endpoint; every setting is documented", () => {
    const shown = describeConfig(loadConfig({ file: write(configTemplate(needed)) }));
    expect(JSON.stringify(shown)).to.not.include("SECRETKEY");
    for (const { section, name } of eachSetting()) expect(configDocs()).to.include(`\`${section}.${name}\``);
    expect(readFileSync("docs/config.md", "utf8")).to.equal(configDocs());
  });

  it("error: CONFIG_UNKNOWN with a suggestion, in file, environment and flags", async () => {
    const file = write("[chain]\nrpcURL = 'http://127.0.0.1'\n");
    const error = await expectCode("CONFIG_UNKNOWN", () => loadConfig({ file }));
    expect(Reflect.get(Object(Reflect.get(Object(error), "meta")), "suggestion")).to.equal("chain.rpcUrl");
    await expectCode("CONFIG_UNKNOWN", () => loadConfig({ environment: { ASSAY_CHAIN_RPCURL: "x" } }));
    await expectCode("CONFIG_UNKNOWN", () => loadConfig({ flags: { "--chain-rpc": "x" } }));
  });

  it("error: CONFIG_INVALID for missing and wrong values, CONFIG_UNREADABLE for a bad file", async () => {
    await expectCode("CONFIG_INVALID", () => loadConfig({}));
    await expectCode("CONFIG_INVALID", () =>
      loadConfig({ file: write(configTemplate({ ...needed, "chain.id": -1 })) }),
    );
    await expectCode("CONFIG_INVALID", () =>
      loadConfig({ file: write(configTemplate({ ...needed, "log.level": "loud" })) }),
    );
    await expectCode("CONFIG_UNREADABLE", () => loadConfig({ file: write("[chain\n") }));
    await expectCode("CONFIG_UNREADABLE", () => loadConfig({ file: "/nowhere/assay.toml" }));
  });

  it("error: DEVELOPMENT_REFUSED off the local chain and without the switch", async () => {
    const real = { ...needed, "chain.id": 1, "node.development": true };
    await expectCode("DEVELOPMENT_REFUSED", () => loadConfig({ file: write(configTemplate(real)) }));
    await expectCode("DEVELOPMENT_REFUSED", () =>
      loadConfig({ file: write(configTemplate({ ...needed, "node.crashAt": "seated" })) }),
    );
    for (const [development, chainId] of [
      [false, 31337],
      [true, 1],
    ] as const)
      await expectCode(
        "DEVELOPMENT_REFUSED",
        () => new DevFaults({ development, chainId, port: 0 }, { logger: nullLogger }),
      );
  });

  it("behavior: a fault mode is switched over loopback, and not by a browser", async () => {
    const faults = new DevFaults({ development: true, chainId: 31337, port: 0 }, { logger: nullLogger });
    const url = `${await faults.start()}/dev/fault`;
    const post = (body: string, headers: Record<string, string> = {}) => fetch(url, { method: "POST", body, headers });
    try {
      expect(faults.behaviour.isSilent).to.equal(false);
      expect((await post('{"mode":"silent"}')).status).to.equal(200);
      expect(faults.behaviour.isSilent).to.equal(true);
      expect((await post('{"mode":"none"}', { origin: "http://evil.example" })).status).to.equal(403);
      expect((await post('{"mode":"other"}')).status).to.equal(400);
      expect((await post("not json")).status).to.equal(400);
      expect(faults.behaviour.isSilent).to.equal(true);
    } finally {
      await faults.stop();
    }
  });
});
