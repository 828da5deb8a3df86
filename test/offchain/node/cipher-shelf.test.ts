// SPDX-License-Identifier: GPL-3.0-or-later
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { Hex } from "../../../offchain/core/bytes.ts";
import { decodeManifestFile } from "../../../offchain/core/manifest.ts";
import { encodeCipherParcel, decodeCipherParcel } from "../../../offchain/core/she/cipher-parcel.ts";
import { ciphertextTensor } from "../../../offchain/core/she/ciphertext-tensor.ts";
import { cipherDigest } from "../../../offchain/core/she/digest.ts";
import { decodeSheObject } from "../../../offchain/core/she/object.ts";
import type { Spec } from "../../../offchain/core/types.ts";
import { CipherKeySet } from "../../../offchain/engines/she/client/cipher-key-set.ts";
import { openCipherModel } from "../../../offchain/engines/she/client/cipher-model.ts";
import { MemoryKeyLedger } from "../../../offchain/engines/she/client/key-ledger.ts";
import { nodeKernel } from "../../../offchain/engines/she/kernel/node-kernel.ts";
import { loadCipherModel } from "../../../offchain/engines/she/model/load-cipher-model.ts";
import { nodeHashes } from "../../../offchain/engines/she/node-hashes.ts";
import { FolderModelShelf } from "../../../offchain/node/model-shelf.ts";
import { openKeys } from "../../../offchain/protocol/cipher-stage.ts";
import { nullLogger } from "../../support/cluster/cluster.ts";
import { expectCode } from "../../support/expect-code.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const TUMOR = new URL("../../../models/tumor-poly", import.meta.url).pathname;
const ZERO: Hex = `0x${"00".repeat(32)}`;
const signal = new AbortController().signal;

describe("models over ciphertexts on a worker's shelf", function suite() {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let shelf: FolderModelShelf;
  let modelId: Hex;
  let keys: CipherKeySet;
  let others: CipherKeySet;
  let input: Uint8Array;
  let spec: Spec;

  const open = (path: string) =>
    FolderModelShelf.open({ folders: [path], executor: "reference", threads: 1, judges: null }, { logger: nullLogger });
  const keySet = async () =>
    new CipherKeySet({
      model: await loadCipherModel(join(TUMOR, "cipher")),
      finish: { kind: "exact" },
      finality: { finalDigestOf: async () => undefined },
      ledger: new MemoryKeyLedger(),
      kernel: nodeKernel(),
      hashes: nodeHashes,
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    });

  before(async () => {
    shelf = await open(TUMOR);
    ({ modelId } = (await loadCipherModel(join(TUMOR, "cipher"))).manifest);
    [keys, others] = [await keySet(), await keySet()];
    input = await keys.session.encrypt([Array.from({ length: 30 }, (_, i) => i)]);
    const inDigest = cipherDigest(decodeSheObject(input, nodeHashes), nodeHashes);
    spec = { modelId, inDigest, inputRef: keys.keySetRoot } as unknown as Spec;
  });
  after(() => shelf.close());

  const take = (plain: Uint8Array, stage = 0, of: Partial<Spec> = {}) =>
    openKeys(plain, { stage, inDigest: stage === 0 ? spec.inDigest : null, spec: { ...spec, ...of } }, shelf);

  it("R41: a folder serves the plain model and the one over ciphertexts beside it; a parcel's keys evaluate", async () => {
    const plain = decodeManifestFile(readFileSync(join(TUMOR, "manifest.json"), "utf8")).modelId;
    expect(shelf.modelIds).to.have.members([plain, modelId]);
    expect(shelf.table(modelId)?.map(({ inKind, outKind }) => [inKind, outKind])).to.deep.equal([
      [3, 3],
      [3, 3],
    ]);
    expect(await shelf.stage(modelId, 2)).to.equal(null);
    const held = await take(keys.parcel(0, input));
    const runner = (await shelf.stage(modelId, 0)) ?? expect.fail("no stage");
    const { output } = await runner.run([ciphertextTensor(input)], signal, held);
    const next = (await shelf.stage(modelId, 1)) ?? expect.fail("no stage");
    const last = await next.run([output], signal, await take(keys.parcel(1, null), 1));
    expect(output.data.length + 64).to.be.at.most(next.maxInputBytes);
    expect(last.output.data.length).to.equal(32 + 2 * 2 * 4 * 8192);
  });

  it("error: a parcel that is not the job's feeds nobody", async () => {
    const good = keys.parcel(0, input);
    const parcel = decodeCipherParcel(good);
    const [first = input, second = input] = parcel.keys;
    const changed = first.slice();
    changed[100] = (changed[100] ?? 0) ^ 1;
    const cases: readonly (readonly [string, string, Uint8Array, number?, Partial<Spec>?])[] = [
      ["another client's keys", "BYTES_REFUSED", others.parcel(0, input)],
      [
        "another client's key among the right roots",
        "BYTES_REFUSED",
        encodeCipherParcel({
          ...parcel,
          keys: [...parcel.keys.slice(0, -1), decodeCipherParcel(others.parcel(0, null)).keys.at(-1) ?? input],
        }),
      ],
      [
        "keys in another order",
        "BYTES_REFUSED",
        encodeCipherParcel({ ...parcel, keys: [second, first, ...parcel.keys.slice(2)] }),
      ],
      ["a key too few", "BYTES_REFUSED", encodeCipherParcel({ ...parcel, keys: parcel.keys.slice(1) })],
      [
        "a key with one bit changed",
        "BYTES_REFUSED",
        encodeCipherParcel({ ...parcel, keys: [changed, ...parcel.keys.slice(1)] }),
      ],
      ["another job's roots", "BYTES_REFUSED", good, 0, { inputRef: ZERO }],
      [
        "another input",
        "OFFER_REFUSED",
        keys.parcel(0, await keys.session.encrypt([Array.from({ length: 30 }, () => 1)])),
      ],
      ["a key as input", "OFFER_REFUSED", encodeCipherParcel({ ...parcel, input: first.slice(0, 900_000) })],
      ["another stage's keys", "OFFER_REFUSED", keys.parcel(1, null)],
      ["keys for a plain model", "OFFER_REFUSED", good, 0, { modelId: ZERO }],
      ["a parcel cut short", "BYTES_TRUNCATED", good.slice(0, -1)],
    ];
    for (const [what, code, plain, stage, of] of cases)
      await expectCode(code, () => take(plain, stage, of)).catch((error: unknown) =>
        expect.fail(`${what}: ${String(error)}`),
      );
    await take(good);
  });

  it("error: INPUT_SHAPE, so that the seat abstains, for a ciphertext of another level or no keys at all", async () => {
    const runner = (await shelf.stage(modelId, 1)) ?? expect.fail("no stage");
    const held = await take(keys.parcel(1, null), 1);
    await expectCode("INPUT_SHAPE", () => runner.run([ciphertextTensor(input)], signal, held));
    await expectCode("INPUT_SHAPE", () => runner.run([ciphertextTensor(input)], signal));
    await expectCode("INPUT_SHAPE", () => runner.run([ciphertextTensor(Uint8Array.of(1))], signal, held));
  });

  it("error: a model is not served whose files are not its manifest's", async () => {
    const copy = (name: string, change: (bytes: Buffer) => void, file: string) => {
      const to = join(folder, name);
      cpSync(join(TUMOR, "cipher"), to, { recursive: true });
      const bytes = readFileSync(join(to, file));
      change(bytes);
      writeFileSync(join(to, file), bytes);
      return to;
    };
    const flip = (at: number) => (bytes: Buffer) => void bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    for (const at of [5, 12, 40, 200])
      await expectCode("MODEL_INVALID", () => open(copy(`program-${at}`, flip(at), "program")));
    await expectCode("MODEL_INVALID", () => open(copy("manifest", flip(40), "manifest.json")));
    for (const at of [40, 8, 4]) {
      const other = await open(copy(`weights-${at}`, flip(at), "weights-0"));
      await expectCode("STAGE_REFUSED", () => other.stage(modelId, 0));
      await other.close();
    }
    const files = { manifest: readFileSync(join(TUMOR, "manifest.json"), "utf8"), program: new Uint8Array(0) };
    await expectCode("BYTES_REFUSED", () => openCipherModel(files, nodeHashes));
  });
});
