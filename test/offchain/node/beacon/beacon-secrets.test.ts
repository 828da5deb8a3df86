// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { createHmac } from "node:crypto";
import { beaconLink } from "../../../../offchain/core/beacon.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { BeaconSecrets } from "../../../../offchain/node/beacon/beacon-secrets.ts";

const BEACON = "0xAbCdEf0123456789abcdef0123456789aBcDeF01";
const ringOf = (key: string) => ({
  prf: (label: string, input: Uint8Array) =>
    new Uint8Array(createHmac("sha256", key).update(label).update(input).digest()),
});
const secrets = (options: { beacon?: `0x${string}`; workerId?: number; key?: string } = {}) =>
  new BeaconSecrets(
    { beacon: options.beacon ?? BEACON, workerId: options.workerId ?? 7, links: 20 },
    ringOf(options.key ?? "a"),
  );

describe("BeaconSecrets", () => {
  it("default: every preimage hashes to the head before it, down to the tail", () => {
    const mine = secrets();
    let head = mine.headFrom(3);
    for (let left = 20; left > 0; left--) {
      const link = mine.find(head, [3]);
      expect(link).to.include({ from: 3, left });
      if (link === null) return;
      expect(beaconLink(7, link.preimage)).to.equal(head);
      head = link.preimage;
    }
    expect(mine.find(head, [3]), "the tail has no preimage").to.equal(null);
  });

  it("R70: another process with the same keys finds the place, whatever the store lost", () => {
    const head = secrets().headFrom(5);
    const second = secrets().find(head, [5])?.preimage ?? head;
    const restarted = secrets();
    expect(restarted.find(second, [1, 5, 9])).to.include({ from: 5, left: 19 });
    expect(restarted.find(toWord(1), [1, 5, 9])).to.equal(null);
  });

  it("R16: chains of other keys, beacons, workers and versions share no link", () => {
    const heads = [
      secrets().headFrom(1),
      secrets().headFrom(2),
      secrets({ workerId: 8 }).headFrom(1),
      secrets({ key: "b" }).headFrom(1),
      secrets({ beacon: `0x${"12".repeat(20)}` }).headFrom(1),
    ];
    expect(new Set(heads).size).to.equal(heads.length);
    expect(secrets({ beacon: BEACON.toLowerCase() as `0x${string}` }).headFrom(1), "case is no difference").to.equal(
      heads[0],
    );
  });
});
