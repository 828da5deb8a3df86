// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { TsmProvider, type TsmFiles } from "../../../../offchain/engines/tee/provider/tsm.ts";
import { SimulatedProvider } from "../../../../offchain/engines/tee/sim/provider.ts";
import type { Evidence, EvidenceFormat } from "../../../../offchain/engines/tee/verdict.ts";
import { verifyEvidence } from "../../../../offchain/engines/tee/verify.ts";
import { enclaveProviderCompliance } from "../../../ports/enclave-provider.compliance.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { MILAN_FLOOR, NOW, REPORT, simulated } from "../../../support/tee/simulated.ts";

const platform = simulated();
const DATA = new Uint8Array(64).fill(9);
const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\n`);
const judge = ({ format, bytes, runtime }: Evidence) => {
  const { endorsements } = platform.attest(format, REPORT);
  const roots = platform.roots([format === "snp-report" ? "amd" : "intel"]);
  return verifyEvidence({ format, bytes, runtime }, endorsements, roots, NOW, { amdFloors: MILAN_FLOOR });
};

interface Hooks {
  /** Between our write and our reading, as another process on the machine would. */
  readonly meanwhile?: (write: (bytes: Uint8Array) => void, attempt: number) => void;
  readonly provider?: string;
  readonly evidence?: (data: Uint8Array) => Uint8Array;
}

/** configfs as the kernel keeps it: a folder a request, a count of writes, a report made when it is read. */
function fakeConfigfs(format: EvidenceFormat, hooks: Hooks = {}) {
  const folders = new Map<string, { generation: number; inblob: Uint8Array }>();
  const log: string[] = [];
  let attempts = 0;
  const split = (path: string): [string, string] => [
    path.slice(0, path.lastIndexOf("/")),
    path.slice(path.lastIndexOf("/") + 1),
  ];
  const folder = (path: string) => folders.get(path) ?? expect.fail(`no folder ${path}`);
  const make =
    hooks.evidence ?? ((data: Uint8Array) => platform.attest(format, { ...REPORT, reportData: data }).evidence.bytes);
  const files: TsmFiles = {
    async makeFolder(path) {
      attempts++;
      log.push("make");
      if (folders.has(path)) throw new Error("EEXIST");
      folders.set(path, { generation: 0, inblob: new Uint8Array() });
      return Promise.resolve();
    },
    async removeFolder(path) {
      log.push("remove");
      folders.delete(path);
      return Promise.resolve();
    },
    async write(path, bytes) {
      const [at] = split(path);
      const put = (data: Uint8Array): void => {
        folder(at).generation++;
        folder(at).inblob = data;
      };
      put(Uint8Array.from(bytes));
      hooks.meanwhile?.(put, attempts);
      return Promise.resolve();
    },
    async read(path) {
      const [at, name] = split(path);
      const { generation, inblob } = folder(at);
      if (name === "generation") return Promise.resolve(text(String(generation)));
      if (name === "provider")
        return Promise.resolve(text(hooks.provider ?? (format === "snp-report" ? "sev_guest" : "tdx_guest")));
      return Promise.resolve(make(inblob));
    },
  };
  let names = 0;
  const random = (count: number): Uint8Array => new Uint8Array(count).fill(++names);
  return { provider: new TsmProvider({ folder: "/tsm" }, { files, random }), folders, log };
}

for (const format of ["dcap-tdx-v4", "dcap-tdx-v5", "snp-report"] as const) {
  enclaveProviderCompliance(`TsmProvider of ${format}`, () => fakeConfigfs(format).provider, judge);
  enclaveProviderCompliance(
    `SimulatedProvider of ${format}`,
    () => new SimulatedProvider(platform, format, REPORT.measurement),
    judge,
  );
}

describe("TsmProvider", () => {
  const other = new Uint8Array(64).fill(1);

  it("behavior: another's write between ours and our reading is seen by the generation, and asked again", async () => {
    const race = fakeConfigfs("dcap-tdx-v4", { meanwhile: (put, attempt) => (attempt < 3 ? put(other) : undefined) });
    const evidence = await race.provider.quote(DATA);
    expect(judge(evidence).reportData).to.equal(`0x${"09".repeat(64)}`);
    expect(race.log).to.deep.equal(["make", "remove", "make", "remove", "make", "remove"]);
    expect(race.folders.size).to.equal(0);
  });

  it("error: PROVIDER when it never is ours alone, with nothing left behind", async () => {
    const race = fakeConfigfs("dcap-tdx-v4", { meanwhile: (put) => put(other) });
    await expectCode("PROVIDER", async () => race.provider.quote(DATA));
    expect(race.log.filter((step) => step === "make").length).to.equal(3);
    expect(race.folders.size).to.equal(0);
  });

  it("error: BINDING for a report over other data, whatever the generation says", async () => {
    const swap = (): Uint8Array => platform.attest("dcap-tdx-v4", { ...REPORT, reportData: other }).evidence.bytes;
    await expectCode("BINDING", async () => fakeConfigfs("dcap-tdx-v4", { evidence: swap }).provider.quote(DATA));
  });

  it("error: PROVIDER, QUOTE for another device, a version that is not verified here, and bytes that are none", async () => {
    await expectCode("PROVIDER", async () =>
      fakeConfigfs("dcap-tdx-v4", { provider: "arm_cca_guest" }).provider.quote(DATA),
    );
    await expectCode("PROVIDER", async () => fakeConfigfs("dcap-sgx-v3", {}).provider.quote(DATA));
    const long = { evidence: () => new Uint8Array(20_000) };
    await expectCode("PROVIDER", async () => fakeConfigfs("dcap-tdx-v4", long).provider.quote(DATA));
    await expectCode("PROVIDER", async () => fakeConfigfs("dcap-tdx-v4", { evidence: () => new Uint8Array() }).provider.quote(DATA)); // prettier-ignore
    const short = { evidence: () => Uint8Array.of(4, 0, 2, 0) };
    await expectCode("QUOTE", async () => fakeConfigfs("dcap-tdx-v4", short).provider.quote(DATA));
  });

  it("behavior: a busy device is asked again; a machine without one is not", async () => {
    let failures = 2;
    const busy = {
      evidence(data: Uint8Array) {
        if (failures-- > 0) throw new Error("EBUSY: resource busy or locked");
        return platform.attest("dcap-tdx-v4", { ...REPORT, reportData: data }).evidence.bytes;
      },
    };
    await fakeConfigfs("dcap-tdx-v4", busy).provider.quote(DATA);
    let made = 0;
    const none = async (): Promise<never> => {
      made++;
      return Promise.reject(new Error("ENOENT: no such file or directory"));
    };
    const files: TsmFiles = { makeFolder: none, removeFolder: none, write: none, read: none };
    const bare = new TsmProvider({}, { files, random: (count) => new Uint8Array(count) });
    await expectCode("PROVIDER", async () => bare.quote(DATA));
    expect(made).to.equal(1);
  });
});
