// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { compare } from "../../../scripts/bootstrap.mjs";

const host = { os: "linux", cpu: "x64", libc: "glibc" };
const manifest = { dependencies: { library: "1.0.0" } };
const library = { version: "1.0.0", integrity: "sha512-a" };
const native = { version: "2.0.0", optional: true, os: ["linux"], cpu: ["x64"], libc: ["glibc"] };
const lock = {
  "": manifest,
  "node_modules/library": library,
  "node_modules/native": native,
  "node_modules/native-musl": { ...native, libc: ["musl"] },
  "node_modules/native-mac": { version: "2.0.0", optional: true, os: "darwin", cpu: "x64" },
};
const complete = { "node_modules/library": library, "node_modules/native": native };

describe("bootstrap", () => {
  it("default: nothing to do on a complete tree (R76)", () => {
    expect(compare(manifest, lock, complete, host)).to.deep.equal({ todo: "none", why: "" });
  });

  it("behavior: installs when nothing is installed or a package is missing", () => {
    expect(compare(manifest, lock, undefined, host).todo).to.equal("install");
    expect(compare(manifest, lock, { "node_modules/native": native }, host).todo).to.equal("install");
  });

  it("behavior: repairs when only a native package of this platform was left out", () => {
    expect(compare(manifest, lock, { "node_modules/library": library }, host)).to.deep.equal({
      todo: "repair",
      why: "node_modules/native is missing",
    });
  });

  it("behavior: other platforms' packages are not wanted here", () => {
    const mac = { os: "darwin", cpu: "arm64", libc: "glibc" };
    expect(compare(manifest, lock, { "node_modules/library": library }, mac).todo).to.equal("none");
  });

  it("behavior: stops when the manifest was edited without the lock file", () => {
    expect(compare({ dependencies: { library: "1.0.1" } }, lock, complete, host).todo).to.equal("lock");
    expect(compare({ dependencies: {} }, lock, complete, host).todo).to.equal("lock");
  });

  it("property: another version or integrity always means install", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (version, integrity) => {
        fc.pre(version !== library.version || integrity !== library.integrity);
        const tree = { ...complete, "node_modules/library": { version, integrity } };
        expect(compare(manifest, lock, tree, host).todo).to.equal("install");
      }),
    );
  });
});
