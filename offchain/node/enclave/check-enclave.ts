// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from "node:fs";
import { getGasMoney } from "../../adapters/chain/actions/get-gas-money.ts";
import { getGasPrice } from "../../adapters/chain/actions/get-gas-price.ts";
import { getHead } from "../../adapters/chain/actions/get-head.ts";
import { getTokenBalance } from "../../adapters/chain/actions/get-token-balance.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { readEnclaveContracts } from "../../adapters/chain/enclave-contracts.ts";
import { countAttesters, readBoard, readTerms } from "../../adapters/chain/verdict-board.ts";
import type { Hex } from "../../core/bytes.ts";
import { endorsementsEnd } from "../../engines/tee/endorsements-end.ts";
import { helperFile } from "../../engines/tee/native/sources.mjs";
import { TSM_FOLDER } from "../../engines/tee/provider/tsm.ts";
import { BOARD_JURY, BOARD_SEATS, casePrice } from "../attester/register-by-board.ts";
import { fine, poor, type Finding } from "../finding.ts";
import type { NodeConfig } from "../settings.ts";
import { endorse, requireEnclaveSettings } from "./open-enclave.ts";

/**
 * With room, by `npm run bench -- tee --part=chain`: all of Intel's collateral anew with the largest lists, without a precompile, and a
 * registration; or a case with its evidence and a registration by its verdict.
 */
const INTEL_GAS = 7_000_000n;
const BOARD_GAS = 800_000n;
const NSM_DEVICE = "/dev/nsm";

/** What a verdict takes. */
export interface BoardFacts {
  /** Beside this worker, counted up to those of a case and its challenge. */
  readonly attesters: number;
  /** Wei: what a case costs, and what the operator's account has for it, here and at the board. */
  readonly price: bigint;
  readonly funds: bigint;
}

export interface EnclaveFacts {
  readonly provider: Exclude<NodeConfig["enclave"]["provider"], "none">;
  readonly model: string;
  /** What the machine should have and has not; null: nothing. */
  readonly missing: string | null;
  /** Unix seconds: the chain's time, and when the vendor's files end; null where evidence carries its own. */
  readonly now: bigint;
  readonly endsAt: bigint | null;
  /** Before a registration's end that it is renewed. */
  readonly renewBeforeSec: number;
  /** Null where chains verify the evidence by themselves. */
  readonly board: BoardFacts | null;
  /** Of the operator's account, and what a unit of gas costs, wei of the chain's coin. */
  readonly gasMoney: bigint;
  readonly gasPrice: bigint;
}

/** Whether an enclave's key can be registered, and renewed: the first thing to repair. Pure. */
export function judgeEnclave(facts: EnclaveFacts): Finding {
  const { provider, model, missing, now, endsAt, renewBeforeSec, board, gasMoney, gasPrice } = facts;
  if (missing !== null) return poor(`${missing} is not here`, platformFix(provider));
  if (endsAt !== null && endsAt <= now + BigInt(renewBeforeSec))
    return poor(
      `the vendor's files end at ${dateOf(endsAt)}: a registration would end with them`,
      "Fetch them again (enclave.collateral, or enclave.vcek and enclave.amdChain); the worker reads them at each registration.",
    );
  if (board !== null && board.attesters < BOARD_SEATS)
    return poor(
      `${board.attesters} attesters beside this worker, and ${BOARD_SEATS} judge its evidence`,
      "Wait until more workers attest (`assay tee attest --join`): until then its key is not registered.",
    );
  if (board !== null && board.funds < board.price)
    return poor(
      `${board.funds} do not pay the ${board.price} that a verdict costs`,
      "Send the operator's account tokens: every registration costs so much.",
    );
  if (gasMoney < (board === null ? INTEL_GAS : BOARD_GAS) * gasPrice)
    return poor(`${gasMoney} wei do not pay for one registration`, "Send the operator's account gas money.");
  const name = provider === "simulated" ? "SIMULATED" : provider;
  const until = endsAt === null ? [] : [`files until ${dateOf(endsAt)}`];
  return fine([`${name}, ${model}`, ...until, ...(board === null ? [] : [boardText(board)])].join("; "));
}

const dateOf = (seconds: bigint): string => `${new Date(Number(seconds) * 1_000).toISOString().slice(0, 16)}Z`;

function boardText({ attesters, price, funds }: BoardFacts): string {
  const jury = BOARD_SEATS + BOARD_JURY;
  const many = attesters < jury ? `${attesters} attesters (a challenge takes ${jury})` : `${jury} attesters or more`;
  return `${many}; ${funds} for verdicts of ${price}`;
}

function platformFix(provider: EnclaveFacts["provider"]): string {
  return provider === "tsm"
    ? "Run the worker in a TDX or SEV-SNP guest with Linux 6.7 or newer, with configfs mounted."
    : "Run the worker in an AWS Nitro enclave, with the helper built into its image (`node scripts/nsm/build.mjs`).";
}

/** The first thing that a platform's evidence is asked from and that is not here. */
export function missingOf(provider: EnclaveFacts["provider"], exists: (path: string) => boolean): string | null {
  const needed = { tsm: [TSM_FOLDER], nitro: [NSM_DEVICE, helperFile()], simulated: [] }[provider];
  return needed.find((path) => !exists(path)) ?? null;
}

/**
 * Looks at all that a registration takes but the image, which only the running enclave can show. Errors: ENCLAVE_SETTINGS; of the
 * vendor's files COLLATERAL, CHAIN, CRL, PEM, DER, PROVIDER; NO_CONTRACT, REVERTED, RPC_UNAVAILABLE, RPC_REJECTED.
 */
export async function checkEnclave(
  chain: Chain,
  account: Hex,
  { enclave, work }: Pick<NodeConfig, "enclave" | "work">,
): Promise<Finding> {
  const { provider, model, renewHours } = enclave;
  if (provider === "none") return fine("off");
  requireEnclaveSettings(enclave, work.models.includes(model));
  const { endorsements } = await endorse(enclave);
  const contracts = await readEnclaveContracts(chain);
  const [head, gasMoney, gasPrice, board] = await Promise.all([
    getHead(chain),
    getGasMoney(chain, { account }),
    getGasPrice(chain),
    endorsements.kind === "intel" ? null : readBoardFacts(chain, await readBoard(chain, contracts), account),
  ]);
  return judgeEnclave({
    provider,
    model,
    missing: missingOf(provider, existsSync),
    now: head.timestamp,
    endsAt: endorsementsEnd(endorsements),
    renewBeforeSec: renewHours * 3_600,
    board,
    gasMoney,
    gasPrice,
  });
}

async function readBoardFacts(chain: Chain, board: Hex, account: Hex): Promise<BoardFacts> {
  const [attesters, { reward, balance }, tokens] = await Promise.all([
    countAttesters(chain, board, account, BOARD_SEATS + BOARD_JURY),
    readTerms(chain, board, account),
    getTokenBalance(chain, { account }),
  ]);
  return { attesters, price: casePrice(reward), funds: balance + tokens };
}
