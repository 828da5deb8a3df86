// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IIntelCollateral} from "../../../contracts/interfaces/IIntelCollateral.sol";
import {CollateralLib} from "../../../contracts/libraries/CollateralLib.sol";
import {slice} from "../support/Der.sol";

contract CollateralLibTest {
    function tcbInfo(bytes calldata j) external pure returns (bytes memory) {
        return CollateralLib.pack(CollateralLib.parseTcbInfo(j), 7, bytes32(uint256(9)));
    }

    function identity(bytes calldata j) external pure returns (bytes memory) {
        return CollateralLib.pack(CollateralLib.parseIdentity(j), 7, bytes32(uint256(9)));
    }

    // --- Texts --------------------------------------------------------------------------------------------------------

    string private constant _DATES = ',"issueDate":"2026-09-11T13:13:13Z","nextUpdate":"2026-10-11T13:13:13Z"';
    string private constant _MODULE =
        '"mrsigner":"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001","attributes":"0000000000000002","attributesMask":"FFFFFFFFFFFFFFFF"';

    function _components(string memory first) private pure returns (string memory list) {
        list = string.concat('[{"svn":', first, "}");
        for (uint256 i = 1; i < 16; ++i) list = string.concat(list, i == 1 ? ',{"svn":2}' : ',{"svn":0}');
        list = string.concat(list, "]");
    }

    function _sgxLevel(string memory first, string memory status) private pure returns (string memory) {
        string memory tcb = string.concat('{"tcb":{"sgxtcbcomponents":', _components(first), ',"pcesvn":11}');
        return string.concat(tcb, ',"tcbDate":"2024-03-13T00:00:00Z","tcbStatus":"', status, '"}');
    }

    function _tdxLevel() private pure returns (string memory) {
        string memory tcb = string.concat('{"tcb":{"sgxtcbcomponents":', _components("3"), ',"pcesvn":11');
        tcb = string.concat(tcb, ',"tdxtcbcomponents":', _components('5,"category":"BIOS","type":"TDX Module"'), "}");
        return string.concat(tcb, ',"tcbDate":"2024-03-13T00:00:00Z","tcbStatus":"UpToDate","advisoryIDs":["A","B"]}');
    }

    function _head(string memory id) private pure returns (string memory) {
        string memory head = string.concat('{"id":"', id, '","version":3', _DATES);
        return string.concat(head, ',"fmspc":"B0C06F00000a","pceId":"0001","tcbType":0,"tcbEvaluationDataNumber":17');
    }

    function _sgx() private pure returns (string memory) {
        string memory levels = string.concat(_sgxLevel("3", "UpToDate"), ",", _sgxLevel("1", "OutOfDate"));
        return string.concat(_head("SGX"), ',"tcbLevels":[', levels, "]}");
    }

    string private constant _MODULE_LEVEL =
        '{"tcb":{"isvsvn":4},"tcbDate":"2024-03-13T00:00:00Z","tcbStatus":"SWHardeningNeeded"}';

    function _tdx() private pure returns (string memory) {
        string memory module = string.concat(',"tdxModule":{', _MODULE, "}");
        string memory known = string.concat('{"id":"TDX_03",', _MODULE, ',"tcbLevels":[', _MODULE_LEVEL, "]}");
        string memory modules = string.concat(module, ',"tdxModuleIdentities":[', known, "]");
        return string.concat(_head("TDX"), modules, ',"tcbLevels":[', _tdxLevel(), "]}");
    }

    function _identity() private pure returns (string memory) {
        string memory head = string.concat('{"id":"TD_QE","version":2', _DATES, ',"tcbEvaluationDataNumber":17');
        string memory masks =
            ',"miscselect":"00000001","miscselectMask":"FFFFFFFF","attributes":"11000000000000000000000000000000","attributesMask":"FBFFFFFFFFFFFFFF0000000000000000"';
        string memory signer =
            ',"mrsigner":"DC9E2A7C6F948F17474E34A7FC43ED030F7C1563F1BABDDF6340C82E0E54A8C5","isvprodid":2';
        return string.concat(head, masks, signer, ',"tcbLevels":[', _MODULE_LEVEL, "]}");
    }

    // --- What is kept -------------------------------------------------------------------------------------------------

    bytes private constant _KEPT_MODULE =
        hex"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001_0000000000000002_ffffffffffffffff";

    function _keptHead(uint8 kind, uint8 levels, uint8 modules) private pure returns (bytes memory) {
        bytes memory first = abi.encodePacked(uint48(1_789_132_393), uint48(7), uint32(17), kind, levels, modules);
        bool hasFmspc = kind < 2;
        bytes memory ids = hasFmspc ? bytes(hex"b0c06f00000a0001") : new bytes(8);
        return bytes.concat(first, ids, bytes32(uint256(9)));
    }

    function test_SgxInfo() public view {
        bytes memory kept = _keptHead(0, 2, 0);
        kept = bytes.concat(kept, hex"03020000000000000000000000000000", new bytes(16), hex"000b00");
        kept = bytes.concat(kept, hex"01020000000000000000000000000000", new bytes(16), hex"000b04");
        require(keccak256(this.tcbInfo(bytes(_sgx()))) == keccak256(kept), "kept");
    }

    function test_TdxInfo() public view {
        bytes memory kept = bytes.concat(_keptHead(1, 1, 1), _KEPT_MODULE, hex"0301", _KEPT_MODULE, hex"000401");
        kept = bytes.concat(kept, hex"03020000000000000000000000000000");
        kept = bytes.concat(kept, hex"05020000000000000000000000000000", hex"000b00");
        require(keccak256(this.tcbInfo(bytes(_tdx()))) == keccak256(kept), "kept");
    }

    function test_Identity() public view {
        bytes memory kept = bytes.concat(
            _keptHead(3, 1, 0),
            hex"dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5",
            hex"11000000000000000000000000000000_fbffffffffffffff0000000000000000",
            hex"00000001_ffffffff_0002_000401"
        );
        require(keccak256(this.identity(bytes(_identity()))) == keccak256(kept), "kept");
    }

    function test_EveryStatus() public view {
        string[7] memory statuses = [
            "UpToDate",
            "SWHardeningNeeded",
            "ConfigurationNeeded",
            "ConfigurationAndSWHardeningNeeded",
            "OutOfDate",
            "OutOfDateConfigurationNeeded",
            "Revoked"
        ];
        for (uint256 i; i < statuses.length; ++i) {
            string memory j = string.concat(_head("SGX"), ',"tcbLevels":[', _sgxLevel("3", statuses[i]), "]}");
            bytes memory kept = this.tcbInfo(bytes(j));
            require(uint8(kept[kept.length - 1]) == i, statuses[i]);
        }
    }

    // --- What is refused ----------------------------------------------------------------------------------------------

    function _refused(bytes memory call_) private view returns (bool) {
        (bool ok, bytes memory reason) = address(this).staticcall(call_);
        if (ok) return false;
        bytes4 error_ = bytes4(reason);
        bool known =
            error_ == IIntelCollateral.JsonUnexpected.selector || error_ == IIntelCollateral.DateInvalid.selector;
        require(known, "another error");
        return true;
    }

    function _bad(string memory j) private view {
        require(_refused(abi.encodeCall(this.tcbInfo, (bytes(j)))), j);
    }

    function test_RevertWhen_LevelsAreOfAnotherForm() public view {
        string memory head = string.concat(_head("SGX"), ',"tcbLevels":[');
        string[8] memory levels = [
            "]}", // none
            string.concat(_sgxLevel("256", "UpToDate"), "]}"),
            string.concat(_sgxLevel("03", "UpToDate"), "]}"),
            string.concat(_sgxLevel("3", "Fine"), "]}"),
            string.concat(_sgxLevel("3", "uptodate"), "]}"),
            string.concat(_sgxLevel("3", "UpToDate"), ",]}"),
            string.concat(_sgxLevel('3,"svn":4', "UpToDate"), "]}"), // which counts?
            string.concat(_sgxLevel("3", "UpToDate"), "]}}")
        ];
        for (uint256 i; i < levels.length; ++i) _bad(string.concat(head, levels[i]));
        _bad(string.concat(head, _tdxLevel(), "]}")); // of the other TEE
        _bad(string.concat(_head("TDX"), ',"tcbLevels":[', _tdxLevel(), "]}")); // without its module
    }

    /// A text that Intel signed is read to its last byte, or refused.
    function test_RevertWhen_TruncatedOrPadded() public view {
        bytes[3] memory texts = [bytes(_sgx()), bytes(_tdx()), bytes(_identity())];
        for (uint256 i; i < texts.length; ++i)
            for (uint256 length; length < texts[i].length; length += 3) {
                bytes memory part = slice(texts[i], 0, length);
                bytes memory call_ =
                    i == 2 ? abi.encodeCall(this.identity, (part)) : abi.encodeCall(this.tcbInfo, (part));
                require(_refused(call_), "truncated");
            }
        require(_refused(abi.encodeCall(this.tcbInfo, (bytes.concat(texts[0], " ")))), "padded");
        require(_refused(abi.encodeCall(this.identity, (bytes.concat(texts[2], "}")))), "padded");
        require(_refused(abi.encodeCall(this.identity, (texts[1]))), "TCB info for an identity");
        require(_refused(abi.encodeCall(this.tcbInfo, (texts[2]))), "an identity for TCB info");
    }

    /// Changed bytes are refused, or are another value in the same form.
    function testFuzz_AnyByteCountsOrIsForPeople(uint256 index, uint8 bits) public view {
        bytes memory j = bytes(_tdx());
        if (bits == 0) bits = 1;
        j[index % j.length] ^= bytes1(bits);
        try this.tcbInfo(j) returns (bytes memory kept) {
            require(kept.length == this.tcbInfo(bytes(_tdx())).length, "form");
        } catch (bytes memory reason) {
            bytes4 error_ = bytes4(reason);
            bool known =
                error_ == IIntelCollateral.JsonUnexpected.selector || error_ == IIntelCollateral.DateInvalid.selector;
            require(known, "another error");
        }
    }

    function test_RevertWhen_ThereAreTooManyLevels() public view {
        string memory level = string.concat(_MODULE_LEVEL, ",");
        string memory levels = level;
        for (uint256 i; i < 8; ++i) levels = string.concat(levels, levels);
        bytes memory whole = bytes(_identity());
        // 256 and the one that is there.
        bytes memory head = slice(whole, 0, whole.length - bytes(_MODULE_LEVEL).length - 2);
        bytes memory j = bytes.concat(head, bytes(levels), bytes(_MODULE_LEVEL), "]}");
        require(_refused(abi.encodeCall(this.identity, (j))), "257 levels");
    }
}
