// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadCommands } from "../../../offchain/cli/commands/loaders.ts";
import { SimulatedPlatform } from "../../../offchain/engines/tee/sim/platform.ts";
import { captureCli } from "../../support/capture-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { collateralBundle } from "../../../offchain/engines/tee/collateral-file.ts";
import { NOW, PERIOD, REPORT, simulated } from "../../support/tee/simulated.ts";

describe("assay tee", () => {
  const platform = simulated();
  const root = `0x${platform.roots(["intel"]).roots.at(-1)?.spkiSha256}`;
  const folder = temporaryFolder();
  const file = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const run = async (...argv: string[]) => {
    const { code, out } = await captureCli(await loadCommands(argv), [...argv, "--json"]);
    return { code, answer: JSON.parse(out) as Record<string, unknown> };
  };
  const intel = () => [
    file("quote.hex", Buffer.from(platform.intel.quote("dcap-tdx-v4", REPORT)).toString("hex")),
    "--collateral",
    file("collateral.json", JSON.stringify(collateralBundle(platform.intel.collateral(true)))),
    "--now",
    String(NOW),
  ];

  it("behavior: tee verify says what evidence states, marks simulation, and refuses it under production roots", async () => {
    const good = await run(
      "tee",
      "verify",
      ...intel(),
      "--simulated-root",
      root,
      "--report-data",
      `0x${"a5".repeat(64)}`,
    );
    expect(good.code).to.equal(0);
    expect(good.answer).to.have.nested.property("verdict.root", "simulated");
    const text = await captureCli(await loadCommands(["tee", "verify"]), [
      "tee",
      "verify",
      ...intel(),
      "--simulated-root",
      root,
    ]);
    expect(text.out).to.match(/^SIMULATED.*\nintel-tdx: UpToDate\n/);
    const bare = await run("tee", "verify", ...intel());
    expect(bare).to.deep.include({ code: 1 });
    expect(bare.answer).to.include({ ok: false, code: "ROOT" });
    const other = await run(
      "tee",
      "verify",
      ...intel(),
      "--simulated-root",
      root,
      "--report-data",
      `0x${"a6".repeat(64)}`,
    );
    expect(other.answer).to.include({ ok: false, code: "BINDING" });
  });

  it("error: formats that cannot be guessed, times and floors that are none, bundles that lack something", async () => {
    const document = file("document.cbor", platform.aws.document(REPORT));
    expect((await run("tee", "verify", document)).code).to.equal(2);
    expect((await run("tee", "verify", document, "--format", "nitro-cose", "--now", "2026-09-22T00:00:00Z")).answer).to.include({ code: "ROOT" }); // prettier-ignore
    expect((await run("tee", "verify", document, "--now", "soon")).code).to.equal(2);
    expect((await run("tee", "verify", document, "--amd-floor", "Rome=1")).code).to.equal(2);
    const [quote = ""] = intel();
    expect((await run("tee", "verify", quote, "--collateral", file("half.json", "{}"))).answer).to.include({ code: "COLLATERAL" }); // prettier-ignore
    expect((await run("tee", "verify", quote)).code).to.equal(1);
    expect((await run("tee", "tcb-status", quote)).code).to.equal(2);
  });

  it("behavior: tee tcb-status names what is short, now and under the early set", async () => {
    const status = (...more: string[]) => run("tee", "tcb-status", ...intel(), "--simulated-root", root, ...more);
    const good = await status();
    expect(good.code).to.equal(0);
    expect(good.answer["rows"]).to.have.length(16 + 1 + 14 + 1 + 1);
    const raise = (svn: number) => (json: Record<string, unknown>) => {
      const [newest] = json["tcbLevels"] as { tcb: { sgxtcbcomponents: { svn: number }[] } }[];
      const component = newest?.tcb.sgxtcbcomponents[7];
      if (component !== undefined) component.svn = svn;
    };
    const demoted = new SimulatedPlatform(new Uint8Array(32).fill(0x11), PERIOD, { intel: { editTcbInfo: raise(6) } });
    const early = file("early.json", JSON.stringify(collateralBundle(demoted.intel.collateral(true))));
    const later = await status("--early", early);
    expect(later.code).to.equal(75);
    expect(later.answer).to.have.nested.property("early.status", "OutOfDate");
    const now = await run(
      "tee",
      "tcb-status",
      intel()[0] ?? "",
      "--collateral",
      early,
      "--now",
      String(NOW),
      "--simulated-root",
      root,
    );
    expect(now.code).to.equal(1);
    expect(now.answer).to.have.nested.property("current.why", "sgx[7] 5 < 6, INTEL-SA-00002");
    const row = (now.answer["rows"] as { component: string }[]).find(({ component }) => component === "sgx[7]");
    expect(row).to.include({ have: 5, newest: 6 });
  });

  it("error: PROVIDER, exit code 75, for tee quote on a machine without the device, and nothing is left", async () => {
    const data = `0x${"11".repeat(64)}`;
    const out = join(folder, "made.bin");
    const none = await run("tee", "quote", out, "--report-data", data, "--tsm-root", join(folder, "no-configfs"));
    expect(none.code).to.equal(75);
    expect(none.answer).to.have.nested.property("error.code", "PROVIDER");
    // A plain folder is no configfs: nobody counts writes there.
    const plain = join(folder, "plain");
    mkdirSync(plain);
    const fake = await run("tee", "quote", out, "--report-data", data, "--tsm-root", plain);
    expect(fake.answer).to.have.nested.property("error.code", "PROVIDER");
    expect(readdirSync(plain)).to.deep.equal([]);
    const nitro = await run("tee", "quote", out, "--report-data", data, "--provider", "nitro");
    expect(nitro.answer).to.have.nested.property("error.code", "PROVIDER");
    expect(nitro.code).to.equal(75);
    expect(existsSync(out)).to.equal(false);
    expect((await run("tee", "quote", out, "--report-data", "0x00")).code).to.equal(2);
  });
});
