// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDcapVerifier} from "../../interfaces/IDcapVerifier.sol";
import {IIntelCollateral} from "../../interfaces/IIntelCollateral.sol";
import {CodeLib} from "../../libraries/CodeLib.sol";
import {CollateralLib} from "../../libraries/CollateralLib.sol";
import {EnclaveLib} from "../../libraries/EnclaveLib.sol";
import {P256Lib} from "../../libraries/P256Lib.sol";

/// @title Intel quotes, verified; mirror: offchain/engines/tee/dcap
contract DcapVerifier is IDcapVerifier {
    uint256 private constant _SGX_BODY = 384;
    uint256 private constant _TD10_BODY = 584;
    uint256 private constant _TD15_BODY = 648;
    uint256 private constant _TAIL = 576; // signature, attestation key, QE report and its signature
    bytes16 private constant _INTEL_QE = 0x939a7233f79c4ca9940a0db3957f0607;
    /// Top bits of 16-bit lanes.
    uint256 private constant _TOP = 0x8000800080008000800080008000800080008000800080008000800080008000;
    uint256 private constant _LOW = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant _GRACE = 14 days;
    uint256 private constant _NO_LEVEL = 255;

    IIntelCollateral public immutable COLLATERAL;

    constructor(IIntelCollateral collateral) {
        COLLATERAL = collateral;
    }

    /// @inheritdoc IDcapVerifier
    function verify(bytes calldata packed, bytes32 pckId) external view returns (Verdict memory) {
        return _verify(packed, pckId, true);
    }

    /// @inheritdoc IDcapVerifier
    function assess(bytes calldata packed, bytes32 pckId) external view returns (Verdict memory) {
        return _verify(packed, pckId, false);
    }

    function _verify(bytes calldata packed, bytes32 pckId, bool strict) private view returns (Verdict memory) {
        (uint256 pos, uint256 size, bool isTdx) = _layout(packed);
        IIntelCollateral.Platform memory p = COLLATERAL.platform(pckId, isTdx);
        _checkSignatures(packed[:pos + size], packed[pos + size:], p);
        bytes calldata body = packed[pos:pos + size];
        bytes calldata report = packed[pos + size + 128:pos + size + 512];
        return _state(body, report, p, strict);
    }

    function _state(
        bytes calldata body,
        bytes calldata report,
        IIntelCollateral.Platform memory p,
        bool strict
    ) private view returns (Verdict memory v) {
        bool isTdx = body.length != _SGX_BODY;
        _checkBody(body, isTdx);
        v.vendor = isTdx ? EnclaveLib.INTEL_TDX : EnclaveLib.INTEL_SGX;
        (v.simulated, v.platformId, v.notAfter) = (p.simulated, p.platformId, p.ends);
        _judge(v, body, report, p, strict);
        v.measurementId = isTdx ? _measureTd(body) : _measureSgx(body);
        uint256 data = isTdx ? 520 : 320;
        (v.dataHigh, v.dataLow) = (bytes32(body[data:data + 32]), bytes32(body[data + 32:data + 64]));
    }

    // --- Quote --------------------------------------------------------------------------------------------------------

    function _layout(bytes calldata q) private pure returns (uint256 pos, uint256 size, bool isTdx) {
        require(q.length >= 54, QuoteInvalid(5));
        uint256 version = _little16(q, 0);
        require(_little16(q, 2) == 2, QuoteInvalid(2));
        bytes4 tee = bytes4(q[4:8]);
        isTdx = tee == 0x81000000;
        require(isTdx || tee == 0, QuoteInvalid(3));
        require(isTdx ? version == 4 || version == 5 : version == 3, QuoteInvalid(1));
        require(bytes16(q[12:28]) == _INTEL_QE, QuotingEnclaveInvalid(1));
        (pos, size) = (48, isTdx ? _TD10_BODY : _SGX_BODY);
        if (version == 5) {
            uint256 kind = _little16(q, 48);
            (pos, size) = (54, kind == 3 ? _TD15_BODY : _TD10_BODY);
            require(kind == 2 || kind == 3, QuoteInvalid(4));
            require(_little16(q, 50) == size && _little16(q, 52) == 0, QuoteInvalid(4));
        }
        require(q.length >= pos + size + _TAIL, QuoteInvalid(5));
    }

    function _checkSignatures(
        bytes calldata signed,
        bytes calldata tail,
        IIntelCollateral.Platform memory p
    ) private view {
        bytes calldata report = tail[128:512];
        bytes32 bound = sha256(bytes.concat(tail[64:128], tail[_TAIL:]));
        require(bytes32(report[320:352]) == bound && bytes32(report[352:384]) == 0, QuotingEnclaveInvalid(6));
        bool ok = P256Lib.isSigned(sha256(report), bytes32(tail[512:544]), bytes32(tail[544:576]), p.x, p.y);
        require(ok, QuotingEnclaveInvalid(7));
        (bytes32 x, bytes32 y) = (bytes32(tail[64:96]), bytes32(tail[96:128]));
        require(P256Lib.isSigned(sha256(signed), bytes32(tail[:32]), bytes32(tail[32:64]), x, y), QuoteInvalid(6));
    }

    /// What makes a report meaningless whatever the policy.
    function _checkBody(bytes calldata body, bool isTdx) private pure {
        if (!isTdx) {
            require(body[48] & 0x02 == 0, DebugEnclave());
            return;
        }
        require(body[120] == 0, DebugEnclave());
        require(body[123] & 0x10 != 0, TdUnsafe(1));
        if (body.length == _TD10_BODY) return;
        require(bytes32(body[600:632]) == 0 && bytes16(body[632:648]) == 0, TdUnsafe(2));
    }

    // --- Levels -------------------------------------------------------------------------------------------------------

    /// The worst of platform, quoting enclave and TDX module.
    function _judge(
        Verdict memory v,
        bytes calldata body,
        bytes calldata report,
        IIntelCollateral.Platform memory p,
        bool strict
    ) private view {
        uint256 enclave = _enclaveStatus(CodeLib.load(p.identity), report, strict);
        uint256 svns = uint256(bytes32(p.components));
        if (v.vendor == EnclaveLib.INTEL_TDX) svns |= uint128(bytes16(body[:16]));
        bytes memory info = CodeLib.load(p.tcbInfo);
        v.evaluation = uint32(_at(info, 12) >> 224);
        bytes2 pceId = bytes2(bytes32(_at(info, 25)));
        require(pceId == p.pceId, PceMismatch(pceId, p.pceId));
        uint256 status = _platformStatus(info, svns, p.pceSvn);
        require(status != _NO_LEVEL || !strict, TcbTooLow(1, svns));
        if (v.vendor == EnclaveLib.INTEL_TDX) status = _worst(status, _moduleStatus(info, body, strict));
        v.status = uint8(_worst(status, enclave));
        if (v.status <= EnclaveLib.SW_HARDENING_NEEDED || p.previousTcbInfo == address(0)) return;
        // Keys that Intel calls known to others have no time left.
        if (v.status == EnclaveLib.REVOKED) return;
        if (block.timestamp > p.seenAt + _GRACE) return;
        info = CodeLib.load(p.previousTcbInfo);
        status = _worst(enclave, _platformStatus(info, svns, p.pceSvn));
        if (v.vendor == EnclaveLib.INTEL_TDX) status = _worst(status, _moduleStatus(info, body, false));
        v.grace = status == EnclaveLib.UP_TO_DATE;
    }

    function _worst(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }

    /// The first level that the platform reaches in every component: Intel sorts them, newest first.
    /// @param svns SGX components, then TDX components
    function _platformStatus(bytes memory info, uint256 svns, uint256 pceSvn) private pure returns (uint256) {
        unchecked {
            uint256 head = _at(info, 16);
            uint256 levels = (head >> 240) & 0xff;
            uint256 pos = CollateralLib.HEAD;
            if (head >> 248 == CollateralLib.TCB_TDX) pos = _behindModules(info, (head >> 232) & 0xff);
            // With a module version, components 0 and 1 are judged by the module's own identity.
            uint256 mask = (svns >> 112) & 0xff == 0 ? type(uint256).max : ~(uint256(0xffff) << 112);
            (uint256 even, uint256 odd) = ((svns & _LOW) | _TOP, ((svns >> 8) & _LOW) | _TOP);
            for (uint256 i; i < levels; ++i) {
                uint256 need = _at(info, pos) & mask;
                bool reached = (even - (need & _LOW)) & (odd - ((need >> 8) & _LOW)) & _TOP == _TOP;
                uint256 rest = _at(info, pos + 32);
                if (reached && pceSvn >= rest >> 240) return (rest >> 232) & 0xff;
                pos += CollateralLib.PLATFORM_LEVEL;
            }
            return _NO_LEVEL;
        }
    }

    function _behindModules(bytes memory info, uint256 modules) private pure returns (uint256 pos) {
        unchecked {
            pos = CollateralLib.HEAD + 64;
            for (uint256 i; i < modules; ++i) {
                uint256 levels = (_at(info, pos) >> 240) & 0xff;
                pos += CollateralLib.MODULE + levels * CollateralLib.SVN_LEVEL;
            }
        }
    }

    /// The TDX module that a TD runs under.
    /// @param strict whether to revert where it is not known
    function _moduleStatus(bytes memory info, bytes calldata body, bool strict) private pure returns (uint256) {
        unchecked {
            uint256 version = uint8(body[1]);
            uint256 pos = CollateralLib.HEAD;
            uint256 levels;
            if (version != 0) {
                uint256 modules = (_at(info, 16) >> 232) & 0xff;
                (pos, levels) = (pos + 64, _NO_LEVEL);
                for (uint256 i; i < modules && levels == _NO_LEVEL; ++i) {
                    uint256 head = _at(info, pos);
                    uint256 count = (head >> 240) & 0xff;
                    if (head >> 248 == version) (pos, levels) = (pos + 2, count);
                    else pos += CollateralLib.MODULE + count * CollateralLib.SVN_LEVEL;
                }
                if (levels == _NO_LEVEL) {
                    require(!strict, ModuleInvalid(1));
                    return _NO_LEVEL;
                }
            }
            bool signer = _at(info, pos) == uint256(bytes32(body[64:96]));
            signer = signer && bytes16(bytes32(_at(info, pos + 32))) == bytes16(body[96:112]);
            require(signer || !strict, ModuleInvalid(2));
            uint256 rest = _at(info, pos + 48); // attributes, mask
            bool attributes = uint64(bytes8(body[112:120])) & uint64(rest >> 128) == rest >> 192;
            require(attributes || !strict, ModuleInvalid(3));
            if (!signer || !attributes) return _NO_LEVEL;
            if (version == 0) return EnclaveLib.UP_TO_DATE;
            uint256 status = _svnStatus(info, pos + 64, levels, uint8(body[0]));
            require(status != _NO_LEVEL || !strict, TcbTooLow(3, uint8(body[0])));
            return status;
        }
    }

    function _enclaveStatus(
        bytes memory identity,
        bytes calldata report,
        bool strict
    ) private pure returns (uint256 status) {
        uint256 pos = CollateralLib.HEAD;
        require(_at(identity, pos) == uint256(bytes32(report[128:160])), QuotingEnclaveInvalid(2));
        uint256 prodId = _at(identity, pos + 72) >> 240;
        require(_little16(report, 256) == prodId, QuotingEnclaveInvalid(3));
        uint256 rest = _at(identity, pos + 32); // attributes, mask
        bool ok = uint128(bytes16(report[48:64])) & uint128(rest) == rest >> 128;
        require(ok, QuotingEnclaveInvalid(4));
        rest = _at(identity, pos + 64) >> 192; // miscSelect, mask
        // Intel writes the number, the report has it in little-endian.
        uint256 misc = _little16(report, 16) | (_little16(report, 18) << 16);
        require(misc & uint32(rest) == rest >> 32, QuotingEnclaveInvalid(5));
        uint256 levels = (_at(identity, 16) >> 240) & 0xff;
        uint256 svn = _little16(report, 258);
        status = _svnStatus(identity, pos + CollateralLib.IDENTITY, levels, svn);
        require(status != _NO_LEVEL || !strict, TcbTooLow(2, svn));
    }

    function _svnStatus(bytes memory from, uint256 pos, uint256 levels, uint256 svn) private pure returns (uint256) {
        unchecked {
            for (uint256 i; i < levels; ++i) {
                uint256 level = _at(from, pos + CollateralLib.SVN_LEVEL * i);
                if (svn >= level >> 240) return (level >> 232) & 0xff;
            }
            return _NO_LEVEL;
        }
    }

    // --- Measurement --------------------------------------------------------------------------------------------------

    function _measureTd(bytes calldata b) private pure returns (bytes32) {
        bytes memory images = bytes.concat(
            bytes.concat("assay.v1.measurement", hex"02010030", b[136:184], hex"020030", b[328:376]),
            bytes.concat(hex"030030", b[376:424], hex"040030", b[424:472], hex"050030", b[472:520])
        );
        bytes memory rest = bytes.concat(
            bytes.concat(hex"060008", b[120:128], hex"070008", b[128:136], hex"080030", b[184:232]),
            bytes.concat(hex"090030", b[232:280], hex"0a0030", b[280:328])
        );
        return keccak256(bytes.concat(images, rest));
    }

    function _measureSgx(bytes calldata b) private pure returns (bytes32) {
        bytes memory images = bytes.concat("assay.v1.measurement", hex"01010020", b[64:96], hex"020020", b[128:160]);
        bytes memory numbers = bytes.concat(hex"030002", b[256:258], hex"040002", b[258:260]);
        return keccak256(bytes.concat(images, numbers, hex"050010", b[48:64], hex"060004", b[16:20]));
    }

    // --- Bytes --------------------------------------------------------------------------------------------------------

    function _little16(bytes calldata b, uint256 pos) private pure returns (uint256) {
        return uint256(uint8(b[pos])) | (uint256(uint8(b[pos + 1])) << 8);
    }

    /// The 32 bytes from `offset` on; bytes behind the end are 0 or arbitrary, and never looked at.
    function _at(bytes memory data, uint256 offset) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x20), offset))
        }
    }
}
