// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { concatBytes } from "../../../offchain/core/bytes.ts";
import { CHANNEL_PROTOCOL, decodeChannelReply, encodeChannelData } from "../../../offchain/core/channel-wire.ts";
import { bodyHashOf, encodeEnvelope, envelopeDigest, type Envelope } from "../../../offchain/core/envelope.ts";
import { jobId as jobIdOf } from "../../../offchain/core/job.ts";
import { OFFER_PROTOCOL } from "../../../offchain/core/messages.ts";
import { decodeProofStatus, encodeProofRequest } from "../../../offchain/core/proof-wire.ts";
import { signDigest } from "../../../offchain/core/signature.ts";
import { ENCLAVE } from "../../../offchain/core/types.ts";
import { NodeError } from "../../../offchain/node/errors.ts";
import type { InputDesk } from "../../../offchain/protocol/input-desk.ts";
import { ScheduledDesk } from "../../../offchain/protocol/scheduled-desk.ts";
import type { ScheduledPort } from "../../../offchain/protocol/scheduled-port.ts";
import { until } from "../../support/cluster/cluster.ts";
import { expectCode } from "../../support/expect-code.ts";
import { fakeHub, from, job as provenJob, proofWorker, type ProofWorker } from "../../support/proof-worker.ts";
import { DEPLOYMENT, DOMAIN, keyOf, signerOf } from "../../support/sample-receipt.ts";

const OWN = 3;
const BEFORE = 5;
const policy = { ...provenJob.spec.policy, mask: ENCLAVE, k: 1 };
const job = { ...provenJob, spec: { ...provenJob.spec, policy } };
const jobId = jobIdOf(DEPLOYMENT, job);
const BYTES = Uint8Array.of(1, 2, 3);

describe("R60: the host between two enclaves", () => {
  let worker: ProofWorker;
  let desk: ScheduledDesk;
  let heard: { readonly isFirst: boolean; readonly bytes: Uint8Array }[];
  let isLost: boolean;
  let seq = 1n;

  const enclave: ScheduledPort = {
    serves: () => true,
    schedule: async () => ({ attempt: 0, first: 1, last: 1, previous: signerOf(BEFORE), next: null }),
    dial: async () => BYTES,
    step: async (_jobId, { isFirst }, bytes) => {
      if (isLost) throw new NodeError("ENCLAVE_LOST", { reason: "its stream ended" });
      heard.push({ isFirst, bytes });
      return { isOpen: true, isOver: heard.length > 1, bytes: Uint8Array.of(9) };
    },
    feed: async () => ({ isLast: true, bytes: BYTES }),
    compute: async () => ({ results: [], sealed: null }),
    forget: () => undefined,
  };
  const unused = async (): Promise<never> => Promise.reject(new TypeError("not of this job"));

  beforeEach(async () => {
    [heard, isLost] = [[], false];
    worker = proofWorker(OWN, fakeHub());
    const port = {
      serves: () => false,
      canProve: false,
      open: unused,
      run: unused,
      order: unused,
      prove: unused,
      forget: () => undefined,
      scheduled: enclave,
    };
    const input = { forget: () => undefined } as unknown as InputDesk;
    desk = new ScheduledDesk(8, { ...worker.modules, enclave: port }, () => input);
    expect(await desk.onFacts([{ name: "JobRequested", jobId, job }])).to.deep.equal([]);
    await until(5_000, () => desk.session(jobId)?.committee ?? null);
  });
  afterEach(() => worker.forget());
  const order = async () => desk.session(jobId)?.takeInside(BYTES, from(job.requester), false);

  function envelopeOf(
    change: Partial<Envelope> & { readonly by?: number; readonly data?: Uint8Array } = {},
  ): Uint8Array {
    const { by = BEFORE, data, ...rest } = change;
    const body = data ?? encodeChannelData({ isFirst: true, bytes: BYTES });
    seq += 1n;
    const envelope: Envelope = { protocol: CHANNEL_PROTOCOL, from: signerOf(BEFORE), to: signerOf(OWN), jobId, seq, deadline: 1_060n, bodyHash: bodyHashOf(body), ...rest }; // prettier-ignore
    return encodeEnvelope({ envelope, signature: signDigest(envelopeDigest(DOMAIN, envelope), keyOf(by)), body });
  }

  it("default: hands the bytes of the scheduled worker to its enclave, and back", async () => {
    await order();
    const reply = decodeChannelReply(await desk.onChannel(envelopeOf()));
    expect(reply).to.deep.equal({ isOver: false, bytes: Uint8Array.of(9) });
    expect(heard).to.deep.equal([{ isFirst: true, bytes: BYTES }]);
    const phases = () => decodeProofStatus(desk.onStatus(encodeProofRequest({ kind: "status", jobId }))).phases;
    expect(phases()).to.deep.equal(["none", "waiting", "none"]);
    expect(decodeChannelReply(await desk.onChannel(envelopeOf())).isOver).to.equal(true);
    expect(phases()).to.deep.equal(["none", "working", "none"]);
    // Its enclave is gone with its keys: the client will find out.
    isLost = true;
    await expectCode("ENCLAVE_LOST", async () => desk.onChannel(envelopeOf()));
    expect(phases()).to.deep.equal(["none", "none", "none"]);
    await expectCode("STRANGER", async () => desk.onChannel(envelopeOf()));
  });

  it("error: nothing of strangers, other jobs, forged, replayed, late or malformed envelopes reaches the enclave", async () => {
    await expectCode("STRANGER", async () => desk.onChannel(envelopeOf()));
    await order();
    const good = envelopeOf();
    const bad: readonly (readonly [string, Uint8Array])[] = [
      ["STRANGER", envelopeOf({ from: signerOf(7), by: 7 })],
      ["STRANGER", envelopeOf({ from: signerOf(OWN), by: OWN })],
      ["ENVELOPE_INVALID", envelopeOf({ by: 7 })],
      ["ENVELOPE_INVALID", envelopeOf({ to: signerOf(7) })],
      ["ENVELOPE_INVALID", envelopeOf({ protocol: OFFER_PROTOCOL })],
      ["ENVELOPE_INVALID", envelopeOf({ deadline: 999n })],
      ["ENVELOPE_INVALID", envelopeOf({ deadline: 9_000n })],
      ["JOB_UNKNOWN", envelopeOf({ jobId: `0x${"ab".repeat(32)}` })],
      ["NOT_CANONICAL", envelopeOf({ data: Uint8Array.of(2, 0) })],
      ["BYTES_TRUNCATED", envelopeOf({ data: Uint8Array.of(1) })],
      ["BYTES_TRUNCATED", good.subarray(0, -1)],
      ["BYTES_TRAILING", concatBytes(good, BYTES)],
      ["BYTES_TRUNCATED", new Uint8Array()],
    ];
    for (const [code, bytes] of bad) await expectCode(code, async () => desk.onChannel(bytes));
    expect(heard).to.deep.equal([]);
    await desk.onChannel(good);
    await expectCode("OFFER_REFUSED", async () => desk.onChannel(good));
    expect(heard).to.have.lengthOf(1);
    await expectCode("JOB_UNKNOWN", async () => desk.onStatus(encodeProofRequest({ kind: "status", jobId: `0x${"ab".repeat(32)}` }))); // prettier-ignore
  });

  it("error: OFFER_REFUSED for anything that is to be opened here, or is public", async () => {
    const session = desk.session(jobId);
    await expectCode("OFFER_REFUSED", async () => session?.take());
    await expectCode("OFFER_REFUSED", async () => session?.takeInside(BYTES, from(job.requester), true));
  });
});
