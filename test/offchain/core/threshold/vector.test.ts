// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { fromHex, toHex } from "../../../../offchain/core/bytes.ts";
import { readCommitteeKey } from "../../../../offchain/core/threshold/committee-key.ts";
import { committeeId, drawCommittee } from "../../../../offchain/core/threshold/draw-committee.ts";
import { checkShare, openFromCommittee, readThresholdHeader } from "../../../../offchain/core/threshold/sealed-input.ts"; // prettier-ignore
import { drawOptions, registered } from "../../../support/tee/committee.ts";
import type { ThresholdVector } from "../../../support/tee/threshold-vector.ts";

describe("R63: golden bytes of threshold inputs", () => {
  const path = new URL("../../../fixtures/vectors/threshold.json", import.meta.url);
  const vector = JSON.parse(readFileSync(path, "utf8")) as ThresholdVector;

  it("default: the draw, the key, the input and its shares are read as they were made", () => {
    const rules = { ...drawOptions().rules, n: 4, t: 2 };
    const events = vector.events.map((key, i) => registered(i, { key }));
    const drawn = drawCommittee(drawOptions({ rules, events }));
    expect(drawn.members.map(({ key }) => key)).to.deep.equal(vector.members);
    const { committee, points } = readCommitteeKey(drawn, fromHex(vector.key));
    expect(committeeId(committee)).to.equal(vector.committeeId);
    const header = readThresholdHeader(fromHex(vector.input));
    expect(header.committeeId).to.equal(vector.committeeId);
    expect(header.points.map((one) => one.toHex())).to.deep.equal(points.map((one) => one.toHex()));
    for (const [i, share] of vector.shares.entries())
      expect(checkShare(header, i + 1, fromHex(share)) === undefined, `share ${i}`).to.equal(false);
    const shares = vector.sealedShares.slice(1, 3).map((sealed, i) => ({ index: i + 2, sealed: fromHex(sealed) }));
    const opening = { context: fromHex(vector.context), privateKey: fromHex(vector.seatKey), shares };
    const { plain } = openFromCommittee(nodeCrypto, fromHex(vector.input), opening);
    expect(toHex(plain)).to.equal(vector.plain);
  });
});
