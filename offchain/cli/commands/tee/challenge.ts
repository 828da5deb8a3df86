// SPDX-License-Identifier: GPL-3.0-or-later
import { readEnclaveContracts } from "../../../adapters/chain/enclave-contracts.ts";
import { readBoard } from "../../../adapters/chain/verdict-board.ts";
import { attesterRoots } from "../../../node/attester/attester-roots.ts";
import { challengeVerdict, collectChallenge } from "../../../node/attester/challenge-verdict.ts";
import { connectStake, ownerSigner } from "../../../node/stake/connect-stake.ts";
import { defineCommand } from "../../command.ts";
import { readPrivateKey } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { flag, integer, required, text } from "../../fields.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";
import { chainEvidenceOptions, evidenceOptions } from "./evidence-options.ts";

export const teeChallenge = defineCommand({
  name: "tee challenge",
  summary: "Doubt a verdict of the verdict board, with a bond: eleven other attesters verify the same bytes.",
  details:
    "Anyone may, once a case, for a week after it was opened. The bytes that the chain keeps are verified here first: a verdict that this verifier " +
    "agrees with is not challenged, for that only costs the bond. If eight of the eleven find otherwise than the verdict, its attesters lose two " +
    "stakes each; half of that, and what the jury left of the bond, is the challenger's. If they uphold it, the rest of the bond is the worker's. While " +
    "they vote no key may rest on the verdict. --collect, later, pays the account's balance at the board out.",
  examples: [
    "assay tee challenge 7 --key-file payer.key --config worker/assay.toml",
    "assay tee challenge 7 --collect --key-file payer.key --config worker/assay.toml",
  ],
  args: { case: required("number", "The case, as `tee register` and the board's events name it.", integer(1, 1_000_000_000)) }, // prettier-ignore
  options: {
    collect: flag("Take back what a challenge left, instead."),
    keyFile: required("file", "Private key of whoever pays (mode 0600).", text),
    simulatedRoot: evidenceOptions.simulatedRoot,
    enclaves: chainEvidenceOptions.enclaves,
    ...configOptions,
  },
  async run(input, io) {
    const { config } = loadNodeConfig(input);
    const chain = await connectStake(config, io.signal, ownerSigner(readPrivateKey(input.keyFile)));
    const board = await readBoard(chain, await readEnclaveContracts(chain, input.enclaves));
    const which = { chain, board, caseId: BigInt(input.case) };
    if (input.collect) {
      const { word, amount } = await collectChallenge(which);
      io.result({ ok: true, case: input.case, word, amount: String(amount) }, `case ${input.case}  ${amount} paid out`);
      return EXIT.done;
    }
    const { verdict, own, bond, deadline, hash } = await challengeVerdict({
      ...which,
      roots: attesterRoots(input.simulatedRoot),
    });
    const says = own.refusal === null ? own.word : `refused: ${own.refusal}`;
    const until = new Date(deadline * 1000).toISOString().replace(".000", "");
    io.result(
      { ok: true, case: input.case, verdict, own: own.word, refusal: own.refusal, bond: String(bond), deadline, hash },
      `case ${input.case}  challenged until ${until}  bond ${bond}\nverdict ${verdict}\nhere    ${says}`,
    );
    return EXIT.done;
  },
});
