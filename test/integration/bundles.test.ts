// SPDX-License-Identifier: GPL-3.0-or-later
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { ticketChangesIn } from "../../offchain/adapters/chain/read-past.ts";
import { clientEvidence } from "../../offchain/audit/evidence/client.ts";
import type { EvidenceClass } from "../../offchain/audit/evidence/evidence-class.ts";
import { auditKeys } from "../../offchain/audit/keys/audit-keys.ts";
import { loadModel, type LoadedModel } from "../../offchain/engines/program/load-program.ts";
import { joinEvidence, maskedEvidence } from "../../offchain/audit/evidence/join.ts";
import { proofEvidence } from "../../offchain/audit/evidence/proof.ts";
import { sampleEvidence } from "../../offchain/audit/evidence/sample.ts";
import { voteEvidence } from "../../offchain/audit/evidence/vote.ts";
import { checkDraws } from "../../offchain/audit/replay/check-draws.ts";
import { checkPayouts } from "../../offchain/audit/replay/check-payouts.ts";
import { headerHash } from "../../offchain/adapters/chain/block-header.ts";
import { openBundle } from "../../offchain/audit/bundle/open-bundle.ts";
import type { BundleManifest } from "../../offchain/audit/bundle/manifest.ts";
import type {
  RecordedContract,
  RecordedHeader,
  RecordedLogs,
  RecordedTransactions,
} from "../../offchain/audit/bundle/recorded-blocks.ts";
import { createFileLog, createMemoryLog, PROGRESS_FILE } from "../../offchain/audit/replay/claim-log.ts";
import { readBuilds, type KnownBuild } from "../../offchain/audit/replay/known-builds.ts";
import { replayCharts } from "../../offchain/audit/replay/replay-charts.ts";
import { replayHtml, replayMarkdown, replayReport } from "../../offchain/audit/replay/replay-report.ts";
import type { Claim, Finding } from "../../offchain/audit/replay/claims.ts";
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import { ZERO_BYTES32 } from "../../offchain/core/types.ts";
import { decodeReceipt, encodeReceipt, type Receipt } from "../../offchain/core/receipt.ts";
import { SdkError } from "../../offchain/sdk/errors.ts";
import { startTestChain, type TestChain } from "../support/cluster/chain.ts";
import {
  audit,
  exportFrom,
  forge,
  MODEL_FOLDER,
  onText,
  openContext,
  runScenario,
  type Scenario,
} from "../support/audit-scenario.ts";
import { auditExport } from "../../offchain/cli/commands/audit/export.ts";
import { auditReplay } from "../../offchain/cli/commands/audit/replay.ts";
import { captureCli } from "../support/capture-cli.ts";
import { expectCode } from "../support/expect-code.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const SEGMENT = "000000.jsonl";
const [HEADERS, TRANSACTIONS, LOGS] = ["headers", "transactions", "logs"].map((name) => `chain/${name}/${SEGMENT}`) as [
  string,
  string,
  string,
];

/** Edits one line of a file of JSON lines. */
const onLine = <T>(at: (value: T) => boolean, edit: (value: T) => T) =>
  onText((text) => {
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as T);
    const i = lines.findLastIndex(at);
    if (i < 0) throw new TypeError("no such line");
    lines[i] = edit(lines[i] as T);
    return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  });
const onReceipt = (edit: (receipt: Receipt) => Receipt) => (bytes: Uint8Array) =>
  encodeReceipt(edit(decodeReceipt(bytes)));
const flip = (hex: string): `0x${string}` => `0x${hex.slice(2, -1)}${hex.endsWith("0") ? "1" : "0"}`;
const falseOf = (claims: readonly Claim[]) => claims.filter(({ verdict }) => verdict === "false");

describe("audit bundles", function suite() {
  this.timeout(240_000);
  const work = temporaryFolder();
  const folder = join(work, "bundle");
  const openings = () => new Map([[jobs.voted, { input: jobs.input, secret: `${toHex(jobs.secret)}\n` }]]);
  let chain: TestChain;
  let jobs: Scenario;
  let headHash: `0x${string}`;
  let builds: readonly KnownBuild[];
  let copies = 0;
  const fresh = () => join(work, `copy-${copies++}`);
  const manifest = () => JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as BundleManifest;

  before(async () => {
    chain = await startTestChain();
    jobs = await runScenario(chain);
    ({ headHash } = await exportFrom(chain, { folder, models: [MODEL_FOLDER], openings: openings() }));
    builds = readBuilds("artifacts/contracts");
  });
  after(async () => chain.close());

  it("default: a machine that never saw the chain replays all of it, and every claim holds (R69)", async () => {
    const claims = await audit(folder, { headHash, root: openBundle(folder).root, builds });
    expect(falseOf(claims)).to.deep.equal([]);
    const open = claims.filter(({ verdict }) => verdict === "not checkable").map(({ id }) => id);
    // Only one of the inputs was opened.
    expect(open).to.deep.equal([`job/${jobs.proven}/re-execution`, `job/${jobs.sampled}/re-execution`]);
    const ids = claims.map(({ id }) => id);
    expect(ids).to.include.members([
      "chain/replay",
      "chain/logs",
      "deployment/builds",
      `job/${jobs.voted}/draws`,
      `job/${jobs.voted}/payouts`,
      `job/${jobs.voted}/votes`,
      `job/${jobs.voted}/re-execution`,
      `job/${jobs.proven}/proofs by the library`,
      `job/${jobs.proven}/proofs by the contract`,
      `job/${jobs.sampled}/lottery`,
    ]);
    // Development keys are called what they are, and refused where asked.
    expect(claims.find(({ id }) => id.startsWith("keys/"))?.detail).to.contain("DEVELOPMENT");
    const strict = await audit(folder, { refuseDevelopmentKeys: true });
    expect(falseOf(strict).map(({ id }) => id)).to.include(`job/${jobs.proven}/proofs by the library`);
  });

  it("behavior: the same range gives the same bytes; an export that was cut goes on, and one of something else is refused", async () => {
    const again = fresh();
    const stop = new AbortController();
    const interrupted = await exportFrom(chain, {
      folder: again,
      models: [MODEL_FOLDER],
      openings: openings(),
      signal: stop.signal,
      onProgress: (step) => (step === "collecting receipts" ? stop.abort() : undefined),
    }).catch((error: unknown) => error);
    expect(interrupted).to.be.instanceOf(Error);
    expect(existsSync(join(again, "manifest.json"))).to.equal(false);
    await chain.rpc("evm_mine");
    await expectCode("EXPORT_MISFIT", async () => exportFrom(chain, { folder: again, jobs: [jobs.voted] }));
    await exportFrom(chain, { folder: again, models: [MODEL_FOLDER], openings: openings() });
    expect(readFileSync(join(again, "manifest.json"), "utf8")).to.equal(
      readFileSync(join(folder, "manifest.json"), "utf8"),
    );
    await expectCode("EXPORT_MISFIT", async () => exportFrom(chain, { folder: again }));
    await expectCode("BUNDLE_TOO_LARGE", async () => exportFrom(chain, { folder: fresh(), maxBytes: 10_000 }));
    const strange = flip(jobs.voted);
    await expectCode("JOB_NOT_IN_BUNDLE", async () => exportFrom(chain, { folder: fresh(), jobs: [strange] }));
    // A job that no receipt can show is named, unless it was asked for.
    const fails = (jobId: string) => {
      if (jobId === jobs.proven) throw new SdkError("RECEIPT_UNAVAILABLE", { jobId, why: "games decided it" });
    };
    const lacking = await exportFrom(chain, { folder: fresh() }, fails);
    expect(lacking.leftOut).to.deep.equal([{ jobId: jobs.proven, why: "games decided it" }]);
    expect(lacking.jobs).to.have.members([jobs.voted, jobs.sampled]);
    const asked = async () => exportFrom(chain, { folder: fresh(), jobs: [jobs.proven] }, fails);
    await expectCode("RECEIPT_UNAVAILABLE", asked);
    // One job needs no block after its end, and opens nothing that was not given.
    const one = fresh();
    const report = await exportFrom(chain, { folder: one, jobs: [jobs.voted] });
    expect(report.jobs).to.deep.equal([jobs.voted]);
    expect(report.blocks).to.be.lessThan(manifest().toBlock);
    expect(readdirSync(join(one, "jobs", jobs.voted))).to.deep.equal(["receipt"]);
    expect(falseOf(await audit(one))).to.deep.equal([]);
  });

  it("behavior: an audit that was interrupted goes on, and reports the same as one that was not", async () => {
    const out = fresh();
    mkdirSync(out);
    const file = join(out, PROGRESS_FILE);
    const bundle = openBundle(folder);
    const whole = createMemoryLog();
    await audit(folder, { headHash }, whole);
    const stop = new AbortController();
    const cut = createFileLog(file, "subject", ({ id }) => (id === "deployment/contracts" ? stop.abort() : undefined));
    const ended = await audit(folder, { headHash, signal: stop.signal }, cut).catch((error: unknown) => error);
    expect(ended).to.be.instanceOf(Error);
    expect(cut.claims.length).to.be.within(1, whole.claims.length - 1);
    // Killed while it wrote.
    writeFileSync(file, `${readFileSync(file, "utf8")}{"id":"job/0x`);
    const judged: string[] = [];
    const resumed = createFileLog(file, "subject", ({ id }) => void judged.push(id));
    await audit(folder, { headHash }, resumed);
    expect(judged.length).to.equal(whole.claims.length - cut.claims.length);
    expect(replayReport(bundle, resumed.claims)).to.deep.equal(replayReport(bundle, whole.claims));
    await expectCode("PROGRESS_MISFIT", async () => createFileLog(file, "another bundle"));
    // Reports of all three forms, with pictures; nothing of a bundle becomes markup.
    const report = replayReport(bundle, whole.claims);
    const charts = replayCharts(bundle, report);
    expect(Object.keys(charts)).to.deep.equal(["verdicts.svg", "payouts.svg"]);
    const evil = {
      ...report,
      claims: [{ id: "<script>", says: "|", verdict: "false", artefact: "<img>", detail: "a|b" } as const],
    };
    const page = replayHtml(evil, charts);
    expect(page).to.contain("&lt;script&gt;").and.to.contain("<svg").and.to.not.contain("<script>");
    expect(replayMarkdown(evil, ["verdicts.svg"]))
      .to.contain("a\\|b")
      .and.to.contain("![verdicts.svg]");
  });

  /** What a forger changes, who also makes the manifest's hashes fit, and what must be named. */
  interface Forgery {
    readonly of: string;
    /** Forgeries that leave the chain alone are tried together, where their claims differ. */
    readonly together?: number;
    readonly edits: (jobs: Scenario) => Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>>;
    readonly change?: (jobs: Scenario) => Partial<BundleManifest>;
    readonly claim: (jobs: Scenario) => string;
    readonly artefact: (jobs: Scenario) => string;
  }
  const is = (text: string) => () => text;
  const last = () => true;
  const forgeries: readonly Forgery[] = [
    {
      of: "genesis: another number of accounts",
      edits: () => ({ "chain/genesis.json": onText((text) => text.replace('"accounts":20', '"accounts":19')) }),
      claim: is("chain/replay"),
      artefact: is("chain/genesis.json"),
    },
    {
      of: "balances: gas money that nobody gave",
      edits: () => ({ "chain/balances.json": onText((text) => text.replace(/"balance":"0x5/, '"balance":"0x6')) }),
      claim: is("chain/replay"),
      artefact: is("chain/balances.json"),
    },
    {
      of: "balances: none",
      edits: () => ({ "chain/balances.json": () => new TextEncoder().encode("[]\n") }),
      claim: is("chain/replay"),
      artefact: is("chain/balances.json"),
    },
    {
      of: "headers: another time",
      edits: () => ({
        [HEADERS]: onLine<RecordedHeader>(last, (one) => ({
          ...one,
          header: { ...one.header, timestamp: flip(one.header.timestamp) },
        })),
      }),
      claim: is("chain/headers"),
      artefact: is(HEADERS),
    },
    {
      of: "headers: another time, with a hash that fits",
      edits: () => ({ [HEADERS]: onLine<RecordedHeader>(last, rehash) }),
      change: () => ({ headHash: rehash(lastHeader()).hash }),
      claim: is("chain/replay"),
      artefact: is(HEADERS),
    },
    {
      of: "transactions: a byte of a signed one",
      edits: () => ({
        [TRANSACTIONS]: onLine<RecordedTransactions>(last, (one) => ({ ...one, raw: one.raw.map(flip) })),
      }),
      claim: is("chain/transactions"),
      artefact: is(TRANSACTIONS),
    },
    {
      of: "transactions: the last one left out, with its logs",
      edits: () => ({ [TRANSACTIONS]: dropLast, [LOGS]: dropLast }),
      claim: is("chain/replay"),
      artefact: is(TRANSACTIONS),
    },
    {
      of: "logs: a word of one",
      edits: () => ({
        [LOGS]: onLine<RecordedLogs>(
          ({ outcomes }) => outcomes.some(({ logs }) => logs.length > 0),
          (one) => ({
            ...one,
            outcomes: one.outcomes.map((outcome) => ({
              ...outcome,
              logs: outcome.logs.map((log) => ({ ...log, data: flip(log.data) })),
            })),
          }),
        ),
      }),
      claim: is("chain/logs"),
      artefact: is(LOGS),
    },
    {
      of: "contracts: other code at the hub",
      together: 1,
      edits: () => ({
        "contracts.json": onLine<RecordedContract[]>(last, (all) =>
          all.map((one, i) => (i === 13 ? { ...one, code: flip(one.code) } : one)),
        ),
      }),
      claim: is("deployment/contracts"),
      artefact: is("contracts.json, contract 13"),
    },
    {
      of: "parameters: another fee",
      together: 1,
      edits: () => ({ "parameters.json": onText((text) => text.replace('"feeBps":200', '"feeBps":201')) }),
      claim: is("deployment/parameters"),
      artefact: is("parameters.json"),
    },
    {
      of: "key: a bit of its record",
      together: 1,
      edits: () => ({ [keyPath()]: (bytes) => bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1) }),
      claim: () => keyPath().replace(".record", ""),
      artefact: () => keyPath(),
    },
    {
      of: "model: another name in its manifest",
      together: 1,
      edits: () => ({ [modelPath("manifest.json")]: onText((text) => text.replace("tumor-mlp", "tumor-mlq")) }),
      claim: () => modelPath("manifest.json").replace("models", "model").replace("/manifest.json", ""),
      artefact: () => modelPath("manifest.json"),
    },
    {
      of: "program: a weight",
      together: 2,
      edits: () => ({ [modelPath("program")]: (bytes) => bytes.with(400, (bytes[400] ?? 0) ^ 1) }),
      claim: () => modelPath("manifest.json").replace("models", "model").replace("/manifest.json", ""),
      artefact: () => modelPath("program"),
    },
    {
      of: "vote: another salt in an opening",
      together: 1,
      edits: ({ voted }) => ({
        [`jobs/${voted}/receipt`]: onReceipt((receipt) => ({
          ...receipt,
          committees: receipt.committees.map((one) => ({
            ...one,
            seats: one.seats.map((seat, i) => (i === 1 ? { ...seat, salt: flip(seat.salt) } : seat)),
          })),
        })),
      }),
      claim: ({ voted }) => `job/${voted}/receipt`,
      artefact: ({ voted }) => `jobs/${voted}/receipt, committees`,
    },
    {
      of: "proof: another point",
      together: 1,
      edits: ({ proven }) => ({
        [`jobs/${proven}/receipt`]: onReceipt((receipt) => ({
          ...receipt,
          proofs: receipt.proofs.map((one) => ({
            ...one,
            evidence: {
              ...one.evidence,
              proof: [...one.evidence.proof.slice(2), ...one.evidence.proof.slice(0, 2)] as typeof one.evidence.proof,
            },
          })),
        })),
      }),
      claim: ({ proven }) => `job/${proven}/receipt`,
      artefact: ({ proven }) => `jobs/${proven}/receipt, proofs`,
    },
    {
      of: "settlement: a wei more for a seat",
      together: 1,
      edits: ({ sampled }) => ({
        [`jobs/${sampled}/receipt`]: onReceipt((receipt) => ({
          ...receipt,
          settlement: receipt.settlement.map((one) => ({ ...one, seats: one.seats.map((amount) => amount + 1n) })),
        })),
      }),
      claim: ({ sampled }) => `job/${sampled}/receipt`,
      artefact: ({ sampled }) => `jobs/${sampled}/receipt, settlement`,
    },
    {
      of: "opening: another input",
      edits: ({ voted }) => ({
        [`jobs/${voted}/input`]: (bytes) => bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1),
      }),
      claim: ({ voted }) => `job/${voted}/re-execution`,
      artefact: ({ voted }) => `jobs/${voted}/input`,
    },
    {
      of: "receipts of two jobs, mixed",
      edits: ({ voted, sampled }) => ({
        [`jobs/${voted}/receipt`]: () => new Uint8Array(readFileSync(join(folder, `jobs/${sampled}/receipt`))),
      }),
      claim: ({ voted }) => `job/${voted}/receipt`,
      artefact: ({ voted }) => `jobs/${voted}/receipt`,
    },
    {
      of: "receipt: one job's, with the committee of another in it",
      together: 2,
      edits: ({ voted, sampled }) => ({
        [`jobs/${voted}/receipt`]: onReceipt((receipt) => ({
          ...receipt,
          committees: decodeReceipt(new Uint8Array(readFileSync(join(folder, `jobs/${sampled}/receipt`)))).committees,
        })),
      }),
      claim: ({ voted }) => `job/${voted}/receipt`,
      artefact: ({ voted }) => `jobs/${voted}/receipt`,
    },
    {
      of: "manifest: another chain",
      edits: () => ({}),
      change: () => ({ chainId: 1 }),
      claim: is("chain/headers"),
      artefact: is("chain/genesis.json"),
    },
    {
      of: "manifest: another hub",
      edits: () => ({}),
      change: () => ({ hub: `0x${"12".repeat(20)}` }),
      claim: is("chain/deployment"),
      artefact: is("manifest.json"),
    },
    {
      of: "manifest: another head",
      edits: () => ({}),
      change: () => ({ headHash: flip(headHash) }),
      claim: is("chain/headers"),
      artefact: is(HEADERS),
    },
  ];
  const modelPath = (name: string): string => {
    const found = manifest().files.find(({ path }) => path.startsWith("models/") && path.endsWith(name));
    return found?.path ?? "";
  };
  const keyPath = () => manifest().files.find(({ class: name }) => name === "key")?.path ?? "";
  const lastHeader = () =>
    JSON.parse(readFileSync(join(folder, HEADERS), "utf8").trimEnd().split("\n").at(-1) ?? "") as RecordedHeader;
  const rehash = ({ header }: RecordedHeader): RecordedHeader => {
    const later = { ...header, timestamp: `0x${(Number(header.timestamp) + 1).toString(16)}` as const };
    return { hash: headerHash(later), header: later };
  };
  const dropLast = onText((text) => `${text.trimEnd().split("\n").slice(0, -1).join("\n")}\n`);

  it("behavior: one tampered artefact of every class is caught and named, though its hash fits (R69, R75)", async () => {
    const classes = new Set(manifest().files.map(({ class: name }) => name));
    for (const group of Map.groupBy(forgeries, ({ of, together }) => together ?? of).values()) {
      const forged = Object.assign({}, ...group.map(({ edits }) => edits(jobs))) as ReturnType<Forgery["edits"]>;
      for (const path of Object.keys(forged))
        classes.delete(manifest().files.find((file) => file.path === path)?.class ?? "");
      const claims = falseOf(await audit(forge(folder, fresh(), forged, group[0]?.change?.(jobs))));
      for (const { of, claim, artefact } of group) {
        const found = group.length === 1 ? claims[0] : claims.find(({ id }) => id === claim(jobs));
        expect(found?.id, of).to.equal(claim(jobs));
        expect(found?.artefact?.startsWith(artefact(jobs)), `${of}: ${found?.artefact} ${found?.detail}`).to.equal(
          true,
        );
      }
    }
    expect([...classes], "classes that nobody tampered with").to.deep.equal([]);
  });

  it("behavior: without a fitting hash any change is named at once; another root, head or build is", async () => {
    for (const { path } of manifest().files) {
      const copy = fresh();
      cpSync(folder, copy, { recursive: true });
      const bytes = readFileSync(join(copy, path));
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      writeFileSync(join(copy, path), bytes);
      const log = createMemoryLog();
      const bundle = openBundle(copy);
      await log.judge("files", "", "", () => {
        bundle.read(path);
        return { verdict: "ok", artefact: null, detail: "" };
      });
      expect(log.claims[0], path).to.include({ verdict: "false", artefact: path });
      rmSync(copy, { recursive: true });
    }
    const claims = await audit(folder, {
      headHash: flip(headHash),
      root: flip(headHash),
      // A later version: the hub's creation code is not the auditor's.
      builds: builds.map((one) => (one.name === "AssayHub" ? { ...one, bytecode: flip(one.bytecode) } : one)),
    });
    expect(falseOf(claims).map(({ id, artefact }) => `${id}: ${artefact}`)).to.deep.equal([
      "bundle/files: manifest.json",
      "bundle/anchor: manifest.json",
      "deployment/builds: contracts.json, hub",
    ]);
  });

  it("error: BUNDLE_INVALID, a hostile bundle is refused before anything in it is used: paths, links, sizes, strangers", async () => {
    const refused = async (
      make: (copy: string) => void,
      change: (manifest: BundleManifest) => object = (one) => one,
    ) => {
      const copy = forge(folder, fresh(), {});
      make(copy);
      const text = JSON.stringify(
        change(JSON.parse(readFileSync(join(copy, "manifest.json"), "utf8")) as BundleManifest),
        null,
        1,
      );
      writeFileSync(join(copy, "manifest.json"), `${text}\n`);
      await expectCode("BUNDLE_INVALID", async () => openBundle(copy));
      rmSync(copy, { recursive: true });
    };
    const nothing = () => undefined;
    const first = (one: BundleManifest, fields: object) => ({
      ...one,
      files: one.files.map((file, i) => (i === 0 ? { ...file, ...fields } : file)),
    });
    for (const path of [
      "../secret",
      "/etc/passwd",
      "chain/../../x",
      "chain/headers/..",
      "jobs/%2e%2e/receipt",
      "chain\\genesis.json",
      "keys/\u0000",
    ])
      await refused(nothing, (one) => first(one, { path }));
    // Sizes are compared before anything is read.
    await refused(nothing, (one) => first(one, { bytes: 2 ** 31 }));
    await refused(nothing, (one) => first(one, { bytes: -1 }));
    await refused(nothing, (one) => first(one, { bytes: 3 }));
    await refused(nothing, (one) => first(one, { class: "genesis" }));
    await refused(nothing, (one) => ({ ...one, files: [...one.files, one.files[0]] }));
    await refused(nothing, (one) => ({ ...one, files: one.files.toReversed() }));
    await refused(nothing, (one) => ({ ...one, files: one.files.slice(1) }));
    await refused(nothing, (one) => ({ ...one, jobs: [...one.jobs, ...one.jobs] }));
    await refused(nothing, (one) => ({ ...one, more: 1 }));
    await refused(nothing, (one) => ({ ...one, toBlock: 0, fromBlock: 1 }));
    await refused((copy) => writeFileSync(join(copy, "chain/genesis.json.sh"), "x"));
    await refused((copy) => truncateSync(join(copy, HEADERS), 100));
    await refused((copy) => rmSync(join(copy, LOGS)));
    await refused((copy) => mkdirSync(join(copy, "a/b/c/d/e/f"), { recursive: true }));
    await refused((copy) => {
      rmSync(join(copy, "parameters.json"));
      symlinkSync("/etc/hostname", join(copy, "parameters.json"));
    });
    await refused((copy) => {
      renameSync(join(copy, "keys"), join(copy, "kept"));
      symlinkSync("kept", join(copy, "keys"));
    });
    const link = fresh();
    symlinkSync(folder, link);
    await expectCode("BUNDLE_INVALID", async () => openBundle(link));
    await expectCode("BUNDLE_INVALID", async () => openBundle(fresh()));
    const later = forge(folder, fresh(), {}, { version: 2 as 1 });
    await expectCode("BUNDLE_VERSION", async () => openBundle(later));
    // Cut off within a line, though the manifest fits it.
    const cut = forge(folder, fresh(), { [LOGS]: (bytes) => bytes.subarray(0, bytes.length - 40) });
    const claims = await audit(cut);
    expect(falseOf(claims)[0]?.artefact).to.contain(LOGS);
  });

  it("attack: draws, payouts, votes, lottery and proofs that rules do not give are named, though a chain says them", async () => {
    const verdictOf = async (test: Promise<Finding> | Finding): Promise<string> => (await test).verdict;
    const checkOf = (evidence: EvidenceClass, name: string) => {
      const found = evidence.claims.find((claim) => claim.name === name)?.check;
      if (found === undefined) throw new TypeError(`no check ${name}`);
      return found;
    };
    const { context, close } = await openContext(folder, jobs.voted);
    try {
      expect(await verdictOf(checkDraws(context))).to.equal("ok");
      // A table with other tickets, and seats that the draw does not give.
      const transactions = context.recorded.transactions.filter(({ opened }) =>
        ticketChangesIn(opened.input).every(({ workerId }) => workerId !== 1),
      );
      expect(transactions.length).to.be.lessThan(context.recorded.transactions.length);
      expect(await verdictOf(checkDraws({ ...context, recorded: { ...context.recorded, transactions } }))).to.equal(
        "false",
      );
      const reseated = context.events.map((event) =>
        event.eventName === "Pinned"
          ? { ...event, args: { ...event.args, seats: event.args.seats.toReversed() } }
          : event,
      );
      expect(await verdictOf(checkDraws({ ...context, events: reseated }))).to.equal("false");

      expect(await verdictOf(checkPayouts(context))).to.equal("ok");
      for (const part of ["seats", "requester", "fees"] as const) {
        const receiptOf = async (jobId: Hex): Promise<Receipt> => {
          const receipt = await context.receiptOf(jobId);
          const more = (one: Receipt["settlement"][0]) =>
            part === "seats"
              ? { ...one, seats: one.seats.map((amount) => amount + 1n) }
              : { ...one, [part]: one[part] + 1n };
          return { ...receipt, settlement: receipt.settlement.map(more) };
        };
        expect(await verdictOf(checkPayouts({ ...context, receiptOf })), part).to.equal("false");
      }

      const votes = checkOf(voteEvidence, "votes");
      expect(await verdictOf(votes(context))).to.equal("ok");
      const stranger = (receipt: Receipt): Receipt => ({
        ...receipt,
        committees: receipt.committees.map((one) => ({
          ...one,
          seats: one.seats.map((seat) => ({ ...seat, signer: flip(seat.signer) })),
        })),
      });
      expect(await verdictOf(votes({ ...context, receipt: stranger(context.receipt) }))).to.equal("false");
      const failing = (name: string) => ({ ...context.report, checks: [{ name, ok: false, detail: "planted" }] });
      expect(await verdictOf(votes({ ...context, report: failing("signatures") }))).to.equal("false");
      // What other kinds of evidence are refused by, and what they cannot say.
      expect(
        await verdictOf(checkOf(clientEvidence, "client claims")({ ...context, report: failing("client claims") })),
      ).to.equal("false");
      expect(await verdictOf(checkOf(clientEvidence, "client claims")(context))).to.equal("not checkable");
      expect(await verdictOf(checkOf(maskedEvidence, "lanes")({ ...context, report: failing("seats") }))).to.equal(
        "false",
      );
      const parent = {
        jobId: jobs.sampled,
        outDigest: flip(headHash),
        recordHash: flip(headHash),
        fedDigest: ZERO_BYTES32,
        r: ZERO_BYTES32,
        vs: ZERO_BYTES32,
      };
      const joined = { ...context, receipt: { ...context.receipt, parents: [parent] } };
      expect(await verdictOf(checkOf(joinEvidence, "parents")(joined))).to.equal("not checkable");
      const bundledOf = (jobId: Hex) =>
        jobId === jobs.sampled
          ? { receipt: decodeReceipt(context.bundle.read(`jobs/${jobId}/receipt`)), report: context.report }
          : undefined;
      expect(await verdictOf(checkOf(joinEvidence, "parents")({ ...joined, bundledOf }))).to.equal("false");

      const sampled = {
        ...context,
        jobId: jobs.sampled,
        receipt: decodeReceipt(context.bundle.read(`jobs/${jobs.sampled}/receipt`)),
      };
      const lottery = checkOf(sampleEvidence, "lottery");
      expect(await verdictOf(lottery(sampled))).to.equal("ok");
      const always = { ...sampled.receipt.job.spec, policy: { ...sampled.receipt.job.spec.policy, auditBps: 10_000 } };
      expect(
        await verdictOf(
          lottery({ ...sampled, receipt: { ...sampled.receipt, job: { ...sampled.receipt.job, spec: always } } }),
        ),
      ).to.equal("false");
      expect(await verdictOf(lottery({ ...sampled, events: [] }))).to.equal("not checkable");

      const proven = {
        ...context,
        jobId: jobs.proven,
        receipt: decodeReceipt(context.bundle.read(`jobs/${jobs.proven}/receipt`)),
      };
      const byContract = checkOf(proofEvidence, "proofs by the contract");
      expect(await verdictOf(byContract(proven))).to.equal("ok");
      for (const change of [
        { worker: flip(proven.receipt.proofs[0]?.worker ?? "0x") },
        { outDigest: flip(headHash) },
      ]) {
        const receipt = { ...proven.receipt, proofs: proven.receipt.proofs.map((one) => ({ ...one, ...change })) };
        expect(await verdictOf(byContract({ ...proven, receipt }))).to.equal("false");
      }
      expect(
        await verdictOf(checkOf(proofEvidence, "proofs by the library")({ ...proven, report: failing("proofs") })),
      ).to.equal("false");
    } finally {
      await close();
    }
  });

  it("behavior: audit keys finds a key on the chain, and names one that is not there", async () => {
    const { context, close } = await openContext(folder, jobs.voted);
    try {
      const verdicts = async (model: LoadedModel) => {
        const log = createMemoryLog();
        // Without programs: what is compiled is another test's matter.
        await auditKeys({ ...model, stages: [] }, log, { chain: context.chain, signal: new AbortController().signal });
        return Object.fromEntries(log.claims.map(({ id, verdict }) => [id.replace("stage 0/", ""), verdict]));
      };
      const real = await loadModel(MODEL_FOLDER);
      expect(await verdicts(real)).to.deep.include({ record: "ok", chain: "false" });
      const toy = decodeReceipt(context.bundle.read(`jobs/${jobs.proven}/receipt`));
      const { modelId } = toy.job.spec;
      const onChain = { ...real, manifest: { ...real.manifest, modelId, model: toy.manifest }, keys: [null] };
      expect(await verdicts(onChain)).to.deep.include({ record: "ok", circuit: "not checkable", chain: "ok" });
      const unregistered = { ...onChain, manifest: { ...onChain.manifest, modelId: flip(modelId) } };
      expect(await verdicts(unregistered)).to.deep.include({ record: "ok", chain: "false" });
    } finally {
      await close();
    }
  });

  it("behavior: the commands export, audit, go on where they were stopped, and say by their exit code what they found", async () => {
    const { hub } = chain.deployment;
    const run = async (...argv: readonly string[]) => captureCli([auditExport, auditReplay], argv);
    const out = fresh();
    const open = join(work, "openings");
    mkdirSync(join(open, jobs.voted), { recursive: true });
    writeFileSync(join(open, jobs.voted, "input"), jobs.input);
    writeFileSync(join(open, jobs.voted, "secret"), `${toHex(jobs.secret)}\n`);
    const to = ["--rpc", chain.url, "--hub", hub, "--out", out, "--json"];
    const exported = await run(
      "audit",
      "export",
      `0..${manifest().toBlock}`,
      ...to,
      "--models",
      MODEL_FOLDER,
      "--openings",
      open,
    );
    expect(exported.code, exported.err).to.equal(0);
    const {
      root,
      headHash: printed,
      jobs: ids,
    } = JSON.parse(exported.out) as { root: string; headHash: string; jobs: string[] };
    expect(printed).to.equal(headHash);
    expect(ids).to.deep.equal([jobs.voted, jobs.proven, jobs.sampled]);
    const audited = join(work, "audited");
    const replay = ["audit", "replay", out, "--root", root, "--head", headHash, "--out", audited, "--json"];
    const good = await run(...replay);
    expect(good.code, good.err).to.equal(0);
    expect(JSON.parse(good.out)).to.deep.include({ ok: true, root, firstMisfit: null });
    expect(readdirSync(audited).toSorted()).to.deep.equal([
      "audit.html",
      "audit.json",
      "audit.md",
      "payouts.svg",
      PROGRESS_FILE,
      "verdicts.svg",
    ]);
    // Given again it judges nothing again, and says the same.
    const again = await run(...replay);
    expect(JSON.parse(again.out)).to.deep.equal(JSON.parse(good.out));
    const forged = forge(folder, fresh(), {
      "parameters.json": onText((text) => text.replace('"feeBps":200', '"feeBps":201')),
    });
    const refused = await run("audit", "replay", forged);
    expect(refused.code).to.equal(1);
    expect(refused.out).to.contain("parameters.json");
    expect((await run("audit", "export", "12..x", ...to)).code).to.equal(2);
    expect((await run("audit", "replay", join(work, "nothing"))).code).to.equal(1);
  });
});
