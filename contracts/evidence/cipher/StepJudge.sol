// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICipherReferee} from "../../interfaces/ICipherReferee.sol";
import {RowStepLib} from "../../libraries/RowStepLib.sol";

/// @title Judge of one step of an encrypted evaluation
/// @dev Apart from the referee because a contract's code is limited; it keeps nothing, and anyone may ask it.
contract StepJudge {
    /// @notice Returns if the proof shows the residue in question to be what its operation gives; else reverts with one of
    /// `ICipherReferee`'s errors.
    /// @dev Warning: whoever calls vouches for the facts and the question.
    function check(
        ICipherReferee.StageFacts calldata facts,
        ICipherReferee.Question calldata question,
        ICipherReferee.StepProof calldata proof
    ) external pure {
        RowStepLib.check(facts, question, proof);
    }
}
