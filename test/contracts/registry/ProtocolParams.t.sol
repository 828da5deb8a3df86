// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IProtocolParams} from "../../../contracts/interfaces/IProtocolParams.sol";
import {ProtocolParams} from "../../../contracts/registry/ProtocolParams.sol";
import {ParameterSet} from "../../../contracts/types/Types.sol";
import {vm} from "../support/Vm.sol";

/// Numbers are added, never changed; development numbers stay on development chains.
contract ProtocolParamsTest {
    bytes32 private constant TABLE = keccak256("table");
    ProtocolParams private _params;

    function setUp() public {
        vm.warp(1_000_000);
        _params = _deploy(_both());
    }

    function _deploy(ParameterSet[] memory sets) private returns (ProtocolParams) {
        return new ProtocolParams(address(this), 14 days, TABLE, sets);
    }

    function _development() private pure returns (ParameterSet memory) {
        return ParameterSet(15, 10, 8, 20, 60, 15, 15, 30 minutes, 10 minutes, 200, true, true);
    }

    function _main() private pure returns (ParameterSet memory) {
        return ParameterSet(600, 60, 120, 600, 1 days, 60, 600, 7 days, 7 days, 200, false, false);
    }

    function _both() private pure returns (ParameterSet[] memory sets) {
        sets = new ParameterSet[](2);
        (sets[0], sets[1]) = (_development(), _main());
    }

    function _hash(ParameterSet memory set) private pure returns (bytes32) {
        return keccak256(abi.encode(set));
    }

    function _refused(ParameterSet memory set, uint8 field) private {
        vm.expectRevert(abi.encodeWithSelector(IProtocolParams.ParameterSetInvalid.selector, field));
        _params.announce(set);
    }

    function test_Parameters() public view {
        require(_hash(_params.parameters(0)) == _hash(_development()), "set 0");
        require(_hash(_params.parameters(1)) == _hash(_main()), "set 1");
        require(_params.versions() == 2 && _params.policyTableHash() == TABLE, "table");
    }

    function test_RevertWhen_DevelopmentSetIsUsedElsewhere() public {
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(IProtocolParams.ParameterSetLocalOnly.selector, uint32(0), uint256(1)));
        _params.parameters(0);
        require(_hash(_params.parameters(1)) == _hash(_main()), "set 1 works anywhere");
    }

    function testFuzz_RevertWhen_Unknown(uint32 version) public {
        vm.assume(version > 1);
        vm.expectRevert(abi.encodeWithSelector(IProtocolParams.ParameterSetUnknown.selector, version));
        _params.parameters(version);
        vm.expectRevert(abi.encodeWithSelector(IProtocolParams.ParameterSetUnknown.selector, version));
        _params.add(version);
    }

    function test_ASetWaits48HoursAndAnyoneAddsIt() public {
        ParameterSet memory set = _main();
        set.feeBps = 500;
        uint32 version = _params.announce(set);
        require(version == 2 && _params.readyAt(2) == 1_000_000 + 48 hours, "announced");
        vm.expectRevert(abi.encodeWithSelector(IProtocolParams.ParameterSetUnknown.selector, version));
        _params.parameters(version);

        vm.warp(1_000_000 + 48 hours - 1);
        vm.expectPartialRevert(IProtocolParams.ParameterSetNotReady.selector);
        _params.add(version);
        vm.warp(1_000_000 + 48 hours);
        vm.prank(address(0xbeef));
        _params.add(version);
        require(_hash(_params.parameters(2)) == _hash(set), "added");
        require(_hash(_params.parameters(1)) == _hash(_main()), "set 1 is as it was");
        vm.expectRevert(abi.encodeWithSelector(IProtocolParams.ParameterSetUnknown.selector, version));
        _params.add(version);
    }

    function test_RevertWhen_CallerIsNotTheTimelock() public {
        vm.prank(address(0xbeef));
        vm.expectRevert(abi.encodeWithSelector(IProtocolParams.NotTimelock.selector, address(0xbeef), address(this)));
        _params.announce(_main());
    }

    function test_RevertWhen_ASetIsUnsafe() public {
        ParameterSet memory set = _main();
        set.minReveal = 0;
        _refused(set, 1);
        set = _main();
        set.feeBps = 501;
        _refused(set, 2);
        set = _main();
        set.lateCourt += 1; // a slash could come after the stake has left
        _refused(set, 3);
        set = _main();
        set.localOnly = true;
        _refused(set, 4);
        set = _main();
        set.hungLast = 7 days;
        _refused(set, 6);
    }

    function test_RevertWhen_SetZeroIsNotTheDevelopmentSet() public {
        ParameterSet[] memory sets = new ParameterSet[](1);
        sets[0] = _main();
        vm.expectRevert(abi.encodeWithSelector(IProtocolParams.ParameterSetInvalid.selector, uint8(5)));
        _deploy(sets);
        vm.expectRevert(abi.encodeWithSelector(IProtocolParams.ParameterSetInvalid.selector, uint8(5)));
        _deploy(new ParameterSet[](0));
    }
}
