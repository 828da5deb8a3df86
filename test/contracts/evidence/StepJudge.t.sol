// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {StepJudge} from "../../../contracts/evidence/cipher/StepJudge.sol";
import {vm} from "../support/Vm.sol";

/// R44: one step of an encrypted evaluation, judged as offchain/core does (test/fixtures/vectors/she-judge.json): every kind of
/// operation, honest and with one residue changed, and every way to show something else than what was asked.
contract StepJudgeTest {
    StepJudge private _judge = new StepJudge();

    function test_EveryStepAsOffChain() public view {
        string memory json = vm.readFile("test/fixtures/vectors/she-judge.json");
        bytes[] memory args = vm.parseJsonBytesArray(json, ".args");
        bytes[] memory errors = vm.parseJsonBytesArray(json, ".errors");
        require(args.length > 30 && args.length == errors.length, "cases");
        for (uint256 i; i < args.length; ++i) {
            bytes memory data = abi.encodePacked(StepJudge.check.selector, args[i]);
            (bool ok, bytes memory back) = address(_judge).staticcall(data);
            require(ok == (errors[i].length == 0), string.concat("case ", _text(i)));
            if (!ok) require(bytes4(back) == bytes4(errors[i]), string.concat("error of case ", _text(i)));
        }
    }

    function _text(uint256 i) private pure returns (string memory) {
        return string(abi.encodePacked(bytes1(uint8(48 + i / 10)), bytes1(uint8(48 + (i % 10)))));
    }
}
