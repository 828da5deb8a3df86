// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/beacon.json: what core's mirror of the worker beacon gives; list i belongs to list i of the others.
import { writeFileSync } from "node:fs";
import { beaconChain, beaconSeed, beaconShare, dutySeed } from "../../offchain/core/beacon.ts";
import { hashOf } from "../../test/support/sample-receipt.ts";

const CASES = 200;
const cases = Array.from({ length: CASES }, (_, i) => {
  const workerId = i < 3 ? [1, 2 ** 32 - 1, 256][i]! : Number(BigInt(hashOf(`worker ${i}`)) & 0xffffn) || 1;
  const [head, preimage] = beaconChain(workerId, hashOf(`tail ${i}`), 1 + (i % 5));
  const other = beaconShare(i + 7, hashOf(`other ${i}`));
  const blockHash = hashOf(`block ${i}`);
  const seed = beaconSeed(blockHash, [beaconShare(workerId, preimage!), other]);
  return {
    workerId,
    head: head!,
    preimage: preimage!,
    other,
    blockHash,
    seed,
    version: i * 300,
    duty: dutySeed(seed, i * 300),
  };
});
const list = (key: keyof (typeof cases)[number]) => cases.map((one) => String(one[key]));
writeFileSync(
  "test/fixtures/vectors/beacon.json",
  `${JSON.stringify(
    {
      about: "heads[i] is the link of preimages[i]; seeds[i] of blockHashes[i], that preimage's share and others[i]",
      workerIds: list("workerId"),
      heads: list("head"),
      preimages: list("preimage"),
      others: list("other"),
      blockHashes: list("blockHash"),
      seeds: list("seed"),
      versions: list("version"),
      dutySeeds: list("duty"),
    },
    null,
    1,
  )}\n`,
);
