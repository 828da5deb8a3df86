// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IDcapVerifier} from "../../../../contracts/interfaces/IDcapVerifier.sol";
import {IIntelCollateral} from "../../../../contracts/interfaces/IIntelCollateral.sol";
import {IntelBase} from "../../support/IntelBase.sol";
import {vm} from "../../support/Vm.sol";

contract DcapVerifierTest is IntelBase {
    function setUp() public {
        _load();
    }

    /// R56: on chain as off chain, for each version.
    function test_Vectors() public {
        _showCertificates();
        _showTexts(SGX);
        _showTexts(TDX);
        for (uint256 i; i < 3; ++i) {
            IDcapVerifier.Verdict memory v = verifier.verify(_part("packed", i), pckId);
            require(v.vendor == (i == SGX ? 1 : 2) && v.simulated && !v.grace, "platform");
            require(v.measurementId == _word("measurementId", i) && v.platformId == _word("platformId", i), "ids");
            bytes memory data = _part("reportData", i);
            require(keccak256(bytes.concat(v.dataHigh, v.dataLow)) == keccak256(data), "report data");
            require(v.status == _number("status", i) && v.evaluation == _number("evaluation", i), "status");
            require(v.notAfter == _number("notAfter", i), "end");
        }
    }

    function test_Gas() public {
        bytes memory der = _part("root");
        rootKey = collateral.registerRoot(der);
        vm.snapshotGasLastCall("register Intel's root");
        der = _part("rootCrl");
        collateral.submitCrl(der, rootKey, 100);
        vm.snapshotGasLastCall("keep a revocation list without serials");
        der = _part("ca");
        caKey = collateral.registerAuthority(der, rootKey);
        vm.snapshotGasLastCall("register a PCK CA");
        collateral.submitCrl(_part("caCrl"), caKey, 100);
        der = _part("pck");
        pckId = collateral.registerPck(der, caKey);
        vm.snapshotGasLastCall("register a platform's certificate");
        signerKey = collateral.registerAuthority(_part("signer"), rootKey);
        der = _part("tcbInfo", TDX);
        (bytes32 r, bytes32 s) = (_word("tcbInfoR", TDX), _word("tcbInfoS", TDX));
        collateral.submitTcbInfo(der, r, s, signerKey);
        vm.snapshotGasLastCall("keep TCB info of two levels and one module");
        der = _part("identity", TDX);
        (r, s) = (_word("identityR", TDX), _word("identityS", TDX));
        collateral.submitIdentity(der, r, s, signerKey);
        vm.snapshotGasLastCall("keep a quoting enclave's identity");
        der = _part("packed", TDX);
        verifier.verify(der, pckId);
        vm.snapshotGasLastCall("verify a TDX quote of version 4");
    }

    /// Whatever is missing, nothing is assumed of it.
    function test_RevertWhen_SomethingIsMissing() public {
        bytes memory quote = _part("packed", TDX);
        bytes32 none;
        vm.expectRevert(abi.encodeWithSelector(IIntelCollateral.PckUnknown.selector, none));
        verifier.verify(quote, none);
        bytes memory ca = _part("ca");
        vm.expectRevert(abi.encodeWithSelector(IIntelCollateral.AuthorityUnknown.selector, none));
        collateral.registerAuthority(ca, none);
        _showCertificates();
        vm.expectPartialRevert(IIntelCollateral.CollateralMissing.selector);
        verifier.verify(quote, pckId);
        // The other TEE's says nothing of this one.
        _showTexts(SGX);
        vm.expectPartialRevert(IIntelCollateral.CollateralMissing.selector);
        verifier.verify(quote, pckId);
        _showTexts(TDX);
        verifier.verify(quote, pckId);
    }

    /// A local chain's state that is carried elsewhere does not bring its roots.
    function test_RevertWhen_TheRootIsSimulatedOnAnotherChain() public {
        bytes memory root = _part("root");
        vm.chainId(1);
        vm.expectPartialRevert(IIntelCollateral.RootUnknown.selector);
        collateral.registerRoot(root);
        vm.chainId(31_337);
        collateral.registerRoot(root);
    }

    /// Any change of a quote is refused, whichever byte it is in.
    function testFuzz_RevertWhen_TheQuoteIsChanged(uint256 index, uint8 bits) public {
        _showCertificates();
        _showTexts(TDX);
        bytes memory quote = _part("packed", TDX);
        if (bits == 0) bits = 1;
        quote[index % quote.length] ^= bytes1(bits);
        vm.expectRevert();
        verifier.verify(quote, pckId);
    }
}
