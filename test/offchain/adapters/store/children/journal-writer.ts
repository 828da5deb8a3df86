// SPDX-License-Identifier: GPL-3.0-or-later
// Plays a seat's journal: argv = path, digest number, step at which to die by SIGKILL (0 = never). Prints each step passed.
import { writeSync } from "node:fs";
import { playSeat } from "./play-seat.ts";

const [path = "", digest = "0", dieAt = "0"] = process.argv.slice(2);
const say = (line: string) => void writeSync(1, `${line}\n`);
let steps = 0;
const onStep = (step: string): void => {
  steps++;
  if (steps === Number(dieAt)) process.kill(process.pid, "SIGKILL");
  say(`step ${step}`);
};
playSeat(path, Number(digest), onStep, say);
