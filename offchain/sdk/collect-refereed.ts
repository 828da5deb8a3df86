// SPDX-License-Identifier: MIT
import {
  decodeFunctionData,
  isAddressEqual,
  parseEventLogs,
  zeroAddress,
  type Address,
  type Client,
  type Hex,
} from "viem";
import { getLogs, getTransaction, readContract } from "viem/actions";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import { cipherRefereeAbi } from "../adapters/chain/abi/cipher-referee.ts";
import { evidenceRouterAbi } from "../adapters/chain/abi/evidence-router.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { stageInDigest } from "../core/digest.ts";
import { jobTable } from "../core/network-part.ts";
import type { RefereedTally } from "../core/receipt.ts";
import { COURT_ROUND } from "../core/settle-types.ts";
import { CHUNK_RESIDUES, wordPath, wordTree } from "../core/she/digest.ts";
import { portableHashes } from "../core/she/hashes.ts";
import { sheProfile } from "../core/she/profiles.ts";
import { CIPHER, type ModelManifest, type Record as JobRecord, type Spec } from "../core/types.ts";
import { checked } from "./checked.ts";
import { isRefereed } from "./collect-proofs.ts";
import { SdkError } from "./errors.ts";
import type { JobTrail } from "./job-trail.ts";

export interface CollectRefereedParameters {
  readonly hub: Address;
  readonly jobId: Hex;
  readonly spec: Spec;
  readonly manifest: ModelManifest;
  readonly record: JobRecord;
  readonly trail: JobTrail;
  /** The job's request. */
  readonly fromBlock: bigint;
}

type Events = ReturnType<typeof parseEventLogs<typeof cipherRefereeAbi, true>>;
type RefereeCall = "defend" | "proveStep";
const lower = (address: Hex): Hex => address.toLowerCase() as Hex;

async function refereeOf(client: Client, hub: Address): Promise<Address> {
  const router = await checked("router", async () =>
    readContract(client, { address: hub, abi: assayHubAbi, functionName: "router" }),
  );
  return checked("adapterOf", async () =>
    readContract(client, { address: router, abi: evidenceRouterAbi, functionName: "adapterOf", args: [CIPHER] }),
  );
}

/** Where the picks of a game lead: a chunk of the trace, or the row's leaf, and the way up from there. */
function placeOf(events: Events, game: bigint): { readonly index: number; readonly path: readonly Hex[] } {
  let index = 0;
  const path: Hex[] = [];
  let posted: readonly Hex[] = [];
  for (const { eventName, args } of events) {
    if (eventName === "NodesPosted" && args.game === game) posted = args.nodes;
    if (eventName !== "NodePicked" || args.game !== game) continue;
    const tree = wordTree(posted.map((node) => fromHex(node, 32)), portableHashes); // prettier-ignore
    const picked = Number(args.index);
    index = index * posted.length + picked;
    path.unshift(...wordPath(tree, picked).map(toHex));
  }
  return { index, path };
}

/**
 * What a referee's games showed, of every tally that they decided: from its events, and from the calls in which defenders committed and
 * showed their steps. None where no stage was refereed. Errors: RECEIPT_UNAVAILABLE where a call went through another contract or the
 * endpoint lacks it, RPC_UNAVAILABLE.
 */
export async function collectRefereed(client: Client, parameters: CollectRefereedParameters): Promise<RefereedTally[]> {
  const { hub, jobId, spec, manifest, record, trail, fromBlock } = parameters;
  const decided = record.tallies.flatMap(({ round, stage }, tally) =>
    round === COURT_ROUND && isRefereed(trail, stage) ? [{ tally, stage }] : [],
  );
  if (decided.length === 0) return [];
  const missing = (why: string) => new SdkError("RECEIPT_UNAVAILABLE", { jobId, why });
  const referee = await refereeOf(client, hub);
  if (isAddressEqual(referee, zeroAddress)) throw missing("its hub has no referee any more");
  const logs = await checked("getLogs", async () =>
    getLogs(client, { address: referee, fromBlock, toBlock: "latest" }),
  );
  const events = parseEventLogs({ abi: cipherRefereeAbi, logs, strict: true });
  const callOf = async (hash: Hex, name: RefereeCall) => {
    const { input } = await checked("getTransaction", async () => getTransaction(client, { hash }));
    try {
      const call = decodeFunctionData({ abi: cipherRefereeAbi, data: input });
      if (call.functionName === name) return call;
    } catch {
      // Another contract's call.
    }
    throw missing(`what ${name} said is not in a transaction to the referee`);
  };
  const rulings: RefereedTally[] = [];
  for (const { tally, stage } of decided) {
    const inDigest = stageInDigest(jobTable(manifest), stage, spec.inDigest, record.boundaries);
    const made = events.flatMap((event) =>
      event.eventName === "Defended" &&
      event.args.jobId === jobId &&
      event.args.stage === stage &&
      event.args.inDigest === inDigest
        ? [event]
        : [],
    );
    const fallen = new Set(
      events.flatMap((event) => (event.eventName === "DefenceDefeated" ? [event.args.defence] : [])),
    );
    let facts: RefereedTally["facts"] | undefined;
    const defences: RefereedTally["defences"][number][] = [];
    for (const { args, transactionHash } of made) {
      const call = await callOf(transactionHash, "defend");
      if (call.functionName !== "defend") continue;
      const [, , , , stageFacts, { outBody, edge }] = call.args;
      facts ??= stageFacts;
      const { party, outDigest, traceRoot, defence } = args;
      defences.push({ party: lower(party), outDigest, traceRoot, outBody, edge, isDefeated: fallen.has(defence) });
    }
    if (facts === undefined) throw missing("nobody stood for what the referee decided");
    const degree = sheProfile(facts.profile).degree;
    const games: RefereedTally["games"][number][] = [];
    for (const { args: over, eventName, transactionHash } of events) {
      if (eventName !== "GameOver") continue;
      const opened = events.find((event) => event.eventName === "GameOpened" && event.args.game === over.game);
      if (opened?.eventName !== "GameOpened") continue;
      const { defence: id, challenger } = opened.args;
      const defence = made.findIndex(({ args }) => args.defence === id);
      if (defence < 0) continue;
      const isDefended = isAddressEqual(over.loser, challenger);
      const game = { defence, challenger: lower(challenger), isDefended, isLate: over.late };
      if (over.late) {
        games.push({ ...game, steps: [] });
        continue;
      }
      const call = await callOf(transactionHash, "proveStep");
      if (call.functionName !== "proveStep") continue;
      const [, , { record: operation, recordPath, chunk, operands }] = call.args;
      const { index, path } = placeOf(events, over.game);
      const residue = events.find((event) => event.eventName === "ResiduePicked" && event.args.game === over.game);
      const isRow = residue?.eventName !== "ResiduePicked";
      const coordinate = isRow ? 0 : Number(residue.args.coordinate);
      const row = isRow ? index : Math.floor(index / (degree / CHUNK_RESIDUES));
      const step = { row, coordinate, isRow, path, record: operation, recordPath, chunk, operands };
      games.push({ ...game, steps: [step] });
    }
    const ruled = trail.events.find((event) => event.eventName === "CourtRuled" && event.args.stage === stage);
    if (ruled?.eventName !== "CourtRuled") throw missing("its ruling is not among its events");
    rulings.push({ tally, champion: lower(ruled.args.prover), facts, defences, games });
  }
  return rulings;
}
