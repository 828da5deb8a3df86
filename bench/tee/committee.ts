// SPDX-License-Identifier: GPL-3.0-or-later
// Inputs sealed to a committee of six of which four open: the key, then each party's part of one input.
import { nodeCrypto } from "../../offchain/adapters/keys/node-crypto.ts";
import { checkShare, makeShare, openFromCommittee, readThresholdHeader, sealShare, sealToCommittee } from "../../offchain/core/threshold/sealed-input.ts"; // prettier-ignore
import type { BenchRow } from "../../scripts/bench.ts";
import { testCommittee } from "../../test/support/tee/committee.ts";

const KIB = 64;

export async function committee(
  report: (row: BenchRow) => void,
  medianMs: (run: () => unknown, rounds?: number) => number,
): Promise<void> {
  const say = (metric: string, value: number) => report({ case: "committee, 4 of 6", metric, value, unit: "ms" });
  const members = testCommittee();
  const startMs = performance.now();
  const { key } = await members.make();
  say("key, all six on one core", performance.now() - startMs);
  const seat = nodeCrypto.generateX25519();
  const context = nodeCrypto.randomBytes(32);
  const plain = new Uint8Array(KIB * 1024);
  const seal = () => sealToCommittee(nodeCrypto, { context, key, receivers: [seat.publicKey], plain });
  say(`seal ${KIB} KiB, client`, medianMs(seal, 21));
  const blob = seal();
  const header = readThresholdHeader(blob);
  const share = (index: number) => makeShare(nodeCrypto, header, index, members.shares.get(index)?.secret ?? 0n);
  say(
    "check the header, make and seal a share, member",
    medianMs(() => sealShare(nodeCrypto, readThresholdHeader(blob), 1, seat.publicKey, share(1)), 21),
  );
  const one = share(1);
  say(
    "verify a share",
    medianMs(() => checkShare(header, 1, one), 21),
  );
  const shares = [1, 2, 3, 4].map((index) => ({ index, sealed: sealShare(nodeCrypto, header, index, seat.publicKey, share(index)) })); // prettier-ignore
  say(
    `open ${KIB} KiB with four shares, seat`,
    medianMs(() => openFromCommittee(nodeCrypto, blob, { context, privateKey: seat.privateKey, shares }), 21),
  );
}
