// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { encodeManifestFile } from "../../../offchain/core/manifest.ts";
import { modelId } from "../../../offchain/core/model.ts";
import type { LogFields, Logger } from "../../../offchain/core/ports/logger.ts";
import { KIND_PUBLIC, KIND_SALTED, PLACE_CLIENT, PROOF, VOTE, ZERO_BYTES32 } from "../../../offchain/core/types.ts";
import { keyIdOf } from "../../../offchain/core/zk/key-record.ts";
import { heldKeys, unsafeStage } from "../../../offchain/node/judging-keys.ts";
import { FolderModelShelf } from "../../../offchain/node/model-shelf.ts";
import { nullLogger } from "../../support/cluster/cluster.ts";
import { provenModel } from "../../support/proven-receipt.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const none = new Set<`0x${string}`>();

describe("keys that may judge a worker's votes", () => {
  const { manifest } = provenModel(1);
  const [only] = manifest.stages;
  if (only === undefined) throw new TypeError("no stage");
  const stage = { ...only, outKind: KIND_PUBLIC, weightsX: ZERO_BYTES32, weightsY: ZERO_BYTES32 };
  const model = (change: object, acceptedMasks = (1 << VOTE) | (1 << PROOF)) => ({
    ...manifest,
    acceptedMasks,
    stages: [{ ...stage, ...change }],
  });

  it("R24: anyone's key, called a ceremony's, makes a stage unsafe to vote on; one that the operator checked does not", () => {
    expect(unsafeStage(model({}), none)).to.equal(0);
    expect(unsafeStage(model({}), new Set([stage.keyId]))).to.equal(undefined);
  });

  it("behavior: committed weights under a key that is here are left to the check of their opening", () => {
    expect(unsafeStage(model({ weightsX: `0x${"11".repeat(32)}` }), none)).to.equal(0);
    expect(unsafeStage(model({ weightsX: `0x${"11".repeat(32)}` }), new Set([stage.keyId]))).to.equal(undefined);
  });

  it("behavior: where no court may rule, no key is needed", () => {
    for (const change of [{ keyId: ZERO_BYTES32 }, { outKind: KIND_SALTED }, { place: PLACE_CLIENT }])
      expect(unsafeStage(model(change), none), Object.keys(change).join()).to.equal(undefined);
    expect(unsafeStage(model({}, 1 << PROOF), none)).to.equal(undefined);
  });

  it("behavior: the operator's folder is read, whatever else lies in it", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "one"));
    mkdirSync(join(folder, "empty"));
    writeFileSync(join(folder, "notes.txt"), "keys from spring");
    const record = Uint8Array.of(1, 2, 3);
    writeFileSync(join(folder, "one", "key.record"), record);
    expect([...(await heldKeys(folder))]).to.deep.equal([keyIdOf(record)]);
    expect((await heldKeys(join(folder, "absent"))).size).to.equal(0);
  });

  it("R24: off the local chain the shelf leaves such a model out, so that its seats abstain, and says so", async () => {
    const warned: (readonly [string, LogFields | undefined])[] = [];
    const logger: Logger = { ...nullLogger, warn: (evt, fields) => void warned.push([evt, fields]) };
    const folder = temporaryFolder();
    const file = encodeManifestFile(
      model({}),
      JSON.parse(readFileSync("models/digits-mlp/manifest.json", "utf8")).tools,
    );
    writeFileSync(join(folder, "manifest.json"), file);
    const open = async (judges: ReadonlySet<`0x${string}`> | null) =>
      FolderModelShelf.open({ folders: [folder], executor: "reference", threads: 1, judges }, { logger });
    const id = modelId(model({}));
    expect((await open(null)).has(id)).to.equal(true);
    expect((await open(new Set([stage.keyId]))).has(id)).to.equal(true);
    expect(warned).to.deep.equal([]);
    const shelf = await open(none);
    expect([shelf.has(id), await shelf.stage(id, 0)]).to.deep.equal([false, null]);
    expect(warned).to.deep.equal([["model.key-unchecked", { model: id, stage: 0, path: folder }]]);
  });
});
