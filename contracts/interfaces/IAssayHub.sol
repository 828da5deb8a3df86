// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHubAudits} from "./IHubAudits.sol";
import {IHubDisputes} from "./IHubDisputes.sol";
import {IHubEnclaves} from "./IHubEnclaves.sol";
import {IHubFront} from "./IHubFront.sol";
import {IHubProofs} from "./IHubProofs.sol";
import {IHubJoins} from "./IHubJoins.sol";
import {IHubSketches} from "./IHubSketches.sol";
import {IHubVotes} from "./IHubVotes.sol";

/// @title Assay's hub: jobs, votes, proofs, disputes, money
/// @notice One state machine for every job. Amounts are wei of the deployment's single ERC-20, times are unix seconds.
/// Every call about a job re-supplies the job (and its record so far); the hub keeps two storage slots and hashes.
/// "Anyone" really means anyone: no call here gives its sender power over a verdict.
/// @dev Warning: trust assumptions. The token is a plain ERC-20 (no fee on transfer, no rebasing, no blocklist). The vault,
/// registry, parameters, randomness and evidence router named at construction are trusted code, and so are the router's adapters. GUARDIAN can only delay new requests.
/// Committees are honest with the probabilities of protocol.md section 14; nothing here can detect a wrong answer that
/// every seat agrees on.
interface IAssayHub is
    IHubFront,
    IHubVotes,
    IHubSketches,
    IHubProofs,
    IHubEnclaves,
    IHubAudits,
    IHubJoins,
    IHubDisputes
{}
