// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { concatBytes } from "../../../../offchain/core/bytes.ts";
import { isAssayError, type AssayError } from "../../../../offchain/core/errors.ts";
import { readCbor } from "../../../../offchain/engines/tee/bytes/cbor.ts";
import { cborBytes, cborMap, cborText } from "../../../../offchain/engines/tee/bytes/cbor-writer.ts";
import { NitroProvider } from "../../../../offchain/engines/tee/provider/nitro.ts";
import { attestByNsm, describeNsm, NSM_REFUSALS, type NsmDevice } from "../../../../offchain/engines/tee/provider/nsm.ts"; // prettier-ignore
import { NsmHelper } from "../../../../offchain/engines/tee/provider/nsm-helper.ts";
import type { AwsOptions } from "../../../../offchain/engines/tee/sim/aws.ts";
import type { Evidence } from "../../../../offchain/engines/tee/verdict.ts";
import { verifyEvidence } from "../../../../offchain/engines/tee/verify.ts";
import { buildHelper, findCompiler } from "../../../../scripts/nsm/build.mjs";
import { enclaveProviderCompliance } from "../../../ports/enclave-provider.compliance.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { NOW, REPORT, simulated } from "../../../support/tee/simulated.ts";

const DATA = Uint8Array.from({ length: 64 }, (_, i) => i);
const MODULE = "i-0123456789abcdef0-enc0123456789abcdef";
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
const small = (n: number): Uint8Array => (n < 24 ? Uint8Array.of(n) : Uint8Array.of(0x18, n));
const list = (items: readonly Uint8Array[]): Uint8Array => concatBytes(Uint8Array.of(0x80 | items.length), ...items);
const error = (code: string): Uint8Array => cborMap([["Error", cborText(code)]]);

const DESCRIPTION: Readonly<Record<string, Uint8Array>> = {
  version_major: small(1),
  version_minor: small(0),
  version_patch: small(0),
  module_id: cborText(MODULE),
  max_pcrs: small(32),
  locked_pcrs: list(Array.from({ length: 16 }, (_, i) => small(i))),
  digest: cborText("SHA384"),
};
const described = (change: Readonly<Record<string, Uint8Array | undefined>> = {}): Uint8Array => {
  const fields = Object.entries({ ...DESCRIPTION, ...change });
  return cborMap([["DescribeNSM", cborMap(fields.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))]]); // prettier-ignore
};
const answered = (document: Uint8Array): Uint8Array =>
  cborMap([["Attestation", cborMap([["document", cborBytes(document)]])]]);

/** What a request asks a document to carry. */
function fieldsOf(request: Uint8Array): Pick<AwsOptions, "userData" | "nonce" | "publicKey"> {
  const asked = (readCbor(request) as ReadonlyMap<string, ReadonlyMap<string, Uint8Array | null>>).get("Attestation");
  const field = (name: string): Uint8Array | null => asked?.get(name) ?? null;
  return { userData: field("user_data"), nonce: field("nonce"), publicKey: field("public_key") };
}

interface Script {
  readonly describe?: Uint8Array;
  readonly attest?: (request: Uint8Array) => Uint8Array;
  readonly aws?: AwsOptions;
}

/** A module that answers as the documented one, by a simulated platform's documents, unless the script says otherwise. */
function scripted({ describe = described(), attest, aws = {} }: Script = {}) {
  const requests: Uint8Array[] = [];
  const device: NsmDevice = {
    async exchange(request) {
      requests.push(request);
      if (readCbor(request) === "DescribeNSM") return Promise.resolve(describe);
      if (attest !== undefined) return Promise.resolve(attest(request));
      return Promise.resolve(answered(simulated({ aws: { ...fieldsOf(request), ...aws } }).aws.document(REPORT)));
    },
  };
  return { device, requests, provider: new NitroProvider(device) };
}

const judge = (evidence: Evidence) => verifyEvidence(evidence, { kind: "none" }, simulated().roots(["aws"]), NOW);
/** The typed error that an action fails with. */
const refusal = async (code: string, action: () => Promise<unknown>): Promise<AssayError> =>
  (await expectCode(code, action)) as AssayError;
const NOTHING = { userData: null, nonce: null, publicKey: null };

enclaveProviderCompliance("NitroProvider", () => scripted().provider, judge);

describe("NitroProvider", () => {
  it("default: the module is described, then signs the 64 bytes as user data, in the documented bytes", async () => {
    const { provider, requests } = scripted();
    const evidence = await provider.quote(DATA);
    const [first, second] = requests.map((request) => Buffer.from(request).toString("hex"));
    // text(11); {"Attestation": {"user_data": bytes(64), "nonce": null, "public_key": null}}
    expect(first).to.equal(`6b${Buffer.from("DescribeNSM").toString("hex")}`);
    expect(second).to.equal(
      `a16b${Buffer.from("Attestation").toString("hex")}a3` +
        `69${Buffer.from("user_data").toString("hex")}5840${Buffer.from(DATA).toString("hex")}` +
        `65${Buffer.from("nonce").toString("hex")}f66a${Buffer.from("public_key").toString("hex")}f6`,
    );
    expect(judge(evidence)).to.deep.include({ platform: "aws-nitro", reportData: `0x${Buffer.from(DATA).toString("hex")}` }); // prettier-ignore
  });

  it("error: NSM_REFUSED with each code of the module, at either request; NSM_ANSWER for a code that is none", async () => {
    for (const code of NSM_REFUSALS) {
      for (const script of [{ describe: error(code) }, { attest: () => error(code) }]) {
        const failure = await refusal("NSM_REFUSED", async () => scripted(script).provider.quote(DATA));
        expect(failure.meta["code"]).to.equal(code);
      }
    }
    for (const odd of ["Success", "Other", ""])
      await refusal("NSM_ANSWER", async () => scripted({ attest: () => error(odd) }).provider.quote(DATA));
  });

  it("error: NSM_ANSWER for what is no answer to the request", async () => {
    const answers: Readonly<Record<string, Uint8Array>> = {
      empty: new Uint8Array(),
      truncated: described().subarray(0, 40),
      "bytes behind it": concatBytes(answered(hex("00")), Uint8Array.of(0)),
      "of indefinite length": hex("bf 65 4572726f72 6d 496e7465726e616c4572726f72 ff"),
      "not shortest": hex("b8 01 65 4572726f72 6d 496e7465726e616c4572726f72"),
      "two answers": cborMap([["Attestation", cborMap([["document", cborBytes(DATA)]])], ["Error", cborText("InternalError")]]), // prettier-ignore
      "to another request": described(),
      "no body": cborText("Attestation"),
      "a list": list([cborText("Attestation")]),
      "no document": cborMap([["Attestation", cborMap([])]]),
      "a document of text": cborMap([["Attestation", cborMap([["document", cborText("x")]])]]),
      "an empty document": answered(new Uint8Array()),
      "an unknown field": cborMap([["Attestation", cborMap([["document", cborBytes(DATA)], ["more", cborBytes(DATA)]])]]), // prettier-ignore
      oversized: answered(new Uint8Array(0x3000)),
    };
    for (const [what, answer] of Object.entries(answers)) {
      const failure = await refusal("NSM_ANSWER", async () => scripted({ attest: () => answer }).provider.quote(DATA)); // prettier-ignore
      expect(failure.message, what).to.include("answer is refused");
    }
  });

  it("error: NSM_ANSWER, TD for a module that is not described in full, of another version, or whose registers are open", async () => {
    const changes: readonly Readonly<Record<string, Uint8Array | undefined>>[] = [
      ...Object.keys(DESCRIPTION).map((key) => ({ [key]: undefined })),
      { version_major: small(2) },
      { version_major: cborText("1") },
      { module_id: cborText("") },
      { module_id: cborText("a b") },
      { digest: cborText("SHA256") },
      { locked_pcrs: cborText("all") },
      { locked_pcrs: list([cborText("0")]) },
      { max_pcrs: small(8) },
      { max_pcrs: hex("1a00010000") },
    ];
    for (const change of changes)
      await refusal("NSM_ANSWER", async () => scripted({ describe: described(change) }).provider.describe());
    for (const open of [0, 1, 2, 8]) {
      const locked = Array.from({ length: 16 }, (_, i) => i).filter((i) => i !== open);
      const script = { describe: described({ locked_pcrs: list(locked.map(small)) }) };
      await refusal("TD", async () => scripted(script).provider.quote(DATA));
    }
    // A later version's field more is no harm.
    expect(await describeNsm(scripted({ describe: described({ more: small(1) }) }).device)).to.include({ version: "1.0.0", maxPcrs: 32, moduleId: MODULE }); // prettier-ignore
  });

  it("error: BINDING for a document that does not carry what was asked for; DEBUG for a debug enclave's", async () => {
    const other = new Uint8Array(64).fill(1);
    for (const aws of [
      { userData: other },
      { userData: null },
      { userData: DATA.subarray(1) },
      { nonce: other },
      { publicKey: other },
    ])
      // prettier-ignore
      await refusal("BINDING", async () => scripted({ aws }).provider.quote(DATA));
    const describe = described({ module_id: cborText("i-0123456789abcdef0-encffffffffffffffff") });
    await refusal("BINDING", async () => scripted({ describe }).provider.quote(DATA));
    const zero = new Uint8Array(48);
    for (const pcrs of [
      [zero, zero, zero],
      [DATA.slice(0, 48), DATA.slice(0, 48), undefined],
    ])
      // prettier-ignore
      await refusal("DEBUG", async () => scripted({ aws: { pcrs } }).provider.quote(DATA));
  });

  it("behavior: nonce and public key come back as asked, up to the module's limits", async () => {
    const [nonce, publicKey] = [new Uint8Array(1024).fill(7), new Uint8Array(1024).fill(8)];
    const { device, requests } = scripted();
    const { document } = await attestByNsm(device, { userData: new Uint8Array(0), nonce, publicKey });
    expect([document.nonce, document.publicKey, document.userData.length]).to.deep.equal([nonce, publicKey, 0]);
    for (const asked of [
      { nonce: new Uint8Array(1025) },
      { userData: new Uint8Array(9_000) },
      { publicKey: new Uint8Array() },
    ])
      // prettier-ignore
      await refusal("NSM_REFUSED", async () => attestByNsm(device, { ...NOTHING, ...asked }));
    expect(requests.length, "nothing else reached the module").to.equal(1);
  });

  it("attack: changed, cut and grown answers are refused by a typed error, or carry the data and do not verify", async () => {
    const rng = new Prng(7);
    const whole = [described(), answered(simulated({ aws: { userData: DATA } }).aws.document(REPORT))] as const;
    const outcomes = new Map<string, number>();
    for (let round = 0; round < 3_000; round++) {
      const [describe, attest] = whole.map((bytes) => bytes.slice()) as [Uint8Array, Uint8Array];
      const target = round % 2 === 0 ? describe : attest;
      const head = Math.min(target.length, rng.chance(0.5) ? 60 : target.length);
      for (let n = rng.int(1, 3); n > 0; n--) target[rng.int(0, head - 1)] = rng.int(0, 255);
      const cut = rng.chance(0.2) ? rng.int(0, target.length) : target.length;
      const change = (bytes: Uint8Array): Uint8Array => (bytes === target ? bytes.subarray(0, cut) : bytes);
      try {
        const evidence = await scripted({ describe: change(describe), attest: () => change(attest) }).provider.quote(DATA); // prettier-ignore
        const isSame = Buffer.from(attest).equals(Buffer.from(whole[1]));
        outcomes.set("quoted", (outcomes.get("quoted") ?? 0) + 1);
        // Some digits of the description bind nothing; a document that was changed never verifies.
        if (!isSame) expect(() => judge(evidence)).to.throw();
        else expect(judge(evidence).platform).to.equal("aws-nitro");
      } catch (failure) {
        if (!isAssayError(failure)) throw failure;
        outcomes.set(failure.code, (outcomes.get(failure.code) ?? 0) + 1);
      }
    }
    expect([...outcomes.keys()]).to.include.members(["NSM_ANSWER", "QUOTE", "BINDING", "quoted"]);
  });
});

/** Stands before the helper's libc: a /dev/nsm that checks how it is called, and answers from a file. */
const SHIM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
struct part { uint64_t address, length; };
struct message { struct part request, answer; };
static int opened = -1;
static int opening(const char *path, int flags) {
  if (strcmp(path, "/dev/nsm") == 0) {
    if ((flags & O_ACCMODE) != O_RDWR) { errno = EACCES; return -1; }
    return opened = dup(STDERR_FILENO);
  }
  errno = ENOENT;
  return -1;
}
int open(const char *path, int flags, ...) { return opening(path, flags); }
int open64(const char *path, int flags, ...) { return opening(path, flags); }
int ioctl(int device, unsigned long number, ...) {
  va_list list; va_start(list, number);
  struct message *message = va_arg(list, struct message *);
  va_end(list);
  const char *code = getenv("NSM_ERRNO"), *claim = getenv("NSM_CLAIM");
  if (device != opened || number != 0xC0200A00ul || message->answer.length != 0x3000) { errno = EINVAL; return -1; }
  if (code != NULL) { errno = atoi(code); return -1; }
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int log = real(getenv("NSM_LOG"), O_WRONLY | O_CREAT | O_TRUNC, 0600), from = real(getenv("NSM_ANSWER"), O_RDONLY);
  if (write(log, (void *)(uintptr_t)message->request.address, message->request.length) < 0) return -1;
  ssize_t got = read(from, (void *)(uintptr_t)message->answer.address, message->answer.length);
  if (got < 0) return -1;
  message->answer.length = claim == NULL ? (uint64_t)got : strtoull(claim, NULL, 10);
  return 0;
}
`;

describe("the helper for /dev/nsm", function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const file = join(folder, "nsm");
  const [shim, log, answer] = ["shim.so", "log", "answer"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const env = { LD_PRELOAD: shim, NSM_LOG: log, NSM_ANSWER: answer };

  before(async function () {
    const compiler = findCompiler();
    if (compiler === undefined || process.platform !== "linux") this.skip(); // no C compiler, or no Linux, on this machine
    await buildHelper({ file });
    writeFileSync(join(folder, "shim.c"), SHIM);
    const [command = "", ...words] = compiler;
    execFileSync(command, [...words, "-shared", "-fPIC", "-o", shim, join(folder, "shim.c"), "-ldl"]);
  });

  it("default: the request reaches the driver by the documented ioctl, and its answer comes back whole", async () => {
    for (const [request, bytes] of [
      [Uint8Array.of(1), Uint8Array.of()],
      [new Uint8Array(0x1000).fill(3), new Uint8Array(0x3000).fill(4)],
    ] as const) {
      writeFileSync(answer, bytes);
      expect(await new NsmHelper({ file, env }).exchange(request)).to.deep.equal(bytes);
      expect(new Uint8Array(readFileSync(log))).to.deep.equal(request);
    }
    writeFileSync(answer, described());
    expect(await describeNsm(new NsmHelper({ file, env }))).to.include({ moduleId: MODULE });
  });

  it("error: PROVIDER for requests that are empty or too long, what the driver refuses, and a length that it cannot mean", async () => {
    const failing = async (more: Readonly<Record<string, string>>, request = DATA): Promise<string> =>
      (await refusal("PROVIDER", async () => new NsmHelper({ file, env: { ...env, ...more } }).exchange(request))).message; // prettier-ignore
    expect(await failing({}, new Uint8Array())).to.include("request: ");
    expect(await failing({}, new Uint8Array(0x1001))).to.include("request: ");
    expect(await failing({ NSM_ERRNO: "90" })).to.include("/dev/nsm: Message too long");
    expect(await failing({ NSM_ERRNO: "110" })).to.include("/dev/nsm: Connection timed out");
    for (const claim of ["12289", "18446744073709551615"])
      expect(await failing({ NSM_CLAIM: claim })).to.include("answer: ");
  });

  it("error: PROVIDER without the device, without the helper, and for a helper that says nothing or too much", async () => {
    const missing = await refusal("PROVIDER", async () => new NsmHelper({ file }).exchange(DATA));
    expect(missing.message).to.include("/dev/nsm: No such file or directory");
    await refusal("PROVIDER", async () => new NsmHelper({ file: join(folder, "none") }).exchange(DATA));
    const script = (name: string, text: string): string => {
      writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
      return join(folder, name);
    };
    for (const [name, text, says] of [
      ["silent", "exit 1", "ended with 1"],
      ["endless", "while :; do echo 0123456789012345678901234567890123456789; done", "SIGKILL"],
      ["hanging", "exec sleep 600", "SIGKILL"],
    ] as const) {
      const helper = new NsmHelper({ file: script(name, text), env: { PATH: "/usr/bin:/bin" }, timeoutMs: name === "hanging" ? 300 : 30_000 }); // prettier-ignore
      const failure = await refusal("PROVIDER", async () => helper.exchange(DATA));
      expect(failure.message).to.include(says);
    }
  });
});
