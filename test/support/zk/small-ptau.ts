// SPDX-License-Identifier: GPL-3.0-or-later
import { buildBn128 } from "ffjavascript";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { powersOfTau } from "snarkjs";
import { temporaryFolder } from "../temporary-folder.ts";

const CACHE = join("build", "zk-test");

/** A phase 1 file of one contribution and a beacon, made here once: for tests only. Its `contributor` makes it one of several. */
export async function smallPtau(power: number, contributor = "test"): Promise<string> {
  const file = join(CACHE, `${contributor}-${power}.ptau`);
  if (existsSync(file)) return file;
  mkdirSync(CACHE, { recursive: true });
  const folder = temporaryFolder();
  const step = (n: number): string => join(folder, `${n}.ptau`);
  const curve = await buildBn128();
  await powersOfTau.newAccumulator(curve, power, step(0));
  await powersOfTau.contribute(step(0), step(1), contributor, "some entropy");
  await powersOfTau.beacon(step(1), step(2), contributor, "0102030405060708090a0b0c0d0e0f10".repeat(2), 10);
  await powersOfTau.preparePhase2(step(2), `${file}.part`);
  renameSync(`${file}.part`, file);
  await curve.terminate();
  return file;
}
