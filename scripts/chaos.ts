// SPDX-License-Identifier: GPL-3.0-or-later
// A devnet in bad weather: workers are killed and paused, messages delayed, cut and lost, the chain's endpoint comes and goes, two
// workers lie. At the end every answer must have been right, nobody honest slashed, no token lost, and every job over.
//
//   npm run chaos                             ten minutes, sixteen workers
//   npm run chaos -- --minutes 1 --seed 7     shorter; the seed repeats what is done to whom, not when it is felt
//   npm run chaos -- --json                   the summary as one line on stdout; what happens on stderr
import { parseArgs } from "node:util";
import { connectWallet } from "../offchain/sdk/node/connect.ts";
import { Prng } from "../test/support/prng.ts";
import { keepAsking, type Asked } from "./chaos/ask.ts";
import { disturb } from "./chaos/disturb.ts";
import { FlakyProxy, freePort, type Weather } from "./chaos/flaky-proxy.ts";
import { judge } from "./chaos/verdict.ts";
import { buildContracts } from "./demo/build-contracts.ts";
import { Children } from "./demo/children.ts";
import { startDevnet } from "./demo/devnet.ts";
import { planJobs } from "./demo/plan-jobs.ts";
import { createQueue } from "./demo/queue.ts";
import { createRunFolder } from "./demo/run-folder.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    workers: { type: "string", default: "16" },
    seed: { type: "string", default: String(Date.now() % 2 ** 32) },
    json: { type: "boolean", default: false },
  },
});
const TOKEN = 10n ** 18n;
/** Requesters that ask side by side. */
const ASKERS = 3;
const LIARS = 2;
const PEERS: Weather = { maxDelayMs: 400, cut: 0.01, lose: 0.01 };
const RPC: Weather = { maxDelayMs: 150, cut: 0.003, lose: 0.001 };

const minutes = Number(values.minutes);
const count = Number(values.workers);
const seed = Number(values.seed);
const random = new Prng(seed);
const stop = new AbortController();
let interrupted = false;
const children = new Children();
process.on("exit", () => children.killAll());
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.on(name, () => {
    if (interrupted) process.exit(130);
    interrupted = true;
    stop.abort();
  });
const folder = createRunFolder("build/run", new Date());
const startMs = performance.now();
const say = (text: string): void =>
  void process.stderr.write(`${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);

const peers: FlakyProxy[] = [];
const rpc: FlakyProxy[] = [];
const sum = (proxies: readonly FlakyProxy[], name: keyof FlakyProxy["counts"]): number =>
  proxies.reduce((total, { counts }) => total + counts[name], 0);
const countsOf = (proxies: readonly FlakyProxy[]) => ({
  pieces: sum(proxies, "pieces"),
  delayed: sum(proxies, "delayed"),
  cut: sum(proxies, "cut"),
  lost: sum(proxies, "lost"),
  refused: sum(proxies, "refused"),
});

async function main() {
  say(`seed ${seed}, ${minutes} minutes, logs in ${folder.logs}`);
  await buildContracts(say);
  const jobs = await planJobs(8, 8, false);
  const [first, ...others] = jobs;
  if (first === undefined) throw new RangeError("no job was planned");
  const devnet = await startDevnet({
    folder,
    workers: count,
    models: ["models/tumor-mlp", "models/digits-cnn"],
    children,
    signal: stop.signal,
    progress: say,
    network: {
      rpcUrl: async (_, chainUrl) => {
        const proxy = await FlakyProxy.listen(Number(new URL(chainUrl).port), RPC, new Prng(random.next()));
        rpc.push(proxy);
        return `http://127.0.0.1:${proxy.port}`;
      },
      place: async () => {
        const port = await freePort();
        const proxy = await FlakyProxy.listen(port, PEERS, new Prng(random.next()));
        peers.push(proxy);
        return { port, publicUrl: `http://127.0.0.1:${proxy.port}` };
      },
    },
  });
  const { hub, fromBlock } = devnet.deployment;
  const wallet = connectWallet({
    rpcUrl: devnet.chain.url,
    hub,
    fromBlock: BigInt(fromBlock),
    privateKey: devnet.requesterKey,
    pollMs: 250,
  });
  await wallet.waitForTransactionReceipt({ hash: await wallet.deposit({ amount: 100_000n * TOKEN }) });
  const liars = new Set(Array.from({ length: LIARS }, (_, i) => count - 1 - i));

  for (const proxy of [...peers, ...rpc]) proxy.storm();
  const calm = new AbortController();
  const asked: Asked[] = [];
  const send = createQueue();
  const asking = Array.from({ length: ASKERS }, async () =>
    keepAsking({
      wallet,
      jobs: [first, ...others],
      random: new Prng(random.next()),
      send,
      calm: calm.signal,
      signal: stop.signal,
      done: (one) => {
        asked.push(one);
        say(
          `${one.model}, ${one.preset}: ${one.end} after ${one.seconds} s${one.end === "right" ? "" : ` (${one.detail})`}`,
        );
      },
    }),
  );
  const timer = setTimeout(() => calm.abort(), minutes * 60_000);
  stop.signal.addEventListener("abort", () => calm.abort(), { once: true });
  const disturbances = await disturb({ devnet, rpc, liars, random: new Prng(random.next()), signal: calm.signal, say });
  clearTimeout(timer);
  for (const proxy of [...peers, ...rpc]) proxy.calm();
  say("calm: what is under way comes to its end");
  await Promise.all(asking);
  const { jobs: states, slashes, problems: found } = await judge(devnet, wallet, liars);
  const problems = [...found];
  for (const { end, detail } of asked) {
    if (end === "wrong") problems.push(`A wrong answer was accepted: job ${detail}.`);
    if (end === "unknown") problems.push(`A requester does not know how its job ended: ${detail}`);
  }
  const ends = Object.groupBy(asked, ({ preset, end }) => `${preset} ${end}`);
  return {
    version: 1,
    ok: problems.length === 0,
    seed,
    minutes,
    problems,
    asked: Object.fromEntries(Object.entries(ends).map(([name, those]) => [name, those?.length ?? 0])),
    states,
    slashes: slashes.length,
    disturbances,
    weather: { peers: countsOf(peers), rpc: countsOf(rpc) },
  };
}

try {
  const summary = await main();
  const file = folder.writeJson("chaos.json", summary);
  if (values.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else process.stdout.write(`${JSON.stringify(summary, null, 2)}\n${file}\n`);
  process.exitCode = summary.ok ? 0 : 1;
} catch (error) {
  stop.abort();
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\nLogs: ${folder.logs}\n`);
  process.exitCode = interrupted ? 130 : 1;
} finally {
  await children.stopAll(4_000);
  for (const proxy of [...peers, ...rpc]) proxy.close();
}
