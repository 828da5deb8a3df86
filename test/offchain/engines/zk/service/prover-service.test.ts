// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { Claim } from "../../../../../offchain/core/claim.ts";
import { decodeProofEvidence, encodeProofEvidence } from "../../../../../offchain/core/zk/evidence.ts";
import { PROOF_BYTES, encodeProof } from "../../../../../offchain/core/zk/proof.ts";
import { verifyStageProof } from "../../../../../offchain/core/zk/verify-proof.ts";
import type { CompiledCircuit } from "../../../../../offchain/engines/zk/circuit/types.ts";
import { KeyStore, type StageKeys } from "../../../../../offchain/engines/zk/keys/key-store.ts";
import type { Prover, ProvingKey } from "../../../../../offchain/engines/zk/prover/prover.ts";
import { NativeProver } from "../../../../../offchain/engines/zk/prover/native-prover.ts";
import { SnarkjsProver } from "../../../../../offchain/engines/zk/prover/snarkjs-prover.ts";
import { ProverService } from "../../../../../offchain/engines/zk/service/prover-service.ts";
import type { StageRequest } from "../../../../../offchain/engines/zk/service/stage-request.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { claimOfSample, stageSample, type StageSample } from "../../../../support/model-stage.ts";
import { nativeAddon, nativeMissing } from "../../../../support/native-addon.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const DOMAIN = `0x${"d0".repeat(32)}` as const;
const SALTS = [new Uint8Array(31).fill(3), new Uint8Array(31).fill(4)];

const provers: Readonly<Record<string, () => Prover>> = {
  SnarkjsProver: () => new SnarkjsProver(),
  ...(nativeMissing === "" ? { NativeProver: () => new NativeProver(nativeAddon()) } : {}),
};

for (const [prover, make] of Object.entries(provers))
  describe(`ProverService with ${prover}`, function () {
    this.timeout(300_000);
    const kinds = ["PUBLIC", "SALTED"] as const;
    const keys = {} as Record<(typeof kinds)[number], StageKeys>;
    let sample: StageSample;
    let service: ProverService;

    before(async () => {
      sample = await stageSample("tumor-mlp");
      const folder = temporaryFolder();
      const store = new KeyStore({ keyFolder: folder, cacheFolder: folder, chainId: 31337n });
      for (const kind of kinds) {
        const options = { weights: "public", inKinds: [kind], outKind: kind } as const;
        keys[kind] = await store.ensureDevelopmentKeys(await store.compile(sample.stage.program, options));
      }
      // Two snarkjs processes may hold more than a gigabyte together.
      service = new ProverService(make(), { memoryMiB: 2048, threads: 2 });
    });
    after(() => service.close());

    const request = (kind: (typeof kinds)[number], change: Partial<StageRequest> = {}): StageRequest => {
      const salts = kind === "SALTED" ? SALTS : [];
      const { circuit, files } = keys[kind];
      const claim = claimOfSample(sample, salts);
      return { circuit, keys: files, inputs: [sample.input], salts, claim, domain: DOMAIN, ...change };
    };

    it("default: proves a model's stage between PUBLIC and between SALTED boundaries; the evidence verifies from its bytes", async () => {
      for (const kind of kinds) {
        const asked = request(kind);
        const steps: string[] = [];
        const { proof, evidence, key } = await service.proveStage({ ...asked, onProgress: (step) => steps.push(step) });
        expect(encodeProof(proof)).to.have.length(PROOF_BYTES);
        const read = decodeProofEvidence(encodeProofEvidence(evidence));
        expect(read.tensors).to.have.length(kind === "PUBLIC" ? 2 : 0);
        verifyStageProof({ key, claim: asked.claim, domain: DOMAIN, evidence: read });
        expect(steps[0]).to.equal("queue");
        expect(steps.at(-1)).to.equal("verify");
        for (const step of ["key", "witness", "commit", "multiply", "check"]) expect(steps).to.include(step);
        const elsewhere: readonly [Claim, `0x${string}`][] = [
          [{ ...asked.claim, worker: `0x${"0c".repeat(20)}` }, DOMAIN],
          [{ ...asked.claim, stage: 1 }, DOMAIN],
          [{ ...asked.claim, jobId: DOMAIN }, DOMAIN],
          [asked.claim, `0x${"d1".repeat(32)}`],
        ];
        for (const [claim, domain] of elsewhere)
          await expectCode("PROOF_REJECTED", () => verifyStageProof({ key, claim, domain, evidence: read }));
      }
      expect(service.stats()).to.include({ proved: 2, failed: 0, waiting: 0, proving: false, warmKeys: 2 });
      expect(service.stats().lastProveMs).to.be.greaterThan(0);
    });

    it("behavior: the one-round backend proves too, with C1 at infinity and the words as public inputs", async () => {
      const poly = await stageSample("tumor-poly");
      const folder = temporaryFolder();
      const store = new KeyStore({ keyFolder: folder, cacheFolder: folder, chainId: 31337n });
      const options = { weights: "public", inKinds: ["PUBLIC"], outKind: "PUBLIC", backend: "one-round" } as const;
      const { circuit, files, key } = await store.ensureDevelopmentKeys(
        await store.compile(poly.stage.program, options),
      );
      const claim = claimOfSample(poly);
      const asked = { circuit, keys: files, inputs: [poly.input], salts: [], claim, domain: DOMAIN };
      const { proof, evidence } = await service.proveStage(asked);
      expect(proof.c1).to.deep.equal({ x: 0n, y: 0n });
      verifyStageProof({ key, claim, domain: DOMAIN, evidence });
      const other = { ...claim, jobId: DOMAIN };
      await expectCode("PROOF_REJECTED", () => verifyStageProof({ key, claim: other, domain: DOMAIN, evidence }));
    });

    it("error: STATEMENT_WRONG for a claim that the tensors, salts or producers do not make true, before any proving", async () => {
      for (const kind of kinds) {
        const { claim } = request(kind);
        const steps: string[] = [];
        const onProgress = (step: string) => steps.push(step);
        const wrong: Partial<StageRequest>[] = [
          { claim: { ...claim, outDigest: `0x${"00".repeat(31)}07` } },
          { claim: { ...claim, inDigest: claim.outDigest } },
          { producers: [0, 1] },
        ];
        if (kind === "SALTED") wrong.push({ salts: [SALTS[0], SALTS[0]] });
        for (const change of wrong)
          await expectCode("STATEMENT_WRONG", () => service.proveStage(request(kind, { ...change, onProgress })));
        expect(steps).to.not.include("commit");
      }
    });

    it("error: KEY_UNSOUND for another circuit's key", async () => {
      await expectCode("KEY_UNSOUND", () => service.proveStage(request("PUBLIC", { keys: keys.SALTED.files })));
    });

    it("behavior: aborted jobs end with their reason, waiting or proving; the queue goes on", async () => {
      const reason = new Error("enough");
      const controllers = [new AbortController(), new AbortController()] as const;
      const before = service.stats().cancelled;
      const running = service.proveStage(
        request("PUBLIC", {
          signal: controllers[0].signal,
          onProgress: (step) => {
            if (step === "multiply") controllers.forEach((controller) => controller.abort(reason));
          },
        }),
      );
      const waiting = service.proveStage(request("PUBLIC", { signal: controllers[1].signal }));
      const next = service.proveStage(request("PUBLIC"));
      for (const aborted of [running, waiting]) expect(await aborted.catch((error: unknown) => error)).to.equal(reason);
      await next;
      expect(service.stats().cancelled).to.equal(before + 2);
    });

    it("error: DEADLINE_PASSED is refused without work; PROVER_CLOSED ends everything", async () => {
      await expectCode("DEADLINE_PASSED", () =>
        service.proveStage(request("PUBLIC", { deadlineMs: Date.now() - 1000 })),
      );
      const closing = new ProverService(make(), { memoryMiB: 1024, threads: 1 });
      const under = expectCode("PROVER_CLOSED", () => closing.proveStage(request("PUBLIC")));
      const waiting = expectCode("PROVER_CLOSED", () => closing.proveStage(request("PUBLIC")));
      await closing.close();
      await Promise.all([under, waiting]);
      await expectCode("PROVER_CLOSED", () => closing.proveStage(request("PUBLIC")));
    });

    it("behavior: keys beyond the memory are closed, the longest unused first", async () => {
      const closed: string[] = [];
      const counting: Prover = {
        name: "snarkjs",
        open: async (files) => {
          const key = { residentMiB: 100, close: async () => void closed.push(files.zkey) };
          return key as unknown as ProvingKey;
        },
      };
      const { WarmKeys } = await import("../../../../../offchain/engines/zk/service/warm-keys.ts");
      const warm = new WarmKeys(counting, { memoryMiB: 250, threads: 1 });
      const named = (zkey: string) => ({ zkey, groups: "", record: "" });
      for (const name of ["a", "b", "a", "c"]) await warm.get(named(name));
      expect(closed).to.deep.equal(["b"]);
      expect(warm.residentMiB).to.equal(200);
      await warm.close();
      expect(closed.toSorted()).to.deep.equal(["a", "b", "c"]);
    });

    it("behavior: one circuit's numbers fit no other: a circuit that was not compiled for the key cannot be proved under it", async () => {
      const { circuit } = keys.PUBLIC;
      const other: CompiledCircuit = { ...circuit, circuitHash: `0x${"77".repeat(32)}` };
      await expectCode("KEY_UNSOUND", () => service.proveStage(request("PUBLIC", { circuit: other })));
    });
  });
