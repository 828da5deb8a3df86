// SPDX-License-Identifier: GPL-3.0-or-later
import { readEnclaveContracts } from "../../../adapters/chain/enclave-contracts.ts";
import { invalidateEnclave } from "../../../node/enclave/invalidate-enclave.ts";
import { connectStake, ownerSigner } from "../../../node/stake/connect-stake.ts";
import { defineCommand } from "../../command.ts";
import { readPrivateKey } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { address, optional, required, text } from "../../fields.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";
import { chainEvidenceOptions, readChainEvidence } from "./evidence-options.ts";

export const teeInvalidate = defineCommand({
  name: "tee invalidate",
  summary: "End an enclave's key on the chain: anyone may, when its platform or image is no longer to be trusted.",
  details:
    "Without a quote: for a certificate that Intel revoked, a platform that is denied or an image that was removed. With --quote, the one of the " +
    "key's newest registration: for a status that is not admissible any more, or a certificate on a newer list; what --collateral has is brought to the chain first. A quote " +
    "that does not verify, or that binds another key, proves nothing and ends nothing.",
  examples: [
    "assay tee invalidate 0x… --key-file payer.key --config worker/assay.toml",
    "assay tee invalidate 0x… --quote quote.bin --collateral collateral.json --key-file payer.key --config worker/assay.toml",
  ],
  args: { key: required("address", "The enclave's key.", address) },
  options: {
    ...chainEvidenceOptions,
    quote: optional("file", "The quote that the key was registered with.", text),
    keyFile: required("file", "Private key of whoever pays (mode 0600).", text),
    ...configOptions,
  },
  async run(input, io) {
    const { config } = loadNodeConfig(input);
    const chain = await connectStake(config, io.signal, ownerSigner(readPrivateKey(input.keyFile)));
    const hash = await invalidateEnclave({
      chain,
      contracts: await readEnclaveContracts(chain, input.enclaves),
      key: input.key,
      fromBlock: BigInt(config.chain.fromBlock),
      ...(input.quote === undefined ? {} : { quote: readChainEvidence({ ...input, file: input.quote }) }),
    });
    io.result({ ok: true, key: input.key, hash }, `${input.key} ended`);
    return EXIT.done;
  },
});
