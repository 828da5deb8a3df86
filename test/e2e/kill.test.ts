// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { spawn, type ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { hexToBytes } from "viem";
import { initNode, type InitResult } from "../../offchain/node/init.ts";
import { loadModel, type LoadedModel } from "../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../offchain/engines/program/reference-executor.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, until, type TestJob } from "../support/cluster/cluster.ts";
import { getSlashed } from "../support/cluster/slashes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const MODEL = join(import.meta.dirname, "..", "..", "models", "tumor-mlp");
/** Every journal step of a seat, in order. Those of submitting are reached by seat 0 only. */
const STEPS = [
  "seated",
  "phase-RUNNING",
  "computed",
  "phase-COMMITTED",
  "commit-unsigned",
  "commit-journalled",
  "commit-signed",
  "commit-stored",
  "phase-SET_COMPLETE",
  "reveal-unsigned",
  "reveal-journalled",
  "reveal-signed",
  "phase-REVEALED",
  "reveal-stored",
  "submit-sending",
  "submit-mined",
  "phase-DONE",
];

interface Line {
  readonly ready: boolean;
  readonly code?: string;
}

class Child {
  readonly process: ChildProcess;
  readonly line: Promise<Line>;
  readonly ended: Promise<NodeJS.Signals | number | null>;

  constructor(configFile: string, crashAt = "") {
    const program = join(import.meta.dirname, "..", "support", "cluster", "node-child.ts");
    this.process = spawn(process.execPath, [program, configFile, crashAt], { stdio: ["ignore", "pipe", "ignore"] });
    this.line = new Promise((resolve) =>
      this.process.stdout?.once("data", (data) => resolve(JSON.parse(String(data)))),
    );
    this.ended = new Promise((resolve) => this.process.once("exit", (code, signal) => resolve(signal ?? code)));
  }

  async stop(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.ended;
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });

describe("kill -9", function suite() {
  this.timeout(600_000);
  let chain: TestChain;
  let cluster: Cluster;
  let model: LoadedModel;
  let node: InitResult;
  let url = "";
  let folder = "";

  before(async () => {
    chain = await startTestChain();
    model = await loadModel(MODEL);
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    folder = temporaryFolder();
    const { hub, fromBlock } = chain.deployment;
    const values = {
      "chain.rpcUrl": chain.url,
      "chain.id": 31337,
      "chain.hub": hub,
      "chain.fromBlock": fromBlock,
      "chain.confirmations": 0,
      "chain.pollMs": 60,
      "net.port": port,
      "monitor.port": 0,
      "log.level": "silent",
      "work.models": [MODEL],
      "work.executor": "reference",
      "table.upkeep": false,
    };
    const operatorKey = new Secret(hexToBytes(chain.account(12).privateKey));
    node = await initNode({ folder: join(folder, "w"), development: true, values, operatorKey });
    const executor = createReferenceExecutor();
    const stage = model.stages[0];
    const run = async (inputs: Parameters<typeof executor.run>[1]) => {
      if (stage === undefined) throw new TypeError("no stage");
      const { outputs, probe } = await executor.run(stage, inputs);
      return { output: outputs[0] as (typeof outputs)[0], probe: probe ?? null };
    };
    cluster = await Cluster.start(
      chain,
      {
        workers: 2,
        http: true,
        models: () => ({ stage: async () => ({ maxInputBytes: 4096, run }) }),
        remote: { transportId: node.transportId, sealKey: node.sealKey, url },
      },
      model.manifest.model,
    );
    await mineEvery(chain, 400);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  const send = (job: TestJob) =>
    cluster.sendTo(job, {
      signer: node.operator,
      sealKey: hexToBytes(node.sealKey),
      address: { id: node.transportId, url },
      stage: 0,
    });
  const request = () =>
    cluster.request({ dtype: "i8", dims: [1, 30], data: new Int8Array(30).fill(3) }, { k: 3, tWork: 60 });

  it("R72: at every journal step and restarted: the job ends, one commit, one reveal, nobody slashed", async () => {
    const reached: string[] = [];
    for (const step of STEPS) {
      for (let attempt = 0; attempt < 12; attempt += 1) {
        const doomed = new Child(node.configFile, step);
        expect((await doomed.line).ready, step).to.equal(true);
        const job = await request();
        const seats = await until(60_000, () => {
          const seated = cluster.workers.filter((one) => one.worker.desk.session(job.id)?.seat != null);
          return seated.length === 2 ? seated : null;
        });
        await cluster.sendInput(job, seats);
        // The client repeats its offer, as clients do, until the worker took it or died.
        let isDead = false;
        void doomed.ended.then(() => (isDead = true));
        await until(60_000, () =>
          send(job).then(
            () => true,
            () => (isDead ? true : null),
          ),
        );
        const end = await Promise.race([doomed.ended, cluster.ended(job).then(() => "over")]);
        const hasCrashed =
          end === "SIGKILL" ||
          (await Promise.race([doomed.ended, new Promise((resolve) => setTimeout(resolve, 300, "alive"))])) ===
            "SIGKILL";
        if (!hasCrashed) await doomed.stop();
        const heir = new Child(node.configFile);
        expect((await heir.line).ready, step).to.equal(true);
        await until(60_000, async () =>
          (await cluster.slot(job.id)).state >= 5
            ? true
            : send(job).then(
                () => true,
                () => null,
              ),
        );
        expect(await cluster.ended(job), step).to.deep.include({ state: 5 });
        expect(await getSlashed(cluster, job.id), step).to.deep.equal([]);
        await heir.stop();
        if (hasCrashed) {
          reached.push(step);
          break;
        }
      }
    }
    expect(reached).to.deep.equal(STEPS);
  });

  it("error: KEY_LOCKED for a second process on one key (R72)", async () => {
    const first = new Child(node.configFile);
    expect((await first.line).ready).to.equal(true);
    const second = new Child(node.configFile);
    expect(await second.line).to.deep.equal({ ready: false, code: "KEY_LOCKED" });
    first.process.kill("SIGTERM");
    expect(await first.ended).to.equal(0);
  });
});
