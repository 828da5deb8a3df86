// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { globSync, readFileSync } from "node:fs";

describe("log event names", () => {
  it("behavior: every name in the source is one that the logger takes", () => {
    const names = globSync("offchain/**/*.ts").flatMap((path) =>
      [...readFileSync(path, "utf8").matchAll(/logger\??\.(?:debug|info|warn|error)\(\s*"([^"]*)"/g)].map(
        ([, name]) => name,
      ),
    );
    expect(names.length).to.be.greaterThan(20);
    expect(names.filter((name) => !/^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+$/.test(name ?? ""))).to.deep.equal([]);
  });
});
