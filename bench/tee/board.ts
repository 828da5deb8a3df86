// SPDX-License-Identifier: GPL-3.0-or-later
// Gas of verdicts on evidence that no chain can afford to verify, as whole transactions; what a job's evidence costs is read from the
// committed snapshots, which the tests compare.
import { readFileSync } from "node:fs";
import type { Hex } from "viem";
import { judgeCase, REFUSED } from "../../offchain/engines/tee/board.ts";
import type { BenchRow } from "../../scripts/bench.ts";
import { createBoardChain } from "../../test/support/tee/board-chain.ts";

type Report = (row: BenchRow) => void;

const SNAPSHOTS = [
  ["FastEnclaveTest", "open an enclave's answer", "a fast-enclave job's result, opened at the hub"],
  ["EnclaveEvidenceTest", "check an enclave's result", "its check alone"],
  ["CriticalEnclavesTest", "critical job of one stage, two enclaves and a simulated proof", "a critical-enclave stage, simulated proof"],
  ["VerdictBoardTest", "register a key by a verdict", "register a key by a verdict"],
] as const; // prettier-ignore

function snapshots(report: Report): void {
  for (const [suite, name, metric] of SNAPSHOTS) {
    const all = JSON.parse(readFileSync(`snapshots/${suite}.json`, "utf8")) as Readonly<Record<string, string>>;
    const value = Number(all[name]);
    if (!Number.isFinite(value)) throw new RangeError(`no snapshot of ${name}`);
    report({ case: "jobs, committed snapshots", metric, value, unit: "gas" });
  }
}

export async function verdicts(report: Report, progress: (text: string) => void): Promise<void> {
  progress("verdict board");
  snapshots(report);
  const { board, open, roots, me, token, publicClient, networkHelpers } = await createBoardChain();
  const gasOf = async (hash: Hex): Promise<number> =>
    Number((await publicClient.waitForTransactionReceipt({ hash })).gasUsed);
  for (const format of ["snp-report", "nitro-cose", "nvidia-spdm11"] as const) {
    const say = (metric: string, value: number) => report({ case: `verdict on ${format}`, metric, value, unit: "gas" });
    const { told, gasUsed } = await open(format);
    const { caseId } = told;
    say(`show ${told.evidence.length + told.endorsements.length} bytes`, Number(gasUsed));
    const { word } = judgeCase(told, roots);
    const seats = await board.read.seatsOf([caseId, 0]);
    const about = await board.read.digestOf([caseId]);
    const posts: number[] = [];
    for (const account of seats.slice(0, 4)) posts.push(await gasOf(await board.write.post([caseId, about, word], { account })));
    const [first = 0, second = 0, , fourth = 0] = posts;
    say("first word, which draws the seats", first);
    say("second word", second);
    say("fourth word, which decides", fourth);
    if (format !== "nitro-cose") continue;
    const bond = await board.read.bond();
    await token.write.mint([me, bond]);
    await token.write.approve([board.address, bond]);
    await board.write.deposit([bond]);
    say("challenge", await gasOf(await board.write.challenge([caseId, about, word])));
    await networkHelpers.mine(3);
    const jury = await board.read.seatsOf([caseId, 1]);
    const rulings: number[] = [];
    for (const account of jury.slice(0, 8)) rulings.push(await gasOf(await board.write.post([caseId, about, REFUSED], { account })));
    say("first of eleven, which draws them", rulings[0] ?? 0);
    say("eighth of eleven, which overrules and slashes four", rulings[7] ?? 0);
  }
} // prettier-ignore
