// SPDX-License-Identifier: GPL-3.0-or-later
import type { Command } from "../command.ts";

type Loader = () => Promise<Command>;

/** Every command by name, in the order of the documentation; imported only when asked for, so that a worker stays small. */
const LOADERS: Readonly<Record<string, Loader>> = {
  devnet: async () => (await import("./devnet.ts")).devnet,
  "model import": async () => (await import("./model/import.ts")).modelImport,
  "model inspect": async () => (await import("./model/inspect.ts")).modelInspect,
  "model cuts": async () => (await import("./model/cuts.ts")).modelCuts,
  "model leakage": async () => (await import("./model/leakage.ts")).modelLeakage,
  "model cipher": async () => (await import("./model/cipher.ts")).modelCipher,
  "model refresh": async () => (await import("./model/refresh.ts")).modelRefresh,
  "model register": async () => (await import("./model/register.ts")).modelRegister,
  "policy table": async () => (await import("./policy/table.ts")).policyTable,
  "policy explain": async () => (await import("./policy/explain.ts")).policyExplain,
  quote: async () => (await import("./quote.ts")).quote,
  request: async () => (await import("./request.ts")).request,
  "job show": async () => (await import("./job/show.ts")).jobShow,
  "job list": async () => (await import("./job/list.ts")).jobList,
  "receipt verify": async () => (await import("./receipt/verify.ts")).receiptVerify,
  "receipt leaf": async () => (await import("./receipt/leaf.ts")).receiptLeaf,
  "receipt agreement": async () => (await import("./receipt/agreement.ts")).receiptAgreement,
  prove: async () => (await import("./prove.ts")).prove,
  verify: async () => (await import("./verify.ts")).verify,
  "node init": async () => (await import("./node/init.ts")).nodeInit,
  "node start": async () => (await import("./node/start.ts")).nodeStart,
  "node status": async () => (await import("./node/status.ts")).nodeStatus,
  "node doctor": async () => (await import("./node/doctor.ts")).nodeDoctor,
  "stake add": async () => (await import("./stake/add.ts")).stakeAdd,
  "stake show": async () => (await import("./stake/show.ts")).stakeShow,
  "stake leave": async () => (await import("./stake/leave.ts")).stakeLeave,
  "stake withdraw": async () => (await import("./stake/withdraw.ts")).stakeWithdraw,
  "zk compile": async () => (await import("./zk/compile.ts")).zkCompile,
  "zk setup": async () => (await import("./zk/setup.ts")).zkSetup,
  "zk ceremony import": async () => (await import("./zk/ceremony-import.ts")).zkCeremonyImport,
  "zk ceremony init": async () => (await import("./zk/ceremony-init.ts")).zkCeremonyInit,
  "zk ceremony contribute": async () => (await import("./zk/ceremony-contribute.ts")).zkCeremonyContribute,
  "zk ceremony beacon": async () => (await import("./zk/ceremony-beacon.ts")).zkCeremonyBeacon,
  "zk ceremony finish": async () => (await import("./zk/ceremony-finish.ts")).zkCeremonyFinish,
  "zk verify-setup": async () => (await import("./zk/verify-setup.ts")).zkVerifySetup,
  "train identity": async () => (await import("./train/identity.ts")).trainIdentity,
  "train serve": async () => (await import("./train/serve.ts")).trainServe,
  "train run": async () => (await import("./train/run.ts")).trainRun,
  "train join": async () => (await import("./train/join.ts")).trainJoin,
  "tee verify": async () => (await import("./tee/verify.ts")).teeVerify,
  "tee tcb-status": async () => (await import("./tee/tcb-status.ts")).teeTcbStatus,
  "tee quote": async () => (await import("./tee/quote.ts")).teeQuote,
  "tee register": async () => (await import("./tee/register.ts")).teeRegister,
  "tee attest": async () => (await import("./tee/attest.ts")).teeAttest,
  "tee challenge": async () => (await import("./tee/challenge.ts")).teeChallenge,
  "tee invalidate": async () => (await import("./tee/invalidate.ts")).teeInvalidate,
  "cipher watch": async () => (await import("./cipher/watch.ts")).cipherWatch,
  "cipher defend": async () => (await import("./cipher/defend.ts")).cipherDefend,
  "cipher check": async () => (await import("./cipher/check.ts")).cipherCheck,
  "audit export": async () => (await import("./audit/export.ts")).auditExport,
  "audit replay": async () => (await import("./audit/replay.ts")).auditReplay,
  "audit keys": async () => (await import("./audit/keys.ts")).auditKeysCommand,
  "audit fairness": async () => (await import("./audit/fairness.ts")).auditFairness,
  "config show": async () => (await import("./config/show.ts")).configShow,
  "config check": async () => (await import("./config/check.ts")).configCheck,
};

export const loadAllCommands = async (): Promise<readonly Command[]> =>
  Promise.all(Object.values(LOADERS).map(async (load) => load()));

/** The command that `argv` names, or all of them where it names none or asks for help about several. */
export async function loadCommands(argv: readonly string[]): Promise<readonly Command[]> {
  const load = [3, 2, 1].map((words) => LOADERS[argv.slice(0, words).join(" ")]).find((found) => found !== undefined);
  return load === undefined ? loadAllCommands() : [await load()];
}
