// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { utf8 } from "../../../../offchain/core/bytes.ts";
import { committeeEnclave } from "../../../../offchain/node/enclave/committee/committee-enclave.ts";
import type { EnclaveInput, EnclavePort } from "../../../../offchain/protocol/ports.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { ThresholdError } from "../../../../offchain/core/threshold/errors.ts";
import { innerJob, REQUESTER } from "../../../support/tee/inner.ts";

const { job, jobId } = innerJob(`0x${"11".repeat(32)}`, { dtype: "i8", dims: [1], data: Int8Array.of(1) });
const OWN = utf8("ASB1 sealed to the own enclave");

describe("R63: an enclave behind a committee's host", () => {
  const opened: EnclaveInput[] = [];
  const asked: string[] = [];
  const answer = { outDigest: jobId, payload: jobId, evidence: "0x", sealed: null } as const;
  const enclave: EnclavePort = {
    serves: ({ stages }) => stages === 1,
    open: async (_jobId, _job, input) => void opened.push(input),
    order: async () => ({ attempt: 3, pairs: [] }),
    canProve: true,
    prove: async (_jobId, _stage, deadlineMs) => ({
      outDigest: jobId,
      result: "0x",
      r: jobId,
      vs: jobId,
      proof: `0x0${deadlineMs}`,
    }),
    run: async () => answer,
    forget: (id) => void asked.push(`forget ${id}`),
  };
  const port = committeeEnclave(enclave, {
    unwrap: async (id, { boundary, sender }) => {
      asked.push(`${id} ${boundary} ${sender}`);
      return OWN;
    },
  });
  const input = { boundary: 0xffff, sender: REQUESTER, isPublic: false };
  beforeEach(() => [opened, asked].forEach((list) => list.splice(0)));

  it("default: what was sealed to a committee comes to it as sealed to itself, all else as it is", async () => {
    await port.open(jobId, job, { ...input, blob: utf8("ATI1 and the rest") });
    expect(opened).to.deep.equal([{ ...input, blob: OWN }]);
    expect(asked).to.deep.equal([`${jobId} 65535 ${REQUESTER}`]);
    // A public input may begin as it likes.
    const others = [
      { ...input, blob: utf8("ASB1 and the rest") },
      { ...input, isPublic: true, blob: utf8("ATI1 and the rest") },
      { ...input, blob: new Uint8Array() },
    ];
    for (const one of others) await port.open(jobId, job, one);
    expect(opened.slice(1)).to.deep.equal(others);
    expect(asked).to.have.lengthOf(1);
    expect(port.serves(job.spec)).to.equal(true);
    expect(await port.run(jobId, 0)).to.equal(answer);
    expect((await port.order(jobId, job, { ...input, blob: OWN })).attempt).to.equal(3);
    expect(port.canProve).to.equal(true);
    expect((await port.prove(jobId, 0, 7)).proof).to.equal("0x07");
    port.forget(jobId);
    expect(asked[1]).to.equal(`forget ${jobId}`);
  });

  it("error: what the committee refuses never comes to the enclave", async () => {
    const missing = new ThresholdError("SHARES_MISSING", { have: 1, need: 3, wrong: "2" });
    const refusing = committeeEnclave(enclave, { unwrap: async () => Promise.reject(missing) });
    await expectCode("SHARES_MISSING", async () => refusing.open(jobId, job, { ...input, blob: utf8("ATI1") }));
    expect(opened).to.deep.equal([]);
  });
});
