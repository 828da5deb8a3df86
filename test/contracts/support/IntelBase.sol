// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {DcapVerifier} from "../../../contracts/evidence/enclave/DcapVerifier.sol";
import {IntelCollateral} from "../../../contracts/evidence/enclave/IntelCollateral.sol";
import {TrustRoots} from "../../../contracts/evidence/enclave/TrustRoots.sol";
import {vm} from "./Vm.sol";

/// Intel's contracts under the root of a SIMULATED platform, and the vectors that it made.
abstract contract IntelBase {
    uint256 internal constant SGX = 0;
    uint256 internal constant TDX = 1;
    uint256 internal constant TDX_15 = 2;

    TrustRoots internal roots;
    IntelCollateral internal collateral;
    DcapVerifier internal verifier;
    bytes32 internal rootKey;
    bytes32 internal caKey;
    bytes32 internal pckId;
    bytes32 internal signerKey;
    string private _json;

    function _load() internal {
        _json = vm.readFile("test/fixtures/vectors/enclave.json");
        vm.warp(vm.parseJsonUint(_json, ".now"));
        bytes32[] memory simulated = new bytes32[](1);
        simulated[0] = vm.parseJsonBytes32(_json, ".rootId");
        roots = new TrustRoots(simulated);
        collateral = new IntelCollateral(roots);
        verifier = new DcapVerifier(collateral);
    }

    function _part(string memory key) internal view returns (bytes memory) {
        return vm.parseJsonBytes(_json, string.concat(".", key));
    }

    function _part(string memory key, uint256 i) internal view returns (bytes memory) {
        return vm.parseJsonBytesArray(_json, string.concat(".", key))[i];
    }

    function _word(string memory key, uint256 i) internal view returns (bytes32) {
        return vm.parseJsonBytes32Array(_json, string.concat(".", key))[i];
    }

    function _number(string memory key, uint256 i) internal view returns (uint256) {
        return vm.parseJsonUintArray(_json, string.concat(".", key))[i];
    }

    function _showCertificates() internal {
        rootKey = collateral.registerRoot(_part("root"));
        collateral.submitCrl(_part("rootCrl"), rootKey, 100);
        caKey = collateral.registerAuthority(_part("ca"), rootKey);
        collateral.submitCrl(_part("caCrl"), caKey, 100);
        pckId = collateral.registerPck(_part("pck"), caKey);
        signerKey = collateral.registerAuthority(_part("signer"), rootKey);
    }

    function _showTexts(uint256 i) internal {
        collateral.submitTcbInfo(_part("tcbInfo", i), _word("tcbInfoR", i), _word("tcbInfoS", i), signerKey);
        collateral.submitIdentity(_part("identity", i), _word("identityR", i), _word("identityS", i), signerKey);
    }
}
