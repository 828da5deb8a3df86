// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { bigToBytes, toHex } from "../../../../../offchain/core/bytes.ts";
import { FIELD_Q, FIELD_R } from "../../../../../offchain/core/zk/field.ts";
import { openChain } from "../../../../../offchain/engines/zk/ceremony/chain.ts";
import {
  decodeHead,
  decodeStep,
  encodeContext,
  encodeHead,
  encodeStep,
  maxStepBytes,
  stepHash,
} from "../../../../../offchain/engines/zk/ceremony/step-file.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { strayG2 } from "../../../../support/stray-point.ts";
import { wordsOfG2 } from "../../../../../offchain/core/zk/points.ts";
import { BEACON_STEP, ceremonyOf, forgeStep } from "./forge-step.ts";
import { oneRoundCircuit, sampleCircuit } from "./sample-circuit.ts";

const ceremony = ceremonyOf();
const facts = ceremony.circuit;
const step = forgeStep(openChain(ceremony));
const bytes = encodeStep(step);
const head = encodeHead(step.head);
// after the context and the number of groups: tag, δ in G1, δ in G2, hash of points, R, s
const group = encodeContext(step.head).length + 1;
const AT = { tag: group, g1: group + 1, g2: group + 65, points: group + 193, r: group + 225, s: group + 289 };
const refuse = (content: Uint8Array) => expectCode("FILE_MALFORMED", () => decodeStep(content, "0001.step", facts));
const patched = (at: number, patch: Uint8Array | readonly number[]): Uint8Array => {
  const copy = bytes.slice();
  copy.set(patch, at);
  return copy;
};

describe("step files", () => {
  it("default: one encoding, of persons and beacons, with no, one and two groups", () => {
    for (const circuit of [sampleCircuit(), sampleCircuit({ weights: false }), oneRoundCircuit()])
      for (const context of [{}, BEACON_STEP]) {
        const own = ceremonyOf(circuit);
        const made = forgeStep(openChain(own), { context });
        const content = encodeStep(made);
        expect(content.length).to.be.at.most(maxStepBytes(own.circuit));
        const read = decodeStep(content, "0001.step", own.circuit);
        expect(toHex(encodeStep(read))).to.equal(toHex(content));
        expect(stepHash(read.head)).to.equal(stepHash(made.head));
        expect(read.head.groups.length).to.equal(own.circuit.groups.length);
      }
  });

  it("error: FILE_MALFORMED at every truncation, and for what follows", async () => {
    for (let length = 0; length < bytes.length; length += length < head.length ? 1 : 37)
      await refuse(bytes.slice(0, length));
    await refuse(new Uint8Array([...bytes, 0]));
    await expectCode("FILE_MALFORMED", () => decodeHead(new Uint8Array([...head, 0]), "transcript.json", facts));
  });

  it("error: FILE_MALFORMED for a wrong magic, version, kind, name or number of groups", async () => {
    await refuse(patched(0, [0]));
    await refuse(patched(4, [2]));
    await refuse(patched(76, [2])); // kind
    await refuse(patched(78, [0x0a])); // a line break in the name
    await refuse(patched(78, [0xff])); // no UTF-8
    await refuse(patched(group - 1, [1]));
    await refuse(patched(AT.tag, [2]));
    await expectCode("FILE_MALFORMED", () =>
      decodeStep(bytes, "0001.step", ceremonyOf(sampleCircuit({ weights: false })).circuit),
    );
  });

  it("error: FILE_MALFORMED for points that are not canonical, off the curve, outside the group, or infinity", async () => {
    const { deltaG1 } = step.head.groups[0] ?? {};
    await refuse(patched(AT.g1, new Uint8Array(64)));
    await refuse(patched(AT.g2, new Uint8Array(128)));
    await refuse(patched(AT.r, new Uint8Array(64)));
    await refuse(patched(AT.g1, bigToBytes((deltaG1?.x ?? 0n) + FIELD_Q, 32)));
    await refuse(patched(AT.g1 + 63, [(bytes[AT.g1 + 63] ?? 0) ^ 1]));
    await refuse(patched(AT.g2 + 127, [(bytes[AT.g2 + 127] ?? 0) ^ 1]));
    await refuse(patched(AT.g2, new Uint8Array(wordsOfG2(strayG2()).flatMap((word) => [...bigToBytes(word, 32)]))));
    await refuse(patched(AT.s, bigToBytes(FIELD_R, 32)));
  });

  it("error: FILE_MALFORMED for point lists that are too long, too short, not canonical, or not those named", async () => {
    const list = head.length;
    await refuse(patched(list, [3 * 64]));
    await refuse(patched(list, [0x40]));
    await refuse(patched(list, [0xff, 0xff, 0xff, 0x7f]));
    await refuse(patched(list + 4, [(bytes[list + 4] ?? 0) ^ 1]));
    await refuse(patched(list + 4, new Uint8Array(64).fill(0xff)));
    // A valid list, but of other points.
    const other = bytes.slice();
    other.set(bytes.slice(list + 4 + 64, list + 4 + 128), list + 4);
    await refuse(other);
    await refuse(patched(AT.points, [0]));
  });

  it("error: FILE_MALFORMED for a beacon that is too short or too cheap", async () => {
    for (const change of [{ beacon: new Uint8Array(31) }, { iterations: 9 }, { iterations: 25 }]) {
      const beacon = forgeStep(openChain(ceremony), { context: BEACON_STEP });
      await refuse(encodeStep({ ...beacon, head: { ...beacon.head, ...change } }));
    }
  });
});
