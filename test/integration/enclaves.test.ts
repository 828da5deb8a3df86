// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { hexToBytes, toHex, type Hex } from "viem";
import { enclaveRegistryAbi } from "../../offchain/adapters/chain/abi/enclave-registry.ts";
import { measurementRegistryAbi } from "../../offchain/adapters/chain/abi/measurement-registry.ts";
import { loadCommands } from "../../offchain/cli/commands/loaders.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { keccakText } from "../../offchain/core/tagged-hash.ts";
import { bindReportData, type EnclaveBinding } from "../../offchain/core/enclave-binding.ts";
import { pckSerial } from "../../offchain/engines/tee/sim/intel.ts";
import { SimulatedPlatform, type SimulatedOptions } from "../../offchain/engines/tee/sim/platform.ts";
import type { IntelCollateral } from "../../offchain/engines/tee/verdict.ts";
import { verifyEvidence } from "../../offchain/engines/tee/verify.ts";
import { initNode } from "../../offchain/node/init.ts";
import { deployEnclaves, type EnclaveDeployment } from "../../scripts/deploy/deploy-enclaves.ts";
import { captureCli } from "../support/capture-cli.ts";
import { startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { BUNDLE, MODEL, runtimeOf } from "../support/tee/enclave-chain.ts";
import { collateralBundle } from "../../offchain/engines/tee/collateral-file.ts";
import type { Json } from "../support/tee/intel-refusals.ts";
import { REPORT } from "../support/tee/simulated.ts";

const OPERATOR = 4;
const STRANGER = 5;
const KEY: Hex = "0x00000000000000000000000000000000000e0c1a";

describe("assay tee register, invalidate", function suite() {
  this.timeout(180_000);
  let node: TestChain;
  let made: EnclaveDeployment;
  let folder = "";
  let root: Hex;
  let from = 0n;

  const platform = (intel: SimulatedOptions["intel"] = {}): SimulatedPlatform =>
    new SimulatedPlatform(new Uint8Array(32).fill(0x11), { from, to: from + 30n * 86_400n }, { intel });
  const file = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const head = async () => node.clients(0).public.getBlock();

  before(async () => {
    node = await startTestChain();
    folder = join(temporaryFolder(), "worker");
    await initNode({
      folder,
      development: true,
      operatorKey: new Secret(hexToBytes(node.account(OPERATOR).privateKey)),
      values: {
        "chain.rpcUrl": node.url,
        "chain.id": 31337,
        "chain.hub": node.deployment.hub,
        "chain.pollMs": 20,
      },
    });
    file("payer.key", `${node.account(STRANGER).privateKey}\n`);
    const { public: publicClient, wallet, account } = node.clients(0);
    from = (await head()).timestamp;
    const [pinned] = platform()
      .roots(["intel"])
      .roots.filter(({ kind }) => kind === "simulated");
    root = `0x${pinned?.spkiSha256 ?? ""}`;
    const simulatedRoots = [root];
    made = await deployEnclaves({
      publicClient,
      walletClient: wallet,
      models: node.deployment.registry,
      token: node.deployment.token,
      vault: node.deployment.vault,
      attesterStake: 10n ** 18n,
      simulatedRoots,
    });
    const { evidence, endorsements } = platform().attest("dcap-tdx-v4", REPORT);
    const { measurementId } = verifyEvidence(evidence, endorsements, platform().roots(["intel"]), from);
    const images = { chain: null, account, address: made.images, abi: measurementRegistryAbi } as const;
    await wallet.writeContract({ ...images, functionName: "announce", args: [measurementId, BUNDLE] });
    await node.rpc("evm_increaseTime", [48 * 3600]);
    await node.rpc("evm_mine");
    await wallet.writeContract({ ...images, functionName: "list", args: [measurementId] });
  });
  after(async () => node.close());

  async function bound(epoch: number, change: Partial<EnclaveBinding> = {}): Promise<string[]> {
    const { number, hash } = await head();
    const [channelKey, sealKey] = [keccakText("channel"), keccakText("seal")];
    const worker: Hex = `0x${node.account(OPERATOR).address.slice(2).toLowerCase().padStart(64, "0")}`;
    const runtime = runtimeOf(MODEL);
    const shown = { key: KEY, channelKey, sealKey, epoch };
    const binding = { ...shown, chainId: 31_337n, registry: made.enclaves, worker, challenge: hash, ...change };
    const report = { ...REPORT, reportData: bindReportData(binding, runtime) };
    const path = file(`quote-${epoch}.bin`, platform().intel.quote("dcap-tdx-v4", report));
    const said = JSON.stringify({ ...shown, challengeBlock: Number(number), runtime: toHex(runtime) });
    return [path, "--binding", file("binding.json", said)];
  }
  const collateral = (name: string, all: IntelCollateral): string[] => [
    "--collateral",
    file(name, JSON.stringify(collateralBundle(all))),
    "--simulated-root",
    root,
    "--enclaves",
    made.enclaves,
    "--config",
    join(folder, "assay.toml"),
    "--json",
  ];
  const tee = async (...argv: string[]) => captureCli(await loadCommands(["tee", argv[0] ?? ""]), ["tee", ...argv]);
  const register = async (argv: readonly string[]) =>
    tee("register", ...argv, ...collateral("collateral.json", platform().intel.collateral(true)));
  const isLive = async () => {
    const call = { address: made.enclaves, abi: enclaveRegistryAbi, functionName: "isLive", args: [KEY, 0n] } as const;
    return node.clients(0).public.readContract(call);
  };

  it("R58: behavior: brings what the chain does not know, registers, and renews without bringing it again", async () => {
    const { code, out, err } = await register(await bound(1));
    expect(code, err).to.equal(0);
    const answer = JSON.parse(out) as Record<string, unknown>;
    expect(answer).to.include({ ok: true, key: KEY, status: "UpToDate", root: "simulated" });
    expect(answer["brought"]).to.have.members([
      "registerRoot", "submitCrl", "registerAuthority", "submitCrl", "registerPck", "registerAuthority", "submitTcbInfo", "submitIdentity",
    ]); // prettier-ignore
    expect(await isLive()).to.equal(true);
    const again = await register(await bound(2));
    expect(again.code, again.err).to.equal(0);
    expect(JSON.parse(again.out)).to.deep.include({ brought: [] });
  });

  it("error: a quote bound to something else is refused before anything is sent, and so is a binding of another form", async () => {
    const count = async () => node.clients(0).public.getTransactionCount({ address: node.account(OPERATOR).address });
    const before = await count();
    const other = await register(await bound(3, { registry: node.deployment.hub }));
    expect(other.code).to.equal(75);
    expect(other.out).to.contain("BINDING");
    const [path = ""] = await bound(3);
    const odd = await register([path, "--binding", file("odd.json", '{"key":"0x00"}')]);
    expect(odd.code).to.equal(2);
    expect(await count()).to.equal(before);
  });

  it("R59: behavior: anyone ends a key by a newer list with its platform's certificate, though its quote verifies no more", async () => {
    const snapshot = await node.rpc("evm_snapshot");
    const caCrl = { thisUpdate: (await head()).timestamp, serials: [pckSerial(0)] };
    const revoked = platform({ caCrl }).intel.collateral(true);
    const { code, out, err } = await tee("invalidate", KEY, "--quote", join(folder, "quote-2.bin"), "--key-file", join(folder, "payer.key"), ...collateral("revoked.json", revoked)); // prettier-ignore
    expect(code, err).to.equal(0);
    expect(JSON.parse(out)).to.include({ ok: true, key: KEY });
    expect(await isLive()).to.equal(false);
    await node.rpc("evm_revert", [snapshot]);
    expect(await isLive()).to.equal(true);
  });

  it("R59: behavior: anyone ends a key by newer collateral, once its grace is over", async () => {
    const quote = join(folder, "quote-2.bin");
    const raised = (evaluation: number): IntelCollateral =>
      platform({
        editTcbInfo: (json: Json) => {
          json["tcbEvaluationDataNumber"] = evaluation;
          for (const level of json["tcbLevels"] as Json[]) (level["tcb"] as Json)["pcesvn"] = 12;
        },
      }).intel.collateral(true);
    const end = async (path: string, evaluation: number) =>
      tee("invalidate", KEY, "--quote", path, "--key-file", join(folder, "payer.key"), ...collateral("newer.json", raised(evaluation))); // prettier-ignore
    // Intel's evaluation before called it up to date.
    const early = await end(quote, 18);
    expect(early.code).to.equal(1);
    expect(early.out).to.contain("NothingToEnd");
    // The quote of an earlier registration proves nothing.
    const old = await end(join(folder, "quote-1.bin"), 19);
    expect(old.out).to.contain("BindingMismatch");
    expect(await isLive()).to.equal(true);
    const late = await end(quote, 19);
    expect(late.code, late.err).to.equal(0);
    expect(await isLive()).to.equal(false);
  });
});
