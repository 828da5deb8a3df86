// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { auditKeys } from "../../../offchain/audit/keys/audit-keys.ts";
import { createMemoryLog } from "../../../offchain/audit/replay/claim-log.ts";
import { fromHex, toHex } from "../../../offchain/core/bytes.ts";
import { encodeProgram } from "../../../offchain/core/program/encode-program.ts";
import { encodeKeyRecord, KEY_CEREMONY, keyIdOf, type KeyRecord } from "../../../offchain/core/zk/key-record.ts";
import { openKey } from "../../../offchain/core/zk/verifying-key.ts";
import { loadStage } from "../../../offchain/engines/program/executor.ts";
import type { LoadedModel } from "../../../offchain/engines/program/load-program.ts";
import { bytesOf } from "../../support/deterministic.ts";
import { provenModel, type ProvenModel } from "../../support/cluster/proven-model.ts";
import { g1Of } from "../../support/simulated-proof.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("audit keys", function suite() {
  this.timeout(120_000);
  const folder = temporaryFolder();
  let made: ProvenModel;
  let record: KeyRecord;

  before(async () => {
    made = await provenModel(1, folder);
    ({ record } = openKey(fromHex(made.records[0] ?? "0x")));
  });

  /** Verdicts by step for a model whose one stage has this key beside it. */
  async function verdicts(key: KeyRecord | null, named: KeyRecord = key ?? record, lacking = false) {
    const bytes = key === null ? null : encodeKeyRecord(key);
    const [info] = made.manifest.stages;
    const stages = lacking ? [] : [loadStage(encodeProgram(made.programs[0] as (typeof made.programs)[0]), null)];
    const model = {
      manifest: {
        modelId: toHex(bytesOf("model")),
        model: { ...made.manifest, stages: [{ ...info, keyId: keyIdOf(encodeKeyRecord(named)) }] },
      },
      stages,
      keys: [bytes],
    } as unknown as LoadedModel;
    const log = createMemoryLog();
    await auditKeys(model, log, { signal: new AbortController().signal });
    const found = Object.fromEntries(log.claims.map(({ id, verdict }) => [id.replace("stage 0/", ""), verdict]));
    return { found, claims: log.claims };
  }

  it("default: source built twice, record, circuit; a development key is made again and called what it is", async () => {
    const { found, claims } = await verdicts(record);
    expect(found).to.deep.equal({ build: "ok", record: "ok", circuit: "ok", class: "ok", chain: "not checkable" });
    expect(claims.find(({ id }) => id.endsWith("class"))?.detail)
      .to.contain("DEVELOPMENT")
      .and.to.contain("ANYONE CAN FORGE");
  });

  it("attack: a key that only says DEVELOPMENT, one of another circuit, and one whose record is not the model's, are named", async () => {
    const rigged = await verdicts({ ...record, alpha: g1Of(5n) });
    expect(rigged.found["class"]).to.equal("false");
    expect(rigged.found["circuit"]).to.equal("ok");
    const strange = await verdicts({ ...record, circuitHash: toHex(bytesOf("another circuit")) });
    expect(strange.found["circuit"]).to.equal("false");
    const other = await verdicts(record, { ...record, alpha: g1Of(5n) });
    expect(other.found["record"]).to.equal("false");
    expect(other.found["class"]).to.equal("not checkable");
    const lacking = await verdicts(record, record, true);
    expect(lacking.found["build"]).to.equal("false");
  });

  it("behavior: what was not given is not checkable, and says what to give", async () => {
    const none = await verdicts(null);
    expect(none.found).to.deep.include({ build: "ok", record: "not checkable", circuit: "not checkable" });
    const { claims } = await verdicts({ ...record, cls: KEY_CEREMONY, transcriptHash: toHex(bytesOf("transcript")) });
    const found = claims.find(({ id }) => id.endsWith("class"));
    expect(found?.verdict).to.equal("not checkable");
    expect(found?.detail).to.contain("--ptau");
  });
});
