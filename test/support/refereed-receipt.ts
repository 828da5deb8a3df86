// SPDX-License-Identifier: GPL-3.0-or-later
import type { Receipt, RefereedTally } from "../../offchain/core/receipt.ts";
import { judgedReceipt } from "./proven-receipt.ts";
import { hashOf, signerOf } from "./sample-receipt.ts";

/** The form of a receipt with games, with words that are nobody's: a won game with its step, and a lost one. */
export function refereedReceipt(): Receipt {
  const { proofs, ...judged } = judgedReceipt();
  const [{ tally, worker } = { tally: 0, worker: signerOf(1) }] = proofs;
  const chunk = `0x${"05".repeat(1024)}` as const;
  const defenceOf = (party: number): RefereedTally["defences"][number] => ({
    party: signerOf(party),
    outDigest: hashOf(`output ${party}`),
    traceRoot: hashOf(`trace ${party}`),
    outBody: hashOf(`body ${party}`),
    edge: [hashOf(`edge ${party}`)],
    isDefeated: party === 2,
  });
  const step = {
    row: 5,
    coordinate: 700,
    isRow: false,
    path: [hashOf("path 0"), hashOf("path 1")],
    record: hashOf("record"),
    recordPath: [hashOf("record path")],
    chunk,
    operands: [{ chunk, path: [hashOf("operand")] }],
  };
  const facts = {
    profile: 1,
    levelIn: 5,
    levelOut: 3,
    depth: 13,
    opRoot: hashOf("operations"),
    weightRoot: hashOf("weights"),
  };
  const games = [
    { defence: 0, challenger: signerOf(2), isDefended: true, isLate: false, steps: [step] },
    { defence: 1, challenger: worker, isDefended: false, isLate: true, steps: [] },
  ];
  const ruling = { tally, champion: worker, facts, defences: [defenceOf(1), defenceOf(2)], games };
  return { ...judged, proofs: [], refereed: [ruling] };
}
