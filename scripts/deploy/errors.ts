// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../offchain/core/errors.ts";

/** What can go wrong while a deployment is made. */
export const DeployError = defineErrors("deploy", 42, {
  ARTIFACT_MISSING: { n: 1, text: "{contract} is not built.", fix: "Run: npm run build", retry: "never" },
  ACCOUNT_MISSING: {
    n: 2,
    text: "The wallet client has no account to deploy from.",
    fix: "Create it with an account.",
    retry: "never",
  },
  TOKEN_MISSING: {
    n: 3,
    text: "Chain {chainId} needs the address of its token.",
    fix: "Set parameterOverrides.token; the development token exists on chain 31337 only.",
    retry: "never",
  },
  DEPLOYMENT_FAILED: {
    n: 4,
    text: "{contract} did not come to stand at {address} ({reason}).",
    fix: "Deploy again from an account that sends nothing else meanwhile: addresses follow from its nonces.",
    retry: "now",
  },
  ROLE_MISSING: {
    n: 6,
    text: "Chain {chainId} needs the address of its {role}.",
    fix: "Set parameterOverrides.{role} (--{role}); only on chain 31337 is it the deployer by default.",
    retry: "never",
  },
  SIMULATED_REFUSED: {
    n: 7,
    text: "A simulated root is refused on chain {chainId}.",
    fix: "Leave it out: simulated platforms prove nothing and are for chain 31337.",
    retry: "never",
  },
  WIRING_WRONG: {
    n: 5,
    text: "{what} is {have} instead of {want}.",
    fix: "Do not use this deployment; deploy again.",
    retry: "never",
  },
});
