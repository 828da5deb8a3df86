// SPDX-License-Identifier: GPL-3.0-or-later
// Enclaves: verification of evidence, the channel, the scheduler, gas on chain. Simulated evidence always; Intel's own, beside the npm library, where the
// project's real evidence is mounted and the peer is installed (bench/peers/README.md). Limits: issue 8.
import { planStages } from "../offchain/core/planning/plan-stages.ts";
import { VerifyCache } from "../offchain/engines/tee/cache.ts";
import { NoiseHandshake, type NoisePattern } from "../offchain/engines/tee/channel/noise.ts";
import { ChannelSession } from "../offchain/engines/tee/channel/session.ts";
import { PRODUCTION_ROOTS, type TrustRoots } from "../offchain/engines/tee/roots.ts";
import { planByBeam, planFleet } from "../offchain/engines/tee/schedule/plan-fleet.ts";
import type { Endorsements, Evidence, EvidenceFormat } from "../offchain/engines/tee/verdict.ts";
import { verifyEvidence } from "../offchain/engines/tee/verify.ts";
import type { BenchRow, BenchSuite } from "../scripts/bench.ts";
import { benchFleet } from "../test/support/tee/bench-fleet.ts";
import { ALICE, BOB, channelEnd, openPair, shake } from "../test/support/tee/channel.ts";
import { fixtureInputs, fixtureManifest, secondsOf } from "../test/support/tee/fixtures.ts";
import { MILAN_FLOOR, NOW, REPORT, simulated } from "../test/support/tee/simulated.ts";
import { dcapQvl, INSTALL_DCAP_QVL } from "./peers/dcap-qvl.ts";
import { verdicts } from "./tee/board.ts";
import { committee } from "./tee/committee.ts";
import { enclaveJobs } from "./tee/jobs.ts";
import { loopback } from "./tee/loopback.ts";
import { onChain } from "./tee/on-chain.ts";

const ROUNDS = 41;
const INSTANCES = 1_000;
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

function medianMs(run: () => unknown, rounds = ROUNDS): number {
  for (let i = 0; i < 5; i++) run();
  return median(
    Array.from({ length: rounds }, () => {
      const start = performance.now();
      run();
      return performance.now() - start;
    }),
  );
}

type Report = (row: BenchRow) => void;

function verification(name: string, evidence: Evidence, endorsements: Endorsements, roots: TrustRoots, now: bigint, report: Report) {
  const run = (cache: VerifyCache) => () => verifyEvidence(evidence, endorsements, roots, now, { cache, amdFloors: MILAN_FLOOR });
  const value = medianMs(run(new VerifyCache(0)));
  report({ case: name, metric: "verify, nothing cached", value, unit: "ms" });
  report({ case: name, metric: "verify, chain and collateral cached", value: medianMs(run(new VerifyCache(256))), unit: "ms" });
  return value;
} // prettier-ignore

function realEvidence(report: Report, progress: (text: string) => void): void {
  const manifest = fixtureManifest();
  if (manifest === undefined) return progress("real evidence is not mounted, left out");
  const library = dcapQvl();
  if (library === undefined) progress(`peer dcap-qvl is not installed, left out. To compare: ${INSTALL_DCAP_QVL}`);
  for (const item of manifest.cases.filter(({ expect }) => expect.verify === "ok")) {
    const [input] = fixtureInputs(item);
    if (input === undefined) continue;
    const { evidence, endorsements } = input;
    const now = secondsOf(item.now);
    const ours = verification(`real ${item.id}`, evidence, endorsements, PRODUCTION_ROOTS, now, report);
    if (library === undefined || endorsements.kind !== "intel") continue;
    const status = library(evidence.bytes, endorsements, now);
    if (status !== item.expect.status) progress(`dcap-qvl says ${status} to ${item.id}, we ${item.expect.status}`);
    const theirs = medianMs(() => library(evidence.bytes, endorsements, now));
    report({ case: `real ${item.id}`, metric: "verify", value: theirs, unit: "ms", baseline: "@phala/dcap-qvl 0.3.9", ratio: theirs / ours });
  } // prettier-ignore
}

function channel(report: Report): void {
  const handshake = (pattern: NoisePattern) => () => {
    const common = { pattern, prologue: new Uint8Array(), remoteStatic: BOB.channel.publicKey };
    const sides = [
      new NoiseHandshake({ ...common, isInitiator: true, staticKey: ALICE.channel }),
      new NoiseHandshake({ ...common, isInitiator: false, staticKey: BOB.channel }),
    ] as const;
    for (let i = 0; !sides[1].isDone || !sides[0].isDone; i++)
      sides[1 - (i % 2)]?.read(sides[i % 2]?.write(new Uint8Array()) ?? new Uint8Array());
  };
  for (const pattern of ["XX", "IK"] as const) {
    report({ case: "channel", metric: `Noise ${pattern}, both ends`, value: medianMs(handshake(pattern)), unit: "ms" });
    const open = () => shake(new ChannelSession(channelEnd(true, { pattern })), new ChannelSession(channelEnd(false, { pattern })));
    report({ case: "channel", metric: `${pattern} opened with signatures, both ends`, value: medianMs(open), unit: "ms" });
  } // prettier-ignore
  const [alice, bob] = openPair();
  const tensor = new Uint8Array(1 << 20).fill(7);
  const frames = 64;
  const both = medianMs(() => {
    for (let i = 0; i < frames; i++) for (const pieces of alice.send(tensor)) for (const piece of pieces) bob.receive(piece);
  }, 9); // prettier-ignore
  report({
    case: "channel",
    metric: "1 MiB tensors, both ends on one core",
    value: (1000 * frames) / both,
    unit: "MiB/s",
  });
  const [carol] = openPair();
  const one = medianMs(() => {
    for (let i = 0; i < frames; i++) for (const pieces of carol.send(tensor)) void pieces;
  }, 9);
  report({ case: "channel", metric: "1 MiB tensors, one end", value: (1000 * frames) / one, unit: "MiB/s" });
}

/** How much slower the beam's plan is than the exact one over the same twelve enclaves, which it would not be asked for otherwise. */
function heuristic(report: Report, progress: (text: string) => void): void {
  // More seeds under ASSAY_DEEP=1.
  for (const first of process.env["ASSAY_DEEP"] === "1" ? [1, 100_001, 200_001, 300_001] : [1]) {
    progress(`heuristic on ${INSTANCES} instances from seed ${first}`);
    const gaps = Array.from({ length: INSTANCES }, (_, i) => {
      const request = benchFleet(first + i, 10, 12);
      return planByBeam(request).maxNs / planStages(request).maxNs - 1;
    });
    const name = `10 layers, 12 enclaves, ${INSTANCES} instances from seed ${first}`;
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    report({ case: name, metric: "gap to exact, mean", value: 100 * mean, unit: "%" });
    report({ case: name, metric: "gap to exact, worst", value: 100 * Math.max(...gaps), unit: "%" });
  }
}

const PARTS = {
  evidence: (report: Report, progress: (text: string) => void): void => {
    const platform = simulated();
    progress("simulated evidence (its RSA keys take seconds)");
    const formats: readonly EvidenceFormat[] = ["dcap-sgx-v3", "dcap-tdx-v4", "dcap-tdx-v5", "snp-report", "nitro-cose", "nvidia-spdm11"]; // prettier-ignore
    for (const format of formats) {
      const { evidence, endorsements } = platform.attest(format, REPORT);
      verification(`simulated ${format}`, evidence, endorsements, platform.roots(), NOW, report);
    }
    progress("real evidence");
    realEvidence(report, progress);
  },
  channel: async (report: Report, progress: (text: string) => void): Promise<void> => {
    progress("channel");
    channel(report);
    await loopback(report, median);
  },
  committee: async (report: Report, progress: (text: string) => void): Promise<void> => {
    progress("committee");
    await committee(report, medianMs);
  },
  scheduler: (report: Report, progress: (text: string) => void): void => {
    progress("scheduler");
    for (const [layers, size] of [[32, 12], [32, 40], [32, 200]] as const) {
      const requests = Array.from({ length: 9 }, (_, seed) => benchFleet(seed + 1, layers, size));
      const times = requests.map((request) => medianMs(() => (size > 12 ? planFleet : planStages)(request), 1));
      report({ case: `${layers} layers, ${size} enclaves`, metric: size > 12 ? "heuristic plan, median" : "exact plan, median", value: median(times), unit: "ms" });
    } // prettier-ignore
    heuristic(report, progress);
  },
  chain: async (report: Report, progress: (text: string) => void): Promise<void> => {
    await onChain(report, progress);
    await verdicts(report, progress);
  },
  jobs: enclaveJobs,
};

/** All of it, or one part: `npm run bench -- tee --part=jobs`. */
export const suite: BenchSuite = {
  name: "tee",
  async run(report, progress) {
    const wanted = process.argv.find((argument) => argument.startsWith("--part="))?.slice("--part=".length);
    for (const [name, part] of Object.entries(PARTS)) if (wanted === undefined || wanted === name) await part(report, progress);
  },
}; // prettier-ignore
