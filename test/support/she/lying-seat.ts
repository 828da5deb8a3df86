// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../../offchain/core/bytes.ts";
import { treeDepth } from "../../../offchain/core/she/digest.ts";
import { decodeSheObject } from "../../../offchain/core/she/object.ts";
import { loadCipherModel, loadStage } from "../../../offchain/engines/she/model/load-cipher-model.ts";
import { nodeHashes } from "../../../offchain/engines/she/node-hashes.ts";
import { weightObjects } from "../../../offchain/engines/she/seat/weight-objects.ts";
import { keyList } from "../../../offchain/engines/she/trace/key-list.ts";
import { challengerMove, defenderMove } from "../../../offchain/engines/she/trace/play.ts";
import { cipherStageOf, StageTrace } from "../../../offchain/engines/she/trace/trace.ts";
import { BENT_COEFFICIENT } from "../../../offchain/node/bent-shelf.ts";
import type { TracingSeat } from "../../../offchain/node/kept-traces.ts";

/** A seat whose trace is right up to the output that `flipCoefficient` makes, and which plays for it as well as anybody can. */
export async function lyingSeat(folder: string, stage: number): Promise<TracingSeat> {
  const { weightRoots } = (await loadCipherModel(folder)).program;
  const { plan, weights: plaintexts } = await loadStage(folder, stage);
  const weights = [...weightObjects(plaintexts)];
  const facts = cipherStageOf(plan, stage, weightRoots[stage] ?? "0x", nodeHashes);
  const output = 2 ** facts.depth - 2 ** treeDepth(2 * facts.levelOut);
  // Accomplices know the same.
  const traces = new Map<Hex, StageTrace>();
  const traceOf = ({ inDigest, input, keys, keyBodies }: Parameters<TracingSeat["startTrace"]>[0]): StageTrace => {
    const held = keys.map((key) => decodeSheObject(key, nodeHashes));
    const sources = {
      input: decodeSheObject(input, nodeHashes),
      keys: keyList(plan).map(({ galois, level }) =>
        held.find(({ header }) => header.galois === galois && header.level === level),
      ),
      keyBodies,
      weights,
    };
    const trace = new StageTrace(plan, stage, sources, nodeHashes, (row, values) => {
      if (row === output) values[BENT_COEFFICIENT] = (values[BENT_COEFFICIENT] ?? 0) ^ 1;
    });
    traces.set(inDigest, trace);
    return trace;
  };
  return {
    facts,
    startTrace: async (work) => {
      const trace = traces.get(work.inDigest) ?? traceOf(work);
      return {
        commitment: trace.commitment(facts),
        defenderMove: async (place) => defenderMove(trace, place),
        challengerMove: async (place, posted) => challengerMove(trace, place, posted, nodeHashes),
        close: async () => undefined,
      };
    },
  };
}
